"""The calls on resources, and what their errors prove."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tests.unit.builders import A
from tests.unit.verify.answers import error
from tfdriver.verify import resource_calls
from tfdriver.verify.outcome import OutcomeKind
from tfdriver.verify.resource_calls import ResourceCall, failed_call, iam_resource, make_call

ARNS = {
    "s3": "arn:aws:s3:::b/k/l",
    "sqs": "arn:aws:sqs:eu-west-1:111111111111:q",
    "sns": "arn:aws:sns:eu-west-1:111111111111:t",
    "secretsmanager": "arn:aws:secretsmanager:eu-west-1:111111111111:secret:a/b-AbCdEf",
    "kms": "arn:aws:kms:eu-west-1:111111111111:key/1234-abcd",
    "ecr": "arn:aws:ecr:eu-west-1:111111111111:repository/a/b",
    "dynamodb": "arn:aws:dynamodb:eu-west-1:111111111111:table/T",
}


def call(action: str, arn: str = "", allowed: bool = True) -> ResourceCall:
    arn = arn or ARNS[action.partition(":")[0]]
    if action == "s3:GetBucketLocation":
        arn = "arn:aws:s3:::b"
    return ResourceCall(action, arn, allowed, "us-west-2", action, "K")


class Recording:
    """Records the account and the client's method and arguments. reply: of every method."""

    def __init__(self, reply: Any = None) -> None:
        self.made: list[tuple[str, str, str, dict[str, Any]]] = []
        self._reply = reply or {}

    def call(self, account, service, ask):
        return ask(_Client(self, account.region, service, self._reply))


class _Client:
    meta = SimpleNamespace(endpoint_url="https://sqs.example")

    def __init__(self, recording, region, service, reply) -> None:
        self._into = recording.made
        self._place = region, service
        self._reply = reply

    def __getattr__(self, method):
        def made(**arguments):
            self._into.append((*self._place, method, arguments))
            return {"ResponseMetadata": {"RequestId": "r-1"}} | self._reply

        return made


@pytest.mark.parametrize("action", resource_calls._OPERATIONS)
def test_botocore_accepts_every_call(action):
    recording = Recording()
    assert resource_calls.problem(action, call(action).arn, "K") == ""
    assert make_call(recording, A, call(action)) == "r-1"

    ((region, service, method, arguments),) = recording.made
    client = boto3.Session("a", "b", region_name=region).client(service)
    with Stubber(client) as stub:
        stub.add_client_error(method, "Stop")
        with pytest.raises(client.exceptions.ClientError, match="Stop"):
            getattr(client, method)(**arguments)  # else botocore's ParamValidationError


@pytest.mark.parametrize(
    ("action", "arn", "expected"),
    [
        ("s3:GetObject", "arn:aws:s3:::b/k/l", ("us-west-2", "get_object", {"Bucket": "b", "Key": "k/l"})),
        ("s3:ListBucket", "arn:aws:s3:::b", ("us-west-2", "list_objects_v2", {"Bucket": "b", "MaxKeys": 1})),
        (
            "s3:ListBucket",
            "arn:aws:s3:::b/p/",
            ("us-west-2", "list_objects_v2", {"Bucket": "b", "Prefix": "p/", "MaxKeys": 1}),
        ),
        (
            "sqs:ListQueueTags",
            "",
            ("eu-west-1", "list_queue_tags", {"QueueUrl": "https://sqs.example/111111111111/q"}),
        ),
        ("kms:DescribeKey", "", ("eu-west-1", "describe_key", {"KeyId": ARNS["kms"]})),
    ],
)
def test_the_arn_gives_the_region_and_the_arguments(action, arn, expected):
    recording = Recording()
    make_call(recording, A, call(action, arn))
    ((region, _, method, arguments),) = recording.made
    assert (region, method, arguments) == expected


def test_writes_carry_a_condition_that_cannot_be_true():
    for action in ("dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"):
        recording = Recording()
        make_call(recording, A, call(action))
        arguments = recording.made[0][3]
        assert arguments["ConditionExpression"] == "attribute_exists(#k)"
        assert arguments["ExpressionAttributeNames"] == {"#k": "K"}


def test_an_object_is_not_read():
    body = io.BytesIO(b"content")
    make_call(Recording({"Body": body}), A, call("s3:GetObject"))
    assert body.closed


NAMED = "User: x is not authorized to perform: {} on resource: y because no identity-based policy allows"


@pytest.mark.parametrize(
    ("action", "expect", "code", "message", "kind"),
    [
        ("s3:GetObject", "allowed", "AccessDenied", NAMED.format("s3:GetObject"), OutcomeKind.DENIED),
        ("s3:GetObject", "allowed", "AccessDenied", "Access Denied", OutcomeKind.DENIED),
        ("s3:GetObject", "allowed", "AccessDenied", NAMED.format("kms:Decrypt"), OutcomeKind.DENIED),
        ("s3:GetObject", "allowed", "AccessDenied", NAMED.format("s3:ListBucket"), OutcomeKind.UNTRIED),
        ("s3:GetObject", "allowed", "NoSuchKey", "The specified key does not exist.", OutcomeKind.UNTRIED),
        ("s3:GetObject", "allowed", "NoSuchBucket", "no", OutcomeKind.BROKEN),
        ("s3:GetObject", "refused", "AccessDenied", NAMED.format("s3:GetObject"), OutcomeKind.DENIED),
        ("s3:GetObject", "refused", "AccessDenied", "Access Denied", OutcomeKind.UNTRIED),
        ("s3:GetObject", "refused", "AccessDenied", NAMED.format("s3:ListBucket"), OutcomeKind.UNTRIED),
        ("s3:GetObject", "refused", "AccessDenied", NAMED.format("kms:Decrypt"), OutcomeKind.BROKEN),
        ("s3:GetObject", "refused", "NoSuchKey", "The specified key does not exist.", OutcomeKind.UNTRIED),
        ("s3:ListBucket", "refused", "AccessDenied", "Access Denied", OutcomeKind.DENIED),
        (
            "sqs:GetQueueAttributes",
            "refused",
            "AccessDenied",
            NAMED.format("sqs:getqueueattributes"),
            OutcomeKind.DENIED,
        ),
        (
            "sns:GetTopicAttributes",
            "refused",
            "AuthorizationError",
            NAMED.format("SNS:GetTopicAttributes"),
            OutcomeKind.DENIED,
        ),
        ("sqs:GetQueueAttributes", "allowed", "AWS.SimpleQueueService.NonExistentQueue", "no", OutcomeKind.BROKEN),
        ("kms:Encrypt", "allowed", "DryRunOperationException", "would have succeeded", OutcomeKind.ALLOWED),
        (
            "secretsmanager:GetSecretValue",
            "allowed",
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret value for VersionId: 00000000",
            OutcomeKind.ALLOWED,
        ),
        (
            "secretsmanager:GetSecretValue",
            "allowed",
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
            OutcomeKind.BROKEN,
        ),
        ("dynamodb:PutItem", "refused", "ConditionalCheckFailedException", "no", OutcomeKind.ALLOWED),
        ("kms:DescribeKey", "refused", "ThrottlingException", "slow", OutcomeKind.UNKNOWN),
    ],
)
def test_an_error_counts_only_if_it_proves_something_about_the_action(action, expect, code, message, kind):
    found = failed_call(call(action, allowed=expect == "allowed"), error(code, message), exists=False)
    assert found.kind is kind
    assert message in found.message


def test_a_refusal_that_names_no_action_counts_if_the_object_exists():
    refused = error("AccessDenied", "Access Denied", 403)
    found = failed_call(call("s3:GetObject", allowed=False), refused, exists=True)
    assert found.kind is OutcomeKind.DENIED


def test_policies_name_the_bucket_for_a_prefix():
    assert iam_resource(call("s3:ListBucket", "arn:aws:s3:::b/p/q/")) == (
        "arn:aws:s3:::b",
        {"s3:prefix": "p/q/", "s3:max-keys": "1"},
    )
    assert iam_resource(call("s3:GetObject"))[0] == "arn:aws:s3:::b/k/l"
