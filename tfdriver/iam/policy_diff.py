"""The difference between two policy documents, as lines of JSON. Pure; no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterator
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from tfdriver.iam.policy_document import Document, comparable, statements

# The order in which AWS's documentation writes the elements of a statement.
_ORDER = ("Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource", "NotResource", "Condition")


def diff_lines(before: Document | None, after: Document | None) -> list[str]:
    """Return the statements that differ, as lines of JSON that start with `+ `, `- ` or two spaces.

    before, after: None for no policy. The order of statements and of the strings in an element does not matter. Equal
    statements are only counted.
    """
    old, new = (list(map(_normal, statements(policy or {}))) for policy in (before, after))
    removed = [statement for statement in old if statement not in new]
    added = [statement for statement in new if statement not in old]
    lines = [line for pair in _pairs(removed, added) for line in _changed(*pair)]
    same = len(new) - len(added)
    if lines and same:
        lines.append(f"  # {same} unchanged statement{'s' * (same > 1)}")
    return lines


def _pairs(
    removed: list[dict[str, Any]], added: list[dict[str, Any]]
) -> Iterator[tuple[dict[str, Any] | None, dict[str, Any] | None]]:
    """Yield each statement with the one that replaces it: of the same Sid, else in the same place."""
    of_sid = {str(statement["Sid"]): statement for statement in added if "Sid" in statement}
    named = [(old, of_sid[str(old["Sid"])]) for old in removed if str(old.get("Sid")) in of_sid]
    yield from named
    rest = ([s for s in found if not any(s in pair for pair in named)] for found in (removed, added))
    yield from zip_longest(*rest)


def _changed(before: dict[str, Any] | None, after: dict[str, Any] | None) -> Iterator[str]:
    old, new = (_json(statement) if statement else [] for statement in (before, after))
    first, second = ([line.rstrip(",") for line in lines] for lines in (old, new))
    matcher = SequenceMatcher(None, first, second, autojunk=False)
    for kind, i, j, k, end in matcher.get_opcodes():
        if kind == "equal":
            yield from (f"  {line}" for line in new[k:end])
        else:
            yield from (f"- {line}" for line in old[i:j])
            yield from (f"+ {line}" for line in new[k:end])


def _json(statement: dict[str, Any]) -> list[str]:
    return json.dumps(statement, indent=2, ensure_ascii=False).splitlines()


def _normal(statement: Document) -> dict[str, Any]:
    """Return a statement in one notation: elements in order, strings sorted, one string instead of a list of one."""
    ordered = sorted(statement, key=lambda name: (_ORDER.index(name) if name in _ORDER else len(_ORDER), name))
    return {name: comparable(statement[name]) for name in ordered}
