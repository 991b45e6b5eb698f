"""The demo, as far as it goes without a sandbox."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.fakes.world import FakeAws, Stage
from tfdriver.aws.calls import AwsError
from tfdriver.cli.demo_story import demo
from tfdriver.deploy.session import Tools
from tfdriver.errors import TfdriverError


@dataclass
class Guarded(FakeAws):
    """AWS whose trust policies keep the intruder out."""

    def call(self, account, service, ask):
        if service == "sts":
            raise AwsError("no", code="AccessDenied")
        return super().call(account, service, ask)


@pytest.mark.parametrize("phase", ["phase 1", "phase 2"])
def test_a_demo_that_is_stopped_names_no_command_that_would_find_nothing(stage: Stage, phase):
    def stop(title):
        if phase in title:
            stage.interrupts.request()

    stage.progress.phase = stop
    tools = Tools(stage.environ, stage.progress, stage.interrupts, Guarded(stage.world), stage.time.clock())
    with pytest.raises(TfdriverError) as caught:
        demo(stage.project, tools)
    assert caught.value.exit_code == 1
    assert str(caught.value).startswith("stopped by SIGINT. The demo's local AWS is gone")
    assert "tfdriver up" not in str(caught.value)
    told = "  role foo_bar in account_a may write, and is to trust role bar in account_b alone"
    assert stage.progress.said[0] == told
