"""The fake AWS: its file can be read while it is changed."""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.fakes.world import Stage, make_stage


@pytest.fixture
def stage(tmp_path) -> Stage:
    return make_stage(tmp_path, tmp_path / "home")


def by_hand(stage: Stage) -> None:
    stage.world.change(lambda world: world.update(changed=1))


def by_terraform(stage: Stage) -> None:
    values = {"account_id": "111111111111", "tags": {}, "digest": "", "roles": {"bar": {"path": "/", "name": "bar"}}}
    (stage.project / "terraform.tfvars.json").write_text(json.dumps(values))
    for arguments in (["plan", "-out=plan"], ["apply", "plan"]):
        subprocess.run(
            [stage.environ["TFDRIVER_TERRAFORM"], *arguments], env=stage.environ, cwd=stage.project, check=True
        )


@pytest.mark.parametrize("change", [by_hand, by_terraform])
def test_a_reader_gets_the_content_from_before_a_concurrent_change(stage, change):
    with stage.world.path.open() as reader:
        change(stage)
        content = json.load(reader)

    assert content == {"roles": {}}
    assert stage.world.data != {"roles": {}}
