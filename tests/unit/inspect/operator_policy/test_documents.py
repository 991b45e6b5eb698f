"""Splitting statements into documents."""

from __future__ import annotations

import json
from itertools import product

import pytest

from tfdriver.iam.policy_document import MAX_MANAGED
from tfdriver.inspect.operator_policy.documents import documents, length
from tfdriver.inspect.operator_policy.statements import Statement


def statement(sid: str, resources: int, values: int = 0) -> Statement:
    return Statement(
        sid=sid,
        actions=frozenset(["iam:A", "iam:B"]),
        resources=frozenset(f"arn:aws:iam::111111111111:role/{sid}-{n:04}" for n in range(resources)),
        operator="ArnLike" if values else "",
        key="iam:PolicyARN" if values else "",
        values=frozenset(f"arn:aws:iam::111111111111:policy/{sid}-{n:04}" for n in range(values)),
    )


def allowed(found: list[dict]) -> set[tuple[str, ...]]:
    """Return each combination of action, resource and condition value that the documents allow."""
    return {
        combination
        for document in found
        for s in document["Statement"]
        for combination in product(
            s["Action"], s["Resource"], s.get("Condition", {}).get("ArnLike", {}).get("iam:PolicyARN", [""])
        )
    }


@pytest.mark.parametrize(
    "given",
    [
        [statement("One", 1)],
        [statement("One", 1), statement("Two", 3, 2)],
        [statement(f"S{n}", 10) for n in range(30)],
        [statement("Long", 500)],
        [statement("Both", 120, 150)],
        [statement("Long", 300), statement("Short", 1)],
    ],
    ids=lambda given: "-".join(s.sid for s in given[:3]),
)
def test_the_documents_fit_and_allow_the_same_as_the_statements(given: list[Statement]) -> None:
    found = documents(given)
    assert all(length(document) <= MAX_MANAGED for document in found)
    assert allowed(found) == {c for s in given for c in product(s.actions, s.resources, s.values or {""})}
    for document in found:
        sids = [s["Sid"] for s in document["Statement"]]
        assert len(sids) == len(set(sids))
        assert all(sid.isalnum() for sid in sids)


def test_short_statements_share_a_document() -> None:
    (document,) = documents([statement("One", 1), statement("Two", 1)])
    assert [s["Sid"] for s in document["Statement"]] == ["One", "Two"]
    assert "Condition" not in document["Statement"][0]


def test_white_space_is_not_counted() -> None:
    (document,) = documents([statement("One", 1)])
    assert length(document) == len("".join(json.dumps(document, indent=4).split()))
