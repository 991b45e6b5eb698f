"""What can go wrong, as users are told of it, and the exit codes.

Every expected failure is a `TfdriverError`: where it is, what it is, what to do next. The command line catches it once
and prints it as one short paragraph; anything else that escapes is a bug and says so.
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

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(clean(what))
        self.what = clean(what)
        self.where = clean(where)
        self.hint = clean(hint)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        stop = "" if text.endswith(("?", ".")) else "."
        return f"{text}{stop} {self.hint}" if self.hint else text


class OpenTrustError(TfdriverError):
    """A run stopped while a broad trust is in force."""

    exit_code = Exit.OPEN_TRUST
