"""The result of `tfdriver verify`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from tfdriver.errors import Exit


class CheckStatus(StrEnum):
    """The result of a check. Only PASSED is a proof."""

    PASSED = "passed"
    FAILED = "failed"  # the opposite of the expected result
    INCONCLUSIVE = "inconclusive"  # no answer, throttling, expired credentials, or a failed control
    NOT_PROBED = "not probed"  # the module has no probe
    BY_POLICY = "by policy"  # not probed; what the policies in IAM say, which is not a proof


@dataclass(frozen=True)
class CheckedRoles:
    """The roles that a check is about, by their keys in the spec. One of them may be ''."""

    trusting: str
    trusted: str

    def __str__(self) -> str:
        return " -> ".join(name for name in (self.trusted, self.trusting) if name)


@dataclass(frozen=True)
class Evidence:
    """Evidence of a check. request_id: AWS's; item_key: of the written item; said: AWS's error message."""

    request_id: str = ""
    item_key: str = ""
    said: str = ""


@dataclass(frozen=True)
class CheckResult:
    """One check. name: for programs; tried, expected, happened: for people; seconds: its duration."""

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
    """All checks. changed: one sentence on the changes of `verify` in AWS.

    left_behind: items of the probe that still exist, as `table/key`; then sentences on items that may exist, because
    AWS did not answer.
    """

    exit_code: Exit
    summary: str
    checks: tuple[CheckResult, ...]
    changed: str
    left_behind: tuple[str, ...] = ()

    def those(self, *verdicts: CheckStatus) -> tuple[CheckResult, ...]:
        """Return the checks with one of these verdicts."""
        return tuple(check for check in self.checks if check.verdict in verdicts)
