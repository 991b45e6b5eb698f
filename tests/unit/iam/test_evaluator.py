"""Evaluation of identity policies and trust policies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfdriver.iam.conditions import RequestContext
from tfdriver.iam.evaluator import (
    AccessRequest,
    Permissions,
    Principal,
    ResourcePolicy,
    assume_role,
    authorize,
    authorize_on,
    match_trust_policy,
)

A, B = "111111111111", "222222222222"
FOO = f"arn:aws:iam::{A}:role/foo_bar"
BAR = f"arn:aws:iam::{B}:role/team/bar"
SESSION = Principal(f"arn:aws:sts::{B}:assumed-role/bar/run", B, "AROABAR", BAR)
USER = Principal(f"arn:aws:iam::{B}:user/admin", B, "AIDAADMIN")
NEIGHBOUR = Principal(f"arn:aws:iam::{A}:user/admin", A, "AIDANEIGHBOUR")
ADMIN = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
MAY_ASSUME = {"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": FOO}}


def identity(**parts: Any) -> dict[str, Any]:
    return {"Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"} | parts]}


def trust(*principals: str, **parts: Any) -> dict[str, Any]:
    return {
        "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": list(principals)}} | parts]
    }


def both(*documents: dict[str, Any]) -> dict[str, Any]:
    return {"Statement": [s for d in documents for s in d["Statement"]]}


def assume(caller: Principal, policy: dict[str, Any], *own: dict[str, Any], **facts: str) -> str:
    """Return the reason of the decision, '' if allowed."""
    context = RequestContext({key.replace("__", ":").lower(): value for key, value in facts.items()})
    decision = assume_role(caller, Permissions(own), policy, AccessRequest("sts:AssumeRole", FOO, context))
    assert decision.allowed == (decision.reason == "")
    return decision.reason


NO_IDENTITY = "because no identity-based policy allows the sts:AssumeRole action"
NO_TRUST = "because no role trust policy allows the sts:AssumeRole action"
DENIED_BY_TRUST = "with an explicit deny in the role trust policy"


@pytest.mark.parametrize(
    ("caller", "policy", "own", "reason"),
    [
        pytest.param(SESSION, trust(BAR), [MAY_ASSUME], "", id="both sides, by role ARN"),
        pytest.param(SESSION, trust("AROABAR"), [MAY_ASSUME], "", id="both sides, by unique id"),
        pytest.param(SESSION, trust(SESSION.arn), [MAY_ASSUME], "", id="both sides, by session ARN"),
        pytest.param(SESSION, trust("AROABAR:run"), [MAY_ASSUME], "", id="both sides, by id and session name"),
        pytest.param(SESSION, trust("AROABAR:other"), [MAY_ASSUME], NO_TRUST, id="another session of the role"),
        pytest.param(SESSION, trust("AROADEAD"), [MAY_ASSUME], NO_TRUST, id="unique id of a deleted role"),
        pytest.param(SESSION, trust(f"arn:aws:iam::{B}:root"), [MAY_ASSUME], "", id="account root"),
        pytest.param(SESSION, trust(B), [MAY_ASSUME], "", id="bare account id"),
        pytest.param(SESSION, trust("*"), [MAY_ASSUME], "", id="anyone"),
        pytest.param(SESSION, trust(f"arn:aws-cn:iam::{B}:root"), [MAY_ASSUME], NO_TRUST, id="another partition"),
        pytest.param(SESSION, trust(f"arn:aws:iam::{A}:root"), [MAY_ASSUME], NO_TRUST, id="another account"),
        pytest.param(SESSION, trust(BAR), [], NO_IDENTITY, id="trusted, but its own policies do not allow it"),
        pytest.param(SESSION, trust(BAR), [identity(Action="sts:*", Resource=BAR)], NO_IDENTITY, id="another resource"),
        pytest.param(USER, trust(BAR), [ADMIN], NO_TRUST, id="an admin that is not trusted"),
        pytest.param(NEIGHBOUR, trust(NEIGHBOUR.arn), [], "", id="same account, by ARN"),
        pytest.param(NEIGHBOUR, trust(A), [], NO_IDENTITY, id="same account, root, but its policies do not allow it"),
        pytest.param(NEIGHBOUR, trust(A), [MAY_ASSUME], "", id="same account, root, and its policies allow it"),
        pytest.param(NEIGHBOUR, trust(BAR), [ADMIN], NO_TRUST, id="same account, admin, not trusted"),
        pytest.param(USER, both(trust(BAR), trust(B)), [ADMIN], "", id="the second statement matches"),
        pytest.param(
            USER, both(trust(B), trust(USER.arn, Effect="Deny")), [ADMIN], DENIED_BY_TRUST, id="deny in trust"
        ),
        pytest.param(
            USER,
            trust(B),
            [ADMIN, identity(Effect="Deny", Action="sts:*")],
            "with an explicit deny in an identity-based policy",
            id="deny in own policies",
        ),
        pytest.param(USER, trust(Principal={"Federated": "x"}), [ADMIN], NO_TRUST, id="federated is not AWS"),
        pytest.param(USER, trust(NotPrincipal={"AWS": BAR}), [ADMIN], NO_TRUST, id="NotPrincipal never allows"),
        pytest.param(
            USER,
            both(trust(B), {"Statement": [{"Effect": "Deny", "Action": "*", "NotPrincipal": {"AWS": USER.arn}}]}),
            [ADMIN],
            DENIED_BY_TRUST,
            id="NotPrincipal always denies",
        ),
        pytest.param(
            Principal(service="lambda.amazonaws.com"),
            trust(Principal={"Service": ["lambda.amazonaws.com"]}),
            [],
            "",
            id="service",
        ),
        pytest.param(Principal(service="ec2.amazonaws.com"), trust("*"), [], NO_TRUST, id="a service is not AWS:*"),
    ],
)
def test_assume_role(caller: Principal, policy: dict[str, Any], own: list[dict[str, Any]], reason: str) -> None:
    assert assume(caller, policy, *own) == reason


@pytest.mark.parametrize(("given_id", "allowed"), [("pair-1", True), ("pair-2", False), (None, False)])
def test_external_id_must_be_equal(given_id: str | None, allowed: bool) -> None:
    policy = trust(B, Condition={"StringEquals": {"sts:ExternalId": "pair-1"}})
    facts = {} if given_id is None else {"sts__externalid": given_id}
    assert (assume(USER, policy, ADMIN, **facts) == "") is allowed


def test_the_decision_has_the_statement_that_denied() -> None:
    policy = both(trust(BAR), trust(B, Effect="Deny", Sid="NotThem"))

    decision = assume_role(USER, Permissions((ADMIN,)), policy, AccessRequest("sts:AssumeRole", FOO))

    assert decision.statement is not None
    assert decision.statement["Sid"] == "NotThem"


@pytest.mark.parametrize(
    ("policy", "action", "resource", "allowed"),
    [
        (identity(), "s3:GetObject", "arn:aws:s3:::b/k", True),
        (identity(Action="S3:getobject"), "s3:GetObject", "arn:aws:s3:::b/k", True),
        (identity(Action="s3:Get*"), "s3:GetObject", "arn:aws:s3:::b/k", True),
        (identity(Action="s3:Get?bject"), "s3:GetObject", "arn:aws:s3:::b/k", True),
        (identity(Action=["s3:Put*", "s3:Get*"]), "s3:GetObject", "arn:aws:s3:::b/k", True),
        (identity(Action="s3:Put*"), "s3:GetObject", "arn:aws:s3:::b/k", False),
        (identity(Resource="arn:aws:s3:::b/*"), "s3:GetObject", "arn:aws:s3:::b/k/k", True),
        (identity(Resource="arn:aws:s3:::B/*"), "s3:GetObject", "arn:aws:s3:::b/k", False),
        (identity(Resource="arn:aws:s3:::b/${aws:username}"), "s3:GetObject", "arn:aws:s3:::b/${aws:username}", False),
        ({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}, "s3:GetObject", "*", True),
        ({"Statement": {"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}}, "iam:GetRole", "*", False),
        ({"Statement": {"Effect": "Allow", "Action": "*", "NotResource": FOO}}, "iam:GetRole", FOO, False),
        ({"Statement": {"Effect": "Allow", "Action": "*", "NotResource": FOO}}, "iam:GetRole", BAR, True),
        ({"Statement": {"Effect": "allow", "Action": "*", "Resource": "*"}}, "iam:GetRole", BAR, False),
        ({"Statement": {"Effect": "Allow", "Action": "*"}}, "iam:GetRole", BAR, False),
        ({}, "iam:GetRole", BAR, False),
    ],
)
def test_identity_policies(policy: dict[str, Any], action: str, resource: str, allowed: bool) -> None:
    assert authorize(Permissions((policy,)), AccessRequest(action, resource)).allowed is allowed


def test_a_deny_with_a_policy_variable_always_applies() -> None:
    deny = identity(Effect="Deny", Resource="arn:aws:s3:::b/${aws:username}/*")

    assert not authorize(Permissions((ADMIN, deny)), AccessRequest("s3:GetObject", "arn:aws:s3:::other")).allowed


@pytest.mark.parametrize(
    ("permissions", "reason"),
    [
        (Permissions((ADMIN,)), ""),
        (Permissions((ADMIN,), boundary=identity()), ""),
        (Permissions((ADMIN,), boundary=MAY_ASSUME), "because no permissions boundary allows the s3:GetObject action"),
        (Permissions((ADMIN,), session=MAY_ASSUME), "because no session policy allows the s3:GetObject action"),
        (Permissions((), session=ADMIN), "because no identity-based policy allows the s3:GetObject action"),
        (Permissions((ADMIN,), session=identity(Effect="Deny")), "with an explicit deny in a session policy"),
    ],
)
def test_boundaries_and_session_policies_only_restrict(permissions: Permissions, reason: str) -> None:
    assert authorize(permissions, AccessRequest("s3:GetObject", "arn:aws:s3:::b/k")).reason == reason


OBJECT = "arn:aws:s3:::b/k"
NO_OWN, NO_GRANT = (
    f"because no {kind} policy allows the s3:GetObject action" for kind in ("identity-based", "resource-based")
)


def grant(*principals: str, **parts: Any) -> dict[str, Any]:
    return {
        "Effect": "Allow",
        "Action": "s3:GetObject",
        "Resource": OBJECT,
        "Principal": {"AWS": list(principals)},
    } | parts


@pytest.mark.parametrize(
    ("caller", "own", "statements", "reason", "decisive_reason"),
    [
        pytest.param(USER, [ADMIN], [], NO_GRANT, NO_GRANT, id="another account, no policy"),
        pytest.param(USER, [ADMIN], [grant(B)], "", "", id="another account, both allow"),
        pytest.param(USER, [], [grant(USER.arn)], NO_OWN, NO_OWN, id="another account, only the resource allows"),
        pytest.param(USER, [ADMIN], [grant(B, Resource=FOO)], NO_GRANT, NO_GRANT, id="another resource"),
        pytest.param(NEIGHBOUR, [ADMIN], [], "", NO_GRANT, id="own account, only the caller's policies"),
        pytest.param(NEIGHBOUR, [ADMIN], [grant(A)], "", "", id="own account, its root, and the caller's policies"),
        pytest.param(NEIGHBOUR, [], [grant(A)], NO_OWN, NO_OWN, id="own account, only its root"),
        pytest.param(NEIGHBOUR, [], [grant(NEIGHBOUR.arn)], "", "", id="own account, by ARN"),
        pytest.param(NEIGHBOUR, [], [grant("*")], "", "", id="own account, anybody"),
        pytest.param(
            NEIGHBOUR,
            [ADMIN],
            [grant("*", Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "false"}}), grant(A)],
            "",
            "",
            id="a Deny whose condition does not hold",
        ),
        pytest.param(
            NEIGHBOUR,
            [ADMIN],
            [grant("*", Effect="Deny", Condition={"Bool": {"aws:SecureTransport": "true"}}), grant(A)],
            "with an explicit deny in a resource-based policy",
            "with an explicit deny in a resource-based policy",
            id="a Deny whose condition holds",
        ),
        pytest.param(
            Principal(service="events.amazonaws.com"),
            [],
            [grant(Principal={"Service": "events.amazonaws.com"})],
            "",
            "",
            id="a service needs only the resource's policy",
        ),
        pytest.param(
            Principal(service="events.amazonaws.com"), [], [grant("*")], NO_GRANT, NO_GRANT, id="another service"
        ),
    ],
)
def test_resource_policies(
    caller: Principal, own: list[Any], statements: list[Any], reason: str, decisive_reason: str
) -> None:
    request = AccessRequest("s3:GetObject", OBJECT, RequestContext({"aws:securetransport": "true"}))

    for decisive, expected in ((False, reason), (True, decisive_reason)):
        policy = ResourcePolicy(A, {"Statement": statements}, decisive=decisive)
        assert authorize_on(policy, caller, Permissions(tuple(own)), request).reason == expected


def test_boundaries_limit_what_a_resource_policy_allows() -> None:
    policy = ResourcePolicy(A, {"Statement": [grant(NEIGHBOUR.arn)]})

    decision = authorize_on(policy, NEIGHBOUR, Permissions(boundary=MAY_ASSUME), AccessRequest("s3:GetObject", OBJECT))

    assert decision.reason == "because no permissions boundary allows the s3:GetObject action"


BY_TAG = {"StringEquals": {"aws:ResourceTag/team": "a", "aws:RequestedRegion": "x"}}


@pytest.mark.parametrize(
    ("policy", "unsure"),
    [
        (identity(Condition=BY_TAG, Sid="ByTag"), ""),  # the region does not match either
        (identity(Condition={"StringLike": {"aws:ResourceTag/team": "a"}}), "StringLike aws:ResourceTag/team"),
        (both(ADMIN, identity(Effect="Deny", Sid="Own", Resource="${aws:x}")), "statement Own: ${aws:x}"),
        (both(ADMIN, identity(Condition=BY_TAG)), ""),
        (identity(Resource=FOO), ""),
    ],
)
def test_a_refusal_names_what_it_does_not_support(policy: dict[str, Any], unsure: str) -> None:
    context = RequestContext({"aws:requestedregion": "y"}, unknown=("aws:resourcetag/*",))

    assert authorize(Permissions((policy,)), AccessRequest("s3:GetObject", OBJECT, context)).unsure == unsure


statements = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.sampled_from(["*", "s3:*", "s3:GetObject", "iam:*"]),
        "Resource": st.sampled_from(["*", "arn:aws:s3:::b/*", "arn:aws:s3:::other/*"]),
    }
)
REQUEST = AccessRequest("s3:GetObject", "arn:aws:s3:::b/k", RequestContext({"aws:username": "ann"}))


@given(st.lists(statements, max_size=6))
def test_a_deny_always_wins(listed: list[dict[str, Any]]) -> None:
    deny = {"Effect": "Deny", "Action": "s3:Get*", "Resource": "arn:aws:s3:::b/?"}
    for place in range(len(listed) + 1):
        policy = {"Statement": [*listed[:place], deny, *listed[place:]]}
        assert not authorize(Permissions((policy,)), REQUEST).allowed


@given(st.lists(statements, max_size=6), st.lists(statements, max_size=3))
def test_more_denies_never_allow_more(listed: list[dict[str, Any]], more: list[dict[str, Any]]) -> None:
    denies = [statement | {"Effect": "Deny"} for statement in more]

    before = authorize(Permissions(({"Statement": listed},)), REQUEST)
    after = authorize(Permissions(({"Statement": [*listed, *denies]},)), REQUEST)

    assert before.allowed or not after.allowed


unknown_operators = st.text(min_size=1).map("Unknown{}".format)


@given(unknown_operators, st.sampled_from(["", "ForAnyValue:", "ForAllValues:"]), st.sampled_from(["", "IfExists"]))
def test_unknown_operators_fail_closed(name: str, before: str, after: str) -> None:
    condition = {f"{before}{name}{after}": {"aws:username": "ann"}}
    allow = identity(Condition=condition)
    deny = identity(Effect="Deny", Condition=condition)

    assert not authorize(Permissions((allow,)), REQUEST).allowed
    assert not authorize(Permissions((ADMIN, deny)), REQUEST).allowed


@given(st.text(max_size=12), st.text(max_size=12))
def test_a_unique_id_matches_only_that_role(trusted: str, other: str) -> None:
    finding = match_trust_policy(trust(f"AROA{trusted}"), SESSION, AccessRequest("sts:AssumeRole", FOO))

    assert (finding.statement is not None) == (f"AROA{trusted}" == SESSION.unique_id or trusted == "BAR:run")
