"""The sandbox enforces trust policies as AWS does, in cases in which moto does not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote_plus

import pytest

from tests.functional.sandbox.world import TRUSTED, TRUSTING, World, allow, outcome, policy, trust

ROOT_OF_TRUSTED = f"arn:aws:iam::{TRUSTED.id}:root"
MISSING = f"arn:aws:iam::{TRUSTED.id}:role/not-there"
ASSUME_ANY = allow("sts:AssumeRole")


def missing_principal(world: World) -> str:
    return outcome(world.role, world.trusting, trust(MISSING))


def deleted_principal(world: World) -> str:
    bar, _ = world.trusted_role()
    foo = world.role(world.trusting, trust(bar))
    assert world.principals(world.trusting, foo) == bar
    world.delete_role(world.trusted, bar)
    return str(world.principals(world.trusting, foo))


def another_principal(world: World) -> str:
    bar, _ = world.trusted_role()
    return outcome(world.trusted.assume, world.role(world.trusting, trust(bar)))


def same_account_root(world: World) -> str:
    user = world.user(world.trusting, ASSUME_ANY)
    return outcome(user.assume, world.role(world.trusting, trust(TRUSTING.root_arn)))


def external_id(given: dict[str, str]) -> Callable[[World], str]:
    def case(world: World) -> str:
        foo = world.role(world.trusting, trust(ROOT_OF_TRUSTED, StringEquals={"sts:ExternalId": "pair-1"}))
        return outcome(world.trusted.assume, foo, **given)

    return case


def guard_names_another_role(world: World) -> str:
    foo = world.role(world.trusting, trust(ROOT_OF_TRUSTED, ArnEquals={"aws:PrincipalArn": MISSING}))
    return outcome(world.trusted.assume, foo)


def second_statement_matches(world: World) -> str:
    bar, _ = world.trusted_role()
    return outcome(world.trusted.assume, world.role(world.trusting, trust(bar), trust(ROOT_OF_TRUSTED)))


def explicit_deny(world: World) -> str:
    denied = trust(world.arn(world.trusted), effect="Deny")
    return outcome(world.trusted.assume, world.role(world.trusting, trust(ROOT_OF_TRUSTED), denied))


def lambda_invoke(world: World) -> str:
    name = world.function("def handler(event, context): return event['a'] + event['b']", world.execution_role())
    response = world.trusted.client("lambda").invoke(FunctionName=name, Payload=json.dumps({"a": 20, "b": 22}))
    return f"runs the code: {response['Payload'].read().decode()}"


NOT_TRUSTED = "because no role trust policy allows the sts:AssumeRole action"


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        pytest.param(
            missing_principal,
            f'MalformedPolicyDocument: Invalid principal in policy: "AWS":"{MISSING}"',
            id="trust policy names a role that does not exist",
        ),
        pytest.param(deleted_principal, "AROA", id="trusted role deleted"),
        pytest.param(another_principal, NOT_TRUSTED, id="another principal of B assumes A's role"),
        pytest.param(same_account_root, "allowed", id="same account, trust is :root, caller's policy allows"),
        pytest.param(external_id({}), NOT_TRUSTED, id="external id required and omitted"),
        pytest.param(external_id({"ExternalId": "pair-2"}), NOT_TRUSTED, id="external id required and wrong"),
        pytest.param(external_id({"ExternalId": "pair-1"}), "allowed", id="external id required and right"),
        pytest.param(guard_names_another_role, NOT_TRUSTED, id="ArnEquals aws:PrincipalArn names another role"),
        pytest.param(second_statement_matches, "allowed", id="two statements, the second matches"),
        pytest.param(
            explicit_deny, "with an explicit deny in the role trust policy", id="explicit Deny for the caller"
        ),
        pytest.param(lambda_invoke, "runs the code: 42", id="Lambda invoke"),
    ],
)
def test_iam_behaves_as_in_aws(world: World, case: Callable[[World], str], expected: str) -> None:
    result = case(world)

    assert expected in result
    assert ("AccessDenied" in result) == expected.startswith(("because", "with"))


def test_access_denied_names_caller_action_and_resource(world: World) -> None:
    foo = world.role(world.trusting, trust(TRUSTING.root_arn))

    assert outcome(world.trusted.assume, foo) == (
        f"AccessDenied: User: arn:aws:iam::{TRUSTED.id}:user/admin is not authorized to perform: sts:AssumeRole "
        f"on resource: {foo} {NOT_TRUSTED}"
    )


def test_a_recreated_role_is_trusted_only_after_the_policy_is_saved_again(world: World) -> None:
    bar, session = world.trusted_role(ASSUME_ANY, path="/team/")
    foo = world.role(world.trusting, trust([bar]))
    assert outcome(session.assume, foo) == "allowed"

    world.delete_role(world.trusted, bar)
    assert "InvalidClientTokenId" in outcome(session.assume, foo), "sessions of a deleted role are invalid"

    statement, name = trust(world.arn(world.trusted)), bar.rpartition("/")[2]
    assert world.role(world.trusted, statement, permissions=[ASSUME_ANY], name=name, path="/team/") == bar
    new_session = world.trusted.assume(bar)
    (deleted_id,) = world.principals(world.trusting, foo)
    assert deleted_id.startswith("AROA")
    assert NOT_TRUSTED in outcome(new_session.assume, foo)

    iam, name = world.trusting.client("iam"), foo.rpartition("/")[2]
    rejected = outcome(iam.update_assume_role_policy, RoleName=name, PolicyDocument=policy(trust(deleted_id)))
    assert rejected == f'MalformedPolicyDocument: Invalid principal in policy: "AWS":"{deleted_id}"'

    iam.update_assume_role_policy(RoleName=name, PolicyDocument=policy(trust(bar)))
    assert world.principals(world.trusting, foo) == bar
    assert outcome(new_session.assume, foo) == "allowed"


def test_a_rejected_policy_does_not_replace_the_current_policy(world: World) -> None:
    foo = world.role(world.trusting, trust(ROOT_OF_TRUSTED))
    update, name = world.trusting.client("iam").update_assume_role_policy, foo.rpartition("/")[2]

    rejected = outcome(update, RoleName=name, PolicyDocument=policy(trust(MISSING)))

    assert "Invalid principal in policy" in rejected
    assert world.principals(world.trusting, foo) == ROOT_OF_TRUSTED
    assert outcome(world.trusted.assume, foo) == "allowed"


def test_every_call_that_returns_roles_returns_principals_as_arns(world: World) -> None:
    bar, _ = world.trusted_role()
    foo = world.role(world.trusting, trust([TRUSTED.id, bar]))
    name, iam = foo.rpartition("/")[2], world.trusting.client("iam")

    roles = iam.list_roles()["Roles"] + iam.get_account_authorization_details(Filter=["Role"])["RoleDetailList"]

    policies = [role["AssumeRolePolicyDocument"] for role in roles if role["RoleName"] == name]
    assert [p["Statement"][0]["Principal"]["AWS"] for p in policies] == [[ROOT_OF_TRUSTED, bar]] * 2


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}, NOT_TRUSTED),
        ({"DateLessThan": {"aws:CurrentTime": "2120-01-01T00:00:00Z"}}, "allowed"),
        ({"ArnEquals": {"aws:PrincipalArn": f"arn:aws:iam::{TRUSTED.id}:user/admin"}}, "allowed"),
        ({"StringEquals": {"aws:PrincipalAccount": TRUSTED.id}}, "allowed"),
        ({"StringEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}, "allowed"),  # of all accounts, see docs/sandbox.md
        ({"StringNotEquals": {"aws:PrincipalOrgID": "o-abcdefghij"}}, NOT_TRUSTED),
        ({"StringEquals": {"sts:RoleSessionName": "test"}}, "allowed"),
    ],
)
def test_conditions_of_a_broad_trust(world: World, condition: dict[str, Any], expected: str) -> None:
    foo = world.role(world.trusting, trust(ROOT_OF_TRUSTED, **condition))

    assert expected in outcome(world.trusted.assume, foo)


def test_a_guard_matches_the_role_arn_with_its_path(world: World) -> None:
    bar, session = world.trusted_role(ASSUME_ANY, path="/team/x/")
    foo = world.role(world.trusting, trust(ROOT_OF_TRUSTED, ArnEquals={"aws:PrincipalArn": bar}))

    assert outcome(session.assume, foo) == "allowed"
    assert NOT_TRUSTED in outcome(world.trusted.assume, foo)


def test_across_accounts_the_callers_policies_must_allow_too(world: World) -> None:
    user = world.user(world.trusted)
    foo = world.role(world.trusting, trust(world.arn(user)))

    assert "because no identity-based policy allows the sts:AssumeRole action" in outcome(user.assume, foo)


def test_within_one_account_a_trust_policy_that_names_the_caller_is_enough(world: World) -> None:
    user = world.user(world.trusting)
    names_user = world.role(world.trusting, trust(world.arn(user)))
    names_root = world.role(world.trusting, trust(TRUSTING.root_arn))

    assert outcome(user.assume, names_user) == "allowed"
    assert "because no identity-based policy allows" in outcome(user.assume, names_root)


def test_assuming_a_missing_role_is_denied_without_a_reason(world: World) -> None:
    denied = outcome(world.trusted.assume, f"arn:aws:iam::{TRUSTING.id}:role/not-there")

    assert denied.startswith("AccessDenied")
    assert "because" not in denied


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"RoleSessionName": "a b"}, "ValidationError"),
        ({"DurationSeconds": 43201}, "ValidationError"),
        ({"DurationSeconds": 7200}, "exceeds the MaxSessionDuration"),
        ({"ExternalId": "a b"}, "ValidationError"),
        ({"Policy": "{"}, "MalformedPolicyDocument"),
    ],
)
def test_invalid_parameters_of_assume_role_are_rejected(
    world: World, parameters: dict[str, Any], expected: str
) -> None:
    foo = world.role(world.trusting, trust(ROOT_OF_TRUSTED))

    assert expected in outcome(world.trusted.assume, foo, **parameters)


def test_role_chaining_is_limited_to_one_hour(world: World) -> None:
    _, session = world.trusted_role(ASSUME_ANY)
    foo = world.role(world.trusting, trust(ROOT_OF_TRUSTED))
    name = foo.rpartition("/")[2]
    world.trusting.client("iam").update_role(RoleName=name, MaxSessionDuration=7200)

    assert "role chaining" in outcome(session.assume, foo, DurationSeconds=7200)
    assert outcome(session.assume, foo, DurationSeconds=3600) == "allowed"
    assert outcome(world.trusted.assume, foo, DurationSeconds=7200) == "allowed"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{", "MalformedPolicyDocument"),
        (policy({"Effect": "Allow", "Action": "sts:AssumeRole"}), "Missing required field Principal"),
        (policy(trust("*") | {"Resource": "*"}), "Has prohibited field Resource"),
        (policy(trust("*") | {"Action": "s3:GetObject"}), "MalformedPolicyDocument"),
        (policy(trust(f"arn:aws:iam::{TRUSTED.id}:role/*")), "Invalid principal in policy"),
        (policy(trust("arn:aws:iam::999999999999:role/bar")), "Invalid principal in policy"),
        (policy(trust("AROAAAAAAAAAAAAAAAAAA")), "Invalid principal in policy"),
        (policy(trust("*", StringEquals={"sts:ExternalId": "x" * 2048})), "LimitExceeded"),
        (policy(trust("999999999999")), "allowed"),
        (policy(trust({"Service": "lambda.amazonaws.com"})), "allowed"),
    ],
)
def test_create_role_validates_the_trust_policy(world: World, document: str, expected: str) -> None:
    create = world.trusting.client("iam").create_role

    assert expected in outcome(create, RoleName=world.name("role"), AssumeRolePolicyDocument=document)


def test_role_names_are_unique_regardless_of_case(world: World) -> None:
    name = world.name("Role")
    world.role(world.trusting, trust(TRUSTING.id), name=name)

    assert "EntityAlreadyExists" in outcome(world.role, world.trusting, trust(TRUSTING.id), name=name.upper())


def test_policies_are_url_encoded_so_that_a_plus_stays_a_plus(world: World):
    """Terraform's provider decodes the text of a response as a form, in which a `+` is a space."""
    plus = world.role(world.trusting, trust(ROOT_OF_TRUSTED), name=f"a+b-{world.name()}")
    iam = world.trusting.client("iam")
    texts: list[str] = []
    iam.meta.events.register("after-call.iam", lambda http_response, **_: texts.append(http_response.text))
    name = world.role(world.trusting, trust(plus), permissions=[allow("sts:AssumeRole", plus)]).rpartition("/")[2]
    arn = iam.create_policy(PolicyName=name, PolicyDocument=policy(allow("sts:AssumeRole", plus)))["Policy"]["Arn"]

    documents = [
        iam.get_role(RoleName=name)["Role"]["AssumeRolePolicyDocument"],
        iam.get_role_policy(RoleName=name, PolicyName="permissions")["PolicyDocument"],
        iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"],
    ]

    assert all(plus in json.dumps(document) for document in documents)
    decoded = [unquote_plus(document) for text in texts for document in re.findall(r"Document>([^<]+)<", text)]
    assert len(decoded) == 4  # of CreateRole, too
    assert all(plus in json.dumps(json.loads(document)) for document in decoded)


def test_the_text_of_a_trust_policy_is_returned_as_it_was_saved(world: World):
    text = '\n{ "Version" : "2012-10-17", "Statement":[\t' + json.dumps(trust(ROOT_OF_TRUSTED)) + "]\n}\n"
    iam, name = world.trusting.client("iam"), world.name()
    texts: list[str] = []
    iam.meta.events.register("after-call.iam", lambda http_response, **_: texts.append(http_response.text))

    iam.create_role(RoleName=name, AssumeRolePolicyDocument=text)
    iam.get_role(RoleName=name)

    assert [unquote_plus(t.partition("PolicyDocument>")[2].partition("<")[0]) for t in texts] == [text, text]
