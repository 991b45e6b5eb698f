"""The protocol for calls to AWS with the credentials of an account, and the error that they raise."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from tfdriver.errors import Code, TfdriverError
from tfdriver.spec.model import Account

T = TypeVar("T")

# The name of sessions of assumed roles, seen in CloudTrail.
SESSION_NAME = "tfdriver-verify"

_NOT_FOUND = frozenset(
    """
    NoSuchEntity NoSuchEntityException ResourceNotFoundException ResourceNotFound NotFound NotFoundException
    AWS.SimpleQueueService.NonExistentQueue QueueDoesNotExist 404
    """.split()
)

# Source: IAM user guide, "Troubleshoot Signature Version 4 signing"; S3 API reference, "Error responses".
_CLOCK = re.compile(r"Signature (expired|not yet current)|RequestTimeTooSkewed|RequestInTheFuture")
CLOCK_HINT = "Set the clock of this machine, e.g. with NTP. The credentials need no change"


def is_clock_error(text: str) -> bool:
    """Whether AWS refused a call, by the text of its error, because of the time in the call's signature."""
    return _CLOCK.search(text) is not None


@dataclass(frozen=True)
class Answer:
    """An error response of AWS. status: of HTTP; request_id: for AWS Support."""

    code: str = ""
    message: str = ""
    status: int = 0
    request_id: str = ""


class AwsError(TfdriverError):
    """A call failed. answer: the response of AWS, empty if there is none; aws_code: its error code."""

    def __init__(
        self,
        what: str,
        *,
        code: Code = "aws_call_failed",
        where: str = "",
        hint: str = "",
        aws_code: str = "",
        answer: Answer | None = None,
    ) -> None:
        super().__init__(what, code=code, where=where, hint=hint)
        self.answer = answer or Answer(aws_code)
        self.aws_code = self.answer.code

    @property
    def missing(self) -> bool:
        """Whether the resource does not exist."""
        return self.aws_code in _NOT_FOUND


@dataclass(frozen=True)
class Caller:
    """The identity of our credentials, as sts:GetCallerIdentity returns it."""

    account_id: str
    arn: str


class Calls(Protocol):
    """Makes calls to AWS. Implemented by `client.Aws`."""

    def call(self, account: Account, service: str, ask: Callable[[Any], T]) -> T:
        """Return the result of `ask`, called with a client of the service. Raises AwsError."""


class AssumedRole(Calls, Protocol):
    """Makes calls with the credentials of an assumed role.

    The account of a call only selects the profile, whose configuration applies, and the region.
    """

    @property
    def request_id(self) -> str:
        """AWS's request id of the call that returned the credentials."""

    def assume_role(self, account: Account, role_arn: str, external_id: str | None = None) -> AssumedRole:
        """Return a session of a role that the assumed role may assume. Raises AwsError."""


class RoleCalls(Calls, Protocol):
    """Makes calls and assumes roles. Implemented by `client.Aws`."""

    def assume_role(self, account: Account, role_arn: str, external_id: str | None = None) -> AssumedRole:
        """Return a session of a role that the account's profile may assume, for 15 minutes. Raises AwsError."""
