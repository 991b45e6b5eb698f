"""Modules that must not be applied are refused by `plan` and `up` before any call that changes something."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.integration.conftest import World, copy_small, make_world
from tests.integration.deploy.test_ownership import UP

pytestmark = pytest.mark.integration

ALL = 'jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "*", Resource = "*" }] })'
ANYBODY = """jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = "*", Action = "sts:AssumeRole" }]
  })"""
KNOWN_POLICY = f'resource "aws_iam_policy" "wide" {{\n  name   = "wide"\n  policy = {ALL}\n}}\n'
UNKNOWN = ALL.replace('Resource = "*"', "Resource = aws_sns_topic.later.arn")
UNKNOWN_POLICY = 'resource "aws_sns_topic" "later" {\n  name = "later"\n}\n' + KNOWN_POLICY.replace(ALL, UNKNOWN)
OPEN_ROLE = f'resource "aws_iam_role" "open" {{\n  name               = "open"\n  assume_role_policy = {ANYBODY}\n}}\n'
ADMIN = """resource "aws_iam_role_policy_attachment" "admin" {
  role       = "foo_bar"
  policy_arn = "arn:aws:iam::aws:policy/AdministratorAccess"
}
"""
PROVIDER = 'provider "aws" {\n  profile = "account_b"\n  region  = "us-west-2"\n}\n'
TRUST = "assume_role_policy = var.trust_policy"
HARD_CODED = """assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { AWS = "222222222222" }, Action = "sts:AssumeRole" }]
  })"""


@dataclass(frozen=True)
class Case:
    """A change of the module `table`, and what its error names. inner: put two levels down if `nested`."""

    code: str
    problems: tuple[str, ...]
    hints: tuple[str, ...]
    old: str = ""
    new: str = ""
    inner: str = ""
    nested: bool = False

    def apply(self, module: Path) -> None:
        text = (module / "main.tf").read_text()
        assert self.old in text
        text = text.replace(self.old, self.new) if self.old else text + self.new
        if self.inner and not self.nested:
            text += self.inner
        if self.inner and self.nested:
            text += 'module "middle" {\n  for_each = toset(["a"])\n  source   = "./middle"\n}\n'
            inner = module / "middle/inner"
            inner.mkdir(parents=True)
            (module / "middle/main.tf").write_text('module "inner" {\n  count  = 1\n  source = "./inner"\n}\n')
            (inner / "main.tf").write_text(self.inner)
        (module / "main.tf").write_text(text)


KNOWN = Case(
    "dangerous_policy",
    ("aws_iam_policy.wide", "aws_iam_role.open", "attaches AdministratorAccess"),
    ("Name the", "Name accounts or roles", "Write a policy with only"),
    inner=KNOWN_POLICY + OPEN_ROLE + ADMIN,
)
CASES = {
    "name": Case(
        "other_role_name",
        ("it creates an IAM role whose name is known only after the apply",),
        ("`name = var.role_name`",),
        old="name               = var.role_name\n",
        new='name_prefix = "${var.role_name}-"\n',
    ),
    "trust": Case(
        "other_trust_policy",
        ("it plans IAM role foo_bar whose trust policy trusts all of account 222222222222",),
        (f"`{TRUST}`",),
        old=TRUST,
        new=HARD_CODED,
    ),
    "provider": Case(
        "other_provider", ("it configures an AWS provider of its own",), ("`provider` block",), new=PROVIDER
    ),
    "policies": KNOWN,
    "nested policies": replace(KNOWN, nested=True),
    "nested unknown policy": Case(
        "dangerous_policy", ("aws_iam_policy.wide",), ("Name the",), inner=UNKNOWN_POLICY, nested=True
    ),
}


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A world in which no test changes anything."""
    folder = tmp_path_factory.mktemp("checks")
    yield from make_world(copy_small(folder), folder)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_module_is_refused_before_any_change(shared_world: World, case: Case, tmp_path: Path):
    world, module = shared_world, shared_world.project / "modules/table"
    shutil.copytree(module, tmp_path / "table")
    case.apply(module)

    try:
        for command in (("plan",), UP):
            refused = world.tfdriver(*command)
            assert refused.returncode == 1, refused.stderr
            assert f"error[{case.code}]" in refused.stderr
            assert all(text in refused.stderr for text in (*case.problems, *case.hints)), refused.stderr
    finally:
        shutil.rmtree(module)
        shutil.copytree(tmp_path / "table", module)

    assert world.writes() == []
