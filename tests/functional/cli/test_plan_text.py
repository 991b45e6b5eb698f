"""What `tfdriver plan` prints for ten edits and accidents, as files in tests/golden/plans to read and compare.

To write them again after a change of the text: `TFDRIVER_WRITE_GOLDEN=1 pytest tests/functional/cli/test_plan_text.py`.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from functools import partial
from pathlib import Path

import jsonschema
import pytest

from tests.fakes.world import Stage
from tests.functional.deploy.test_many import with_one_role
from tfdriver.cli.json_schema import schema
from tfdriver.cli.plan import print_plan
from tfdriver.cli.plan_text import print_overview
from tfdriver.cli.printer import Output
from tfdriver.deploy.plan import plan
from tfdriver.deploy.plan_view import AttributeChange, PhasePlan, Planned, ResourceChange, counted
from tfdriver.deploy.up import up
from tfdriver.iam import trust
from tfdriver.redaction import changed

GOLDEN = Path(__file__).parents[2] / "golden/plans"
FOO = "arn:aws:iam::111111111111:role/foo_bar"
BAR = "arn:aws:iam::222222222222:role/bar"
SECOND = "  second:\n    account: account_b\n    module: team_b_bar_app\n"


def edit(stage: Stage, old: str, new: str) -> None:
    spec = stage.project / "tfdriver.yaml"
    assert old in spec.read_text()
    spec.write_text(spec.read_text().replace(old, new))


def inline_policy(action: str, resource: str) -> dict:
    statement = {"Sid": "Read", "Effect": "Allow", "Action": [action], "Resource": resource}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    return {"inline_policy": [{"name": "read", "policy": json.dumps(document)}]}


def change_role(stage: Stage, arn: str, **changes) -> None:
    stage.world.change(lambda w: w["roles"][arn].update(changes))


def new_pair(_stage: Stage) -> None:
    pass


def added_role(stage: Stage) -> None:
    stage.after_up()
    edit(stage, "trusts: [bar]", "trusts: [bar, second]")
    (stage.project / "tfdriver.yaml").write_text((stage.project / "tfdriver.yaml").read_text() + SECOND)


def removed_role(stage: Stage) -> None:
    added_role(stage)
    stage.run(up)
    edit(stage, "trusts: [bar, second]", "trusts: [bar]")
    edit(stage, SECOND, "")


def renamed_role(stage: Stage) -> None:
    stage.after_up()
    edit(stage, "module: team_b_bar_app", "module: team_b_bar_app\n    name: bar2")


def external_id(stage: Stage) -> None:
    edit(stage, "trusts: [bar]", "trusts: [bar]\n    external_id: old-id-1")
    stage.run(up)
    edit(stage, "old-id-1", "new-id-2")


def widened_policy(stage: Stage) -> None:
    own = inline_policy("s3:GetObject", "arn:aws:s3:::data/*")
    stage.world.change(lambda w: w.update(modules={"foo_bar": own}))
    stage.run(up)
    change_role(stage, FOO, arguments=inline_policy("s3:*", "*"))


def drift(stage: Stage) -> None:
    """Somebody trusts everybody by hand, and changes a description."""
    stage.world.change(lambda w: w.update(modules={"bar": {"description": "Runs the function"}}))
    stage.run(up)
    change_role(stage, BAR, arguments={"description": "Edited by hand"})
    statement = {"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}
    change_role(stage, FOO, trust={"Version": "2012-10-17", "Statement": [statement]})


def adoption(stage: Stage) -> None:
    stage.after_up()
    for composition in ("account_a", "account_b"):
        (stage.project / "compositions" / composition / "terraform.tfstate").unlink()


def orphan(stage: Stage) -> None:
    """Somebody deletes the trusted role."""
    stage.after_up()
    stage.world.change(lambda w: w["roles"].pop(BAR))
    dead = trust.Trust(frozenset({"AROAEXAMPLEOFADEADROLE"}))
    change_role(stage, FOO, trust=trust.document(dead))


def nothing_to_do(stage: Stage) -> None:
    stage.after_up()


PLANS: dict[Callable[[Stage], None], dict] = {
    new_pair: {},
    added_role: {},
    removed_role: {},
    renamed_role: {},
    external_id: {},
    widened_policy: {},
    drift: {"overwrite": True},
    adoption: {"adopt": True},
    orphan: {},
    nothing_to_do: {},
}


def printed(planned: Planned, *, as_json: bool) -> str:
    """What `tfdriver plan` prints to a pipe."""
    text = io.StringIO()
    with redirect_stdout(text), redirect_stderr(text):
        output = Output(as_json=as_json)
        if not as_json:
            print_overview(planned.overview, output)
        output.result("plan", planned, print_plan)
    return text.getvalue()


@pytest.mark.parametrize("accident", PLANS, ids=lambda accident: accident.__name__)
def test_the_plan_reads_as_in_the_golden_file(stage, accident):
    accident(stage)
    options = PLANS[accident]

    with stage.session("plan", adopt=options.get("adopt", False)) as session:
        planned = plan(session, overwrite=options.get("overwrite", False))

    jsonschema.validate(json.loads(printed(planned, as_json=True)), schema("plan"))
    compare(planned, stage, accident.__name__)


def compare(planned: Planned, stage: Stage, name: str) -> None:
    text = printed(planned, as_json=False).replace(stage.environ["TFDRIVER_TERRAFORM"], "terraform")
    golden = GOLDEN / f"{name}.txt"
    if os.environ.get("TFDRIVER_WRITE_GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
    assert text == golden.read_text()


def of_100_accounts(planned: Planned) -> Planned:
    """Return a plan of accounts a00 and a01 with 98 more that are as a01 is, apart from seven of them."""

    def copies(of_two: tuple) -> tuple:
        (model,) = (one for one in of_two if "a01" in (getattr(one, "account", ""), getattr(one, "name", "")))
        numbers = range(1, 100)
        at = of_two.index(model)
        return (*of_two[:at], *(changed(model, partial(renumbered, number=n)) for n in numbers), *of_two[at + 1 :])

    def renumbered(text: str, number: int) -> str:
        text = text.replace("a01", f"a{number:02}").replace("100000000001", f"1000000000{number:02}")
        return re.sub(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}", f"{number:08}-0000-5000-8000", text)

    def with_accidents(phase: PhasePlan) -> PhasePlan:
        changes = {
            "a11": [replace(phase.changes[0], drifted=True)],
            "a12": [ResourceChange("update", "module.foo.aws_dynamodb_table.this", name="T", attributes=capacity)],
            **{name: [*phase.changes, table] for name in ("a21", "a22", "a23", "a24", "a25")},
        }.get(phase.composition, phase.changes)
        return replace(phase, changes=tuple(changes), counts=counted(changes))

    capacity = (AttributeChange("read_capacity", 5, 6),)
    table = ResourceChange("replace", "module.foo.aws_dynamodb_table.this", name="T")
    overview = planned.overview
    overview = replace(overview, accounts=copies(overview.accounts), roles=copies(overview.roles))
    return Planned(overview, tuple(map(with_accidents, copies(planned.phases))))


def test_a_plan_of_100_accounts_is_one_page(stage):
    with with_one_role(stage, 2, "foo_bar").session("plan") as session:
        planned = of_100_accounts(plan(session))

    compare(planned, stage, "hundred_accounts")
    assert len((GOLDEN / "hundred_accounts.txt").read_text().splitlines()) < 130
    shown = json.loads(printed(planned, as_json=True))["result"]
    assert len(shown["overview"]["accounts"]) == 101
    assert len(shown["phases"]) == 102
