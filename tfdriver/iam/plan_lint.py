"""Checks the IAM policies in a Terraform plan for dangerous statements. Pure; no I/O.

A policy is read from its JSON. If the JSON is known only after the apply, its statements are read from the data source
`aws_iam_policy_document`; for other ones, see `unseen_policies`. Source of a plan's shape: Terraform's documentation,
"JSON Output Format" (internals/json-format).
"""

from __future__ import annotations

import re
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
_SOURCES = ("source_policy_documents", "override_policy_documents")
_KEY = re.compile(r'\["(?:[^"\\]|\\.)*"\]|\[\d+\]')
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


def unseen_policies(plan: Mapping[str, Any], *, blocks: bool) -> frozenset[str]:
    """Return the addresses of IAM policies that are known only after the apply, so that `dangerous` cannot check them.

    blocks: whether the configuration has `inline_policy` blocks: without any, the attribute of a new role is unknown,
    too, and a plan does not show dynamic blocks. A policy that is a policy document's is not one of them: `dangerous`
    checks the document's statements.
    """
    return frozenset(r["address"] for r in plan.get("resource_changes", ()) if _is_unseen(r, plan, blocks=blocks))


def _is_unseen(resource: Mapping[str, Any], plan: Mapping[str, Any], *, blocks: bool) -> bool:
    kind, change = resource["type"], resource["change"]
    unknown = change.get("after_unknown") or {}
    if not kind.startswith("aws_iam_") or change.get("after") is None:
        return False
    if kind == _DOCUMENT:
        found = unknown.get("statement") or ()
        if found is True or any(_has_unknown(unknown.get(source)) for source in _SOURCES):
            return True
        return any(_has_unknown(block.get(name)) for block in found for name in ("actions", "not_actions"))
    expressions = expressions_of(resource, plan)
    inline = unknown.get("inline_policy") or ()
    if inline is True and not blocks:
        inline = ()
    if inline is True or any(block.get("policy") for block in inline):
        return not _is_document(expressions.get("inline_policy"), "policy")
    names = ("policy", "assume_role_policy")
    return any(unknown.get(name) and not _is_document(expressions, name) for name in names)


def _has_unknown(value: Any) -> bool:
    return value is True or (isinstance(value, list) and any(value))


def _is_document(expressions: Any, name: str) -> bool:
    """Whether an argument refers to policy documents and to nothing else. expressions: of a block, or of several."""
    if isinstance(expressions, list):
        return all(_is_document(block, name) for block in expressions)
    references = ((expressions or {}).get(name) or {}).get("references", ())
    return bool(references) and all(reference.startswith(f"data.{_DOCUMENT}.") for reference in references)


def expressions_of(resource: Mapping[str, Any], plan: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the expressions of a resource's arguments in the configuration, {} if they are not found."""
    module = plan.get("configuration", {}).get("root_module", {})
    *names, kind, name = _KEY.sub("", resource["address"]).split(".")
    for step in names[1::2]:
        module = module.get("module_calls", {}).get(step, {}).get("module", {})
    for found in module.get("resources", ()):
        if (found["mode"], found["type"], found["name"]) == (resource["mode"], kind, name):
            return dict(found.get("expressions", {}))
    return {}


def _of_resource(resource: Mapping[str, Any]) -> Iterator[Finding]:
    where, kind, after = resource["address"], resource["type"], resource["change"].get("after")
    if after is None or not kind.startswith("aws_iam_"):
        return
    if kind == _DOCUMENT:
        for block in after.get("statement") or ():
            yield from _of_statement(_statement(block), where)
        for text in (text for source in _SOURCES for text in strings(after.get(source))):
            yield from (finding for statement in _parsed(text) for finding in _of_statement(statement, where))
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


def document_of(data_source: Mapping[str, Any]) -> Document:
    """Return the policy of an `aws_iam_policy_document`, without what is known only after the apply."""
    return {"Version": "2012-10-17", "Statement": [_statement(block) for block in data_source.get("statement") or ()]}


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
