"""`tfdriver policy` through the command line: one document on stdout, everything else on stderr."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tfdriver.cli import main
from tfdriver.project.init import init


@pytest.fixture
def project(tmp_path: Path) -> Path:
    init(tmp_path / "p")
    return tmp_path / "p"


def run(project: Path, *arguments: str) -> int:
    return main.run(["-C", str(project), "policy", *arguments])


def test_stdout_is_the_document_of_the_account(project, capsys):
    assert run(project, "--account", "account_b") == 0
    printed = capsys.readouterr()
    document = json.loads(printed.out)
    assert document["Version"] == "2012-10-17"
    assert {s["Sid"] for s in document["Statement"]} >= {"Roles", "Functions", "PassRolesToLambda", "TryTrustingRoles"}
    assert printed.err.strip().startswith("account_b = 222222222222: ")
    assert len(printed.err.strip().splitlines()) == 1


def test_the_policy_for_one_command_is_shorter(project, capsys):
    lengths = {}
    for purpose in ("all", "up", "verify", "destroy"):
        assert run(project, "--for", purpose, "--json") == 0
        accounts = json.loads(capsys.readouterr().out)["result"]["accounts"]
        lengths[purpose] = sum(sum(account["characters"]) for account in accounts)

    assert max(lengths["verify"], lengths["destroy"]) < lengths["up"] < lengths["all"]


def test_unknown_permissions_are_noted_on_stderr(project, capsys):
    (project / "modules/team_a_foo_ddb/more.tf").write_text('resource "aws_kms_key" "[x]" {}\n')
    assert run(project, "--account", "account_a") == 0
    printed = capsys.readouterr()
    json.loads(printed.out)
    note = "note: aws_kms_key.[x] of module team_a_foo_ddb: the permissions for this type are not known; add them"
    assert note in printed.err


def test_a_long_policy_is_split_into_documents(project, capsys):
    queues = "".join(
        f'resource "aws_sqs_queue" "q{n}" {{\n  name = "a-rather-long-name-of-queue-number-{n:03}"\n}}\n'
        for n in range(120)
    )
    (project / "modules/team_a_foo_ddb/queues.tf").write_text(queues)

    assert run(project, "--account", "account_a") == 0
    assert "account_a = 111111111111 (2 of 2): " in capsys.readouterr().err
    assert run(project, "--account", "account_a", "--json") == 0
    (account,) = json.loads(capsys.readouterr().out)["result"]["accounts"]
    assert len(account["documents"]) == len(account["characters"]) == 2
    assert max(account["characters"]) <= 6144


def test_more_policies_than_can_be_attached_are_noted(project, capsys):
    queues = "".join(f'resource "aws_sqs_queue" "q{n}" {{\n  name = "{"long-" * 14}{n:04}"\n}}\n' for n in range(700))
    (project / "modules/team_a_foo_ddb/queues.tf").write_text(queues)

    assert run(project, "--account", "account_a") == 0
    assert "a user or role takes 10, unless AWS allows you more" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--account", "acount_a"], "the spec has no account 'acount_a' Did you mean account_a?"),
        (["--account", ""], "the spec has no account ''"),
        (["--account", "spare"], "account spare has no roles Its operator needs no permissions"),
        (["--for", "down"], "'down' is not one of 'up', 'verify', 'destroy', 'all'"),
    ],
)
def test_bad_usage_is_reported_in_one_line(project, arguments, words, capsys):
    spec = project / "tfdriver.yaml"
    spare = 'accounts:\n  spare: {id: "333333333333", region: us-west-2}\n'
    spec.write_text(spec.read_text().replace("accounts:\n", spare))

    assert run(project, *arguments) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert words in " ".join(printed.err.split())
    assert len(printed.err.strip().splitlines()) <= 2
