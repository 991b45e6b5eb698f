"""The outcome of one call to AWS. Pure; no I/O.

Only AccessDenied proves that access is denied. Throttling, server errors, expired credentials and missing answers prove
nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tfdriver.aws.calls import Answer


class OutcomeKind(StrEnum):
    """What a call proves about access."""

    ALLOWED = "allowed"
    DENIED = "AccessDenied"
    BROKEN = "broken"  # AWS returned another error, not about access
    UNKNOWN = "unknown"  # no answer, or one that proves nothing
    UNTRIED = "untried"


@dataclass(frozen=True)
class CallOutcome:
    """The outcome of a call. message: AWS's error, '' if the call succeeded; item_key: of the written item.

    perhaps_done: whether the call may have had an effect although it failed.
    """

    kind: OutcomeKind
    message: str = ""
    code: str = ""
    request_id: str = ""
    item_key: str = ""
    perhaps_done: bool = False

    @property
    def may_change(self) -> bool:
        """Whether a retry may help, after IAM changes took effect or throttling ended."""
        return self.kind in (OutcomeKind.ALLOWED, OutcomeKind.DENIED, OutcomeKind.UNKNOWN) and self.code not in _EXPIRED

    @property
    def transient(self) -> bool:
        """Whether a retry may help without a change of permissions: no answer, or throttling."""
        return self.kind is OutcomeKind.UNKNOWN and self.code not in _EXPIRED | _DENIED


_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError"})  # the last one is of SNS
_EXPIRED = frozenset({"ExpiredToken", "ExpiredTokenException", "RequestExpired"})
_THROTTLED = frozenset(
    """
    Throttling ThrottlingException Throttled ThrottledException RequestThrottled RequestThrottledException SlowDown
    TooManyRequestsException RequestLimitExceeded BandwidthLimitExceeded PriorRequestNotComplete
    ProvisionedThroughputExceededException
    """.split()
)
# Server errors. The call may have had an effect.
_FAILED = frozenset(
    """
    InternalFailure InternalError InternalServerError ServiceUnavailable ServiceUnavailableException ServiceException
    ServiceFailure RequestTimeout RequestTimeoutException
    """.split()
)
_BAD_CREDENTIALS = frozenset(
    """
    InvalidClientTokenId UnrecognizedClientException SignatureDoesNotMatch InvalidSignatureException InvalidAccessKeyId
    IncompleteSignature MissingAuthenticationToken MissingAuthenticationTokenException OptInRequired AuthFailure
    RegionDisabledException
    """.split()
)
# AWS checks permissions before the condition of a write, so the call was authorized.
_AUTHORIZED = frozenset({"ConditionalCheckFailedException"})

# The kind of policy that refused, in AWS's messages. Source: IAM user guide, troubleshoot_access-denied.
_DECIDER = re.compile(r"because no ([\w -]+?) allows|with an explicit deny in (?:an?|the) ([\w -]+\w)")
# The text of botocore's ClientError.
_CLIENT_ERROR = re.compile(
    r"An error occurred \((\S+)\) when calling the (\w+) operation(?: \([^)]*\))?: (.*)", re.DOTALL
)


def allowed(request_id: str = "") -> CallOutcome:
    """Return the outcome of a successful call."""
    return CallOutcome(OutcomeKind.ALLOWED, request_id=request_id)


def request_id(answer: Any) -> str:
    """Return the request id in a boto3 response."""
    return str(answer.get("ResponseMetadata", {}).get("RequestId", ""))


def from_answer(answer: Answer, otherwise: str = "") -> CallOutcome:
    """Return the outcome of a failed call. otherwise: the message if there was no answer."""
    message = f"{answer.code}: {answer.message}" if answer.code else otherwise or "no answer"
    perhaps_done = not answer.code or answer.status >= 500 or answer.code in _FAILED
    return CallOutcome(_kind(answer), message, answer.code, answer.request_id, perhaps_done=perhaps_done)


def from_text(error_type: str, message: str) -> CallOutcome:
    """Return the outcome from the error of a process. error_type: name of its class; message: its text."""
    match = _CLIENT_ERROR.fullmatch(message.strip())
    if match is None:
        # A timeout or a bug may have ended the process after its work.
        return CallOutcome(_kind(Answer(error_type)), f"{error_type}: {message}", error_type, perhaps_done=True)
    code, operation, words = match.groups()
    return CallOutcome(_kind(Answer(code)), f"{operation}: {code}: {words}", code, perhaps_done=code in _FAILED)


def deciding_policy(message: str) -> str:
    """Return the kind of policy that refused a call, e.g. `role trust policy`, '' if AWS does not name it."""
    match = _DECIDER.search(message)
    return (match[1] or match[2]).strip() if match else ""


def _kind(answer: Answer) -> OutcomeKind:
    if not answer.code or answer.status >= 500 or answer.status == 429:
        return OutcomeKind.UNKNOWN
    if answer.code in _DENIED:
        return OutcomeKind.DENIED
    if answer.code in _AUTHORIZED:
        return OutcomeKind.ALLOWED
    return (
        OutcomeKind.UNKNOWN if answer.code in _THROTTLED | _FAILED | _BAD_CREDENTIALS | _EXPIRED else OutcomeKind.BROKEN
    )
