"""Checks the IAM policies in a Terraform plan for dangerous statements. Pure; no I/O.

A policy is read from its JSON. If the JSON is known only after the apply, its statements are read from the data source
`aws_iam_policy_document`; `jsonencode` of such a value has none. Source of a plan's shape: Terraform's documentation,
"JSON Output Format" (internals/json-format).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfdriver.iam.lint import Finding, Severity, lint_permissions, lint_trust
from tfdriver.iam.policy_document import Document, parse_policy, statements, strings

_DOCUMENT = "aws_iam_policy_document"
_ELEMENTS = {
    "actions": "Action",
    "not_actions": "NotAction",
    "resources": "Resource",
    "not_resources": "NotResource",
}
_ATTACHED = ("policy_arn", "policy_arns", "managed_policy_arns")
_TOO_WIDE = {
    "AdministratorAccess": "every action on every resource",
    "PowerUserAccess": "nearly every action on every resource",
}


def dangerous(plan: Mapping[str, Any]) -> list[Finding]:
    """Return the problems of the IAM policies that exist after a plan is applied; `where` is a resource's address.

    plan: as JSON, or {}. Warnings on trust policies are left out: `lint.lint_spec` has those of the spec's.
    """
    return list(dict.fromkeys(f for change in plan.get("resource_changes", ()) for f in _of_resource(change)))


def _of_resource(resource: Mapping[str, Any]) -> Iterator[Finding]:
    where, kind, after = resource["address"], resource["type"], resource["change"].get("after")
    if after is None or not kind.startswith("aws_iam_"):
        return
    if kind == _DOCUMENT:
        for block in after.get("statement") or ():
            yield from _of_statement(_statement(block), where)
        return
    for policy in (after, *(after.get("inline_policy") or ())):
        for text in strings(policy.get("policy")):
            yield from (finding for statement in _parsed(text) for finding in _of_statement(statement, where))
    for text in strings(after.get("assume_role_policy")):
        yield from (finding for statement in _parsed(text) for finding in _trust(statement, where))
    for arn in (arn for attribute in _ATTACHED for arn in strings(after.get(attribute))):
        name = arn.rpartition(":iam::aws:policy/")[2]
        if name != arn and name in _TOO_WIDE:
            what = f"attaches {name}, which allows {_TOO_WIDE[name]}"
            yield Finding(Severity.ERROR, where, what, "Write a policy with only the actions that are needed")


def _statement(block: Mapping[str, Any]) -> Document:
    """Return a `statement` block as a statement of a policy document, without what is known only after the apply."""
    statement = {name: block[argument] for argument, name in _ELEMENTS.items() if block.get(argument)}
    statement["Effect"] = block.get("effect") or "Allow"
    for argument, name in (("principals", "Principal"), ("not_principals", "NotPrincipal")):
        found: dict[str, list[str]] = {}
        for named in block.get(argument) or ():
            kind = "AWS" if named.get("type") == "*" else str(named.get("type"))
            found.setdefault(kind, []).extend(strings(named.get("identifiers")))
        if found:
            statement[name] = found
    return statement


def _parsed(text: str) -> list[Document]:
    try:
        return statements(parse_policy(text))
    except ValueError:  # the provider refuses it
        return []


def _of_statement(statement: Document, where: str) -> list[Finding]:
    """Check a statement of a permissions or trust policy. Other resource-based policies are not checked."""
    if "Principal" not in statement and "NotPrincipal" not in statement:
        return lint_permissions({"Statement": [statement]}, where)
    trusts = any(action.lower().startswith("sts:") for action in strings(statement.get("Action")))
    return _trust(statement, where) if trusts else []


def _trust(statement: Document, where: str) -> list[Finding]:
    return [f for f in lint_trust({"Statement": [statement]}, (), where) if f.severity is Severity.ERROR]
