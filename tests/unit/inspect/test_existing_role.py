"""The lines that `tfdriver adopt` prints."""

from __future__ import annotations

import yaml

from tests.unit.builders import BAR, A, role
from tfdriver.iam.trust_state import LiveRole
from tfdriver.inspect.existing_role import describe, own_statements

DENY = {"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}
OWN = {"Sid": "no", "Effect": "Allow", "Principal": {"AWS": "111111111111"}, "Action": "sts:AssumeRole"}
ADDED = {"Effect": "Allow", "Principal": {"AWS": BAR.arn}, "Action": "sts:AssumeRole"}


def live(name: str, *statements: dict) -> LiveRole:
    return LiveRole(f"arn:aws:iam::111111111111:role{name}", "AROAREADER", {"Statement": list(statements)}, {})


def test_the_lines_are_yaml_that_fits_below_roles() -> None:
    found = describe(A, live("/team/a/1+reader", DENY, OWN), [DENY, OWN])

    assert yaml.safe_load("roles:\n" + found.lines)["roles"] == {
        "_1_reader": {
            "account": "account_a",
            "name": "1+reader",
            "path": "/team/a/",
            "existing": True,
            "trust_statements": [DENY, OWN],
        }
    }
    assert (found.key, found.notes) == ("_1_reader", ())


def test_a_name_that_is_its_key_and_a_path_that_is_the_default_are_left_out() -> None:
    assert describe(A, live("/reader", OWN), [OWN]).lines.splitlines()[:3] == [
        "  reader:",
        "    account: account_a",
        "    existing: true",
    ]


def test_a_deleted_principal_is_reported() -> None:
    dead = OWN | {"Principal": {"AWS": ["AROADEADDEADDEADDEAD", "111111111111"]}}

    (note,) = describe(A, live("/reader", OWN, dead), [OWN, dead]).notes

    assert note.startswith("statement 2 names AROADEADDEADDEADDEAD, the id of a deleted principal")


def test_only_the_statement_that_tfdriver_has_added_is_left_out() -> None:
    known = role("reader", A, existing=True, trusts=("bar",), trust_statements=(OWN,))
    policy = {"Statement": [DENY, OWN, ADDED]}

    assert own_statements(policy, None, ()) == [DENY, OWN, ADDED]
    assert own_statements(policy, known, [BAR]) == [DENY, OWN]
    assert own_statements({"Statement": [OWN, ADDED, ADDED]}, known, [BAR]) == [OWN, ADDED]
    kept = role("reader", A, existing=True, trusts=("bar",), trust_statements=(ADDED,))
    assert own_statements({"Statement": [ADDED]}, kept, [BAR]) == [ADDED]
