"""`tfdriver bootstrap`: creates the buckets of the states."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tfdriver.aws.identity import check_identities
from tfdriver.aws.state_bucket import CREATED, Bucket, create, missing
from tfdriver.deploy.session import Options, Tools, read_spec
from tfdriver.errors import TfdriverError
from tfdriver.spec.compositions import Composition, compositions
from tfdriver.spec.model import Account, Spec


@dataclass(frozen=True)
class BucketResult:
    """A bucket of states. lacking: what it lacks, and gets from `bootstrap`."""

    bucket: str
    account: str
    region: str
    lacking: tuple[str, ...]

    def __str__(self) -> str:
        place = f"bucket {self.bucket} in {self.account} ({self.region})"
        if CREATED in self.lacking:
            return f"{place}: new, {', '.join(word for word in self.lacking if word != CREATED)}"
        return f"{place}: {', '.join(self.lacking) or 'has everything'}"


@dataclass(frozen=True)
class Bootstrapped:
    """The buckets of all compositions, each once."""

    buckets: tuple[BucketResult, ...]


def bootstrap(options: Options, tools: Tools, confirm: Callable[[Sequence[BucketResult]], None]) -> Bootstrapped:
    """Create the buckets that the spec names, with versions, encryption, no public access, TLS only.

    confirm: shows what will be done, and raises TfdriverError if the user does not agree. It is not called if nothing
    is to be done. Existing buckets keep their objects and their other settings. Raises TfdriverError.
    """
    spec = read_spec(options.project, tools.progress.note)
    buckets = _buckets(spec)
    used = {bucket.account.name for bucket in buckets}
    check_identities(spec, tools.aws, [account for account in spec.accounts.values() if account.name in used])
    found = [(bucket, missing(bucket, tools.aws)) for bucket in buckets]
    results = tuple(BucketResult(b.name, b.account.name, b.account.region, lacking) for b, lacking in found)
    if any(result.lacking for result in results):
        confirm(results)
        for bucket, lacking in found:
            create(bucket, lacking, tools.aws)
    return Bootstrapped(results)


def _buckets(spec: Spec) -> list[Bucket]:
    """Return the bucket of each composition, each once. Raises TfdriverError without `state: {backend: s3}`."""
    if spec.state is None or spec.state.backend != "s3":
        hint = "Add `state: {backend: s3, bucket: NAME}` to tfdriver.yaml"
        raise TfdriverError("the states are not in S3", code="bad_usage", where="tfdriver.yaml: state", hint=hint)
    found = {
        bucket.name: bucket for composition in reversed(compositions(spec)) for bucket in [_bucket(spec, composition)]
    }
    return list(found.values())[::-1]


def _bucket(spec: Spec, composition: Composition) -> Bucket:
    arguments = composition.state.arguments if composition.state else {}
    name, profile, region = (arguments.get(key) for key in ("bucket", "profile", "region"))
    if not isinstance(name, str) or not isinstance(region, str):
        raise TfdriverError(
            "bucket is missing", code="invalid_spec", where="tfdriver.yaml: state", hint="Add `bucket:` with its name"
        )
    return Bucket(name, replace(_owner(spec, composition.account, profile), region=region))


def _owner(spec: Spec, account: Account, profile: object) -> Account:
    """Return the account that owns a composition's bucket: the one of the state's profile."""
    if profile == account.profile:
        return account
    for other in spec.accounts.values():
        if other.profile == profile:
            return other
    raise TfdriverError(
        f"profile {profile} is of none of the accounts in the spec",
        code="bad_usage",
        where="tfdriver.yaml: state.profile",
        hint="Add its account under `accounts:`, or create the bucket yourself",
    )
