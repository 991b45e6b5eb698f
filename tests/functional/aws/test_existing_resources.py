"""`find` of each resource type: an existing resource with its import ID and tags."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from moto import mock_aws

from tests.unit.builders import A
from tfdriver.aws.calls import AwsError
from tfdriver.aws.client import Aws
from tfdriver.aws.existing_resources import Found, UnknownValueError, find

pytestmark = pytest.mark.integration  # too slow for `make check`

TAGS = {"tfdriver:project": "foo-bar", "tfdriver:composition": "account_a"}
TAG_LIST = [{"Key": k, "Value": v} for k, v in TAGS.items()]
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})
STATEMENT = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}
PERMISSIONS = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT]})
POLICY = "arn:aws:iam::111111111111:policy/team/p"


@pytest.fixture
def ask(tmp_path, monkeypatch) -> Iterator:
    """Calls account A of an AWS in memory."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A.id)
    (tmp_path / "credentials").write_text("[account_a]\naws_access_key_id = AKIAX\naws_secret_access_key = x\n")
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        aws = Aws()
        yield lambda service, use: aws.call(A, service, use)


def role(iam):
    iam.create_role(RoleName="r", AssumeRolePolicyDocument=PERMISSIONS, Tags=TAG_LIST)


def policy(iam):
    iam.create_policy(PolicyName="p", Path="/team/", PolicyDocument=PERMISSIONS, Tags=TAG_LIST)


def attached(iam):
    role(iam)
    policy(iam)
    iam.attach_role_policy(RoleName="r", PolicyArn=POLICY)


def inline(iam):
    role(iam)
    iam.put_role_policy(RoleName="r", PolicyName="p", PolicyDocument=PERMISSIONS)


def rule(events, bus="default"):
    if bus != "default":
        events.create_event_bus(Name=bus)
    events.put_rule(Name="e", EventBusName=bus, EventPattern='{"source": ["x"]}', Tags=TAG_LIST)


def target(events, bus="default"):
    rule(events, bus)
    lambdas = [{"Id": i, "Arn": f"arn:aws:lambda:us-west-2:111111111111:function:{i}"} for i in ("f", "g")]
    events.put_targets(Rule="e", EventBusName=bus, Targets=lambdas)


def table(dynamodb):
    key = {"AttributeName": "k", "KeyType": "HASH"}
    definition = {"AttributeName": "k", "AttributeType": "S"}
    dynamodb.create_table(
        TableName="t", KeySchema=[key], AttributeDefinitions=[definition], BillingMode="PAY_PER_REQUEST", Tags=TAG_LIST
    )


def log_group(logs):
    logs.create_log_group(logGroupName="/aws/lambda/f", tags=TAGS)


def topic(sns):
    sns.create_topic(Name="s", Tags=TAG_LIST)


def queue(sqs):
    sqs.create_queue(QueueName="q", tags=TAGS)


def instance_profile(iam):
    iam.create_instance_profile(InstanceProfileName="i", Path="/team/", Tags=TAG_LIST)


def identity_provider(iam):
    iam.create_open_id_connect_provider(Url=f"https://{PROVIDER}", ThumbprintList=["a" * 40], Tags=TAG_LIST)


def bucket(s3):
    s3.create_bucket(Bucket="acme", CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    s3.put_bucket_tagging(Bucket="acme", Tagging={"TagSet": TAG_LIST})


def alias(kms):
    tags = [{"TagKey": key, "TagValue": value} for key, value in TAGS.items()]
    key = kms.create_key(Tags=tags)["KeyMetadata"]["KeyId"]
    kms.create_alias(AliasName="alias/k", TargetKeyId=key)


def schedule_group(scheduler):
    scheduler.create_schedule_group(Name="g", Tags=TAG_LIST)


def schedule(scheduler):
    schedule_group(scheduler)
    queue_arn, role_arn = "arn:aws:sqs:us-west-2:111111111111:q", "arn:aws:iam::111111111111:role/r"
    scheduler.create_schedule(
        Name="n",
        GroupName="g",
        ScheduleExpression="rate(1 day)",
        FlexibleTimeWindow={"Mode": "OFF"},
        Target={"Arn": queue_arn, "RoleArn": role_arn},
    )


PROVIDER = "token.example.com/x"
PROVIDER_ARN = f"arn:aws:iam::111111111111:oidc-provider/{PROVIDER}"
CASES = [
    ("aws_iam_role", "iam", role, {"name": "r", "path": "/"}, "r"),
    ("aws_iam_policy", "iam", policy, {"name": "p", "path": "/team/"}, POLICY),
    ("aws_iam_role_policy_attachment", "iam", attached, {"role": "r", "policy_arn": POLICY}, f"r/{POLICY}"),
    ("aws_iam_role_policy", "iam", inline, {"role": "r", "name": "p"}, "r:p"),
    ("aws_cloudwatch_event_rule", "events", rule, {"name": "e", "event_bus_name": "default"}, "e"),
    (
        "aws_cloudwatch_event_target",
        "events",
        target,
        {"rule": "e", "arn": "arn:aws:lambda:us-west-2:111111111111:function:g"},
        "e/g",
    ),
    ("aws_cloudwatch_event_target", "events", target, {"rule": "e", "target_id": "f", "arn": "other"}, "e/f"),
    ("aws_dynamodb_table", "dynamodb", table, {"name": "t"}, "t"),
    ("aws_cloudwatch_log_group", "logs", log_group, {"name": "/aws/lambda/f"}, "/aws/lambda/f"),
    ("aws_sns_topic", "sns", topic, {"name": "s"}, "arn:aws:sns:us-west-2:111111111111:s"),
    ("aws_iam_instance_profile", "iam", instance_profile, {"name": "i"}, "i"),
    ("aws_iam_openid_connect_provider", "iam", identity_provider, {"url": f"https://{PROVIDER}"}, PROVIDER_ARN),
    ("aws_kms_alias", "kms", alias, {"name": "alias/k"}, "alias/k"),
    ("aws_s3_bucket", "s3", bucket, {"bucket": "acme"}, "acme"),
    ("aws_scheduler_schedule", "scheduler", schedule, {"name": "n", "group_name": "g"}, "g/n"),
    ("aws_scheduler_schedule_group", "scheduler", schedule_group, {"name": "g"}, "g"),
    ("aws_sqs_queue", "sqs", queue, {"name": "q"}, "https://sqs.us-west-2.amazonaws.com/111111111111/q"),
]


@pytest.mark.parametrize(
    ("kind", "service", "make", "planned", "import_id"), CASES, ids=lambda v: v if isinstance(v, str) else ""
)
def test_an_existing_resource_is_found_with_its_import_id_and_tags(ask, kind, service, make, planned, import_id):
    assert find(kind, planned, A, ask) is None
    ask(service, make)

    found = find(kind, planned, A, ask)

    assert isinstance(found, Found)
    assert (found.import_id, dict(found.tags)) == (import_id, TAGS)


def function(ask):
    ask("iam", role)
    ask(
        "lambda",
        lambda client: client.create_function(
            FunctionName="f",
            Runtime="python3.13",
            Role="arn:aws:iam::111111111111:role/r",
            Handler="h.h",
            Code={"ZipFile": b"x"},
            Tags=TAGS,
        ),
    )


def test_a_function_and_its_permission_are_found(ask):
    permission = {"function_name": "f", "statement_id": "s"}
    function(ask)
    found = find("aws_lambda_function", {"function_name": "f"}, A, ask)
    assert found == Found("f", "f", TAGS)
    assert find("aws_lambda_permission", permission, A, ask) is None
    granted = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "events.amazonaws.com"}
    ask("lambda", lambda client: client.add_permission(FunctionName="f", **granted))
    assert find("aws_lambda_permission", permission, A, ask) == Found("f/s", "f/s", TAGS)
    assert find("aws_lambda_permission", permission | {"statement_id": "other"}, A, ask) is None


def test_a_secret_is_found_by_its_name(ask):
    ask("secretsmanager", lambda client: client.create_secret(Name="prefix-s", SecretString="x"))
    assert find("aws_secretsmanager_secret", {"name": "prefix"}, A, ask) is None
    created = ask("secretsmanager", lambda client: client.create_secret(Name="s", SecretString="x", Tags=TAG_LIST))

    assert find("aws_secretsmanager_secret", {"name": "s"}, A, ask) == Found(created["ARN"], "s", TAGS)


def test_a_bucket_without_tags_and_one_of_another_account(ask):
    place = {"LocationConstraint": "us-west-2"}
    ask("s3", lambda s3: s3.create_bucket(Bucket="plain", CreateBucketConfiguration=place))
    assert find("aws_s3_bucket", {"bucket": "plain"}, A, ask) == Found("plain", "plain", {})

    def refuse(*_):
        raise AwsError("HeadBucket was refused: 403", aws_code="403")

    assert find("aws_s3_bucket", {"bucket": "theirs"}, A, refuse) is None


def test_resources_that_cannot_conflict_are_not_looked_for():
    assert find("aws_s3_bucket_versioning", {"bucket": "b"}, A, lambda *_: pytest.fail("called")) is None


def test_rules_and_targets_are_found_by_event_bus(ask):
    planned = {"name": "e", "event_bus_name": "b"}
    ask("events", lambda events: target(events, "b"))

    on_default_bus = find("aws_cloudwatch_event_rule", planned | {"event_bus_name": "default"}, A, ask)
    found_rule = find("aws_cloudwatch_event_rule", planned, A, ask)
    found_target = find("aws_cloudwatch_event_target", {"rule": "e", "event_bus_name": "b", "target_id": "f"}, A, ask)

    assert on_default_bus is None
    assert found_rule == Found("b/e", "e", TAGS)
    assert found_target == Found("b/e/f", "e/f", TAGS)


@pytest.mark.parametrize(
    ("kind", "planned"),
    [
        ("aws_iam_role", {}),
        ("aws_iam_role", {"name": None}),
        ("aws_iam_role_policy_attachment", {"role": "r"}),
        ("aws_cloudwatch_event_target", {"rule": "e"}),
    ],
)
def test_unknown_values_raise_an_error(ask, kind, planned):
    ask("iam", role)
    ask("events", target)

    with pytest.raises(UnknownValueError):
        find(kind, planned, A, ask)


def test_parts_of_a_missing_resource_are_missing_even_if_values_are_unknown(ask):
    assert find("aws_iam_role_policy_attachment", {"role": "r"}, A, ask) is None
    assert find("aws_cloudwatch_event_target", {"rule": "e"}, A, ask) is None
