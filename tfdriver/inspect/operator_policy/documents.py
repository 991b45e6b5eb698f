"""Splits statements into policy documents of at most the size that IAM allows. Pure; no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from tfdriver.iam.policy_document import MAX_MANAGED, policy_length
from tfdriver.inspect.operator_policy.statements import Statement

Document = dict[str, Any]


def documents(statements: Iterable[Statement], limit: int = MAX_MANAGED) -> list[Document]:
    """Return the statements, in order, in as few documents of at most `limit` characters as possible.

    A statement that is too long for one document is split, and its parts are numbered.
    """
    packed: list[Document] = []
    for statement in statements:
        for number, part in enumerate(_parts(statement, limit), start=1):
            added = _json(replace(part, sid=f"{part.sid}{number}") if number > 1 else part)
            extended = _document([*packed[-1]["Statement"], added]) if packed else None
            if extended and length(extended) <= limit:
                packed[-1] = extended
            else:
                packed.append(_document([added]))
    return packed


def length(document: Document) -> int:
    """Return the number of characters that IAM counts."""
    return policy_length(json.dumps(document))


def _parts(statement: Statement, limit: int) -> Iterator[Statement]:
    """Yield the statement if it fits. Otherwise split its longest list in two and yield the parts of both halves."""
    room = limit - 10  # the Sid may get a number
    split_values = len(statement.values) > len(statement.resources)
    texts = sorted(statement.values if split_values else statement.resources)
    if length(_document([_json(statement)])) <= room or len(texts) < 2:
        yield statement
        return
    middle = len(texts) // 2
    for half in map(frozenset, (texts[:middle], texts[middle:])):
        part = replace(statement, values=half) if split_values else replace(statement, resources=half)
        yield from _parts(part, limit)


def _document(statements: list[dict[str, Any]]) -> Document:
    return {"Version": "2012-10-17", "Statement": statements}


def _json(statement: Statement) -> dict[str, Any]:
    element: dict[str, Any] = {
        "Sid": statement.sid,
        "Effect": "Allow",
        "Action": sorted(statement.actions),
        "Resource": sorted(statement.resources),
    }
    if statement.key:
        element["Condition"] = {statement.operator: {statement.key: sorted(statement.values)}}
    return element
