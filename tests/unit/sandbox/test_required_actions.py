from __future__ import annotations

from typing import Any

import pytest

from tfdriver.sandbox.parse import Call, Protocol
from tfdriver.sandbox.required_actions import CallLocation, RequiredAction, required_actions

PLACE = CallLocation("aws", "us-west-2", "111111111111")
ROLE = "arn:aws:iam::111111111111:role/team/foo"
IAM = "arn:aws:iam::111111111111:"
LAMBDA = "arn:aws:lambda:us-west-2:111111111111:function:"
TABLE = "arn:aws:dynamodb:us-west-2:111111111111:table/"
RULE = "arn:aws:events:us-west-2:111111111111:rule/"
SNS = "arn:aws:sns:us-west-2:111111111111:"
SQS = "arn:aws:sqs:us-west-2:111111111111:"
KMS = "arn:aws:kms:us-west-2:111111111111:"
SECRET = "arn:aws:secretsmanager:us-west-2:111111111111:secret:"
SCHEDULE = "arn:aws:scheduler:us-west-2:111111111111:schedule"
EXISTING = {
    ("role", "foo"): ROLE,
    ("key", "alias/k"): f"{KMS}key/1",
    ("key", "1"): f"{KMS}key/1",
    ("secret", "s"): f"{SECRET}s-AbCdEf",
    ("instance-profile", "p"): f"{IAM}instance-profile/team/p",
}
LOGS = "arn:aws:logs:us-west-2:111111111111:log-group:"


def needed(operation: str, **parameters: Any) -> list[tuple[str, str]]:
    service, _, name = operation.partition(":")
    call = Call(service, name, Protocol.QUERY, PLACE.region, {k.replace("__", "."): v for k, v in parameters.items()})
    found = required_actions(call, PLACE, lambda kind, name: EXISTING.get((kind, name)))
    return [(need.action, need.resource) for need in found]


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        ("sts:GetCallerIdentity", {}, []),
        ("sts:AssumeRole", {"RoleArn": ROLE}, [("sts:AssumeRole", ROLE)]),
        ("iam:GetRole", {"RoleName": "foo"}, [("iam:GetRole", ROLE)]),
        ("iam:CreateRole", {"RoleName": "new", "Path": "/x/"}, [("iam:CreateRole", f"{IAM}role/x/new")]),
        (
            "iam:CreateRole",
            {"RoleName": "new", "Tags__member__1__Key": "a"},
            [("iam:CreateRole", f"{IAM}role/new"), ("iam:TagRole", f"{IAM}role/new")],
        ),
        ("iam:AttachRolePolicy", {"RoleName": "foo", "PolicyArn": "p"}, [("iam:AttachRolePolicy", ROLE)]),
        ("iam:GetPolicy", {"PolicyArn": f"{IAM}policy/p"}, [("iam:GetPolicy", f"{IAM}policy/p")]),
        ("iam:CreatePolicy", {"PolicyName": "p"}, [("iam:CreatePolicy", f"{IAM}policy/p")]),
        ("iam:ListRoles", {}, [("iam:ListRoles", "*")]),
        ("lambda:Invoke", {"FunctionName": "bar"}, [("lambda:InvokeFunction", f"{LAMBDA}bar")]),
        ("lambda:GetFunction", {"FunctionName": f"{LAMBDA}bar"}, [("lambda:GetFunction", f"{LAMBDA}bar")]),
        ("lambda:GetPolicy", {"FunctionName": "111111111111:function:bar"}, [("lambda:GetPolicy", f"{LAMBDA}bar")]),
        (
            "lambda:CreateFunction",
            {"FunctionName": "bar", "Role": ROLE, "Tags": {"a": "b"}},
            [("lambda:CreateFunction", f"{LAMBDA}bar"), ("iam:PassRole", ROLE), ("lambda:TagResource", f"{LAMBDA}bar")],
        ),
        ("lambda:ListFunctions", {}, [("lambda:ListFunctions", "*")]),
        ("dynamodb:PutItem", {"TableName": "T"}, [("dynamodb:PutItem", f"{TABLE}T")]),
        ("dynamodb:Query", {"TableName": "T", "IndexName": "I"}, [("dynamodb:Query", f"{TABLE}T/index/I")]),
        ("dynamodb:PutItem", {"TableName": f"{TABLE}T"}, [("dynamodb:PutItem", f"{TABLE}T")]),
        ("dynamodb:ListTagsOfResource", {"ResourceArn": f"{TABLE}T"}, [("dynamodb:ListTagsOfResource", f"{TABLE}T")]),
        (
            "dynamodb:BatchWriteItem",
            {"RequestItems": {"T": [], "U": []}},
            [("dynamodb:BatchWriteItem", f"{TABLE}T"), ("dynamodb:BatchWriteItem", f"{TABLE}U")],
        ),
        (
            "dynamodb:TransactWriteItems",
            {"TransactItems": [{"Put": {"TableName": "T"}}, {"ConditionCheck": {"TableName": "U"}}]},
            [("dynamodb:PutItem", f"{TABLE}T"), ("dynamodb:ConditionCheckItem", f"{TABLE}U")],
        ),
        ("dynamodb:TransactWriteItems", {"TransactItems": []}, [("dynamodb:TransactWriteItems", "*")]),
        ("events:PutRule", {"Name": "r"}, [("events:PutRule", f"{RULE}r")]),
        ("events:DescribeRule", {"Name": "r", "EventBusName": "bus"}, [("events:DescribeRule", f"{RULE}bus/r")]),
        (
            "events:PutTargets",
            {"Rule": "r", "Targets": [{"Id": "1", "Arn": "x", "RoleArn": ROLE}]},
            [("events:PutTargets", f"{RULE}r"), ("iam:PassRole", ROLE)],
        ),
        ("logs:CreateLogGroup", {"logGroupName": "g"}, [("logs:CreateLogGroup", f"{LOGS}g:log-stream:")]),
        (
            "logs:PutLogEvents",
            {"logGroupName": "g", "logStreamName": "s"},
            [("logs:PutLogEvents", f"{LOGS}g:log-stream:s")],
        ),
        ("logs:ListTagsForResource", {"resourceArn": f"{LOGS}g"}, [("logs:ListTagsForResource", f"{LOGS}g")]),
        ("logs:DescribeLogGroups", {"logGroupNamePrefix": "g"}, [("logs:DescribeLogGroups", f"{LOGS}:log-stream:")]),
        ("s3:HeadObject", {"Bucket": "b", "Key": "a/b"}, [("s3:GetObject", "arn:aws:s3:::b/a/b")]),
        ("s3:ListObjectsV2", {"Bucket": "b"}, [("s3:ListBucket", "arn:aws:s3:::b")]),
        ("s3:DeleteObjects", {"Bucket": "b"}, [("s3:DeleteObject", "arn:aws:s3:::b/*")]),
        (
            "s3:GetObject",
            {"Bucket": "b", "Key": "k", "versionId": "1"},
            [("s3:GetObjectVersion", "arn:aws:s3:::b/k")],
        ),
        ("s3:DeleteBucketCors", {"Bucket": "b"}, [("s3:PutBucketCORS", "arn:aws:s3:::b")]),
        (
            "s3:CopyObject",
            {"Bucket": "b", "Key": "k", "x-amz-copy-source": "/a/x%20y?versionId=1"},
            [("s3:PutObject", "arn:aws:s3:::b/k"), ("s3:GetObject", "arn:aws:s3:::a/x y")],
        ),
        ("kms:Decrypt", {"KeyId": "alias/k"}, [("kms:Decrypt", f"{KMS}key/1")]),
        ("kms:DescribeKey", {"KeyId": "arn:other"}, [("kms:DescribeKey", "arn:other")]),
        ("kms:CreateKey", {"Tags": [{}]}, [("kms:CreateKey", "*"), ("kms:TagResource", f"{KMS}key/new")]),
        (
            "kms:CreateAlias",
            {"AliasName": "alias/new", "TargetKeyId": "1"},
            [("kms:CreateAlias", f"{KMS}alias/new"), ("kms:CreateAlias", f"{KMS}key/1")],
        ),
        (
            "kms:DeleteAlias",
            {"AliasName": "alias/k"},
            [("kms:DeleteAlias", f"{KMS}alias/k"), ("kms:DeleteAlias", f"{KMS}key/1")],
        ),
        ("secretsmanager:GetSecretValue", {"SecretId": "s"}, [("secretsmanager:GetSecretValue", f"{SECRET}s-AbCdEf")]),
        (
            "secretsmanager:CreateSecret",
            {"Name": "n", "KmsKeyId": "1"},
            [
                ("secretsmanager:CreateSecret", f"{SECRET}n-??????"),
                ("kms:GenerateDataKey", f"{KMS}key/1"),
                ("kms:Decrypt", f"{KMS}key/1"),
            ],
        ),
        ("ecr:GetAuthorizationToken", {}, [("ecr:GetAuthorizationToken", "*")]),
        (
            "ecr:DescribeRepositories",
            {"repositoryNames": ["r", "s/t"]},
            [
                ("ecr:DescribeRepositories", "arn:aws:ecr:us-west-2:111111111111:repository/r"),
                ("ecr:DescribeRepositories", "arn:aws:ecr:us-west-2:111111111111:repository/s/t"),
            ],
        ),
        (
            "ecr:BatchGetImage",
            {"repositoryName": "r", "registryId": "222222222222"},
            [("ecr:BatchGetImage", "arn:aws:ecr:us-west-2:222222222222:repository/r")],
        ),
        (
            "scheduler:CreateSchedule",
            {"Name": "n", "Target": {"RoleArn": ROLE}},
            [("scheduler:CreateSchedule", f"{SCHEDULE}/default/n"), ("iam:PassRole", ROLE)],
        ),
        ("scheduler:GetSchedule", {"Name": "n", "groupName": "g"}, [("scheduler:GetSchedule", f"{SCHEDULE}/g/n")]),
        ("scheduler:GetScheduleGroup", {"Name": "g"}, [("scheduler:GetScheduleGroup", f"{SCHEDULE}-group/g")]),
        (
            "iam:AddRoleToInstanceProfile",
            {"InstanceProfileName": "p", "RoleName": "foo"},
            [("iam:AddRoleToInstanceProfile", f"{IAM}instance-profile/team/p"), ("iam:PassRole", ROLE)],
        ),
        (
            "iam:CreateOpenIDConnectProvider",
            {"Url": "https://token.example.com/x"},
            [("iam:CreateOpenIDConnectProvider", f"{IAM}oidc-provider/token.example.com/x")],
        ),
        ("sns:Publish", {"TopicArn": "t"}, [("sns:Publish", "t")]),
        (
            "sns:CreateTopic",
            {"Name": "t", "Tags__member__1__Key": "a"},
            [("sns:CreateTopic", f"{SNS}t"), ("sns:TagResource", f"{SNS}t")],
        ),
        ("sns:TagResource", {"ResourceArn": f"{SNS}t"}, [("sns:TagResource", f"{SNS}t")]),
        (
            "sqs:CreateQueue",
            {"QueueName": "q", "tags": {"a": "b"}},
            [("sqs:CreateQueue", f"{SQS}q"), ("sqs:TagQueue", f"{SQS}q")],
        ),
        ("sqs:DeleteQueue", {"QueueUrl": "http://127.0.0.1:1/111111111111/q"}, [("sqs:DeleteQueue", f"{SQS}q")]),
        (
            "sqs:SendMessage",
            {"QueueUrl": "http://127.0.0.1:1/222222222222/q"},
            [("sqs:SendMessage", "arn:aws:sqs:us-west-2:222222222222:q")],
        ),
        ("sqs:ListQueues", {}, [("sqs:ListQueues", "*")]),
        ("ec2:RunInstances", {"ImageId": "x"}, [("ec2:RunInstances", "*")]),
    ],
)
def test_required_actions(operation: str, parameters: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    assert needed(operation, **parameters) == expected


def test_pass_role_has_the_service_as_a_condition_key() -> None:
    call = Call("lambda", "CreateFunction", Protocol.REST_JSON, parameters={"FunctionName": "bar", "Role": ROLE})

    pass_role = required_actions(call, PLACE, lambda *_: None)[1]

    assert pass_role == RequiredAction("iam:PassRole", ROLE, {"iam:passedtoservice": "lambda.amazonaws.com"})
