"""Terraform's environment and its mirror of the provider."""

from __future__ import annotations

import json

import pytest

from tfdriver.errors import TfdriverError
from tfdriver.terraform.environment import git_environment, ignored, terraform_environment
from tfdriver.terraform.provider_installation import PROVIDERS, cli_config, find_mirror, searched_mirror, shares_cache

HARMFUL = {
    "TF_CLI_ARGS_apply": "-destroy",
    "TF_CLI_ARGS": "-x",
    "TF_WORKSPACE": "other",
    "TF_DATA_DIR": "/elsewhere",
    "TF_VAR_account_id": "333333333333",
    "TF_REATTACH_PROVIDERS": "{}",
    "AWS_PROFILE": "other",
    "AWS_ACCESS_KEY_ID": "AKIA",
    "AWS_SECRET_ACCESS_KEY": "secret",
    "AWS_SESSION_TOKEN": "token",
    "PYTHONPATH": "/evil",
}

KEYS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_SESSION_TOKEN": "token"}
LOGINS = {
    "TF_TOKEN_app_terraform_io": "token",
    "TF_PLUGIN_CACHE_DIR": "/cache",
    "AWS_CONFIG_FILE": "/config",
    "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI": "http://127.0.0.1/x",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE": "/token",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://[fd00:ec2::254]",
    "TF_LOG": "trace",
    "TF_LOG_PATH": "/log",
}


def test_a_harmful_variable_does_not_reach_terraform():
    environment = terraform_environment(HARMFUL | {"PATH": "/bin", "AWS_ENDPOINT_URL": "http://x"}, None)
    assert environment == {
        "PATH": "/bin",
        "AWS_ENDPOINT_URL": "http://x",
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "TF_WORKSPACE": "default",
        "CHECKPOINT_DISABLE": "1",
    }


def test_a_variable_that_does_not_reach_terraform_is_named():
    environ = HARMFUL | {"AWS_ROLE_ARN": "arn", "AWS_WEB_IDENTITY_TOKEN_FILE": "/token", "TF_HTTP_PASSWORD": "x"}
    expected = sorted(environ.keys() - {"PYTHONPATH"})
    assert ignored(environ, terraform_environment(environ, None)) == tuple(expected)


def test_git_finds_what_it_needs_to_fetch_a_module_but_not_the_repository_of_a_hook():
    needed = {"GIT_SSH_COMMAND": "ssh -i key", "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "url.x.insteadOf"}
    hook = {"GIT_DIR": ".git", "GIT_INDEX_FILE": "index"}

    assert git_environment(needed | hook | {"PATH": "/bin"}) == needed
    assert not terraform_environment(needed, None).keys() & needed.keys()
    assert ignored(needed | hook, needed) == ("GIT_DIR", "GIT_INDEX_FILE")


def test_version_managers_get_their_variables():
    versions = {"TFENV_TERRAFORM_VERSION": "1.11.4", "ASDF_DIR": "/asdf", "MISE_ENV": "x", "TENV_ARCH": "amd64"}

    assert versions.items() <= terraform_environment(versions, None).items()


def test_a_variable_that_reaches_terraform_is_not_named():
    environ = KEYS | LOGINS | {"PATH": "/bin", "TF_WORKSPACE": "default", "TF_CLI_CONFIG_FILE": "/x", "TF_INPUT": "1"}
    assert ignored(environ, terraform_environment(environ, None, with_keys=True)) == ()


def test_login_variables_reach_terraform():
    assert LOGINS.items() <= terraform_environment(LOGINS, None).items()


def test_access_keys_reach_terraform_only_for_a_profile_that_uses_them():
    assert not KEYS.keys() & terraform_environment(KEYS, None).keys()
    given = terraform_environment(KEYS | {"AWS_PROFILE": "other"}, None, with_keys=True)
    assert KEYS.items() <= given.items()
    assert "AWS_PROFILE" not in given


def test_go_tuning_variables_reach_terraform():
    tuning = {"GOGC": "200", "GOMEMLIMIT": "2GiB", "GOMAXPROCS": "1"}
    assert terraform_environment(tuning, None).items() >= tuning.items()


TERRAFORMS, TOFUS = PROVIDERS


def mirror(folder, provider=TERRAFORMS):
    (folder / provider).mkdir(parents=True)
    return folder


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_mirror_directly_below_a_search_folder_is_found(tmp_path, provider):
    expected = mirror(tmp_path / "opt" / "some-mirror", provider)
    assert find_mirror({}, (tmp_path / "none", tmp_path / "opt")) == expected
    assert find_mirror({}, (tmp_path / "none",)) is None


def test_a_named_mirror_wins_and_must_contain_the_provider(tmp_path):
    mirror(tmp_path / "opt" / "a")
    named = mirror(tmp_path / "named")
    assert find_mirror({"TFDRIVER_PLUGIN_DIR": str(named)}, (tmp_path / "opt",)) == named
    assert searched_mirror({"TFDRIVER_PLUGIN_DIR": str(named)}, (tmp_path / "opt",)) is None
    with pytest.raises(TfdriverError, match="TFDRIVER_PLUGIN_DIR") as error:
        find_mirror({"TFDRIVER_PLUGIN_DIR": str(tmp_path)}, ())
    assert all(provider in error.value.what for provider in PROVIDERS)


def in_configuration(path):
    """Return the providers that the mirror includes, and those that direct installation excludes."""
    return [json.loads(line.partition("= ")[2]) for line in path.read_text().splitlines() if "clude" in line]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_named_mirror_replaces_the_registry_for_every_program(tmp_path, provider):
    named = mirror(tmp_path / "named", provider)
    written = cli_config({"TFDRIVER_PLUGIN_DIR": str(named), "HOME": str(tmp_path)}, tmp_path, ())
    assert in_configuration(written) == [list(PROVIDERS)] * 2


@pytest.mark.parametrize("held", [(TERRAFORMS,), (TOFUS,), PROVIDERS])
def test_a_mirror_found_by_searching_replaces_the_registry_for_its_providers(tmp_path, held):
    for provider in held:
        mirror(tmp_path / "opt" / "a", provider)
    written = cli_config({"HOME": str(tmp_path)}, tmp_path, (tmp_path / "opt",))
    assert in_configuration(written) == [list(held)] * 2


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_implied_mirror_needs_no_configuration(tmp_path, provider):
    mirror(tmp_path / "opt" / "a", provider)
    mirror(tmp_path / ".terraform.d/plugins", provider)
    assert cli_config({"HOME": str(tmp_path)}, tmp_path, (tmp_path / "opt",)) is None


def test_an_existing_cli_config_is_used_and_a_missing_one_ignored(tmp_path):
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


def test_without_a_mirror_terraform_uses_its_registry(tmp_path):
    assert cli_config({"HOME": str(tmp_path)}, tmp_path, (tmp_path / "opt",)) is None


@pytest.mark.parametrize(
    ("config", "shared"),
    [
        ('plugin_cache_dir = "/cache"\n', True),
        ('{\n  "plugin_cache_dir": "/cache"\n}', True),
        ('# plugin_cache_dir = "/cache"\n', False),
        ("", False),
    ],
)
def test_a_cache_in_the_cli_config_is_shared(tmp_path, config, shared):
    path = tmp_path / "own.rc"
    path.write_text(config)
    assert shares_cache({"TF_CLI_CONFIG_FILE": str(path)}) is shared


def test_a_cache_in_the_environment_is_shared(tmp_path):
    assert shares_cache({"TF_PLUGIN_CACHE_DIR": "/cache"})
    assert not shares_cache({})
    assert not shares_cache({"TF_CLI_CONFIG_FILE": str(tmp_path / "none")})
