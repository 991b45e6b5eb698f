"""`tfdriver ci`: what it prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.project.test_ci import GOLDEN
from tfdriver.cli import main


@pytest.fixture
def project(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A new project with states in S3."""
    folder = tmp_path / "p"
    assert main.run(["init", str(folder)]) == 0
    with (folder / "tfdriver.yaml").open("a") as spec:
        spec.write('state: {backend: s3, bucket: "acme-{account_id}"}\n')
    capsys.readouterr()
    return folder


@pytest.mark.parametrize(
    ("system", "file"), [("github", ".github/workflows/tfdriver.yml"), ("gitlab", ".gitlab-ci.yml")]
)
def test_a_workflow_is_written_and_the_next_steps_printed(project, system, file, capsys):
    assert main.run(["-C", str(project), "ci", system]) == 0

    printed = capsys.readouterr().out
    assert printed.startswith(f"wrote {project / file}\n")
    assert "tfdriver bootstrap" in printed
    assert ("pipeline schedule" in printed) == (system == "gitlab")
    assert (project / file).read_text().partition("\n")[0] == (GOLDEN / f"{system}.yml").read_text().partition("\n")[0]


def test_the_configuration_of_a_job_is_printed_alone(project, capsys, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(project / "none"))

    assert main.run(["-C", str(project), "ci", "profiles", "--role-name", "deploy", "--token-file", "/run/token"]) == 0

    printed = capsys.readouterr()
    assert printed.err == ""
    assert [line for line in printed.out.splitlines() if line[:1] == "["] == [
        "[profile account_a]",
        "[profile account_b]",
    ]
    assert "role_arn = arn:aws:iam::222222222222:role/deploy\nweb_identity_token_file = /run/token\n" in printed.out


def test_a_job_needs_the_regions_in_the_spec(project, capsys, monkeypatch):
    monkeypatch.setenv("AWS_CONFIG_FILE", str(project / "none"))
    spec = project / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace(", region: us-west-2", ""))

    assert main.run(["-C", str(project), "ci", "profiles", "--token-file", "token"]) == 1

    assert "has no region" in capsys.readouterr().err
