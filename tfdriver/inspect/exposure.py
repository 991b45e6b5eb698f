"""The AssumeRole calls on a role while a broad trust was in force, from CloudTrail's event history.

CloudTrail records a call in the region of the STS endpoint. Of cross-account calls, the role's account sees only those
that succeeded. Events appear after some minutes and are kept for 90 days.
Source: CloudTrail user guide, view-cloudtrail-events.

A region that the role's account has not enabled rejects the account's credentials, and STS is not active there: nobody
can assume the role through that region. Source: IAM user guide, id_credentials_temp_enable-regions.
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
    """One AssumeRole call. who: a role or user, in words; session: its name; source: IP address or service.

    error: AWS's error code, '' if the call succeeded; meant: whether the spec now lets the role trust the caller;
    perhaps_later: whether the call was in the second in which the exposure ended, so perhaps after its end.
    """

    at: datetime
    who: str
    session: str = ""
    source: str = ""
    error: str = ""
    meant: bool = False
    perhaps_later: bool = False

    def __str__(self) -> str:
        words = f"refused ({self.error})" if self.error else "allowed"
        words += "" if self.meant else ", not a trusted role of the spec"
        words += ", perhaps after the exposure" if self.perhaps_later else ""
        source = f" from {self.source}" if self.source else ""
        return f"{moment(self.at)}: {self.who}{source}: {words}"


@dataclass(frozen=True)
class Uses:
    """The AssumeRole calls on a role during one exposure. problem: why they are unknown or incomplete, or ''.

    As text, only their number: the exposure is printed with the role and the time.
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
            return f"{calls if self.calls else 'the calls are not known'}. {self.problem}"
        return calls if self.calls else "CloudTrail recorded no AssumeRole call"


@dataclass(frozen=True)
class CloudTrailReader:
    """Reads CloudTrail. regions: the partition of every AWS region, as a caller may use any STS endpoint."""

    aws: Calls
    spec: Spec
    accounts: Mapping[str, AccountAccess]
    regions: Mapping[str, str]

    def who_used(
        self, exposures: Iterable[Exposure], trusted: Mapping[str, LiveRole | Unreadable | None], now: datetime
    ) -> tuple[Uses, ...]:
        """Return the calls during each exposure, in the order of `exposures`. Never raises: see `Uses.problem`.

        trusted: the live trusted roles by key, for the names of unique ids.
        """
        known = {live.role_id: self.spec.roles[key] for key, live in trusted.items() if isinstance(live, LiveRole)}
        return tuple(self._uses(exposure, known, now) for exposure in exposures)

    def _uses(self, window: Exposure, known: Mapping[str, Role], now: datetime) -> Uses:
        empty = Uses(window.role, window.account, window.opened, window.closed)
        roles = (r for r in self.spec.trusting if (r.name, r.account.name) == (window.role, window.account))
        role = next(roles, None)
        if role is None:
            return replace(empty, problem="The spec no longer has this role")
        if self.accounts[window.account].problem:
            return replace(empty, problem=f"{window.account} cannot be read")
        if window.opened < now - HISTORY:
            problem = f"CloudTrail's event history covers {HISTORY.days} days. Search the log files of a trail"
            return replace(empty, problem=problem)
        regions = [region for region, partition in self.regions.items() if partition == role.account.partition]
        lookups = side_by_side(lambda region: _look_up(self.aws, role, region, window, now), regions)
        found = {event["eventID"]: event for lookup in lookups for event in lookup.events}
        meant = self.spec.trusted_by(role)
        uses = (_use(event, known, meant, window.closed) for event in found.values())
        calls = sorted(
            (use for use in uses if window.closed is None or use.at <= window.closed), key=lambda use: use.at
        )
        # Bad credentials look like a region that is not enabled. They also fail in the account's own region.
        good = any(lookup.region == role.account.region and lookup.error is None for lookup in lookups)
        problem = _problem([lookup for lookup in lookups if not (good and lookup.not_enabled)], window, now)
        return replace(empty, calls=tuple(calls), problem=problem)


@dataclass(frozen=True)
class _Lookup:
    """The events of one region. more: whether there are more than were read; error: None if they could be read."""

    region: str
    events: tuple[Mapping[str, Any], ...] = ()
    more: bool = False
    error: TfdriverError | None = None

    @property
    def problem(self) -> str:
        """Why the calls in the region are unknown or incomplete, or ''."""
        if self.error:
            return f"CloudTrail cannot be read ({self.error.what})"
        return f"only the latest {_MOST} AssumeRole calls were read" if self.more else ""

    @property
    def not_enabled(self) -> bool:
        """Whether the region rejected the credentials: it is not enabled, or they are bad."""
        return isinstance(self.error, AwsError) and self.error.aws_code in _NOT_ENABLED


def _problem(lookups: Iterable[_Lookup], window: Exposure, now: datetime) -> str:
    regions: dict[str, list[str]] = {}
    for lookup in lookups:
        if lookup.problem:
            regions.setdefault(lookup.problem, []).append(lookup.region)
    problems = [f"{', '.join(where)}: {problem}" for problem, where in regions.items()]
    if (window.closed or now) > now - DELAY:
        problems.append(f"CloudTrail may show a call up to {DELAY.seconds // 60} minutes late")
    return ". ".join(problems)


def _look_up(aws: Calls, role: Role, region: str, window: Exposure, now: datetime) -> _Lookup:
    """Return the AssumeRole calls on a role in one region.

    Events are looked up by event name: a lookup by resource misses some, as the history has several forms of its name.
    """
    first, last = window.opened.replace(microsecond=0), (window.closed or now) + timedelta(seconds=1)
    try:
        bodies, more = events(aws, replace(role.account, region=region), "AssumeRole", first, last, _MOST)
    except TfdriverError as error:
        return _Lookup(region, error=error)
    found = [
        body
        for body in bodies
        if role.arn == (body.get("requestParameters") or {}).get("roleArn")
        or any(resource.get("ARN") == role.arn for resource in body.get("resources") or ())
    ]
    return _Lookup(region, tuple(found), more)


def _use(body: Mapping[str, Any], known: Mapping[str, Role], meant: Collection[Role], closed: datetime | None) -> Use:
    """Return an event as a use. For a principal of another account, CloudTrail records account and unique id, no ARN.

    known: the live roles of the spec, by unique id; meant: those that may make this call; closed: end of the exposure.
    """
    identity = body.get("userIdentity") or {}
    unique_id, _, session = str(identity.get("principalId", "")).partition(":")
    unknown = f"{unique_id or 'unknown principal'} of account {identity.get('accountId', 'unknown')}"
    role = known.get(unique_id)
    name = role_in_account(role) if role else ""
    who = name or identity.get("arn") or identity.get("invokedBy") or unknown
    at = datetime.fromisoformat(body["eventTime"]).astimezone(UTC)  # in whole seconds
    return Use(
        at,
        who=f"{who} (session {session})" if session and ":assumed-role/" not in who else str(who),
        session=str((body.get("requestParameters") or {}).get("roleSessionName", "")),
        source=str(body.get("sourceIPAddress", "")),
        error=str(body.get("errorCode", "")),
        meant=role in meant,
        perhaps_later=closed is not None and at <= closed < at + timedelta(seconds=1),
    )
