"""What most of tfdriver needs of AWS: one call, made with an account's credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from tfdriver.spec.model import Account

T = TypeVar("T")


class Calls(Protocol):
    """Who makes calls to AWS; `aws.Aws` is one."""

    def call(self, account: Account, service: str, ask: Callable[[Any], T]) -> T:
        """Return what `ask` returns when given a client of the service. Raises AwsError in place of boto's errors."""
