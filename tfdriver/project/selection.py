"""What a run covers: the accounts of `--only` and `--exclude`, the compositions of `--shard`. Pure; no I/O."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from fnmatch import fnmatchcase
from hashlib import sha256

from tfdriver.aws.identity import used_accounts
from tfdriver.errors import TfdriverError
from tfdriver.spec.message_text import nearest, quoted
from tfdriver.spec.model import Account, Spec

COMMANDS = ("plan", "up", "tighten", "verify", "status", "destroy")
# A command in a message, without options that choose accounts.
_COMMAND = re.compile(rf"`tfdriver ({'|'.join(COMMANDS)})\b(?! --(?:only|exclude|shard))")


@dataclass(frozen=True)
class Shard:
    """One of `count` shares of the compositions. index: from 1 to `count`."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def includes(self, name: str) -> bool:
        """Whether a composition is in the shard. It follows from its name alone: a new composition moves no other."""
        return int.from_bytes(sha256(name.encode()).digest(), "big") % self.count == self.index - 1


def parse_shard(text: str) -> Shard:
    """Return the shard of a text such as `2/3`. Raises ValueError with the right form."""
    if found := re.fullmatch(r"([1-9][0-9]{0,4})/([1-9][0-9]{0,4})", text):
        shard = Shard(*map(int, found.groups()))
        if shard.index <= shard.count:
            return shard
    raise ValueError(f"{text!r} is not a shard: the shards of three are 1/3, 2/3 and 3/3")


@dataclass(frozen=True)
class Selection:
    """What a run covers. only, exclude: names in the spec or patterns with `*`, `?` and `[...]`; () for none.

    shard: of the compositions in these accounts, None for all.
    """

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    shard: Shard | None = None

    @property
    def options(self) -> str:
        """The options that choose the same: ` --only account_a --shard 2/3`, '' for everything."""
        named = [("only", name) for name in self.only] + [("exclude", name) for name in self.exclude]
        named += [("shard", str(self.shard))] if self.shard else []
        return "".join(f" --{option} {shlex.quote(name)}" for option, name in named)

    def accounts(self, spec: Spec) -> tuple[Account, ...]:
        """Return the accounts that have a role and are chosen, in the order of the spec.

        Raises TfdriverError for a name or pattern of no such account, and if no account is left.
        """
        used = used_accounts(spec)
        names = [account.name for account in used]
        for option, patterns in (("--only", self.only), ("--exclude", self.exclude)):
            for pattern in patterns:
                if not any(fnmatchcase(name, pattern) for name in names):
                    raise TfdriverError(
                        f"no account that has a role is named {quoted(pattern)}",
                        code="bad_usage",
                        where=option,
                        hint=nearest(pattern, names),
                    )
        chosen = tuple(account for account in used if self._includes(account.name))
        if not chosen:
            raise TfdriverError(
                f"no account is left:{self.options}", code="bad_usage", hint=f"Name one of {', '.join(names)}"
            )
        return chosen

    def _includes(self, name: str) -> bool:
        only = not self.only or any(fnmatchcase(name, pattern) for pattern in self.only)
        return only and not any(fnmatchcase(name, pattern) for pattern in self.exclude)

    def in_commands(self, text: str) -> str:
        """Return a message with these options in the commands that it proposes."""
        return _COMMAND.sub(lambda match: match[0] + self.options, text) if self.options else text
