"""Planned creates, errors for existing resources, and safe import blocks."""

from __future__ import annotations

import pytest

from tfdriver.errors import TfdriverError
from tfdriver.project import generated_header
from tfdriver.project.orphans import (
    OrphanedResource,
    PlannedCreate,
    existing_addresses,
    import_blocks,
    importable,
    planned_creates,
)
from tfdriver.terraform.events import Diagnostic

ROLE = "module.bar.aws_iam_role.this"
TABLE = "module.foo_bar.aws_dynamodb_table.this"


def planned(address: str, *actions: str, mode: str = "managed", after: dict | None = None) -> dict:
    kind = address.split(".")[-2]
    return {"address": address, "mode": mode, "type": kind, "change": {"actions": list(actions), "after": after}}


def test_only_creates_of_a_plan_are_returned():
    shown = {
        "resource_changes": [
            planned(ROLE, "create", after={"name": "bar"}),
            planned("aws_iam_role.a", "no-op"),
            planned("aws_iam_role.b", "update"),
            planned("aws_iam_role.c", "delete", "create"),
            planned("data.aws_iam_policy_document.d", "read", mode="data"),
        ]
    }

    assert planned_creates(shown) == [PlannedCreate(ROLE, "aws_iam_role", {"name": "bar"})]
    assert planned_creates({}) == []


@pytest.mark.parametrize(
    "summary",
    [
        "creating IAM Role (bar): CreateRole, EntityAlreadyExists: Role with name bar already exists.",
        "creating CloudWatch Logs Log Group (x): ResourceAlreadyExistsException: The specified log group",
        "creating AWS DynamoDB Table (T): CreateTable, ResourceInUseException: Table already exists: T",
        "creating Lambda Function (bar): CreateFunction, ResourceConflictException: Function already exist: bar",
        "adding Lambda Permission (bar/x): ResourceConflictException: The statement id (x) provided exists",
    ],
)
def test_an_error_for_an_existing_resource_is_recognized(summary):
    assert existing_addresses([Diagnostic("error", summary, address=ROLE)]) == {ROLE}


def test_any_other_error_excludes_existing_resources():
    exists = Diagnostic("error", "EntityAlreadyExists", address=ROLE)
    assert existing_addresses([exists, Diagnostic("error", "ResourceInUseException", address=TABLE)]) == {ROLE, TABLE}
    assert not existing_addresses([exists, Diagnostic("error", "AccessDenied", address=TABLE)])
    assert not existing_addresses([exists, Diagnostic("error", "EntityAlreadyExists")])
    assert not existing_addresses([])


def test_import_blocks_are_stamped_sorted_and_quoted():
    text = import_blocks(
        [
            OrphanedResource(TABLE, "aws_dynamodb_table", "T", 'T"\n${x}'),
            OrphanedResource(ROLE, "aws_iam_role", "r", "r"),
        ]
    )

    assert generated_header.intact(text.encode())
    assert text.split("\n", 1)[1] == (
        f'\nimport {{\n  to = {ROLE}\n  id = "r"\n}}\n\nimport {{\n  to = {TABLE}\n  id = "T\\"\\n$${{x}}"\n}}\n'
    )


@pytest.mark.parametrize("address", [ROLE, "aws_iam_role.r[0]", 'module.m["a b"].aws_iam_role.r["x.y\\"z"]'])
def test_a_safe_address_is_accepted(address):
    assert importable(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "",
        "aws_iam_role",
        ROLE + "\n}",
        'aws_iam_role.r["${x}"]',
        'aws_iam_role.r["%{x}"]',
        "a.b[c]",
        'a.b["\n"]',
        "a..b",
    ],
)
def test_an_unsafe_address_is_refused(address):
    with pytest.raises(TfdriverError, match="terraform import"):
        importable(address)
