"""What Terraform's environment holds, and which mirror of the provider it is told of."""

from __future__ import annotations

import pytest

from tfdriver.environment import ignored, terraform_environment
from tfdriver.errors import TfdriverError
from tfdriver.mirror import PROVIDER, cli_config, find_mirror

POISON = {
    "TF_CLI_ARGS_apply": "-destroy",
    "TF_CLI_ARGS": "-x",
    "TF_WORKSPACE": "other",
    "TF_DATA_DIR": "/elsewhere",
    "TF_VAR_account_id": "333333333333",
    "TF_LOG": "trace",
    "TF_REATTACH_PROVIDERS": "{}",
    "AWS_PROFILE": "other",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "PYTHONPATH": "/evil",
}


def test_poison_does_not_reach_terraform():
    environment = terraform_environment(POISON | {"PATH": "/bin", "AWS_ENDPOINT_URL": "http://x"}, None)
    assert environment == {
        "PATH": "/bin",
        "AWS_ENDPOINT_URL": "http://x",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "TF_WORKSPACE": "default",
        "CHECKPOINT_DISABLE": "1",
    }


def test_what_would_have_changed_the_run_is_named():
    assert ignored(POISON) == (
        "AWS_ACCESS_KEY_ID",
        "AWS_PROFILE",
        "AWS_SESSION_TOKEN",
        "TF_CLI_ARGS",
        "TF_CLI_ARGS_apply",
        "TF_DATA_DIR",
        "TF_REATTACH_PROVIDERS",
        "TF_VAR_account_id",
        "TF_WORKSPACE",
    )
    assert ignored({"PATH": "/bin"}) == ()


def mirror(folder):
    (folder / PROVIDER).mkdir(parents=True)
    return folder


def test_a_mirror_directly_below_a_place_is_found(tmp_path):
    expected = mirror(tmp_path / "opt" / "some-mirror")
    assert find_mirror({}, (tmp_path / "none", tmp_path / "opt")) == expected
    assert find_mirror({}, (tmp_path / "none",)) is None


def test_the_named_mirror_wins_and_must_hold_the_provider(tmp_path):
    mirror(tmp_path / "opt" / "a")
    named = mirror(tmp_path / "named")
    assert find_mirror({"TFDRIVER_PLUGIN_DIR": str(named)}, (tmp_path / "opt",)) == named
    with pytest.raises(TfdriverError, match="TFDRIVER_PLUGIN_DIR"):
        find_mirror({"TFDRIVER_PLUGIN_DIR": str(tmp_path)}, ())


def test_an_existing_cli_config_is_left_alone_a_missing_one_is_as_unset(tmp_path):
    places = (tmp_path / "opt",)
    mirror(tmp_path / "opt" / "a")
    own = tmp_path / "own.rc"
    environ = {"TF_CLI_CONFIG_FILE": str(own), "HOME": str(tmp_path / "home")}
    written = cli_config(environ, tmp_path, places)
    assert written == tmp_path / "terraform.rc"
    assert str(tmp_path / "opt" / "a") in written.read_text()
    assert written.stat().st_mode & 0o777 == 0o600
    own.write_text("")
    assert cli_config(environ, tmp_path, places) == own


def test_without_any_mirror_terraform_uses_its_registry(tmp_path):
    assert cli_config({"HOME": str(tmp_path)}, tmp_path, (tmp_path / "opt",)) is None
