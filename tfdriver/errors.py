"""What can go wrong, as users are told of it, and the exit codes.

Every expected failure is a `TfdriverError`: where it is, what it is, what to do next. The command line catches it once
and prints a line for each; anything else that escapes is a bug and says so.
"""

from __future__ import annotations

from enum import IntEnum

from tfdriver.redaction import clean


class Exit(IntEnum):
    """Exit codes, a promise to scripts (2 means what it means in `terraform plan -detailed-exitcode`)."""

    DONE = 0
    FAILED = 1
    DIFFERENCES = 2
    OPEN_TRUST = 3


class TfdriverError(Exception):
    """An expected failure.

    what: one sentence without a full stop at its end, e.g. `account id has 11 digits`.
    where: file:line, key, command or account it is about, e.g. `tfdriver.yaml:4: accounts.account_a.id`.
    hint: one sentence that says what to do next.
    All of them may quote what comes from outside: it is cleaned here.
    """

    exit_code = Exit.FAILED
    in_force = ""

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(clean(what))
        self.what = clean(what)
        self.where = clean(where)
        self.hint = clean(hint)

    @property
    def lines(self) -> tuple[str, ...]:
        """What happened and where; then, if there are any, the broad trusts in force; then the next step."""
        cause = f"{self.where}: {self.what}" if self.where else self.what
        return tuple(filter(None, (cause, self.in_force, self.hint)))

    def __str__(self) -> str:
        *first, last = self.lines
        return " ".join([*(line if line.endswith(("?", ".")) else f"{line}." for line in first), last])


class OpenTrustError(TfdriverError):
    """A run stopped while a broad trust is in force. in_force: one sentence on which trusts are, or may be."""

    exit_code = Exit.OPEN_TRUST

    def __init__(self, what: str, *, where: str = "", hint: str = "", in_force: str) -> None:
        super().__init__(what, where=where, hint=hint)
        self.in_force = clean(in_force)
