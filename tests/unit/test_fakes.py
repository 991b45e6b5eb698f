"""The fakes themselves: a world that several may read while one changes it."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.fakes.world import Stage, make_stage


@pytest.fixture
def stage(tmp_path) -> Stage:
    return make_stage(tmp_path, tmp_path / "home")


def by_hand(stage: Stage) -> None:
    stage.world.change(lambda world: world.update(made=1))


def by_terraform(stage: Stage) -> None:
    values = {"account_id": "111111111111", "tags": {}, "roles": {"bar": {"path": "/", "name": "bar"}}}
    (stage.project / "terraform.tfvars.json").write_text(json.dumps(values))
    subprocess.run([stage.environ["TFDRIVER_TERRAFORM"], "apply"], env=stage.environ, cwd=stage.project, check=True)


@pytest.mark.parametrize("change", [by_hand, by_terraform])
def test_who_began_to_read_before_a_change_reads_what_was_there_then(stage, change):
    with stage.world.path.open() as reader:
        change(stage)
        assert json.load(reader) == {"roles": {}}
    assert stage.world.data != {"roles": {}}
