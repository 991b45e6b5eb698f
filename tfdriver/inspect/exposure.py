"""Who used a role while a whole account was trusted: the AssumeRole calls on it, from CloudTrail's event history.

CloudTrail shows a call in the region whose STS endpoint was called, also to the account that owns the role if it was
let in, some minutes later, for 90 days. Source: CloudTrail user guide, view-cloudtrail-events.

A region that this account has not enabled takes none of its credentials. STS is not active for it there, so nobody can
have assumed a role of its through that region. Source: IAM user guide, id_credentials_temp_enable-regions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tfdriver.aws.account_access import AccountAccess
from tfdriver.aws.calls import AwsError, Calls
from tfdriver.aws.cloudtrail import events
from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.iam.wording import moment, role_in_account
from tfdriver.project.timeline import Exposure
from tfdriver.spec.model import Role, Spec

HISTORY = timedelta(days=90)
DELAY = timedelta(minutes=15)
_NOT_ENABLED = frozenset({"UnrecognizedClientException", "InvalidClientTokenId", "OptInRequired"})
_MOST = 2000  # events read per region and window: at two pages of 50 a second, 20 s


@dataclass(frozen=True)
class Use:
    """One AssumeRole call. who: a role or user, in words; session: the name it gave; source: IP address or service.

    error: AWS's error code, '' if it was let in; meant: whether it is one that the role is to trust, as that is now;
    perhaps_later: whether it was in the second in which the role was closed, and so maybe after that.
    """

    at: datetime
    who: str
    session: str = ""
    source: str = ""
    error: str = ""
    meant: bool = False
    perhaps_later: bool = False

    def __str__(self) -> str:
        words = f"refused ({self.error})" if self.error else "let in"
        words += "" if self.meant else ", not a role that is meant"
        words += ", perhaps after it was closed" if self.perhaps_later else ""
        source = f" from {self.source}" if self.source else ""
        return f"{moment(self.at)}: {self.who}{source}: {words}"


@dataclass(frozen=True)
class Uses:
    """Who used a role in one time of exposure. problem: why that can't be told, or not wholly; '' if it can.

    As text, only how many calls there were: the exposure itself says which role and when.
    """

    role: str
    account: str
    opened: datetime
    closed: datetime | None
    calls: tuple[Use, ...] = ()
    problem: str = ""

    def __str__(self) -> str:
        calls = f"{len(self.calls)} AssumeRole {'call' if len(self.calls) == 1 else 'calls'}"
        if self.problem:
            return f"{calls if self.calls else 'who used it is not known'}. {self.problem}"
        return calls if self.calls else "CloudTrail shows no AssumeRole call"


@dataclass(frozen=True)
class CloudTrailReader:
    """Looks into CloudTrail. regions: partition by region, of all there are: a caller may use any STS endpoint."""

    aws: Calls
    spec: Spec
    halves: Mapping[str, AccountAccess]
    regions: Mapping[str, str]

    def who_used(
        self, exposures: Iterable[Exposure], trusted: Mapping[str, LiveRole | Unreadable | None], now: datetime
    ) -> tuple[Uses, ...]:
        """Return who used each role while it was open, in the order of `exposures`. Never raises: see `Uses.problem`.

        trusted: what was seen of the trusted roles, by key, to put names to unique ids.
        """
        known = {live.role_id: self.spec.roles[key] for key, live in trusted.items() if isinstance(live, LiveRole)}
        return tuple(self._uses(exposure, known, now) for exposure in exposures)

    def _uses(self, window: Exposure, known: Mapping[str, Role], now: datetime) -> Uses:
        empty = Uses(window.role, window.account, window.opened, window.closed)
        roles = (r for r in self.spec.trusting if (r.name, r.account.name) == (window.role, window.account))
        role = next(roles, None)
        if role is None:
            return replace(empty, problem="The spec no longer has this role")
        if self.halves[window.account].problem:
            return replace(empty, problem=f"{window.account} is not seen")
        if window.opened < now - HISTORY:
            problem = f"CloudTrail's event history holds {HISTORY.days} days; look into a trail's files"
            return replace(empty, problem=problem)
        regions = [region for region, partition in self.regions.items() if partition == role.account.partition]
        looks = side_by_side(lambda region: _look(self.aws, role, region, window, now), regions)
        found = {event["eventID"]: event for look in looks for event in look.events}
        meant = self.spec.trusted_by(role)
        uses = (_use(event, known, meant, window.closed) for event in found.values())
        calls = sorted(
            (use for use in uses if window.closed is None or use.at <= window.closed), key=lambda use: use.at
        )
        # Leave out regions that are not enabled; if the account's own can't be read either, the credentials may be bad.
        good = any(look.region == role.account.region and look.error is None for look in looks)
        problem = _problem([look for look in looks if not (good and look.not_enabled)], window, now)
        return replace(empty, calls=tuple(calls), problem=problem)


@dataclass(frozen=True)
class _Look:
    """What was found in one region. more: there is more than was read; error: why it can't be read, None if it was."""

    region: str
    events: tuple[Mapping[str, Any], ...] = ()
    more: bool = False
    error: TfdriverError | None = None

    @property
    def problem(self) -> str:
        """Why it is not known who called there, '' if it is."""
        if self.error:
            return f"CloudTrail cannot be read ({self.error.what})"
        return f"only the latest {_MOST} AssumeRole calls were read" if self.more else ""

    @property
    def not_enabled(self) -> bool:
        """Whether the region does not know the credentials: it is not enabled, or they are none."""
        return isinstance(self.error, AwsError) and self.error.aws_code in _NOT_ENABLED


def _problem(looks: Iterable[_Look], window: Exposure, now: datetime) -> str:
    regions: dict[str, list[str]] = {}
    for look in looks:
        if look.problem:
            regions.setdefault(look.problem, []).append(look.region)
    problems = [f"{', '.join(where)}: {problem}" for problem, where in regions.items()]
    if (window.closed or now) > now - DELAY:
        problems.append(f"CloudTrail may show a call up to {DELAY.seconds // 60} minutes late")
    return ". ".join(problems)


def _look(aws: Calls, role: Role, region: str, window: Exposure, now: datetime) -> _Look:
    """Look for AssumeRole on a role in one region.

    Looked up by event name, not by resource: what a resource is called in the history differs, and none may be missed.
    """
    first, last = window.opened.replace(microsecond=0), (window.closed or now) + timedelta(seconds=1)
    try:
        bodies, more = events(aws, replace(role.account, region=region), "AssumeRole", first, last, _MOST)
    except TfdriverError as error:
        return _Look(region, error=error)
    found = [
        body
        for body in bodies
        if role.arn == (body.get("requestParameters") or {}).get("roleArn")
        or any(resource.get("ARN") == role.arn for resource in body.get("resources") or ())
    ]
    return _Look(region, tuple(found), more)


def _use(body: Mapping[str, Any], known: Mapping[str, Role], meant: Collection[Role], closed: datetime | None) -> Use:
    """Return an event as a use. Of another account's principal CloudTrail tells account and unique id, not the ARN.

    known: the roles of the spec that are there, by unique id; meant: those that may make this call; closed: when the
    role was closed, None if it is open.
    """
    identity = body.get("userIdentity") or {}
    unique_id, _, session = str(identity.get("principalId", "")).partition(":")
    unknown = f"{unique_id or 'somebody'} of account {identity.get('accountId', 'unknown')}"
    role = known.get(unique_id)
    name = role_in_account(role) if role else ""
    who = name or identity.get("arn") or identity.get("invokedBy") or unknown
    at = datetime.fromisoformat(body["eventTime"]).astimezone(UTC)  # the second's beginning: CloudTrail has no parts
    return Use(
        at,
        f"{who} (session {session})" if session and ":assumed-role/" not in who else str(who),
        str((body.get("requestParameters") or {}).get("roleSessionName", "")),
        str(body.get("sourceIPAddress", "")),
        str(body.get("errorCode", "")),
        role in meant,
        closed is not None and at <= closed < at + timedelta(seconds=1),
    )
