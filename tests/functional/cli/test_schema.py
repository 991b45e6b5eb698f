"""The --json output of every command validates against its schema."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import click
import jsonschema
import pytest
import yaml
from jsonschema import Draft202012Validator

from tests.fakes.world import Stage
from tests.unit.verify.test_judge import INTRUDER, judged
from tfdriver.cli import main
from tfdriver.cli.json_schema import NAMES, RESULTS, schema
from tfdriver.cli.printer import Output
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.plan import plan
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.deploy.verify_result import Verified
from tfdriver.errors import Exit, TfdriverError
from tfdriver.project import assets


def printed(name: str, value, capsys, exit_code: int = 0) -> dict:
    capsys.readouterr()
    Output(as_json=True).result(name, value, print, exit_code)
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("name", NAMES)
def test_every_schema_is_valid_and_printed_alone(name, capsys):
    assert main.run(["schema", name]) == 0
    found = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(found)
    assert found == json.loads(json.dumps(schema(name)))


def test_every_command_that_prints_json_has_a_schema():
    with_json = {
        name
        for name, command in main.cli.commands.items()
        if any(isinstance(p, click.Option) and "--json" in p.opts for p in command.params)
    }
    assert with_json == set(RESULTS)


def test_an_unknown_name_is_refused_with_the_known_names(capsys):
    assert main.run(["schema", "nothing"]) == 1

    printed = capsys.readouterr().err
    assert printed.startswith("error[bad_usage]: ")
    assert "verify" in printed
    assert "spec" in printed


def test_results_of_runs_plan_and_render_validate(stage: Stage, capsys):
    with stage.session("plan") as session:
        jsonschema.validate(printed("plan", plan(session), capsys), schema("plan"))
    for name, command in (("up", up), ("tighten", tighten), ("destroy", destroy)):
        done = printed(name, stage.run(command), capsys)
        jsonschema.validate(done, schema(name))
        jsonschema.validate(done, schema("run"))
    assert main.run(["-C", str(stage.project), "render", "--json"]) == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), schema("render"))


def test_the_result_of_a_run_with_an_open_trust_validates(stage: Stage, capsys):
    done = stage.run(up, tighten=False)

    jsonschema.validate(printed("up", done, capsys, done.exit_code), schema("up"))


def test_the_result_of_a_verified_run_validates(stage: Stage, capsys):
    verified = Verified(Exit.FAILED, "1 check", (judged(INTRUDER, "intruder", 0),), "nothing", ("T/key",))
    done = stage.run(up, prove=lambda _session, _current: verified)

    assert done.exit_code is Exit.FAILED
    jsonschema.validate(printed("up", done, capsys, done.exit_code), schema("up"))
    jsonschema.validate(printed("verify", verified, capsys, 1), schema("verify"))


def test_an_error_validates_for_every_command(capsys):
    for name in RESULTS:
        Output(as_json=True).error(name, TfdriverError("what", code="io_error", where="where"))
        jsonschema.validate(json.loads(capsys.readouterr().out), schema(name))


def changed(envelope: dict, **changes) -> dict:
    return {k: v for k, v in {**envelope, **changes}.items() if v is not None}


def test_output_that_differs_from_the_schema_is_invalid(stage: Stage, capsys):
    good = printed("up", stage.run(up), capsys)
    step = good["result"]["steps"][0]
    for bad in (
        changed(good, result=None),
        changed(good, error={"what": "", "where": "", "hint": ""}),
        changed(good, exit_code=7),
        changed(good, command="verify"),
        changed(good, format_version="2.0"),
        changed(good, result={k: v for k, v in good["result"].items() if k != "summary"}),
        changed(good, result=good["result"] | {"steps": [step | {"added": "one"}]}),
    ):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(bad, schema("up"))


def test_the_scaffolded_spec_validates():
    text = (assets.templates() / "init" / "tfdriver.yaml").read_text()
    jsonschema.validate(yaml.safe_load(text), schema("spec"))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"version": datetime(2026, 1, 1, tzinfo=UTC).isoformat()}, schema("spec"))
