"""What `tfdriver verify` returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from tfdriver.errors import Exit


class CheckStatus(StrEnum):
    """What a check came to. Only PASSED says that something was proven."""

    PASSED = "passed"
    FAILED = "failed"  # the opposite of what was expected was seen
    INCONCLUSIVE = "inconclusive"  # neither was seen: no answer, throttling, expired credentials, a control that failed
    NOT_PROBED = "not probed"  # nothing could be tried: the module has no probe for it


@dataclass(frozen=True)
class CheckedRoles:
    """What a check is about: a pair of roles, by their keys in the spec, or only one of them, the other being ''."""

    trusting: str
    trusted: str

    def __str__(self) -> str:
        return " -> ".join(name for name in (self.trusted, self.trusting) if name)


@dataclass(frozen=True)
class Evidence:
    """What anybody can look up. request_id: AWS's; item_key: of the item written; said: AWS's own words."""

    request_id: str = ""
    item_key: str = ""
    said: str = ""


@dataclass(frozen=True)
class CheckResult:
    """One check. name: for programs; tried, expected, happened: for people; seconds: how long it took."""

    pair: CheckedRoles
    name: str
    tried: str
    expected: str
    happened: str
    verdict: CheckStatus
    evidence: Evidence = field(default_factory=Evidence)
    seconds: float = 0.0


@dataclass(frozen=True)
class Verified:
    """All checks. left_behind: items that the probe wrote and that are still there, as `table/key`; then sentences on
    items that may be there, because no answer came.

    changed: one sentence on what verifying changed in AWS.
    """

    exit_code: Exit
    summary: str
    checks: tuple[CheckResult, ...]
    changed: str
    left_behind: tuple[str, ...] = ()

    def those(self, *verdicts: CheckStatus) -> tuple[CheckResult, ...]:
        """Return the checks that came to one of these verdicts."""
        return tuple(check for check in self.checks if check.verdict in verdicts)
