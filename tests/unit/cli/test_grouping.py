"""What is the same in many accounts is printed once, and nothing else is."""

from __future__ import annotations

import io
from itertools import pairwise

from rich.console import Console

from tests.unit.cli.test_printer import OPEN
from tfdriver.cli.grouping import Item, grouped, lines
from tfdriver.cli.plan_text import print_planned
from tfdriver.cli.printer import Output
from tfdriver.cli.run_text import print_run
from tfdriver.cli.verify_table import check_lines
from tfdriver.deploy.overview import Overview
from tfdriver.deploy.plan_view import PhasePlan, Planned, PolicyChange, ResourceChange, counted
from tfdriver.deploy.run_result import RoleTrust, RunResult
from tfdriver.deploy.verify_result import CheckedRoles, CheckResult, CheckStatus, Verified
from tfdriver.errors import Exit

NAMES = [f"prod_{n:02}" for n in range(97)]


def ids(name: str) -> str:
    return f"1000000000{name[-2:]}"


def of_all(text: str, *, attention: bool = False) -> list[Item[str]]:
    return [Item(name, text.format(name=name, id=ids(name)), name, ids(name), attention=attention) for name in NAMES]


def test_equal_lines_are_one_line_with_placeholders():
    assert lines(of_all("role foo-{name} in {name}, arn:aws:iam::{id}:role/foo")) == [
        "97 accounts (prod_00, prod_01, prod_02 and 94 more): "
        "role foo-{account} in {account}, arn:aws:iam::{account_id}:role/foo"
    ]


def test_a_line_that_needs_attention_lists_all_accounts():
    (line,) = lines(of_all("role foo in {name}: broad", attention=True))

    assert line == f"97 accounts ({', '.join(NAMES)}): role foo in {{account}}: broad"


def test_two_equal_lines_are_printed_one_by_one():
    assert lines(of_all("role foo in {name}")[:2]) == ["role foo in prod_00", "role foo in prod_01"]


def test_lines_that_name_another_account_are_not_equal():
    items = [Item(name, f"{name} trusts {other}", name) for name, other in pairwise(NAMES)]

    assert len(lines(items)) == 96


def test_a_short_name_is_replaced_as_a_whole_word_only():
    items = [Item(name, f"a role in {name}", name) for name in ("b", "c", "d", "r")]

    assert lines(items) == ["4 accounts (b, c, d and r): a role in {account}"]
    assert lines([Item(name, f"role x-{name}9 in {name}", name) for name in ("b", "c", "d")]) == [
        "role x-b9 in b",
        "role x-c9 in c",
        "role x-d9 in d",
    ]


def test_generated_external_ids_do_not_keep_items_apart_and_other_values_do():
    def item(name: str, sent: str) -> Item[dict[str, str]]:
        return Item(name, {"sts:ExternalId": sent, "in": name}, name, external_id=f"id-of-{name}")

    groups = grouped([*(item(n, f"id-of-{n}") for n in NAMES[:4]), item("prod_50", "id-of-prod_00")])

    assert [(g.shown["sts:ExternalId"], bool(g.label)) for g in groups] == [
        ("{external_id}", True),
        ("id-of-prod_00", False),
    ]


def phase(name: str, change: ResourceChange, **fields) -> PhasePlan:
    return PhasePlan("tighten", name, name, ids(name), counted([change]), (change,), **fields)


def printed(phases: list[PhasePlan], action: str = "plan") -> list[str]:
    text = io.StringIO()
    print_planned(
        Planned(Overview("p", action, "1.11", "", (), (), ()), tuple(phases)),
        Console(file=text, width=5000, highlight=False),
    )
    return text.getvalue().splitlines()


def test_what_could_do_harm_is_listed_with_all_accounts():
    everybody = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "sts:AssumeRole"}]}
    opening = PolicyChange("assume_role_policy", None, everybody)
    for change, notes in (
        (ResourceChange("delete", "a.b"), ()),
        (ResourceChange("replace", "a.b"), ()),
        (ResourceChange("adopt", "a.b", imported="x"), ()),
        (ResourceChange("update", "a.b", drifted=True), ()),
        (ResourceChange("update", "a.b", policies=(opening,)), ()),
        (ResourceChange("update", "a.b"), ("all sessions are revoked",)),
    ):
        title, *_ = printed([phase(name, change, notes=notes) for name in NAMES])

        assert title.startswith(f"phase 3 (tighten), 97 accounts ({', '.join(NAMES)}): ")
    title, *_ = printed([phase(name, ResourceChange("update", "a.b")) for name in NAMES])
    assert title == "phase 3 (tighten), 97 accounts (prod_00, prod_01, prod_02 and 94 more): 1 to update each"


def test_a_deletion_in_one_of_many_accounts_is_printed_by_itself():
    create, delete = ResourceChange("create", "a.b"), ResourceChange("delete", "a.b")

    text = printed([phase(name, delete if name == "prod_50" else create) for name in NAMES])

    assert "phase 3 (tighten), prod_50 (100000000050): 1 to delete" in text
    assert text[-3:] == [
        "In all: 96 to create, 1 to delete.",
        "These resources are deleted or replaced, with any data in them:",
        "  prod_50: delete a.b",
    ]


def test_roles_after_a_run_are_grouped_and_a_broad_one_is_not(capsys):
    def role(name: str, kind: str) -> RoleTrust:
        return RoleTrust("foo", name, f"arn:aws:iam::{ids(name)}:role/foo", kind, f"{kind}: trusts ...")

    roles = tuple(role(name, "broad" if name == "prod_50" else "exact") for name in NAMES)
    print_run(RunResult(Exit.DONE, "done", (), roles, exposures=(OPEN,)), Output())

    assert capsys.readouterr().out.splitlines()[:2] == [
        "96 accounts (prod_00, prod_01, prod_02 and 93 more): role foo in {account}: exact: trusts ...",
        "role foo in prod_50: broad: trusts ...",
    ]


def test_checks_of_pairs_are_grouped_and_a_failed_one_is_not():
    def check(name: str) -> CheckResult:
        failed = name == "prod_50"
        verdict = CheckStatus.FAILED if failed else CheckStatus.PASSED
        tried = f"role bar assumes role foo in {name}"
        return CheckResult(CheckedRoles(f"foo@{name}", "bar"), "assume", tried, "allowed", "refused", verdict)

    found = list(check_lines(Verified(Exit.FAILED, "", tuple(map(check, NAMES)), "nothing")))

    assert found == [
        "[bold]96 accounts (prod_00, prod_01, prod_02 and 93 more): bar -> foo@{account}[/bold]",
        "  [green]+ passed[/green] role bar assumes role foo in {account}: refused",
        "[bold]bar -> foo@prod_50[/bold]",
        "  [bold red]X FAILED[/bold red] role bar assumes role foo in prod_50: expected allowed, but refused",
    ]
