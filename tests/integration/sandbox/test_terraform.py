"""Terraform with the AWS provider and no special settings works in the sandbox."""

from __future__ import annotations

import json
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import light_environ
from tfdriver.sandbox.run_command import child_environment
from tfdriver.sandbox.start import Sandbox, start
from tfdriver.spec.model import Account
from tfdriver.terraform.environment import terraform_environment
from tfdriver.terraform.program import find_program
from tfdriver.terraform.provider_installation import cli_config

pytestmark = pytest.mark.integration

ACCOUNT = Account(name="only", id="313131313131", profile="only", region="us-west-2", partition="aws")
COMPOSITION = """
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  profile             = "only"
  allowed_account_ids = ["313131313131"]
  default_tags {
    tags = { project = "test" }
  }
}
variable "trusted" {}
resource "aws_dynamodb_table" "table" {
  name           = "Table"
  hash_key       = "id"
  read_capacity  = 5
  write_capacity = 5
  attribute {
    name = "id"
    type = "S"
  }
}
resource "aws_iam_role" "role" {
  name = "role"
  path = "/team/"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { AWS = [var.trusted] } },
      { Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "lambda.amazonaws.com" } },
    ]
  })
}
resource "aws_iam_policy" "policy" {
  name = "policy"
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "dynamodb:PutItem", Resource = aws_dynamodb_table.table.arn }]
  })
}
resource "aws_iam_role_policy_attachment" "attachment" {
  role       = aws_iam_role.role.name
  policy_arn = aws_iam_policy.policy.arn
}
resource "aws_cloudwatch_log_group" "log" {
  name = "/aws/lambda/function"
}
resource "aws_lambda_function" "function" {
  function_name    = "function"
  filename         = "code.zip"
  source_code_hash = filebase64sha256("code.zip")
  handler          = "main.handler"
  runtime          = "python3.13"
  role             = aws_iam_role.role.arn
}
resource "aws_cloudwatch_event_rule" "rule" {
  name                = "rule"
  schedule_expression = "rate(1 minute)"
}
resource "aws_cloudwatch_event_target" "target" {
  rule = aws_cloudwatch_event_rule.rule.name
  arn  = aws_lambda_function.function.arn
}
resource "aws_lambda_permission" "permission" {
  statement_id  = "events"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.function.function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.rule.arn
}
"""
Run = Callable[..., int]


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "calls.jsonl"


@pytest.fixture(scope="module")
def sandbox(log: Path) -> Iterator[Sandbox]:
    with start([ACCOUNT], log=log) as running:
        yield running


@pytest.fixture(scope="module")
def terraform(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A function that runs Terraform on the composition and returns its exit code. Fails if the exit code is 1."""
    folder = tmp_path_factory.mktemp("composition")
    (folder / "main.tf").write_text(COMPOSITION)
    with zipfile.ZipFile(folder / "code.zip", "w") as archive:
        archive.writestr("main.py", "def handler(event, context): return event['detail-type']")
    environ = light_environ()
    program = find_program(environ)
    config = cli_config(environ, tmp_path_factory.mktemp("config"))
    environment = child_environment(sandbox, terraform_environment(environ, config))

    def run(*arguments: str) -> int:
        done = subprocess.run(
            [*program.argv, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode != 1, done.stdout + done.stderr
        return done.returncode

    return run


@pytest.mark.long
def test_terraform_creates_reads_updates_and_deletes_resources(terraform: Run, sandbox: Sandbox, log: Path) -> None:
    terraform("init", "-no-color")
    terraform("apply", "-auto-approve", "-no-color", f"-var=trusted={ACCOUNT.id}")
    root = f"-var=trusted={ACCOUNT.root_arn}"
    assert terraform("plan", "-detailed-exitcode", "-no-color", root) == 0, "an account ID is equivalent to its root"
    (fired,) = sandbox.fire("rule")
    assert (fired.ran, fired.payload) == (True, "Scheduled Event")

    exact = f"-var=trusted=arn:aws:iam::{ACCOUNT.id}:user/admin"
    terraform("apply", "-auto-approve", "-no-color", exact)
    assert terraform("plan", "-detailed-exitcode", "-no-color", exact) == 0

    terraform("destroy", "-auto-approve", "-no-color", exact)
    assert sandbox.fire("rule") == []

    entries = [json.loads(line) for line in log.read_text().splitlines()]
    assert {e["account"] for e in entries} == {ACCOUNT.id}
    assert not [e for e in entries if not e["allowed"] or e["error"] in ("NotImplemented", "SandboxFailure")]
    assert [e["action"] for e in entries].count("UpdateAssumeRolePolicy") == 1
    deletions = {e["action"] for e in entries if e["action"].startswith("Delete")}
    assert {"DeleteRole", "DeletePolicy", "DeleteFunction", "DeleteRule", "DeleteTable", "DeleteLogGroup"} <= deletions
