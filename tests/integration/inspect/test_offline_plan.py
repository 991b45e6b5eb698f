"""Offline plans by real Terraform: nested modules, count and for_each, references, and what is left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tfdriver.project.init import init

pytestmark = [pytest.mark.integration]
TFDRIVER = Path(sys.executable).with_name("tfdriver")

DEEP = """
variable "name" {}

data "aws_iam_policy_document" "everything" {
  statement {
    actions   = ["*"]
    resources = [aws_sqs_queue.q.arn]
  }
}

data "aws_vpc" "v" {}

resource "aws_sqs_queue" "q" {
  name = "q-${data.aws_vpc.v.id}"
}

resource "aws_iam_role" "second" {
  for_each           = toset(["a", "b"])
  name               = "${var.name}-${each.key}"
  path               = "/deep/"
  assume_role_policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = "*" }] })
}

resource "aws_iam_role_policy" "p" {
  count  = 1
  name   = "p"
  role   = aws_iam_role.second["a"].id
  policy = jsonencode({ Statement = [{ Effect = "Allow", Action = "*", Resource = aws_sqs_queue.q.arn }] })
}
"""
INNER = """
variable "name" {}

module "deep" {
  source   = "../../deep"
  for_each = toset(["x"])
  name     = var.name
}
"""
CALL = """
module "inner" {
  source = "../inner/module"
  count  = 1
  name   = var.role_name
}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The example, with a module in the module of account_a and another one in that."""
    project = tmp_path / "p"
    init(project)
    for name, text in (("inner/module", INNER), ("deep", DEEP)):
        folder = project / "modules" / name
        folder.mkdir(parents=True)
        (folder / "main.tf").write_text(text)
    (project / "modules/team_a_foo_ddb/inner.tf").write_text(CALL)
    return project


def policy(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `tfdriver policy` without credentials."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    command = [str(TFDRIVER), "-C", str(project), "policy", "--account", "account_a", *arguments]
    return subprocess.run(
        command, env=environ, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300, check=False
    )


def test_the_policy_knows_nested_modules_and_references(project: Path) -> None:
    before = sorted(project.rglob("*"))

    done = policy(project)

    assert done.returncode == 0, done.stderr
    by_sid = {statement["Sid"]: statement for statement in json.loads(done.stdout)["Statement"]}
    roles = [f"arn:aws:iam::111111111111:role/{name}" for name in ("deep/foo_bar-a", "deep/foo_bar-b", "foo_bar")]
    assert by_sid["Roles"]["Resource"] == roles
    assert by_sid["SqsQueueOfUnknownName"]["Resource"] == ["arn:aws:sqs:us-west-2:111111111111:q-*"]
    assert by_sid["Tables"]["Resource"] == ["arn:aws:dynamodb:us-west-2:111111111111:table/TestTable"]
    notes = [line for line in done.stderr.splitlines() if line.startswith("note: ")]
    deep = 'module.foo_bar.module.inner[0].module.deep["x"]'
    assert len(notes) == 2
    assert notes[0].startswith(f"note: {deep}.data.aws_vpc.v needs permissions")
    assert notes[1].startswith(f"note: {deep}.aws_sqs_queue.q: its name is not known")
    assert sorted(project.rglob("*")) == before
    errors = [line.removeprefix(f"error: {deep}.") for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert [error.split(". ")[0] for error in sorted(errors)] == [
        "aws_iam_role.second[\"a\"]: trusts principal '*'",
        "aws_iam_role.second[\"b\"]: trusts principal '*'",
        "aws_iam_role_policy.p[0]: allows every action (`*`)",
        "data.aws_iam_policy_document.everything: allows every action (`*`)",
    ]


def test_a_provisioner_never_runs(project: Path, tmp_path: Path) -> None:
    provisioner = f'  provisioner "local-exec" {{\n    command = "touch {tmp_path}/ran"\n  }}\n}}\n'
    (project / "modules/deep/more.tf").write_text(f'resource "aws_sns_topic" "t" {{\n  name = "t"\n{provisioner}')

    done = policy(project)

    assert done.returncode == 0, done.stderr
    assert "its modules have provisioners" in done.stderr
    assert not (tmp_path / "ran").exists()


def test_the_shipped_modules_have_no_dangerous_policies(tmp_path: Path) -> None:
    init(tmp_path / "p")

    done = policy(tmp_path / "p")

    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "a mirror found by searching" not in line]
    assert lines == ["account_a = 111111111111: 1,493 of 6,144 characters"]
