"""What most of tfdriver needs of AWS: one call, made with an account's credentials, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from tfdriver.errors import Code, TfdriverError
from tfdriver.spec.model import Account

T = TypeVar("T")

_NO_SUCH = frozenset(
    """
    NoSuchEntity NoSuchEntityException ResourceNotFoundException ResourceNotFound NotFound NotFoundException
    AWS.SimpleQueueService.NonExistentQueue QueueDoesNotExist
    """.split()
)


@dataclass(frozen=True)
class Answer:
    """An error as AWS answered it. message: AWS's own words; status: HTTP's; request_id: AWS's, for its support."""

    code: str = ""
    message: str = ""
    status: int = 0
    request_id: str = ""


class AwsError(TfdriverError):
    """AWS could not be asked, or refused. answer: AWS's, empty where there is none; aws_code: its error code."""

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
        """Whether AWS says that there is no such thing."""
        return self.aws_code in _NO_SUCH


@dataclass(frozen=True)
class Caller:
    """Whom AWS takes us for. account_id: 12 digits; arn: the caller's."""

    account_id: str
    arn: str


class Calls(Protocol):
    """Who makes calls to AWS; `aws.Aws` is one."""

    def call(self, account: Account, service: str, ask: Callable[[Any], T]) -> T:
        """Return what `ask` returns when given a client of the service. Raises AwsError in place of boto's errors."""
