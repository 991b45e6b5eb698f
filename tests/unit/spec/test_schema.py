"""The JSON Schema accepts valid specs and refuses wrong keys, types and syntax."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
import yaml

from tests.unit.spec.project import GOOD, with_line
from tfdriver.spec.schema import spec_schema


def errors(text: str) -> list[Any]:
    schema = spec_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return list(jsonschema.Draft202012Validator(schema).iter_errors(yaml.safe_load(text)))


def test_a_valid_spec_is_accepted() -> None:
    assert errors(GOOD) == []


def test_all_options_are_accepted() -> None:
    options = "trusts: [worker], name: n, path: /a/b/, external_id: generate, guard: false, open_for: 30m"
    assert errors(with_line(15, "    " + options.replace(", ", "\n    "))) == []


@pytest.mark.parametrize("accounts", ['"s*"', "[store, app]"])
def test_a_role_may_have_several_accounts(accounts: str) -> None:
    assert errors(with_line(12, f'    accounts: {accounts}\n    name: "w-{{account}}-{{account_id}}"')) == []


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (1, "version: 2"),
        (2, "projekt: shop"),
        (5, '    id: "1"'),
        (5, "    id: 111111111111"),
        (12, ""),
        (12, "    account: store\n    accounts: [app]"),
        (12, "    accounts: 1"),
        (14, "    variables: [a]"),
        (15, "    trusts: worker"),
        (15, "    trusts: []"),
        (15, "    trusts: [worker]\n    external_id: '#'"),
        (15, "    trusts: [worker]\n    path: team"),
        (15, "    trusts: [worker]\n    open_for: soon"),
    ],
)
def test_an_invalid_spec_is_refused(number: int, written: str) -> None:
    assert errors(with_line(number, written))


def test_defaults_are_valid_values() -> None:
    role = spec_schema()["$defs"]["RoleShape"]["properties"]
    assert "default" not in role["external_id"]
    assert role["open_for"]["default"] == "1h"
