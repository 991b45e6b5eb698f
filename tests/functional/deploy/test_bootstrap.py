"""`bootstrap` in the sandbox: buckets of states, their protection, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from tests.functional.accounts import Accounts
from tfdriver.aws.client import new_session
from tfdriver.deploy.bootstrap import BucketResult, bootstrap
from tfdriver.errors import TfdriverError

ALL = ("public access blocked", "owned by the account", "versioned", "encrypted", "TLS only")


def run(accounts: Accounts, state: str = 'backend: s3, bucket: "acme-{account_id}"') -> list[tuple[str, ...]]:
    """Run `bootstrap` with this `state:`; return what each bucket lacked."""
    spec = accounts.options.project / "tfdriver.yaml"
    text = spec.read_text().partition("state:")[0]
    spec.write_text(f"{text}state: {{{state}}}\n")
    return [bucket.lacking for bucket in bootstrap(accounts.options, accounts.tools(), lambda _: None).buckets]


def s3(account: str, **options: str):
    return new_session(account).client("s3", **options)


def test_each_account_gets_a_protected_bucket_once(accounts: Accounts):
    assert run(accounts) == [("created", *ALL)] * 2
    assert run(accounts) == [()] * 2

    client = s3("account_b")
    assert client.get_bucket_location(Bucket="acme-222222222222")["LocationConstraint"] == "us-west-2"
    assert client.get_bucket_versioning(Bucket="acme-222222222222")["Status"] == "Enabled"
    blocked = client.get_public_access_block(Bucket="acme-222222222222")["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    (statement,) = json.loads(client.get_bucket_policy(Bucket="acme-222222222222")["Policy"])["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")


def test_an_existing_bucket_gets_what_it_lacks_and_keeps_the_rest(accounts: Accounts):
    client, bucket = s3("account_a"), "acme-111111111111"
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "us-west-2"})
    own = {
        "Sid": "Own",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:DeleteBucket",
        "Resource": f"arn:aws:s3:::{bucket}",
    }
    client.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": own}))
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})

    lacking, _ = run(accounts)

    assert "versioned" not in lacking
    assert {"public access blocked", "TLS only"} <= set(lacking)
    statements = json.loads(client.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]
    assert (statements[0], len(statements)) == (own, 2)


def test_accounts_may_share_the_bucket_of_one_account(accounts: Accounts):
    shared = "backend: s3, bucket: acme-all, profile: account_b, region: us-east-1"

    assert run(accounts, shared) == [("created", *ALL)]
    assert s3("account_b").get_bucket_location(Bucket="acme-all")["LocationConstraint"] is None


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ("backend: local", "the states are not in S3"),
        ("backend: s3", "bucket is missing"),
        ("backend: s3, bucket: b, profile: other", "profile other is of none of the accounts"),
        ('backend: s3, bucket: "taken-{account_id}"', "bucket taken-111111111111: it belongs to another account"),
    ],
)
def test_what_is_not_ours_is_refused_before_anything_is_created(accounts: Accounts, state: str, message: str):
    place = {"LocationConstraint": "us-west-2"}
    s3("account_b").create_bucket(Bucket="taken-111111111111", CreateBucketConfiguration=place)

    with pytest.raises(TfdriverError, match=message):
        run(accounts, state)

    assert s3("account_a").list_buckets()["Buckets"] == []


def test_nothing_is_created_without_consent(accounts: Accounts):
    def refuse(buckets: Sequence[BucketResult]) -> None:
        assert str(buckets[0]).startswith(
            "bucket acme-111111111111 in account_a (us-west-2): new, public access blocked"
        )
        raise TfdriverError("not confirmed", code="not_confirmed")

    spec = accounts.options.project / "tfdriver.yaml"
    spec.write_text(spec.read_text() + 'state: {backend: s3, bucket: "acme-{account_id}"}\n')
    with pytest.raises(TfdriverError, match="not confirmed"):
        bootstrap(accounts.options, accounts.tools(), refuse)

    assert s3("account_a").list_buckets()["Buckets"] == []
