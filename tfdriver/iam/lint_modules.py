"""Lint of the policies in a module's files, as far as they stand there in so many words.

Best effort: looks at `aws_iam_policy_document` data sources, and at JSON or `jsonencode` in resources of IAM. What is
computed (variables, functions, other modules) is not seen, nor is `.tf.json`. It finds mistakes; it proves nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tfdriver.iam.lint import Finding, Severity, lint_permissions, lint_spec, lint_trust
from tfdriver.iam.module_policies import Locals, block_statements, encoded_statements, strings
from tfdriver.iam.policy_document import Document
from tfdriver.spec.hcl import Block, Body, Expression
from tfdriver.spec.model import Spec
from tfdriver.spec.modules import parsed_files

_ADMINISTRATOR = ":iam::aws:policy/AdministratorAccess"


def lint_project(spec: Spec) -> list[Finding]:
    """Return what is wrong with the trusts of a spec and with the policies in its modules, seen offline."""
    names = dict.fromkeys(role.folder for role in spec.roles.values() if role.folder)
    return [*lint_spec(spec), *(finding for name in names for finding in lint_module(spec.root / name, name))]


def lint_module(folder: Path, name: str) -> list[Finding]:
    """Return what is wrong with the policies in a module.

    name: the folder in messages, e.g. `modules/foo`. Files that can't be read are passed over: Terraform, and
    `modules.read_module`, say what is wrong with those.
    """
    bodies = dict(parsed_files(folder))
    values = {key: value for body in bodies.values() for key, value in _locals(body).items()}
    found = [
        finding
        for file, body in bodies.items()
        for block in body.blocks
        for finding in _lint_block(block, values, f"{name}/{file}:{block.line}")
    ]
    return list(dict.fromkeys(found))


def _locals(body: Body) -> dict[str, Expression]:
    return {k: v for block in body.blocks if block.type == "locals" for k, v in block.body.arguments.items()}


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
            yield Finding(Severity.ERROR, address, what, "Write a policy with the actions that are needed")


def _lint_statements(statements: list[Document], where: str) -> list[Finding]:
    """Lint each statement as what it is: with principals, of a trust policy, or of a resource's, which is not ours."""
    found: list[Finding] = []
    for statement in statements:
        document = {"Statement": [statement]}
        if "Principal" in statement or "NotPrincipal" in statement:
            if "sts:assumerole" in str(statement.get("Action")).lower():
                found += [f for f in lint_trust(document, (), where) if f.severity is Severity.ERROR]
        else:
            found += lint_permissions(document, where)
    return found
