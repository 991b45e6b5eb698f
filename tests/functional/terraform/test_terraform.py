"""Running the fake Terraform: failed starts, failing listeners and logs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.fakes.world import Stage
from tfdriver.aws.identity import used_accounts
from tfdriver.deploy.session import Options, Tools, find_terraform, read_spec
from tfdriver.deploy.up import up
from tfdriver.inspect.drift import drift_reader
from tfdriver.redaction import without_secrets
from tfdriver.terraform.failure import TerraformError
from tfdriver.terraform.program import Program
from tfdriver.terraform.provider_installation import PROVIDERS
from tfdriver.terraform.runner import Root, Settings


def root(session, stage: Stage, on_event) -> Root:
    tools = Tools(stage.environ, stage.progress, stage.interrupts, stage.aws, stage.time.clock())
    settings = session.terraform.settings(tools, Options(stage.project))
    return Root(stage.project / "compositions" / "account_a", settings, on_event)


def destroy(terraform: Root) -> None:
    terraform.apply(terraform.plan(destroy=True))


def failing_listener(event):
    if event.type == "apply_complete":
        raise OSError("listener failed")


def test_an_error_of_the_listener_is_raised_after_terraform_has_ended(stage):
    stage.after_up()

    with stage.session() as session, pytest.raises(OSError, match="listener failed"):
        destroy(root(session, stage, failing_listener))

    assert [r["name"] for r in stage.world.data["roles"].values()] == ["bar"]


def test_an_error_of_terraform_precedes_an_error_of_the_listener(stage):
    stage.after_up()
    stage.world.change(lambda w: w.update(fail={"destroy account_a": {"error": "AccessDenied: no", "after": 1}}))

    with stage.session() as session, pytest.raises(TerraformError, match="AccessDenied: no"):
        destroy(root(session, stage, failing_listener))


def file_instead_of_folder(run_folder):
    run_folder.write_text("")


def folder_instead_of_log(run_folder):
    (run_folder / "drift.jsonl").mkdir(parents=True)


@pytest.mark.parametrize("spoil", [file_instead_of_folder, folder_instead_of_log])
def test_an_unwritable_run_folder_is_reported_for_its_composition(stage, spoil):
    stage.after_up()
    tools = Tools(stage.environ, stage.progress, stage.interrupts, stage.aws, stage.time.clock())
    with stage.session("plan") as session:
        composition = session.workspace.compositions[0]
        folder = session.workspace.path(composition)
    (folder / ".terraform").mkdir(exist_ok=True)
    (folder / ".tfdriver").rename(folder / "elsewhere")
    spoil(folder / ".tfdriver")

    with drift_reader(Options(stage.project), tools) as read_drift:
        problem = read_drift(folder, composition).problem

    assert "terraform drift in compositions/account_a: cannot run" in problem


LOGGING = """\
#!/bin/sh
[ -n "$TF_LOG" ] || exit 1
echo 'token: IQoJb3JpZ2luX2VjAAAAAAAAAAAAAAAAAAAAAAAAAA' >> "$TF_LOG_PATH"
"""


def logging_root(stage: Stage, tmp_path, **variables) -> Root:
    program = tmp_path / "logging-terraform"
    program.write_text(LOGGING)
    program.chmod(0o700)
    environment = {"PATH": stage.environ["PATH"], "TF_LOG": "trace", **variables}
    folder = stage.project / "compositions" / "account_a"
    folder.mkdir(parents=True)
    return Root(
        folder, Settings(Program((str(program),), "terraform"), environment, stage.interrupts, hide=without_secrets)
    )


def test_TF_LOG_writes_a_private_file_without_secrets(stage, tmp_path):  # noqa: N802
    found = logging_root(stage, tmp_path)

    found.init()

    log = stage.project / "compositions/account_a/.tfdriver/terraform.log"
    assert log.read_text() == "token: (hidden)\n"
    assert log.stat().st_mode & 0o777 == 0o600


def test_TF_LOG_PATH_names_the_log_file(stage, tmp_path):  # noqa: N802
    found = logging_root(stage, tmp_path, TF_LOG_PATH=str(tmp_path / "own.log"))

    found.init()

    assert (tmp_path / "own.log").read_text().startswith("token: IQoJ")
    assert not (stage.project / "compositions/account_a/.tfdriver/terraform.log").exists()


def test_each_command_is_logged_with_its_duration(stage, caplog):
    with caplog.at_level("INFO", logger="tfdriver"):
        stage.run(up)

    assert any(re.search(r"terraform init .* in account_a: exit code 0, \d+\.\d s", text) for text in caplog.messages)


def test_a_mirror_that_was_found_by_searching_is_named(stage, tmp_path):
    mirror = tmp_path / "opt" / "mirror"
    (mirror / PROVIDERS[0]).mkdir(parents=True)
    (tmp_path / "home/.terraformrc").unlink()
    tools = Tools(
        stage.environ, stage.progress, stage.interrupts, stage.aws, stage.time.clock(), mirrors=(tmp_path / "opt",)
    )

    with find_terraform(used_accounts(read_spec(stage.project)), tools, 2) as found:
        assert str(mirror) in Path(found.environment["TF_CLI_CONFIG_FILE"]).read_text()

    assert stage.progress.said == [f"the AWS provider comes from {mirror}, a mirror found by searching"]
