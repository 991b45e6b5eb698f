"""Checks the policies in the files of a module for common mistakes.

It reads `aws_iam_policy_document` data sources, and JSON or `jsonencode` in IAM resources. It does not evaluate
variables, functions or other modules, and does not read `.tf.json`: a module without findings may still have mistakes.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfdriver.iam.lint import Finding, Severity, lint_permissions, lint_spec, lint_trust
from tfdriver.iam.module_policies import Locals, block_statements, encoded_statements, strings
from tfdriver.iam.policy_document import Document
from tfdriver.spec.hcl_reader import Block, Expression
from tfdriver.spec.model import Spec
from tfdriver.spec.modules import parsed_files

_ADMINISTRATOR = ":iam::aws:policy/AdministratorAccess"


def lint_project(spec: Spec) -> list[Finding]:
    """Return the mistakes in the trust policies of a spec and in the policies of its modules."""
    names = dict.fromkeys(role.folder for role in spec.roles.values() if role.folder)
    return [*lint_spec(spec), *(finding for name in names for finding in lint_module(spec.root / name, name))]


def lint_module(folder: Path, name: str) -> list[Finding]:
    """Return the mistakes in the policies of a module. name: the folder in messages, e.g. `modules/foo`.

    Invalid files are skipped: `modules.read_module` reports them.
    """
    bodies = dict(parsed_files(folder))
    values: dict[str, Expression] = {}
    for body in bodies.values():
        for block in body.blocks:
            if block.type == "locals":
                values |= block.body.arguments
    findings = [
        finding
        for file, body in bodies.items()
        for block in body.blocks
        for finding in _lint_block(block, values, f"{name}/{file}:{block.line}")
    ]
    return list(dict.fromkeys(findings))


def _lint_block(block: Block, values: Locals, where: str) -> Iterator[Finding]:
    kind = block.labels[0] if block.labels else ""
    address = f"{where}: {'data.' if block.type == 'data' else ''}{'.'.join(block.labels)}"
    if block.type == "data" and kind == "aws_iam_policy_document":
        yield from _lint_statements(block_statements(block.body, values), address)
    elif block.type == "resource" and kind.startswith("aws_iam_"):
        for body in (block.body, *(b.body for b in block.body.blocks if b.type == "inline_policy")):
            for argument in ("policy", "assume_role_policy"):
                yield from _lint_statements(encoded_statements(body.arguments.get(argument), values), address)
        if any(arn.endswith(_ADMINISTRATOR) for arn in strings(block.body.arguments.get("policy_arn"), values)):
            what = "attaches AdministratorAccess, which allows every action on every resource"
            yield Finding(Severity.ERROR, address, what, "Write a policy with only the actions that are needed")


def _lint_statements(statements: list[Document], where: str) -> list[Finding]:
    """Check each statement as part of a permissions or trust policy. Other resource-based policies are not checked."""
    findings: list[Finding] = []
    for statement in statements:
        document = {"Statement": [statement]}
        if "Principal" in statement or "NotPrincipal" in statement:
            if "sts:assumerole" in str(statement.get("Action")).lower():
                findings += [f for f in lint_trust(document, (), where) if f.severity is Severity.ERROR]
        else:
            findings += lint_permissions(document, where)
    return findings
