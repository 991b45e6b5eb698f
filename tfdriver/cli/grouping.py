"""Groups what is the same in many accounts, so that 100 accounts are as readable as two. Pure; no I/O.

Two items are the same if they differ only in the name, the id and the generated external id of their own account. A
group is shown once, with a placeholder for each of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

from tfdriver.redaction import changed
from tfdriver.spec.message_text import shortened

T = TypeVar("T")

_ACCOUNT, _ACCOUNT_ID, _EXTERNAL_ID = "{account}", "{account_id}", "{external_id}"
NOTE = (
    f"Equal lines are printed once; {_ACCOUNT}, {_ACCOUNT_ID} and {_EXTERNAL_ID} stand for the account's own. "
    "`--json` lists every account."
)
_LEAST = 3  # items of a group; fewer are shown one by one
_SHORT = 3  # characters; a shorter name is replaced as a whole word only


@dataclass(frozen=True)
class Item(Generic[T]):
    """Something in an account.

    name: of the account, or of a composition in it; value: made of dataclasses, mappings, tuples, lists and strings;
    account, account_id, external_id: '' for none; attention: whether a group must list all names.
    """

    name: str
    value: T
    account: str = ""
    account_id: str = ""
    external_id: str = ""
    attention: bool = False

    @property
    def shown(self) -> T:
        """The value with placeholders."""
        own = {self.account: _ACCOUNT, self.account_id: _ACCOUNT_ID, self.external_id: _EXTERNAL_ID}
        if not any(own):
            return self.value
        pattern = re.compile("|".join(_pattern(text) for text in sorted(own, key=len, reverse=True) if text))
        shown: T = changed(self.value, lambda text: pattern.sub(lambda match: own[match[0]], text))
        return shown


@dataclass(frozen=True)
class Group(Generic[T]):
    """Items that are the same. shown: one of them, with placeholders if there are several.

    label: how many there are and their names, '' for one item.
    """

    shown: T
    label: str = ""


def grouped(items: Iterable[Item[T]]) -> list[Group[T]]:
    """Return the groups of items, in the order of their first ones."""
    found: dict[str, list[Item[T]]] = {}
    for item in items:
        found.setdefault(repr(item.shown), []).append(item)
    groups: list[Group[T]] = []
    for members in found.values():
        if len(members) < _LEAST:
            groups += [Group(item.value) for item in members]
        else:
            names = [item.name for item in members]
            in_full = any(item.attention for item in members)
            label = f"{len(names)} accounts ({', '.join(names) if in_full else shortened(names)})"
            groups.append(Group(members[0].shown, label))
    return groups


def lines(items: Iterable[Item[str]]) -> list[str]:
    """Return the lines of `items`, those of a group as one."""
    return [
        f"{group.label}: {group.shown.removeprefix(f'{_ACCOUNT}: ')}" if group.label else group.shown
        for group in grouped(items)
    ]


def _pattern(text: str) -> str:
    escaped = re.escape(text)
    return escaped if len(text) >= _SHORT else rf"(?<![A-Za-z0-9]){escaped}(?![A-Za-z0-9])"
