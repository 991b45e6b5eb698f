"""The bucket of a state: what it lacks, and creating it.

Source: Amazon S3 user guide, "Security best practices for Amazon S3".
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tfdriver.aws.calls import AwsError, Calls
from tfdriver.errors import TfdriverError
from tfdriver.iam.policy_document import parse_policy
from tfdriver.spec.model import Account

CREATED = "created"
_PRIVATE = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)
_OWNER = {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
_ENCRYPTED = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
_INSECURE = {"Bool": {"aws:SecureTransport": "false"}}
_NEVER_SET = frozenset(
    """
    NoSuchPublicAccessBlockConfiguration OwnershipControlsNotFoundError NoSuchBucketPolicy
    ServerSideEncryptionConfigurationNotFoundError
    """.split()
)
_REASONS = {301: "it exists in another region", 403: "it belongs to another account, or you may not read it"}


@dataclass(frozen=True)
class Bucket:
    """A bucket. account: its owner, with the bucket's region."""

    name: str
    account: Account


@dataclass(frozen=True)
class _Setting:
    """A setting of a bucket. words: what it does; read: returns an answer of S3; holds: whether the answer has it.

    set: sets it; it gets the answer, None if it was never set.
    """

    words: str
    read: Callable[[Any, Bucket], Any]
    holds: Callable[[Mapping[str, Any]], bool]
    set: Callable[[Any, Bucket, Any], Any]


def missing(bucket: Bucket, aws: Calls) -> tuple[str, ...]:
    """Return what a bucket lacks, () if nothing. Changes nothing.

    Raises TfdriverError for a bucket of another account or in another region, and for settings that cannot be read.
    """
    if not _exists(bucket, aws):
        return (CREATED, *(setting.words for setting in _SETTINGS))
    return tuple(s.words for s in _SETTINGS if not s.holds(_read(s, bucket, aws) or {}))


def create(bucket: Bucket, lacking: Iterable[str], aws: Calls) -> None:
    """Create a bucket, or what it lacks. lacking: the result of `missing`. Raises AwsError."""
    if CREATED in lacking:
        aws.call(bucket.account, "s3", lambda s3: _create(s3, bucket))
    for setting in _SETTINGS:
        if setting.words in lacking:
            before = _read(setting, bucket, aws)
            aws.call(bucket.account, "s3", partial(_set, setting, bucket, before))


def _exists(bucket: Bucket, aws: Calls) -> bool:
    try:
        owner = bucket.account.id
        aws.call(bucket.account, "s3", lambda s3: s3.head_bucket(Bucket=bucket.name, ExpectedBucketOwner=owner))
    except AwsError as error:
        if error.answer.status == 404:
            return False
        if reason := _REASONS.get(error.answer.status):
            hint = "Bucket names are unique in all of AWS: set another `bucket:` or `region:` in `state:`"
            raise TfdriverError(reason, code="state_bucket", where=f"bucket {bucket.name}", hint=hint) from error
        raise
    return True


def _create(s3: Any, bucket: Bucket) -> None:
    region = bucket.account.region
    # S3 refuses this region as a location constraint (API reference, CreateBucket).
    place = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket.name, **place)


def _read(setting: _Setting, bucket: Bucket, aws: Calls) -> Any:
    try:
        return aws.call(bucket.account, "s3", lambda s3: setting.read(s3, bucket))
    except AwsError as error:
        if error.aws_code in _NEVER_SET:
            return None
        raise


def _set(setting: _Setting, bucket: Bucket, before: Any, s3: Any) -> None:
    setting.set(s3, bucket, before)


def _policy(answer: Mapping[str, Any]) -> dict[str, Any]:
    return dict(parse_policy(answer["Policy"])) if answer else {"Version": "2012-10-17", "Statement": []}


def _refuses_insecure(answer: Mapping[str, Any]) -> bool:
    statements = _policy(answer).get("Statement", [])
    found = statements if isinstance(statements, list) else [statements]
    return any((s.get("Effect"), s.get("Condition")) == ("Deny", _INSECURE) for s in found)


def _refuse_insecure(s3: Any, bucket: Bucket, answer: Any) -> None:
    policy, arn = _policy(answer), f"arn:{bucket.account.partition}:s3:::{bucket.name}"
    statements = policy["Statement"]
    deny = {
        "Sid": "RefuseWithoutTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": _INSECURE,
    }
    policy["Statement"] = [*(statements if isinstance(statements, list) else [statements]), deny]
    s3.put_bucket_policy(Bucket=bucket.name, Policy=json.dumps(policy))


# In the order in which they are set: public access is blocked first.
_SETTINGS = (
    _Setting(
        "public access blocked",
        lambda s3, bucket: s3.get_public_access_block(Bucket=bucket.name),
        lambda answer: answer.get("PublicAccessBlockConfiguration") == _PRIVATE,
        lambda s3, bucket, _: s3.put_public_access_block(Bucket=bucket.name, PublicAccessBlockConfiguration=_PRIVATE),
    ),
    _Setting(
        "owned by the account",
        lambda s3, bucket: s3.get_bucket_ownership_controls(Bucket=bucket.name),
        lambda answer: answer.get("OwnershipControls") == _OWNER,
        lambda s3, bucket, _: s3.put_bucket_ownership_controls(Bucket=bucket.name, OwnershipControls=_OWNER),
    ),
    _Setting(
        "versioned",
        lambda s3, bucket: s3.get_bucket_versioning(Bucket=bucket.name),
        lambda answer: answer.get("Status") == "Enabled",
        lambda s3, bucket, _: s3.put_bucket_versioning(
            Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"}
        ),
    ),
    _Setting(
        "encrypted",
        lambda s3, bucket: s3.get_bucket_encryption(Bucket=bucket.name),
        lambda answer: bool(answer.get("ServerSideEncryptionConfiguration")),
        lambda s3, bucket, _: s3.put_bucket_encryption(
            Bucket=bucket.name, ServerSideEncryptionConfiguration=_ENCRYPTED
        ),
    ),
    _Setting(
        "TLS only",
        lambda s3, bucket: s3.get_bucket_policy(Bucket=bucket.name),
        _refuses_insecure,
        _refuse_insecure,
    ),
)
