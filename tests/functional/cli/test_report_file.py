"""`--report-file`: the JSON of a run, also of one that fails."""

from __future__ import annotations

import json
import stat

import pytest
from jsonschema import Draft202012Validator

from tests.fakes.world import Stage
from tfdriver.cli.json_schema import schema
from tfdriver.cli.printer import Output
from tfdriver.deploy.run_result import done_so_far
from tfdriver.deploy.up import up
from tfdriver.errors import OpenTrustError, TfdriverError


def test_the_report_of_a_run_is_private_and_the_same_as_its_json(stage: Stage, tmp_path, capsys):
    output = Output(as_json=True, report=tmp_path / "report.json")

    output.result("up", stage.run(up), print)

    assert (tmp_path / "report.json").read_text() == capsys.readouterr().out
    assert stat.S_IMODE((tmp_path / "report.json").stat().st_mode) == 0o600


def test_the_report_of_a_failed_run_lists_what_it_had_done(stage: Stage, tmp_path, capsys):
    stage.world.change(lambda w: w.update(fail={"apply account_b": {"error": "no", "after": 0}}))
    output = Output(report=tmp_path / "report.json")

    with pytest.raises(OpenTrustError) as caught, stage.session() as session:
        output.done = lambda: done_so_far(session.driver)
        up(session, lambda _planned: False)
    output.error("up", caught.value)

    report = json.loads((tmp_path / "report.json").read_text())
    Draft202012Validator(schema("up")).validate(report)
    assert [(s["phase"], s["composition"]) for s in report["done"]["steps"]] == [("broad", "account_a")]
    assert [(e["role"], e["closed"]) for e in report["done"]["exposures"]] == [("foo_bar", None)]
    assert report["error"]["in_force"]
    assert capsys.readouterr().out == ""


def test_a_report_that_cannot_be_written_is_refused_before_anything_runs(tmp_path):
    with pytest.raises(TfdriverError, match="cannot write the file"):
        Output(report=tmp_path / "missing/report.json")


def test_a_report_that_cannot_be_written_at_the_end_is_an_error(stage: Stage, tmp_path, capsys):
    folder = tmp_path / "reports"
    folder.mkdir()
    output = Output(as_json=True, report=folder / "report.json")
    done = stage.run(up)
    (folder / "report.json").unlink()
    folder.rmdir()

    with pytest.raises(TfdriverError) as caught:
        output.result("up", done, print)

    assert caught.value.code == "output_not_written"
    assert capsys.readouterr().out == ""
