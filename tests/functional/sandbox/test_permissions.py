"""Credentials, permissions policies and sessions decide the calls that a caller may make."""

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


def test_a_sessions_arn_does_not_contain_the_roles_path(world: World) -> None:
    bar, session = world.trusted_role(path="/team/")

    identity = session.client("sts").get_caller_identity()

    assert identity["Arn"] == f"arn:aws:sts::{TRUSTED.id}:assumed-role/{bar.rpartition('/')[2]}/test"
    role = world.trusted.client("iam").get_role(RoleName=bar.rpartition("/")[2])["Role"]
    assert identity["UserId"] == f"{role['RoleId']}:test"


def test_a_session_is_allowed_only_the_granted_actions_and_resources(world: World, table: str) -> None:
    foo = world.role(world.trusting, trust(TRUSTED.id), permissions=[allow("dynamodb:PutItem", TABLE_ARN + table)])
    dynamodb = replace(world.trusted.assume(foo), region=TRUSTING.region).client("dynamodb")
    item = {"id": {"S": "1"}}

    assert outcome(dynamodb.put_item, TableName=table, Item=item) == "allowed"
    denied = outcome(dynamodb.put_item, TableName="Other", Item=item)
    assert f"AccessDeniedException: User: arn:aws:sts::{TRUSTING.id}:assumed-role/" in denied
    assert f"on resource: {TABLE_ARN}Other {NO_IDENTITY} dynamodb:PutItem action" in denied
    assert f"{NO_IDENTITY} dynamodb:GetItem action" in outcome(dynamodb.get_item, TableName=table, Key=item)
    batch = {table: [{"PutRequest": {"Item": item}}]}
    assert "AccessDenied" in outcome(dynamodb.batch_write_item, RequestItems=batch)
    put = {"Put": {"TableName": table, "Item": item}}
    delete = {"Delete": {"TableName": table, "Key": {"id": {"S": "2"}}}}
    assert outcome(dynamodb.transact_write_items, TransactItems=[put]) == "allowed"
    assert "dynamodb:DeleteItem" in outcome(dynamodb.transact_write_items, TransactItems=[put, delete])


def test_an_admin_has_no_access_to_resources_of_other_accounts(world: World, table: str) -> None:
    dynamodb = replace(world.trusted, region=TRUSTING.region).client("dynamodb")

    denied = outcome(dynamodb.put_item, TableName=TABLE_ARN + table, Item={"id": {"S": "1"}})

    assert "because no resource-based policy allows the dynamodb:PutItem action" in denied


def test_policies_of_users_and_their_groups_apply(world: World) -> None:
    iam = world.trusting.client("iam")
    user = world.user(world.trusting)
    name, group = world.arn(user).rpartition("/")[2], world.name("group")
    list_roles = user.client("iam").list_roles
    assert f"{NO_IDENTITY} iam:ListRoles action" in outcome(list_roles)

    iam.create_group(GroupName=group)
    iam.add_user_to_group(GroupName=group, UserName=name)
    iam.put_group_policy(GroupName=group, PolicyName="p", PolicyDocument=policy(allow("iam:List*")))
    assert outcome(list_roles) == "allowed"

    deny = iam.create_policy(PolicyName=world.name("deny"), PolicyDocument=policy(allow("iam:*", Effect="Deny")))
    iam.attach_user_policy(UserName=name, PolicyArn=deny["Policy"]["Arn"])
    assert "with an explicit deny in an identity-based policy" in outcome(list_roles)


def test_the_default_version_of_a_managed_policy_applies_immediately(world: World) -> None:
    iam = world.trusted.client("iam")
    bar, session = world.trusted_role()
    list_roles = session.client("iam").list_roles
    arn = iam.create_policy(PolicyName=world.name("p"), PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    iam.attach_role_policy(RoleName=bar.rpartition("/")[2], PolicyArn=arn)
    assert "AccessDenied" in outcome(list_roles)

    iam.create_policy_version(PolicyArn=arn, PolicyDocument=policy(allow("iam:ListRoles")), SetAsDefault=True)

    assert outcome(list_roles) == "allowed"


def test_session_policies_and_permissions_boundaries_limit_permissions(world: World) -> None:
    bar, session = world.trusted_role(allow("*"))
    limited = world.trusted.assume(bar, Policy=policy(allow("iam:ListUsers")))
    assert outcome(session.client("iam").list_roles) == "allowed"
    assert "because no session policy allows" in outcome(limited.client("iam").list_roles)

    iam = world.trusted.client("iam")
    arn = iam.create_policy(PolicyName=world.name("b"), PolicyDocument=policy(allow("s3:*")))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName=bar.rpartition("/")[2], PermissionsBoundary=arn)
    assert "because no permissions boundary allows" in outcome(session.client("iam").list_roles)


def test_old_sessions_can_be_revoked(world: World) -> None:
    bar, session = world.trusted_role(allow("*"))
    older = {"DateLessThan": {"aws:TokenIssueTime": "2120-01-01T00:00:00Z"}}
    revoke = policy(allow("*", Effect="Deny", Condition=older))

    world.trusted.client("iam").put_role_policy(
        RoleName=bar.rpartition("/")[2], PolicyName="AWSRevokeOlderSessions", PolicyDocument=revoke
    )

    assert "with an explicit deny in an identity-based policy" in outcome(session.client("iam").list_roles)


def test_creating_a_function_requires_permission_to_pass_its_role(world: World) -> None:
    user = world.user(world.trusted, allow("lambda:CreateFunction"))
    function = {"Runtime": "python3.13", "Handler": "main.handler", "Code": {"ZipFile": b"x"}}

    denied = outcome(
        user.client("lambda").create_function, FunctionName=world.name(), Role=world.execution_role(), **function
    )

    assert f"{NO_IDENTITY} iam:PassRole action" in denied


def test_creating_a_role_with_tags_requires_permission_to_tag_it(world: World) -> None:
    user = world.user(world.trusted, allow("iam:CreateRole"))
    role = {"RoleName": "r", "AssumeRolePolicyDocument": policy(trust("*")), "Tags": [{"Key": "a", "Value": "b"}]}

    denied = outcome(user.client("iam").create_role, **role)

    assert f"{NO_IDENTITY} iam:TagRole action" in denied


@pytest.mark.parametrize(
    ("service", "operation", "code"),
    [
        ("sts", "get_caller_identity", "InvalidClientTokenId"),
        ("iam", "list_roles", "InvalidClientTokenId"),
        ("dynamodb", "list_tables", "UnrecognizedClientException"),
        ("lambda", "list_functions", "UnrecognizedClientException"),
        ("s3", "list_buckets", "InvalidAccessKeyId"),
    ],
)
def test_invalid_keys_and_tokens_have_the_error_code_of_each_protocol(
    world: World, service: str, operation: str, code: str
) -> None:
    unknown = replace(world.trusting, keys=("AKIAIOSFODNN7EXAMPLE", "secret"))
    assert outcome(getattr(unknown.client(service), operation)).startswith(f"{code}: ")
    _, session = world.trusted_role()
    for keys in ((*session.keys[:2], "wrong"), session.keys[:2], (*world.trusting.keys, "unexpected")):
        invalid = replace(world.trusting, keys=keys)
        assert outcome(getattr(invalid.client(service), operation)).startswith(f"{code}: ")


def test_inactive_access_keys_are_invalid(world: World) -> None:
    user = world.user(world.trusting)
    assert outcome(user.client("sts").get_caller_identity) == "allowed"

    world.trusting.client("iam").update_access_key(
        UserName=world.arn(user).rpartition("/")[2], AccessKeyId=user.keys[0], Status="Inactive"
    )

    assert "InvalidClientTokenId" in outcome(user.client("sts").get_caller_identity)


@pytest.mark.parametrize("path", ["/?Action=ListRoles&Version=2010-05-08", "/moto-api/data.json", "/moto-api/reset"])
def test_unsigned_requests_are_denied_even_to_motos_own_api(world: World, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(world.sandbox.endpoint + path, timeout=5)  # noqa: S310 - http on loopback

    assert error.value.code == 403
    assert b"Request is missing Authentication Token" in error.value.read()


def test_an_unsupported_operation_is_an_error(world: World) -> None:
    assert "NotImplemented" in outcome(world.trusting.client("sts").get_session_token)
