"""verify makes a probe's calls through a trusted role that the operator may assume.

Runs against the sandbox, which enforces the policies for each of these calls.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.functional.verify.scene import LAMBDA_TRUST, TABLE_ARN, Setup, failed, setup, verdicts
from tests.unit.builders import BAR, A, B
from tfdriver.aws.client import Aws
from tfdriver.deploy.verify_result import CheckStatus
from tfdriver.iam import trust

pytestmark = pytest.mark.integration  # runs in real time, too long for `make check`

ADMIN = "arn:aws:iam::222222222222:user/admin"
OPERATOR = "arn:aws:iam::222222222222:role/ops/operator"


def call(action: str, arn: str, expect: str = "allowed", **more: str) -> dict[str, str]:
    return {"action": action, "arn": arn, "expect": expect} | more


def trusting(*principals: str) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": list(principals)}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [*LAMBDA_TRUST["Statement"], statement]}


def set_probe(made: Setup, key: str, probe: dict[str, Any]) -> None:
    made.states = made.states | {key: made.states[key] | {"outputs": {"probes": {"value": {key: probe}}}}}


def probe_calls(made: Setup, *calls: dict[str, str]) -> None:
    set_probe(made, "foo_bar", {"type": "calls", "region": A.region, "calls": list(calls)})


def trust_in_b(made: Setup, *principals: str) -> None:
    """Let the trusted role trust principals of its account."""
    made.client("iam", "account_b").update_assume_role_policy(
        RoleName="bar", PolicyDocument=json.dumps(trusting(*principals))
    )


@pytest.fixture(scope="module")
def running() -> Iterator[Setup]:
    with pytest.MonkeyPatch.context() as monkeypatch, setup(monkeypatch) as made:
        trust_in_b(made, ADMIN)
        set_probe(made, "bar", {"type": "role", "probe_by": ADMIN})
        yield made


@pytest.fixture(scope="module")
def arns(running: Setup) -> dict[str, str]:
    """Make one resource of each service; return their ARNs."""
    s3 = running.client("s3", "account_a")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": A.region})
    s3.put_object(Bucket="bucket", Key="in/key", Body=b"content")
    s3.put_object(Bucket="bucket", Key="other/key", Body=b"content")
    sqs = running.client("sqs", "account_a")
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    return {
        "sqs": sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"],
        "sns": running.client("sns", "account_a").create_topic(Name="t")["TopicArn"],
        "secretsmanager": running.client("secretsmanager", "account_a").create_secret(Name="s", SecretString="x")[
            "ARN"
        ],
        "kms": running.client("kms", "account_a").create_key()["KeyMetadata"]["Arn"],
        "ecr": running.client("ecr", "account_a").create_repository(repositoryName="r/s")["repository"][
            "repositoryArn"
        ],
    }


def test_every_call_is_allowed_by_its_action_alone_and_refused_without_it(running: Setup, arns: dict[str, str]):
    key = {"hash_key": "MyPrimaryKey"}
    calls = [
        call("s3:GetObject", "arn:aws:s3:::bucket/in/key"),
        call("s3:ListBucket", "arn:aws:s3:::bucket/in/"),
        call("s3:GetBucketLocation", "arn:aws:s3:::bucket"),
        call("sqs:GetQueueAttributes", arns["sqs"]),
        call("sqs:ListQueueTags", arns["sqs"]),
        call("sns:GetTopicAttributes", arns["sns"]),
        call("secretsmanager:DescribeSecret", arns["secretsmanager"]),
        call("secretsmanager:GetSecretValue", arns["secretsmanager"]),
        call("kms:DescribeKey", arns["kms"]),
        call("kms:Encrypt", arns["kms"]),
        call("kms:GenerateDataKey", arns["kms"]),
        call("ecr:DescribeRepositories", arns["ecr"]),
        call("ecr:BatchGetImage", arns["ecr"]),
        call("dynamodb:DescribeTable", TABLE_ARN),
        call("dynamodb:Scan", TABLE_ARN),
        *(
            call(f"dynamodb:{name}", TABLE_ARN, **key)
            for name in ("GetItem", "Query", "PutItem", "UpdateItem", "DeleteItem")
        ),
    ]
    probe_calls(running, *calls)
    bucket = {"s3:ListBucket": "arn:aws:s3:::bucket"}
    statements = [
        {"Effect": "Allow", "Action": c["action"], "Resource": bucket.get(c["action"], c["arn"])} for c in calls
    ]
    running.permit(running.foo, {"Version": "2012-10-17", "Statement": statements})

    checks, _ = running.verify()

    assert failed(checks) == {}
    assert {c.name: c.happened for c in checks if c.verdict is not CheckStatus.PASSED} == {
        "not-granted": "the probe of module m has no call that must be refused"
    }
    found = verdicts(checks)
    assert len([name for name in found if name.startswith("granted ")]) == len(calls)
    assert len([name for name in found if name.startswith("direct ")]) == len(calls)

    running.permit(running.foo, {"Version": "2012-10-17", "Statement": statements[:1]})
    refused = [c | {"expect": "refused"} for c in calls[1:]]
    probe_calls(running, calls[0], *refused)

    checks, _ = running.verify()

    assert {c.name: c.happened for c in checks if c.verdict is not CheckStatus.PASSED} == {}
    assert running.items() == 0


def allow_all(*actions: str) -> dict[str, Any]:
    statement = {
        "Effect": "Allow",
        "Action": list(actions),
        "Resource": ["arn:aws:s3:::bucket", "arn:aws:s3:::bucket/*"],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def not_passed(running: Setup) -> dict[str, tuple[CheckStatus, str]]:
    checks, _ = running.verify(limit=3)
    return {c.name: (c.verdict, c.happened) for c in checks if c.verdict is not CheckStatus.PASSED}


KEY, OTHER = "arn:aws:s3:::bucket/in/key", "arn:aws:s3:::bucket/none"


def test_a_wrong_policy_fails_with_the_call(running: Setup, arns: dict[str, str]):
    probe_calls(running, call("s3:GetObject", KEY), call("s3:ListBucket", "arn:aws:s3:::bucket", "refused"))
    running.permit(running.foo, allow_all("s3:GetObject", "s3:ListBucket"))
    s3 = running.client("s3", "account_a")

    found = not_passed(running)
    assert found == {"not-granted s3:ListBucket arn:aws:s3:::bucket": (CheckStatus.FAILED, "allowed")}

    deny = {"Effect": "Deny", "Principal": {"AWS": running.foo.arn}, "Action": "s3:GetObject", "Resource": KEY}
    s3.put_bucket_policy(Bucket="bucket", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    running.permit(running.foo, allow_all("s3:GetObject"))
    try:
        found = not_passed(running)
    finally:
        s3.delete_bucket_policy(Bucket="bucket")
    verdict, happened = found[f"granted s3:GetObject {KEY}"]
    assert verdict is CheckStatus.FAILED
    assert "s3:GetObject on resource: arn:aws:s3:::bucket/in/key with an explicit deny in a resource" in happened


@pytest.mark.parametrize("actions", [("s3:GetObject",), ("s3:GetObject", "s3:ListBucket")])
def test_a_key_that_does_not_exist_proves_nothing(running: Setup, arns: dict[str, str], actions: tuple[str, ...]):
    probe_calls(running, call("s3:GetObject", OTHER), call("sqs:ListQueueTags", arns["sqs"], "refused"))
    running.permit(running.foo, allow_all(*actions))

    verdict, happened = not_passed(running)[f"granted s3:GetObject {OTHER}"]

    assert verdict is CheckStatus.NOT_PROBED
    assert happened.startswith("bucket/none does not exist, so the answer proves nothing about s3:GetObject")


def test_an_operators_role_assumes_the_trusted_role(running: Setup, arns: dict[str, str]):
    iam = running.client("iam", "account_b")
    iam.create_role(RoleName="operator", Path="/ops/", AssumeRolePolicyDocument=json.dumps(trusting(ADMIN)))
    set_probe(running, "bar", {"type": "role", "probe_by": OPERATOR})
    probe_calls(running, call("s3:ListBucket", "arn:aws:s3:::bucket"), call("s3:GetObject", KEY, "refused"))
    running.permit(running.foo, allow_all("s3:ListBucket"))
    try:
        refused = not_passed(running)
        trust_in_b(running, OPERATOR)
        found = not_passed(running)
    finally:
        trust_in_b(running, ADMIN)
        set_probe(running, "bar", {"type": "role", "probe_by": ADMIN})

    assert found == {}
    verdict, happened = refused["assume"]
    assert verdict is CheckStatus.INCONCLUSIVE
    assert happened.startswith(f"{OPERATOR} could not assume role bar in account_b: AccessDenied")


def test_a_trust_policy_without_the_external_id_fails(running: Setup, arns: dict[str, str]):
    probe_calls(running, call("s3:ListBucket", "arn:aws:s3:::bucket"), call("s3:GetObject", KEY, "refused"))
    running.permit(running.foo, allow_all("s3:ListBucket"))
    running.set_trust(trust.document(trust.exact([BAR], None)))
    try:
        found = not_passed(running)
    finally:
        running.tighten()

    assert found["assume-without-external-id"] == (CheckStatus.FAILED, "allowed")
    assert found["assume-with-wrong-external-id"] == (CheckStatus.FAILED, "allowed")


def test_calls_that_a_function_cannot_make_are_evaluated_by_policy(running: Setup, arns: dict[str, str]):
    set_probe(running, "bar", {"type": "lambda", "function_name": "bar", "region": A.region, "attempts": True})
    probe_calls(running, call("s3:ListBucket", "arn:aws:s3:::bucket"), call("s3:GetObject", KEY))
    running.permit(running.foo, allow_all("s3:ListBucket"))
    try:
        found = not_passed(running)
    finally:
        set_probe(running, "bar", {"type": "role", "probe_by": ADMIN})

    assert found == {
        "calls": (CheckStatus.NOT_PROBED, "a function makes only the calls of a table"),
        "granted s3:ListBucket arn:aws:s3:::bucket": (CheckStatus.BY_POLICY, "the policies of the roles allow it"),
        f"granted s3:GetObject {KEY}": (
            CheckStatus.BY_POLICY,
            "the policies of the roles refuse it, because no identity-based policy allows the s3:GetObject action",
        ),
    }


def test_the_keys_of_assumed_roles_are_hidden(running: Setup):
    aws = Aws()
    session = aws.assume_role(B, BAR.arn)
    keys = session.call(B, "sts", lambda sts: sts._request_signer._credentials.get_frozen_credentials())

    assert aws.hide(f"{keys.secret_key} {keys.token}").count(keys.secret_key) == 0
    assert keys.token not in aws.hide(f"token {keys.token}")
    assert keys.secret_key not in repr(session)
    assert session.request_id
