"""Workflows for GitHub and GitLab, compared with tests/golden/ci. TFDRIVER_UPDATE_GOLDEN=1 updates the files."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import botocore.session
import pytest
import yaml
from check_jsonschema import main as check_jsonschema
from click.testing import CliRunner

from tests.unit import builders
from tests.unit.builders import BAR, FOO, A
from tfdriver.aws.profile_rules import refused_by_terraform
from tfdriver.errors import TfdriverError
from tfdriver.project.ci import FILES, WorkflowSettings, aws_config, write_workflow
from tfdriver.spec.model import Account, Spec, StateSettings

GOLDEN = Path(__file__).resolve().parents[2] / "golden/ci"
S3 = StateSettings("s3", {"bucket": "acme-{account_id}"})
SCHEMAS = {"github": "vendor.github-workflows", "gitlab": "vendor.gitlab-ci"}
TOKEN = Path("/run/token")


def project(root: Path, trusting: int = 1, state: StateSettings | None = S3) -> Spec:
    """A spec of one trusted role and trusting roles in `trusting` accounts."""
    accounts = [replace(A, name=f"account_{n}", id=f"1{n:011}", profile=f"account_{n}") for n in range(trusting)]
    roles = [replace(FOO, key=f"foo_{n}", account=account) for n, account in enumerate(accounts)]
    return replace(builders.spec(*roles, BAR), root=root, state=state)


def written(root: Path, system: str, trusting: int = 1, **settings: Any) -> dict[str, Any]:
    """The parsed workflow. PyYAML reads the key `on` as True."""
    file = write_workflow(project(root, trusting), system, WorkflowSettings(**settings)).file
    return yaml.safe_load(file.read_text())


def commands(system: str, workflow: dict[str, Any]) -> dict[str, tuple[list[str], str]]:
    """The shards and the last command of each phase."""
    found = {}
    for phase in ("broad", "connect", "tighten"):
        job = workflow[phase] if system == "gitlab" else workflow["jobs"][phase]
        if system == "gitlab":
            found[phase] = (job["parallel"]["matrix"][0]["SHARD"], job["script"][-1])
        else:
            step = job["steps"][-1]
            assert step["env"] == {"SHARD": "${{ matrix.shard }}"}
            found[phase] = (job["strategy"]["matrix"]["shard"], step["run"].strip())
    return found


@pytest.mark.parametrize("system", FILES)
def test_a_workflow_equals_the_golden_file_and_matches_the_schema_of_its_system(tmp_path: Path, system: str) -> None:
    file = write_workflow(project(tmp_path, 2), system, WorkflowSettings(shards=2)).file
    golden = GOLDEN / f"{system}.yml"
    text = re.sub(r"tfdriver\[terraform\]==[\w.]+", "tfdriver[terraform]==VERSION", file.read_text())
    if os.environ.get("TFDRIVER_UPDATE_GOLDEN"):
        golden.write_text(text)

    checked = CliRunner().invoke(check_jsonschema, ["--builtin-schema", SCHEMAS[system], str(file)])

    assert text == golden.read_text()
    assert checked.exit_code == 0, checked.output


def test_both_systems_run_the_same_commands_in_the_same_shards(tmp_path: Path) -> None:
    github, gitlab = (commands(system, written(tmp_path, system, 12, shards=3)) for system in FILES)

    assert github == gitlab
    up = 'tfdriver up --phase {} --shard "$SHARD" --yes --lock-timeout 10m'
    thirds = ["1/3", "2/3", "3/3"]
    assert github == {
        "broad": (thirds, up.format("broad") + " || [ $? -eq 3 ]"),
        "connect": (["1/1"], up.format("connect") + " || [ $? -eq 3 ]"),
        "tighten": (thirds, up.format("tighten")),
    }


@pytest.mark.parametrize(("trusting", "shards"), [(1, 1), (49, 1), (50, 2), (120, 3), (10_000, 200)])
def test_the_number_of_shards_follows_from_the_number_of_compositions(
    tmp_path: Path, trusting: int, shards: int
) -> None:
    found = commands("github", written(tmp_path, "github", trusting))

    assert [len(found[phase][0]) for phase in found] == [shards, 1, shards]


def test_github_jobs_have_no_more_permissions_than_they_need_and_run_no_code_of_forks(tmp_path: Path) -> None:
    workflow = written(tmp_path, "github")

    jobs = workflow["jobs"]
    assert set(workflow[True]) == {"pull_request", "push", "schedule"}
    assert workflow["permissions"] == {}
    needed = {"contents": "read", "id-token": "write"}
    assert jobs.pop("plan")["permissions"] == {**needed, "pull-requests": "write"}
    assert [job["permissions"] for job in jobs.values()] == [needed] * 4
    assert "head.repo.full_name == github.repository" in (tmp_path / FILES["github"]).read_text()
    assert workflow["concurrency"]["cancel-in-progress"] is False


@pytest.mark.parametrize("system", FILES)
def test_jobs_that_only_read_assume_another_role(tmp_path: Path, system: str) -> None:
    written(tmp_path, system, role="team/deploy", plan_role="read")

    text = (tmp_path / FILES[system]).read_text()
    roles = re.findall(r'(?:--role-name|TFDRIVER_ROLE:) "?([a-z/]+)', text)
    assert roles == ["read", "team/deploy", "team/deploy", "team/deploy", "read"]


@pytest.mark.parametrize("system", FILES)
def test_a_project_in_a_folder_of_a_repository_runs_there(tmp_path: Path, system: str) -> None:
    (tmp_path / ".git").mkdir()
    root = tmp_path / "infra/aws"
    root.mkdir(parents=True)

    workflow = written(root, system)

    assert not (root / FILES[system]).exists()
    if system == "gitlab":
        assert workflow[".tfdriver"]["before_script"][0] == "cd infra/aws"
    else:
        assert workflow["defaults"]["run"]["working-directory"] == "infra/aws"


@pytest.mark.parametrize("system", FILES)
def test_a_file_that_differs_is_replaced_only_by_force(tmp_path: Path, system: str) -> None:
    written(tmp_path, system)
    written(tmp_path, system)
    file = tmp_path / FILES[system]
    file.write_text("edited")

    with pytest.raises(TfdriverError, match="differs") as refused:
        written(tmp_path, system)

    assert refused.value.code == "file_exists"
    assert file.read_text() == "edited"
    assert written(tmp_path, system, force=True)


HOSTILE = ["a b", "a'; id #", 'x"', "${{ github.token }}", "$(id)", "-x", "é", "a\nb", ""]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("option", ["role", "plan_role", "branch"])
def test_text_that_yaml_a_shell_or_an_expression_could_read_otherwise_is_refused(
    tmp_path: Path, option: str, text: str
) -> None:
    with pytest.raises(TfdriverError, match="cannot be used here"):
        written(tmp_path, "github", **{option: text})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("state", [None, StateSettings("local", {"path": "x"})])
def test_local_states_are_refused(tmp_path: Path, state: StateSettings | None) -> None:
    with pytest.raises(TfdriverError, match="states are local files") as refused:
        write_workflow(project(tmp_path, state=state), "github", WorkflowSettings())
    assert "tfdriver bootstrap" in refused.value.hint


def test_a_profile_of_the_states_must_be_of_an_account(tmp_path: Path) -> None:
    spec = project(tmp_path, state=StateSettings("s3", {"bucket": "b", "profile": "central"}))

    for use in (
        lambda: write_workflow(spec, "github", WorkflowSettings()),
        lambda: aws_config(spec, "tfdriver", TOKEN),
    ):
        with pytest.raises(TfdriverError, match="profile central is of none of the accounts"):
            use()


def test_other_backends_need_credentials_of_their_own(tmp_path: Path) -> None:
    spec = project(tmp_path, state=StateSettings("gcs", {"bucket": "b", "prefix": "{composition}"}))

    steps = write_workflow(spec, "github", WorkflowSettings()).next_steps

    assert "Give the jobs the credentials of backend gcs" in steps


def test_each_profile_assumes_the_role_of_its_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    regions = [replace(A, name="a_1"), replace(A, name="a_2", region="eu-central-1")]
    china = Account("cn", "333333333333", "default", "cn-north-1", "aws-cn")
    spec = replace(project(tmp_path), accounts={a.name: a for a in (*regions, china)}, state=None, roles={})
    config = tmp_path / "config"
    config.write_text(aws_config(spec, "ci/tfdriver", TOKEN))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")

    profiles = botocore.session.Session().full_config["profiles"]

    assert profiles == {
        name: {"role_arn": f"{role}:role/ci/tfdriver", "web_identity_token_file": "/run/token", "region": region}
        for name, role, region in (
            ("account_a", "arn:aws:iam::111111111111", "us-west-2"),
            ("default", "arn:aws-cn:iam::333333333333", "cn-north-1"),
        )
    }
    assert [refused_by_terraform(profiles, name) for name in profiles] == [None, None]


@pytest.mark.parametrize("name", ["my profile", "a'b", "a#b", "a=b"])
def test_a_profile_that_clients_read_differently_is_refused(tmp_path: Path, name: str) -> None:
    spec = replace(project(tmp_path), accounts={"a": replace(A, profile=name)}, state=None, roles={})
    with pytest.raises(TfdriverError, match="cannot be used here"):
        aws_config(spec, "tfdriver", TOKEN)
