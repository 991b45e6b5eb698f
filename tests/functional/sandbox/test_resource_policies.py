"""Resource policies, and the account that owns a resource, decide calls as in AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from tests.functional.sandbox.world import TRUSTED, TRUSTING, Caller, World, allow, outcome, policy
from tfdriver.sandbox.start import start

NO_RESOURCE = "because no resource-based policy allows the"
DENIED = "with an explicit deny in a resource-based policy"
BOTH = {"AWS": [f"arn:aws:iam::{TRUSTED.id}:root"]}


def granting(action: str, principal: Any = BOTH, **more: Any) -> dict[str, Any]:
    return allow(action) | {"Principal": principal} | more


@dataclass(frozen=True)
class Resource:
    """A resource of the trusting account. use: calls it; protect: sets its policy; action: that the call requires."""

    action: str
    use: Callable[[Caller], str]
    protect: Callable[[str], Any]


def bucket(world: World) -> Resource:
    name, s3 = world.name("bucket"), world.trusting.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": TRUSTING.region})
    s3.put_object(Bucket=name, Key="a/b", Body=b"x")
    return Resource(
        "s3:GetObject",
        lambda caller: outcome(caller.client("s3").get_object, Bucket=name, Key="a/b"),
        lambda text: s3.put_bucket_policy(Bucket=name, Policy=text),
    )


def queue(world: World) -> Resource:
    sqs = world.trusting.client("sqs")
    url = sqs.create_queue(QueueName=world.name("queue"))["QueueUrl"]
    return Resource(
        "sqs:SendMessage",
        lambda caller: outcome(caller.client("sqs").send_message, QueueUrl=url, MessageBody="x"),
        lambda text: sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": text}),
    )


def topic(world: World) -> Resource:
    sns = world.trusting.client("sns")
    arn = sns.create_topic(Name=world.name("topic"))["TopicArn"]
    return Resource(
        "sns:Publish",
        lambda caller: outcome(caller.client("sns").publish, TopicArn=arn, Message="x"),
        lambda text: sns.set_topic_attributes(TopicArn=arn, AttributeName="Policy", AttributeValue=text),
    )


def key(world: World) -> Resource:
    kms = world.trusting.client("kms")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    own = granting("kms:*", {"AWS": TRUSTING.root_arn}, Sid="EnableIAM")
    return Resource(
        "kms:Encrypt",
        lambda caller: outcome(caller.client("kms").encrypt, KeyId=arn, Plaintext=b"x"),
        lambda text: kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=policy(own, *_statements(text))),
    )


def secret(world: World) -> Resource:
    client = world.trusting.client("secretsmanager")
    arn = client.create_secret(Name=world.name("secret"), SecretString="x")["ARN"]
    return Resource(
        "secretsmanager:GetSecretValue",
        lambda caller: outcome(caller.client("secretsmanager").get_secret_value, SecretId=arn),
        lambda text: client.put_resource_policy(SecretId=arn, ResourcePolicy=text),
    )


def table(world: World) -> Resource:
    dynamodb = world.trusting.client("dynamodb")
    arn = dynamodb.create_table(
        TableName=world.name("table"),
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )["TableDescription"]["TableArn"]
    return Resource(
        "dynamodb:PutItem",
        lambda caller: outcome(caller.client("dynamodb").put_item, TableName=arn, Item={"id": {"S": "1"}}),
        lambda text: dynamodb.put_resource_policy(ResourceArn=arn, Policy=text),
    )


def _statements(text: str) -> list[dict[str, Any]]:
    return list(json.loads(text)["Statement"])


@pytest.fixture(params=[bucket, queue, topic, key, secret, table], ids=lambda make: make.__name__)
def resource(world: World, request: pytest.FixtureRequest) -> Resource:
    return request.param(world)


@pytest.fixture(scope="module")
def one_bucket(world: World) -> Resource:
    return bucket(world)


@pytest.fixture
def other(world: World) -> Caller:
    """The admin of the other account, in the region of the resources."""
    return replace(world.trusted, region=TRUSTING.region)


def test_another_accounts_admin_needs_the_resources_policy(world: World, resource: Resource, other: Caller) -> None:
    assert resource.use(world.trusting) == "allowed"
    assert f"{NO_RESOURCE} {resource.action} action" in resource.use(other)

    resource.protect(policy(granting(resource.action)))

    assert resource.use(other) == "allowed"
    assert resource.use(world.trusting) == "allowed"
    without = replace(world.user(world.trusted), region=TRUSTING.region)
    assert f"because no identity-based policy allows the {resource.action} action" in resource.use(without)


def test_within_the_account_a_resource_policy_that_names_the_caller_is_enough(world: World, resource: Resource) -> None:
    user = world.user(world.trusting)
    resource.protect(policy(granting(resource.action, {"AWS": TRUSTING.root_arn})))
    assert "because no identity-based policy allows" in resource.use(user)

    resource.protect(policy(granting(resource.action, {"AWS": world.arn(user)})))

    assert resource.use(user) == "allowed"


@pytest.mark.parametrize(
    ("operator", "condition", "expected"),
    [
        ("Bool", {"aws:SecureTransport": "false"}, "allowed"),
        ("Bool", {"aws:SecureTransport": "true"}, DENIED),
        ("StringNotEquals", {"aws:PrincipalAccount": [TRUSTED.id, TRUSTING.id]}, "allowed"),
        ("StringNotEquals", {"aws:PrincipalAccount": TRUSTED.id}, DENIED),
        ("StringNotEquals", {"aws:ResourceAccount": TRUSTING.id}, "allowed"),
        ("StringNotEquals", {"aws:PrincipalOrgID": "o-abcdefghij"}, "allowed"),
        ("ArnNotLike", {"aws:PrincipalArn": f"arn:aws:iam::{TRUSTING.id}:user/*"}, "allowed"),
        ("ArnLike", {"aws:PrincipalArn": f"arn:aws:iam::{TRUSTING.id}:user/admin"}, DENIED),
        ("StringNotEquals", {"aws:SourceVpce": "vpce-1"}, DENIED),
    ],
)
def test_the_conditions_of_a_deny_are_evaluated(
    world: World, one_bucket: Resource, operator: str, condition: dict[str, Any], expected: str
) -> None:
    one_bucket.protect(policy(granting(one_bucket.action, "*", Effect="Deny", Condition={operator: condition})))

    assert expected in one_bucket.use(world.trusting)


def test_a_policy_that_names_a_missing_role_is_refused(world: World, resource: Resource) -> None:
    missing, elsewhere = (f"arn:aws:iam::{account}:role/not-there" for account in (TRUSTED.id, "999999999999"))
    role, _ = world.trusted_role()

    refused = outcome(resource.protect, policy(granting(resource.action, {"AWS": [role, missing]})))

    assert re.match("MalformedPolicy|InvalidAttributeValue|InvalidParameter|ValidationException", refused), refused
    allowed = policy(granting(resource.action, {"AWS": [role, elsewhere, TRUSTED.id]}))
    assert outcome(resource.protect, allowed) == "allowed"


def test_a_key_policy_without_the_account_disables_iam_policies(world: World) -> None:
    user = world.user(world.trusting)
    only_user = policy(granting("kms:*", {"AWS": world.arn(user)}))
    kms = world.trusting.client("kms")

    arn = kms.create_key(Policy=only_user)["KeyMetadata"]["Arn"]

    assert f"{NO_RESOURCE} kms:DescribeKey action" in outcome(kms.describe_key, KeyId=arn)
    assert outcome(user.client("kms").describe_key, KeyId=arn) == "allowed"


def test_an_alias_requires_its_key(world: World) -> None:
    kms, alias = world.trusting.client("kms"), f"alias/{world.name()}"
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    kms.create_alias(AliasName=alias, TargetKeyId=arn)
    user = world.user(world.trusting, allow("kms:DescribeKey", arn))

    assert outcome(user.client("kms").describe_key, KeyId=alias) == "allowed"
    assert "on resource: arn:aws:kms:us-west-2:" in outcome(user.client("kms").delete_alias, AliasName=alias)


def test_an_encrypted_bucket_requires_its_key(world: World, other: Caller) -> None:
    kms, s3, name = world.trusting.client("kms"), world.trusting.client("s3"), world.name("bucket")
    arn = kms.create_key()["KeyMetadata"]["Arn"]
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": TRUSTING.region})
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": arn}
    rules = [{"ApplyServerSideEncryptionByDefault": default}]
    s3.put_bucket_encryption(Bucket=name, ServerSideEncryptionConfiguration={"Rules": rules})
    s3.put_object(Bucket=name, Key="a", Body=b"x")
    s3.put_bucket_policy(Bucket=name, Policy=policy(granting("s3:GetObject")))
    reader = replace(world.user(world.trusted, allow("s3:GetObject")), region=TRUSTING.region)

    def read(caller: Caller) -> str:
        return outcome(caller.client("s3").get_object, Bucket=name, Key="a")

    assert f"{NO_RESOURCE} kms:Decrypt action" in read(other)
    own = granting("kms:*", {"AWS": TRUSTING.root_arn})
    through_s3 = {"StringEquals": {"kms:ViaService": f"s3.{TRUSTING.region}.amazonaws.com"}}
    shared = policy(own, granting("kms:Decrypt", Condition=through_s3))
    kms.put_key_policy(KeyId=arn, PolicyName="default", Policy=shared)
    assert read(other) == "allowed"
    assert "because no identity-based policy allows the kms:Decrypt action" in read(reader)
    assert NO_RESOURCE in outcome(other.client("kms").decrypt, KeyId=arn, CiphertextBlob=b"x" * 80)


def test_an_encrypted_queue_requires_its_key(world: World) -> None:
    sqs, arn = world.trusting.client("sqs"), world.trusting.client("kms").create_key()["KeyMetadata"]["Arn"]
    url = sqs.create_queue(QueueName=world.name("queue"), Attributes={"KmsMasterKeyId": arn})["QueueUrl"]
    sender = world.user(world.trusting, allow("sqs:SendMessage"))

    denied = outcome(sender.client("sqs").send_message, QueueUrl=url, MessageBody="x")

    assert "because no identity-based policy allows the kms:GenerateDataKey action" in denied


def test_a_prefix_is_a_condition_of_listing_a_bucket(world: World) -> None:
    name, s3 = world.name("bucket"), world.trusting.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": TRUSTING.region})
    listing = allow("s3:ListBucket", f"arn:aws:s3:::{name}", Condition={"StringLike": {"s3:prefix": "in/*"}})
    client = world.user(world.trusting, listing).client("s3")

    assert outcome(client.list_objects_v2, Bucket=name, Prefix="in/a") == "allowed"
    assert "AccessDenied" in outcome(client.list_objects_v2, Bucket=name, Prefix="out/")
    assert "AccessDenied" in outcome(client.list_objects_v2, Bucket=name)


def test_uploads_can_be_refused_by_their_headers(world: World) -> None:
    bucket_name, s3 = world.name("bucket"), world.trusting.client("s3")
    s3.create_bucket(Bucket=bucket_name, CreateBucketConfiguration={"LocationConstraint": TRUSTING.region})
    unencrypted = {"StringNotEquals": {"s3:x-amz-server-side-encryption": "aws:kms"}}
    s3.put_bucket_policy(
        Bucket=bucket_name, Policy=policy(granting("s3:PutObject", "*", Effect="Deny", Condition=unencrypted))
    )

    assert DENIED in outcome(s3.put_object, Bucket=bucket_name, Key="a", Body=b"x")
    encrypted = outcome(s3.put_object, Bucket=bucket_name, Key="a", Body=b"x", ServerSideEncryption="aws:kms")
    assert encrypted == "allowed"


def test_what_cannot_be_judged_is_reported_once() -> None:
    said: list[str] = []
    accounts = [replace(TRUSTING, id="717171717171"), replace(TRUSTED, id="818181818181")]
    with start(accounts, note=said.append) as sandbox:
        world = World(sandbox)
        tagged = {"StringEquals": {"aws:ResourceTag/team": "a"}}
        user = world.user(world.trusting, allow("sqs:ListQueues", Condition=tagged, Sid="ByTag"))
        for _ in range(2):
            assert "AccessDenied" in outcome(user.client("sqs").list_queues)
            world.role(
                world.trusting,
                {
                    "Effect": "Allow",
                    "Principal": {"AWS": "*"},
                    "Action": "sts:AssumeRole",
                    "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-1"}},
                },
            )
            arn = f"arn:aws:backup:us-west-2:{accounts[1].id}:backup-vault:v"
            outcome(world.trusting.client("backup").list_tags, ResourceArn=arn)

    assert said == [
        "the sandbox refuses calls because of a policy that it cannot evaluate: statement ByTag: "
        "StringEquals aws:ResourceTag/team",
        "a policy names an organization: the sandbox assumes that all of its accounts are members",
        "the sandbox has no resource policies of backup: it refuses calls of other accounts",
    ]
