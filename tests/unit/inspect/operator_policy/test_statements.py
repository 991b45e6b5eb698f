"""The operator's statements for small modules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.unit.builders import A, B, role, spec
from tests.unit.inspect.operator_policy.plans import offline, resource
from tfdriver.inspect.operator_policy.planned_resources import module_resources, pattern
from tfdriver.inspect.operator_policy.statements import Purpose, Statement, statements
from tfdriver.spec.model import Account, StateSettings

IAM_A, IAM_B = "arn:aws:iam::111111111111:", "arn:aws:iam::222222222222:"


def needed(
    *resources: dict[str, Any], purpose: Purpose = Purpose.ALL, account: Account = A, probe: bool = False, **fields: Any
) -> tuple[dict[str, Statement], list[str]]:
    """Return the statements by Sid, and the notes. Role foo in A trusts role bar in B."""
    roles = (role("foo", A, trusts=("bar",), **fields), role("bar", B, **fields))
    modules = {r.key: module_resources(r, offline(*resources, probe=probe)) for r in roles}
    found, notes = statements(spec(*roles), account, modules, purpose)
    return {statement.sid: statement for statement in found}, notes


def iam_role(name: str = "foo", path: str = "/") -> dict[str, Any]:
    after = {"name": name, "path": path, "arn": f"{IAM_A}aws_iam_role/mock"}
    return resource("aws_iam_role.this", after, unknown=["arn"], role=name)


@pytest.mark.parametrize(
    ("purpose", "own", "wanted"),
    [
        (Purpose.UP, "Roles", {"iam:CreateRole", "iam:GetRole", "iam:GetRolePolicy"}),
        (Purpose.DESTROY, "Roles", {"iam:DeleteRole", "iam:GetRole"}),
        (Purpose.VERIFY, "Roles", {"iam:GetRole", "iam:GetRolePolicy"}),
    ],
)
def test_a_purpose_gets_no_more_than_it_needs(purpose: Purpose, own: str, wanted: set[str]) -> None:
    found, _ = needed(iam_role(), purpose=purpose)
    assert wanted <= found[own].actions
    assert ("iam:CreateRole" in found[own].actions) is (purpose is Purpose.UP)
    assert ("iam:DeleteRole" in found[own].actions) is (purpose is Purpose.DESTROY)
    assert ("iam:PutRolePolicy" in found[own].actions) is (purpose is Purpose.UP)  # tighten --revoke-sessions
    assert ("iam:DeleteRolePolicy" in found[own].actions) is (purpose is not Purpose.VERIFY)


def test_a_role_with_a_path_may_also_be_read_without_it() -> None:
    found, notes = needed(iam_role(path="/team/"), path="/team/")
    assert found["Roles"].resources == {f"{IAM_A}role/team/foo"}
    assert found["FindRoles"].resources == {f"{IAM_A}role/foo"}
    assert found["FindRoles"].actions == {"iam:GetRole", "iam:GetRolePolicy"}
    assert notes == []


def test_only_trusting_roles_get_the_actions_of_a_revocation() -> None:
    found, _ = needed(iam_role("bar", "/team/"), account=B, path="/team/")
    assert "iam:PutRolePolicy" not in found["Roles"].actions
    assert found["FindRoles"].actions == {"iam:GetRole"}


def attachment(*, role: str = "foo") -> list[dict[str, Any]]:
    arn = f"{IAM_A}aws_iam_policy/mock"
    values = {"name": "foo-p", "path": "/", "arn": arn}
    return [
        resource("aws_iam_policy.p", values, unknown=["arn"]),
        resource(
            "aws_iam_role_policy_attachment.p",
            {"role": role, "policy_arn": arn},
            unknown=["policy_arn"],
            depends_on=["aws_iam_policy.p"],
        ),
    ]


def test_a_policy_may_be_attached_to_its_role_only() -> None:
    found, _ = needed(iam_role(path="/x/"), *attachment(), path="/x/")

    attach = found["AttachPolicies"]

    assert (attach.resources, attach.values) == ({f"{IAM_A}role/x/foo"}, {f"{IAM_A}policy/foo-p"})
    assert (attach.operator, attach.key) == ("ArnLike", "iam:PolicyARN")


def test_a_policy_that_is_not_known_may_be_any() -> None:
    unknown = resource("aws_iam_role_policy_attachment.p", {"role": "foo"}, unknown=["policy_arn"])
    found, _ = needed(iam_role(), unknown)
    assert found["AttachPolicies"].values == {"*"}


def function(role: str = "bar") -> dict[str, Any]:
    values = {"function_name": role, "role": f"{IAM_A}aws_iam_role/mock"}
    return resource("aws_lambda_function.f", values, unknown=["role"], depends_on=["aws_iam_role.this"], role=role)


def test_a_role_may_be_passed_to_its_service_only() -> None:
    target = resource("aws_cloudwatch_event_target.t", {"rule": "r"}, unknown=["role_arn"], role="bar")
    found, _ = needed(iam_role("bar"), function(), target, account=B)

    to_lambda, to_events = found["PassRolesToLambda"], found["PassRolesToEvents"]

    assert (to_lambda.resources, to_lambda.values) == ({f"{IAM_B}role/bar"}, {"lambda.amazonaws.com"})
    assert (to_events.resources, to_events.values) == ({f"{IAM_B}role/*"}, {"events.amazonaws.com"})
    assert to_lambda.key == "iam:PassedToService"


def test_verify_may_assume_the_trusting_role_and_invoke_the_function() -> None:
    found, _ = needed(iam_role("bar"), function(), purpose=Purpose.VERIFY, account=B, probe=True)
    assert found["TryTrustingRoles"].resources == {f"{IAM_A}role/foo"}
    assert found["InvokeFunctions"].actions == {"lambda:InvokeFunction"}
    assert found["Functions"].actions == {
        f"lambda:{action}"
        for action in ("GetFunction", "GetFunctionCodeSigningConfig", "ListVersionsByFunction", "ListTags")
    }


@pytest.mark.parametrize(
    ("probe_by", "purpose", "expected"),
    [
        (f"{IAM_B}role/ops/operator", Purpose.ALL, True),
        (f"{IAM_B}role/ops/operator", Purpose.DESTROY, False),
        (f"{IAM_B}user/admin", Purpose.ALL, False),  # nobody can assume a user
    ],
)
def test_verify_may_assume_the_role_that_probes(probe_by: str, purpose: Purpose, expected: bool) -> None:
    probe = {"type": "role", "probe_by": probe_by}

    found, _ = needed(iam_role("bar"), purpose=purpose, account=B, probe=probe)

    assert ("UseProbeRoles" in found) is expected
    if expected:
        assert (found["UseProbeRoles"].actions, found["UseProbeRoles"].resources) == ({"sts:AssumeRole"}, {probe_by})


def test_a_function_without_a_probe_may_not_be_invoked() -> None:
    found, _ = needed(iam_role("bar"), function(), account=B)
    assert "InvokeFunctions" not in found


def test_a_table_is_probed_on_the_trusting_side_only() -> None:
    values = {"name": "T", "ttl": [{}], "point_in_time_recovery": []}
    tables = [resource("aws_dynamodb_table.t", values, role=name) for name in ("foo", "bar")]
    found, _ = needed(*tables, probe=True)

    assert found["ProbeItems"].resources == {"arn:aws:dynamodb:us-west-2:111111111111:table/T"}
    assert "dynamodb:UpdateTimeToLive" in found["Tables"].actions
    assert "dynamodb:UpdateContinuousBackups" not in found["Tables"].actions
    assert "ProbeItems" not in needed(*tables, account=B, probe=True)[0]


@pytest.mark.parametrize(
    ("found", "sid", "expected"),
    [
        (resource("aws_sqs_queue.q", {"name": "q-foo"}), "Queues", "sqs:us-west-2:111111111111:q-foo"),
        (
            resource("aws_sns_topic.t", {"name_prefix": "t-"}, unknown=["name"]),
            "SnsTopicOfUnknownName",
            "sns:us-west-2:111111111111:t-*",
        ),
        (
            resource("aws_dynamodb_table.t", unknown=["name"]),
            "DynamodbTableOfUnknownName",
            "dynamodb:us-west-2:111111111111:table/*",
        ),
        (
            resource("aws_cloudwatch_event_rule.r", {"name": "r", "event_bus_name": "bus"}),
            "Rules",
            "events:us-west-2:111111111111:rule/bus/r",
        ),
        (
            resource("aws_lambda_permission.p", {"function_name": "f"}),
            "Functions",
            "lambda:us-west-2:111111111111:function:f",
        ),
        (resource("aws_iam_role_policy.p", {"role": "other"}), "Roles", "iam::111111111111:role/other"),
    ],
)
def test_a_wildcard_stands_only_for_unknown_parts_of_a_name(found: dict[str, Any], sid: str, expected: str) -> None:
    by_sid, notes = needed(found)
    assert f"arn:aws:{expected}" in by_sid[sid].resources
    assert ("*" in expected) is any(expected in note for note in notes)


KEY = resource("aws_kms_key.k", {"key_id": "r4nd0m88", "id": "r4nd0m88"}, unknown=["key_id", "id", "arn"])
BUCKET = resource("aws_s3_bucket.b", {"bucket": "acme", "force_destroy": True, "id": "r4nd0m89"}, unknown=["id"])
SECRET_ARN = "arn:aws:secretsmanager:us-west-2:111111111111:secret:s-??????"
MOCK = "arn:aws:secretsmanager:us-west-2:111111111111:aws_secretsmanager_secret/mock"
SECRET = resource("aws_secretsmanager_secret.s", {"name": "s", "id": "r4nd0m90", "arn": MOCK}, unknown=["id", "arn"])
GROUP = resource("aws_scheduler_schedule_group.g", {"name": "g"})
TARGET = {"group_name": "g", "name": "n", "target": [{"role_arn": f"{IAM_A}aws_iam_role/mock"}]}
SCHEDULE = resource("aws_scheduler_schedule.n", TARGET, depends_on=["aws_iam_role.this"])
SCHEDULE["change"]["after_unknown"] = {"target": [{"role_arn": True}]}


def part_of(kind: str, parent: str, attribute: str, value: str, **values: Any) -> dict[str, Any]:
    """Return a resource that refers to another one's random ID."""
    return resource(f"{kind}.this", {attribute: value, **values}, unknown=[attribute], depends_on=[parent])


VERSION = part_of("aws_secretsmanager_secret_version", "aws_secretsmanager_secret.s", "secret_id", "r4nd0m90")


@pytest.mark.parametrize(
    ("resources", "sid", "action", "expected"),
    [
        ([KEY], "KmsKeyOfUnknownName", "kms:PutKeyPolicy", "arn:aws:kms:us-west-2:111111111111:key/*"),
        ([KEY], "KeysWithoutResource", "kms:CreateKey", "*"),
        (
            [resource("aws_kms_alias.a", {"name": "alias/a"})],
            "Aliases",
            "kms:CreateAlias",
            "arn:aws:kms:us-west-2:111111111111:alias/a",
        ),
        (
            [resource("aws_kms_alias.a", {"name": "alias/a"})],
            "Aliases",
            "kms:DeleteAlias",
            "arn:aws:kms:us-west-2:111111111111:key/*",
        ),
        ([resource("aws_kms_alias.a", {"name": "alias/a"})], "AliasesWithoutResource", "kms:ListAliases", "*"),
        ([BUCKET], "Buckets", "s3:CreateBucket", "arn:aws:s3:::acme"),
        ([BUCKET], "EmptyBucketsOfObjects", "s3:DeleteObjectVersion", "arn:aws:s3:::acme/*"),
        (
            [BUCKET, part_of("aws_s3_bucket_policy", "aws_s3_bucket.b", "bucket", "r4nd0m89")],
            "Buckets",
            "s3:PutBucketPolicy",
            "arn:aws:s3:::acme",
        ),
        (
            [BUCKET, part_of("aws_s3_object", "aws_s3_bucket.b", "bucket", "r4nd0m89", key="a/b")],
            "Objects",
            "s3:PutObject",
            "arn:aws:s3:::acme/a/b",
        ),
        (
            [
                resource("aws_sqs_queue.q", {"name": "q", "url": "r4nd0m91"}, unknown=["url"]),
                part_of("aws_sqs_queue_policy", "aws_sqs_queue.q", "queue_url", "r4nd0m91"),
            ],
            "Queues",
            "sqs:SetQueueAttributes",
            "arn:aws:sqs:us-west-2:111111111111:q",
        ),
        (
            [resource("aws_sqs_queue_policy.q", {"queue_url": "https://sqs.us-west-2.amazonaws.com/111111111111/q"})],
            "Queues",
            "sqs:SetQueueAttributes",
            "arn:aws:sqs:us-west-2:111111111111:q",
        ),
        ([SECRET], "Secrets", "secretsmanager:CreateSecret", SECRET_ARN),
        (
            [
                SECRET,
                part_of("aws_secretsmanager_secret_version", "aws_secretsmanager_secret.s", "secret_id", "r4nd0m90"),
            ],
            "Secrets",
            "secretsmanager:PutSecretValue",
            SECRET_ARN,
        ),
        (
            [resource("aws_sns_topic_subscription.t", {"topic_arn": "arn:aws:sns:us-west-2:111111111111:t"})],
            "Topics",
            "sns:Subscribe",
            "arn:aws:sns:us-west-2:111111111111:t",
        ),
        (
            [resource("aws_iam_openid_connect_provider.p", {"url": "https://token.example.com/x"})],
            "IdentityProviders",
            "iam:CreateOpenIDConnectProvider",
            f"{IAM_A}oidc-provider/token.example.com/x",
        ),
        (
            [iam_role(path="/p/"), resource("aws_iam_instance_profile.p", {"name": "i", "role": "foo", "path": "/x/"})],
            "InstanceProfiles",
            "iam:AddRoleToInstanceProfile",
            f"{IAM_A}instance-profile/x/i",
        ),
        (
            [iam_role(path="/p/"), resource("aws_iam_instance_profile.p", {"name": "i", "role": "foo"})],
            "PassRolesToEc2",
            "iam:PassRole",
            f"{IAM_A}role/p/foo",
        ),
        (
            [GROUP, SCHEDULE],
            "Schedules",
            "scheduler:CreateSchedule",
            "arn:aws:scheduler:us-west-2:111111111111:schedule/g/n",
        ),
        ([iam_role(path="/p/"), SCHEDULE], "PassRolesToScheduler", "iam:PassRole", f"{IAM_A}role/p/foo"),
    ],
)
def test_types_of_resources(resources: list[dict[str, Any]], sid: str, action: str, expected: str) -> None:
    found, _ = needed(*resources)

    assert action in found[sid].actions
    assert expected in found[sid].resources


@pytest.mark.parametrize(
    ("found", "sid", "action", "expected"),
    [
        (resource("data.aws_s3_bucket.b", {"bucket": "acme"}), "ReadBuckets", "s3:ListBucket", "arn:aws:s3:::acme"),
        (
            resource("data.aws_iam_policy.p", {"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess", "name": "r4nd0m88"}),
            "ReadPolicies",
            "iam:GetPolicy",
            "arn:aws:iam::aws:policy/ReadOnlyAccess",
        ),
        (
            resource("data.aws_iam_role.r", {"name": "shared", "path": "r4nd0m88"}),
            "ReadIamRoleOfUnknownName",
            "iam:GetRole",
            f"{IAM_A}role/*shared",
        ),
        (
            resource("data.aws_kms_key.k", {"key_id": "alias/k"}),
            "ReadKmsKeyOfUnknownName",
            "kms:DescribeKey",
            "arn:aws:kms:us-west-2:111111111111:key/*",
        ),
        (
            resource("data.aws_cloudwatch_log_group.g", {"name": "g"}),
            "FindLogGroups",
            "logs:DescribeLogGroups",
            "arn:aws:logs:us-west-2:111111111111:log-group:*",
        ),
        (resource("data.aws_sns_topic.t", {"name": "t"}), "ReadTopicsWithoutResource", "sns:ListTopics", "*"),
    ],
)
def test_data_sources_are_only_read(found: dict[str, Any], sid: str, action: str, expected: str) -> None:
    by_sid, notes = needed(found)

    assert action in by_sid[sid].actions
    assert expected in by_sid[sid].resources
    assert not any(statement.actions & {"s3:CreateBucket", "iam:CreateRole"} for statement in by_sid.values())
    assert [note for note in notes if "permissions" in note] == []


def test_a_key_is_used_only_through_the_service_that_encrypts_with_it() -> None:
    assert "UseKeys" not in needed(SECRET)[0]

    found = needed(SECRET, KEY)[0]["UseKeys"]

    assert (found.key, found.values) == ("kms:ViaService", {"secretsmanager.us-west-2.amazonaws.com"})


def test_a_name_that_is_not_known_does_not_widen_other_actions() -> None:
    unknown = resource("aws_iam_role_policy.p", unknown=["role"])

    found, _ = needed(iam_role(), unknown)

    assert found["Roles"].resources == {f"{IAM_A}role/foo"}
    alone = found["IamRolePolicyOfUnknownName"]
    assert alone.resources == {f"{IAM_A}role/*"}
    assert "iam:CreateRole" not in alone.actions


def test_log_groups_are_allowed_with_and_without_their_streams() -> None:
    found, _ = needed(resource("aws_cloudwatch_log_group.g", {"name": "g"}))
    logs = "arn:aws:logs:us-west-2:111111111111:log-group:"

    assert found["LogGroups"].resources == {f"{logs}g", f"{logs}g:*"}
    assert found["FindLogGroups"].resources == {f"{logs}*"}


@pytest.mark.parametrize("name", ["*", "a?b", "${aws:username}", "x*"])
def test_a_name_cannot_become_a_wildcard_or_a_variable(name: str) -> None:
    found, _ = needed(resource("aws_dynamodb_table.t", {"name": name}))
    (resource_arn,) = found["Tables"].resources

    inside = resource_arn.partition("table/")[2]

    assert inside == "".join(f"${{{c}}}" if c in "*?$" else c for c in name)
    assert pattern(name) == inside


def test_unknown_permissions_are_noted() -> None:
    _, notes = needed(
        resource("aws_vpc.k"),
        resource("random_pet.x"),
        resource("module.sub.data.aws_vpc.v"),
        resource("data.aws_partition.p"),
    )

    assert len(notes) == 2
    for words in ("module.foo.aws_vpc.k", "module.foo.module.sub.data.aws_vpc.v"):
        assert any(words in note for note in notes), words


def test_a_module_that_cannot_be_planned_is_noted() -> None:
    roles = (role("foo", A, trusts=("bar",)), role("bar", B))
    modules = {r.key: module_resources(r, offline(problem="the cause")) for r in roles}

    own, notes = statements(spec(*roles), A, modules, Purpose.UP)

    assert notes == ["module m of role foo: the cause"]
    assert [s.resources for s in own] == [{f"{IAM_A}role/foo"}]


@pytest.mark.parametrize(
    ("arguments", "account", "sids", "noted"),
    [
        ({}, A, {"FindStates", "States", "StateLocks"}, False),
        ({"use_lockfile": False}, A, {"FindStates", "States"}, False),
        ({"dynamodb_table": "locks"}, A, {"FindStates", "States"}, True),
        ({"profile": "account_b"}, A, set(), False),
        ({"profile": "account_b"}, B, {"FindStates", "States", "StateLocks"}, False),
    ],
)
def test_a_state_in_s3_is_reached_with_its_profile(
    arguments: dict[str, Any], account: Account, sids: set[str], noted: bool
) -> None:
    roles = (role("foo", A, trusts=("bar",)), role("bar", B))
    settings = StateSettings("s3", {"bucket": "acme-{account_id}", **arguments})
    modules = {r.key: module_resources(r, offline(probe=False)) for r in roles}
    found, notes = statements(replace(spec(*roles), state=settings), account, modules, Purpose.ALL)

    by_sid = {statement.sid: statement for statement in found}
    assert {sid for sid in by_sid if "State" in sid} == sids
    if sids and not arguments:
        key = "arn:aws:s3:::acme-111111111111/foo-bar/account_a/terraform.tfstate"
        assert by_sid["FindStates"].resources == {"arn:aws:s3:::acme-111111111111"}
        assert (by_sid["States"].resources, by_sid["StateLocks"].resources) == ({key}, {f"{key}.tflock"})
    assert bool(notes) is noted


@pytest.mark.parametrize("purpose", Purpose)
def test_an_existing_role_is_only_read_and_its_trust_or_one_policy_written(purpose: Purpose) -> None:
    found, _ = needed(purpose=purpose, existing=True, path="/team/")
    of_trusted, _ = needed(purpose=purpose, account=B, existing=True)
    assert found["Roles"].resources == {f"{IAM_A}role/team/foo"}
    writes = {"iam:UpdateAssumeRolePolicy"} if purpose is not Purpose.VERIFY else set()
    assert {a for a in found["Roles"].actions if not a.startswith(("iam:Get", "iam:List"))} == writes
    writes = {"iam:PutRolePolicy"} if purpose.creates else set()
    writes |= {"iam:DeleteRolePolicy"} if purpose is not Purpose.VERIFY else set()
    assert {a for a in of_trusted["Roles"].actions if not a.startswith(("iam:Get", "iam:List"))} == writes
