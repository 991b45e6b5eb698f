"""The demo without Terraform."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass

import pytest

from tests.fakes.world import FakeAws, Stage
from tests.functional.accounts import BAR, LAMBDA, trust
from tfdriver.aws.calls import AwsError
from tfdriver.aws.client import Aws
from tfdriver.cli import demo_story as command
from tfdriver.deploy.session import Tools, read_spec
from tfdriver.errors import TfdriverError
from tfdriver.spec.model import Role


@dataclass
class Guarded(FakeAws):
    """AWS that allows only the namesake to assume the trusting role."""

    def call(self, account, service, ask):
        if service == "sts" and account.name != command.NAMESAKE:
            raise AwsError("no", aws_code="AccessDenied")
        return None if service == "sts" else super().call(account, service, ask)


def create(aws: Aws, role: Role, trust_policy: str) -> None:
    names = {"RoleName": role.name, "AssumeRolePolicyDocument": trust_policy}
    aws.call(role.account, "iam", lambda iam: iam.create_role(**names))


@pytest.mark.parametrize("phase", ["phase 1", "phase 2"])
def test_the_error_of_an_interrupted_demo_has_no_hint_to_continue(stage: Stage, phase):
    def stop(title):
        if phase in title:
            stage.interrupts.request()

    stage.progress.phase = stop
    tools = Tools(stage.environ, stage.progress, stage.interrupts, Guarded(stage.world), stage.time.clock())
    with pytest.raises(TfdriverError) as caught:
        command.demo(stage.project, tools)

    assert (caught.value.code, caught.value.exit_code) == ("interrupted", 1)
    assert "tfdriver up" not in str(caught.value)
    first = "  role foo_bar in account_a may write to the table and will trust role bar in account_b"
    assert stage.progress.said[0] == first


def test_only_an_exact_trust_policy_refuses_a_namesake():
    with command.sandboxed_project(os.environ) as project:
        aws, spec = Aws(), read_spec(project)
        (trusting,), (trusted,) = spec.trusting, spec.trusted
        guarded = json.dumps(trust(trusted.account.id, ArnEquals={"aws:PrincipalArn": BAR}))
        create(aws, trusting, guarded)

        assert command.assume(aws, trusted.account, trusting) == "AccessDenied"
        assert command.assume_as_namesake(aws, trusted, trusting) == "allowed"

        create(aws, trusted, json.dumps(LAMBDA | {"Version": "2012-10-17"}))
        change = {"RoleName": trusting.name, "PolicyDocument": json.dumps(trust(BAR))}
        aws.call(trusting.account, "iam", lambda iam: iam.update_assume_role_policy(**change))

        assert command.assume_as_namesake(aws, trusted, trusting) == "AccessDenied"
        assert aws.read_role(trusted.account, trusted.name) is None


def test_an_unexpected_answer_to_the_namesake_fails_the_demo(stage: Stage):
    class Refusing(Guarded):
        def call(self, account, service, ask):
            if account.name == command.NAMESAKE:
                raise AwsError("no", aws_code="AccessDenied")
            return super().call(account, service, ask)

    tools = Tools(stage.environ, stage.progress, stage.interrupts, Refusing(stage.world), stage.time.clock())
    with pytest.raises(TfdriverError) as caught:
        command.demo(stage.project, tools)

    assert caught.value.code == "demo_failed"


@pytest.mark.parametrize(
    ("program", "export"),
    [
        (".venv/bin/tfdriver", ['export PATH="$PWD/.venv/bin:$PATH"']),
        ("/opt/tools/tfdriver", ['export PATH="/opt/tools:$PATH"']),
    ],
)
def test_the_next_steps_put_tfdriver_on_path_if_it_is_missing(program, export, tmp_path):
    steps = [*command.next_steps(program, str(tmp_path))]
    assert steps == [*export, "tfdriver init my-project", "cd my-project", "tfdriver sandbox"]

    (tmp_path / "tfdriver").touch(mode=0o755)
    assert [*command.next_steps(program, str(tmp_path))] == steps[1:]
