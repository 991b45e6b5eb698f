"""What callers may do: credentials, permissions policies, sessions."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import replace

import pytest

from tests.functional.sandbox.world import TRUSTED, TRUSTING, World, allow, outcome, policy, trust

TABLE_ARN = f"arn:aws:dynamodb:{TRUSTING.region}:{TRUSTING.id}:table/"
NO_IDENTITY = "because no identity-based policy allows the"


@pytest.fixture(scope="module")
def table(world: World) -> str:
    name = world.name("Table")
    world.trusting.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    return name


def test_each_profile_is_the_admin_of_its_own_account(world: World) -> None:
    for caller, account in ((world.trusting, TRUSTING), (world.trusted, TRUSTED)):
        identity = caller.client("sts").get_caller_identity()
        assert identity["Arn"] == f"arn:aws:iam::{account.id}:user/admin"
        assert identity["Account"] == account.id
        assert identity["UserId"].startswith("AIDA")


def test_a_session_shows_as_its_role_without_the_path(world: World) -> None:
    bar, session = world.process(path="/team/")
    identity = session.client("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{TRUSTED.id}:assumed-role/{bar.rpartition('/')[2]}/test"
    role = world.trusted.client("iam").get_role(RoleName=bar.rpartition("/")[2])["Role"]
    assert identity["UserId"] == f"{role['RoleId']}:test"


def test_a_session_may_do_what_is_granted_on_that_resource_only(world: World, table: str) -> None:
    foo = world.role(world.trusting, trust(TRUSTED.id), may=[allow("dynamodb:PutItem", TABLE_ARN + table)])
    dynamodb = replace(world.trusted.assume(foo), region=TRUSTING.region).client("dynamodb")
    item = {"id": {"S": "1"}}
    assert outcome(dynamodb.put_item, TableName=table, Item=item) == "allowed"
    other = outcome(dynamodb.put_item, TableName="Other", Item=item)
    assert f"AccessDeniedException: User: arn:aws:sts::{TRUSTING.id}:assumed-role/" in other
    assert f"on resource: {TABLE_ARN}Other {NO_IDENTITY} dynamodb:PutItem action" in other
    assert f"{NO_IDENTITY} dynamodb:GetItem action" in outcome(dynamodb.get_item, TableName=table, Key=item)
    batch = {table: [{"PutRequest": {"Item": item}}]}
    assert "AccessDenied" in outcome(dynamodb.batch_write_item, RequestItems=batch)
    transaction = [{"Put": {"TableName": table, "Item": item}}]
    assert outcome(dynamodb.transact_write_items, TransactItems=transaction) == "allowed"
    transaction = [
        {"Put": {"TableName": table, "Item": item}},
        {"Delete": {"TableName": table, "Key": {"id": {"S": "2"}}}},
    ]
    assert "dynamodb:DeleteItem" in outcome(dynamodb.transact_write_items, TransactItems=transaction)


def test_a_resource_of_another_account_is_out_of_reach_even_for_an_admin(world: World, table: str) -> None:
    dynamodb = replace(world.trusted, region=TRUSTING.region).client("dynamodb")
    seen = outcome(dynamodb.put_item, TableName=TABLE_ARN + table, Item={"id": {"S": "1"}})
    assert "because no resource-based policy allows the dynamodb:PutItem action" in seen


def test_policies_of_users_groups_and_roles_all_count(world: World) -> None:
    iam = world.trusting.client("iam")
    user = world.user(world.trusting)
    name, group = world.arn(user).rpartition("/")[2], world.name("group")
    roles = user.client("iam").list_roles
    assert f"{NO_IDENTITY} iam:ListRoles action" in outcome(roles)
    iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=name)
    iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=policy(allow("iam:List*")))
    assert outcome(roles) == "allowed"
    deny = iam.create_policy(PolicyName=world.name("deny"), PolicyDocument=policy(allow("iam:*", Effect="Deny")))
    iam.attach_user_policy(UserName=name, PolicyArn=deny["Policy"]["Arn"])
    assert "with an explicit deny in an identity-based policy" in outcome(roles)


def test_managed_policies_count_in_their_default_version_and_at_once(world: World) -> None:
    iam = world.trusted.client("iam")
    bar, session = world.process()
    roles = session.client("iam").list_roles
    arn = iam.create_policy(PolicyName=world.name("p"), PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=bar.rpartition("/")[2], PolicyArn=arn)
    assert "AccessDenied" in outcome(roles)
    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("iam:ListRoles")), SetAsDefault=True)
    assert outcome(roles) == "allowed"


def test_session_policies_and_boundaries_take_away(world: World) -> None:
    bar, whole = world.process(allow("*"))
    part = world.trusted.assume(bar, Policy=policy(allow("iam:ListUsers")))
    assert outcome(whole.client("iam").list_roles) == "allowed"
    assert "because no session policy allows" in outcome(part.client("iam").list_roles)
    iam = world.trusted.client("iam")
    arn = iam.create_policy(PolicyName=world.name("b"), PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=bar.rpartition("/")[2], PermissionsBoundary=arn)
    assert "because no permissions boundary allows" in outcome(whole.client("iam").list_roles)


def test_old_sessions_can_be_revoked(world: World) -> None:
    bar, session = world.process(allow("*"))
    older = {"DateLessThan": {"aws:TokenIssueTime": "2120-01-01T00:00:00Z"}}
    revoke = policy(allow("*", Effect="Deny", Condition=older))
    world.trusted.client("iam").put_role_policy(
        RoleName=bar.rpartition("/")[2], PolicyName="AWSRevokeOlderSessions", PolicyDocument=revoke
    )
    assert "with an explicit deny in an identity-based policy" in outcome(session.client("iam").list_roles)


def test_what_goes_with_a_call_must_be_allowed_too(world: World) -> None:
    role = world.execution_role()
    function = {"Runtime": "python3.13", "Handler": "main.handler", "Code": {"ZipFile": b"x"}, "Role": role}
    creator = world.user(world.trusted, allow(["lambda:CreateFunction", "iam:CreateRole"]))
    create = creator.client("lambda").create_function
    assert f"{NO_IDENTITY} iam:PassRole action" in outcome(create, FunctionName=world.name(), **function)
    tags = [{"Key": "a", "Value": "b"}]
    tagged = outcome(
        creator.client("iam").create_role, RoleName="r", AssumeRolePolicyDocument=policy(trust("*")), Tags=tags
    )
    assert f"{NO_IDENTITY} iam:TagRole action" in tagged


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [("sts", "get_caller_identity", "InvalidClientTokenId"), ("iam", "list_roles", "InvalidClientTokenId")]
    + [
        (service, operation, "UnrecognizedClientException")
        for service, operation in (("dynamodb", "list_tables"), ("lambda", "list_functions"))
    ]
    + [("s3", "list_buckets", "InvalidAccessKeyId")],
)
def test_unknown_keys_and_wrong_tokens_in_the_shape_of_each_protocol(
    world: World, service: str, operation: str, code: str
) -> None:
    unknown = replace(world.trusting, keys=("AKIAIOSFODNN7EXAMPLE", "secret"))
    assert outcome(getattr(unknown.client(service), operation)).startswith(f"{code}: ")
    _, session = world.process()
    for keys in ((*session.keys[:2], "wrong"), session.keys[:2], (*world.trusting.keys, "unexpected")):
        wrong = replace(world.trusting, keys=keys)
        assert outcome(getattr(wrong.client(service), operation)).startswith(f"{code}: ")


def test_keys_can_be_switched_off(world: World) -> None:
    user = world.user(world.trusting)
    assert outcome(user.client("sts").get_caller_identity) == "allowed"
    world.trusting.client("iam").update_access_key(
        UserName=world.arn(user).rpartition("/")[2], AccessKeyId=user.keys[0], Status="Inactive"
    )
    assert "InvalidClientTokenId" in outcome(user.client("sts").get_caller_identity)


def test_unsigned_requests_and_motos_own_doors_are_closed(world: World) -> None:
    for path in ("/?Action=ListRoles&Version=2010-05-08", "/moto-api/data.json", "/moto-api/reset"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(world.sandbox.endpoint + path, timeout=5)  # noqa: S310 - http on loopback
        assert refused.value.code == 403
        assert b"Request is missing Authentication Token" in refused.value.read()


def test_what_the_sandbox_cannot_do_is_said_at_once(world: World) -> None:
    assert "NotImplemented" in outcome(world.trusting.client("sts").get_session_token)
