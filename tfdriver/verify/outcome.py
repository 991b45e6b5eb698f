"""What came of one call to AWS, and what that says about access. Pure; no I/O.

Only AccessDenied says that somebody is kept out. Throttling, a server's error, expired credentials and silence say
nothing about it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tfdriver.aws.calls import Answer


class OutcomeKind(StrEnum):
    """What a call says about access."""

    ALLOWED = "allowed"
    DENIED = "AccessDenied"
    BROKEN = "broken"  # AWS answered with another error, which is no matter of access
    UNKNOWN = "unknown"  # no answer, or one that says nothing
    UNTRIED = "untried"


@dataclass(frozen=True)
class CallOutcome:
    """What came of a call. said: AWS's words, '' if it went through; item_key: of an item that it wrote.

    perhaps_done: whether it failed in a way that leaves open whether what was asked for was done.
    """

    kind: OutcomeKind
    said: str = ""
    code: str = ""
    request_id: str = ""
    item_key: str = ""
    perhaps_done: bool = False

    @property
    def may_change(self) -> bool:
        """Whether asking again may help: permissions spread slowly, and who was throttled waits."""
        return self.kind in (OutcomeKind.ALLOWED, OutcomeKind.DENIED, OutcomeKind.UNKNOWN) and self.code not in _EXPIRED

    @property
    def transient(self) -> bool:
        """Whether asking again may help even where permissions stay as they are: no answer yet, throttling."""
        return self.kind is OutcomeKind.UNKNOWN and self.code not in _EXPIRED | _DENIED


_DENIED = frozenset({"AccessDenied", "AccessDeniedException"})
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_THROTTLED = frozenset(
    """
    Throttling ThrottlingException ThrottledException RequestThrottled RequestThrottledException SlowDown
    TooManyRequestsException RequestLimitExceeded BandwidthLimitExceeded PriorRequestNotComplete
    ProvisionedThroughputExceededException
    """.split()
)
# A server's own failure: it may have done what it was asked.
_FAILED = frozenset(
    """
    InternalFailure InternalError InternalServerError ServiceUnavailable ServiceUnavailableException ServiceException
    ServiceFailure RequestTimeout RequestTimeoutException
    """.split()
)
_NOT_US = frozenset(
    """
    InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch InvalidSignatureException InvalidAccessKeyId
    IncompleteSignature MissingAuthenticationToken MissingAuthenticationTokenException OptInRequired AuthFailure
    RegionDisabledException
    """.split()
)
# AWS checks permissions first: whoever is told that a condition does not hold was let in.
_LET_IN = frozenset({"ConditionalCheckFailedException"})

# How AWS says which kind of policy decided. Source: IAM user guide, troubleshoot_access-denied.
_DECIDER = re.compile(r"because no ([\w -]+?) allows|with an explicit deny in (?:an?|the) ([\w -]+\w)")
# How botocore puts AWS's error into an exception's text.
_CLIENT_ERROR = re.compile(
    r"An error occurred \((\S+)\) when calling the (\w+) operation(?: \([^)]*\))?: (.*)", re.DOTALL
)


def allowed(request_id: str = "") -> CallOutcome:
    """Return the outcome of a call that went through."""
    return CallOutcome(OutcomeKind.ALLOWED, request_id=request_id)


def request_id(answer: Any) -> str:
    """Return the request id in an answer of AWS, as boto3 gives it."""
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))


def from_answer(answer: Answer, otherwise: str = "") -> CallOutcome:
    """Return the outcome of a call that failed. otherwise: what to say where no answer came."""
    said = f"{answer.code}: {answer.message}" if answer.code else otherwise or "no answer"
    perhaps_done = not answer.code or answer.status >= 500 or answer.code in _FAILED
    return CallOutcome(_kind(answer), said, answer.code, answer.request_id, perhaps_done=perhaps_done)


def from_text(error_type: str, message: str) -> CallOutcome:
    """Return the outcome that the error of a process tells. error_type: its class's name; message: its text."""
    match = _CLIENT_ERROR.fullmatch(message.strip())
    if match is None:
        # Whatever ended the process may have done so after its work: a timeout, a bug.
        return CallOutcome(_kind(Answer(error_type)), f"{error_type}: {message}", error_type, perhaps_done=True)
    code, operation, words = match.groups()
    return CallOutcome(_kind(Answer(code)), f"{operation}: {code}: {words}", code, perhaps_done=code in _FAILED)


def decider(said: str) -> str:
    """Return which kind of policy AWS says refused a call, e.g. `role trust policy`; '' if it does not say."""
    match = _DECIDER.search(said)
    return (match[1] or match[2]).strip() if match else ""


def _kind(answer: Answer) -> OutcomeKind:
    if not answer.code or answer.status >= 500 or answer.status == 429:
        return OutcomeKind.UNKNOWN
    if answer.code in _DENIED:
        return OutcomeKind.DENIED
    if answer.code in _LET_IN:
        return OutcomeKind.ALLOWED
    return OutcomeKind.UNKNOWN if answer.code in _THROTTLED | _FAILED | _NOT_US | _EXPIRED else OutcomeKind.BROKEN
