"""Statements as policy documents that IAM takes. Pure; no I/O."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from tfdriver.inspect.operator_policy.statements import Statement

# Of a managed policy; white space does not count. Source: IAM user guide, reference_iam-quotas.
MAX_CHARACTERS = 6144

Document = dict[str, Any]


def documents(statements: Iterable[Statement], limit: int = MAX_CHARACTERS) -> list[Document]:
    """Return as few documents as hold the statements in order, each of at most `limit` characters.

    A statement that is too long for one is cut; the parts are numbered.
    """
    found: list[Document] = []
    for statement in statements:
        for number, part in enumerate(_parts(statement, limit), start=1):
            text = _json(replace(part, sid=f"{part.sid}{number}") if number > 1 else part)
            last = found[-1] if found else _document([])
            longer = _document([*last["Statement"], text])
            if found and length(longer) <= limit:
                found[-1] = longer
            else:
                found.append(_document([text]))
    return found


def length(document: Document) -> int:
    """Return the number of characters that IAM counts."""
    return len("".join(json.dumps(document, separators=(",", ":")).split()))


def _parts(statement: Statement, limit: int) -> Iterator[Statement]:
    """Yield the statement, or halves of it until they fit: each half of its longest list, with all the rest."""
    room = limit - 10  # for the number in its Sid
    of_values = len(statement.values) > len(statement.resources)
    texts = sorted(statement.values if of_values else statement.resources)
    if length(_document([_json(statement)])) <= room or len(texts) < 2:
        yield statement
        return
    middle = len(texts) // 2
    for half in map(frozenset, (texts[:middle], texts[middle:])):
        part = replace(statement, values=half) if of_values else replace(statement, resources=half)
        yield from _parts(part, limit)


def _document(statements: list[dict[str, Any]]) -> Document:
    return {"Version": "2012-10-17", "Statement": statements}


def _json(statement: Statement) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Sid": statement.sid,
        "Effect": "Allow",
        "Action": sorted(statement.actions),
        "Resource": sorted(statement.resources),
    }
    if statement.key:
        found["Condition"] = {statement.operator: {statement.key: sorted(statement.values)}}
    return found
