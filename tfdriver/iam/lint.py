"""Offline lint of policies: what is dangerous or too long in a trust or a permissions policy. Pure; no I/O.

Errors are to stop a command, warnings to be shown. `lint_module` finds the permissions policies of a module.

No account of a spec counts as a third party: whoever runs tfdriver has credentials for all of them. External ids are
for roles that act for several others (IAM user guide, "The confused deputy problem"). So a missing one is worth a
warning only where one trusted role may assume roles in several other accounts, or where a trust policy lets in an
account that the spec does not know.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tfdriver.errors import TfdriverError
from tfdriver.iam.phase_trusts import lengths, policies
from tfdriver.iam.policy_document import Document, account_of, principals, statements, strings
from tfdriver.iam.trust import MAX_CHARACTERS
from tfdriver.spec.model import Role, Spec

NEARLY_FULL = 0.8  # of a trust policy's characters


class Severity(StrEnum):
    """How bad it is."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong. where: e.g. `tfdriver.yaml: roles.bar`; what, hint: a sentence each, no full stop."""

    severity: Severity
    where: str
    what: str
    hint: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.hint}"


def refuse_errors(findings: Iterable[Finding], note: Callable[[str], None]) -> None:
    """Note each warning; raise TfdriverError if there are errors, with each of them, then every hint once."""
    findings = list(findings)
    for finding in findings:
        if finding.severity is Severity.WARNING:
            note(f"warning: {finding}")
    errors = list(dict.fromkeys(finding for finding in findings if finding.severity is Severity.ERROR))
    if errors:
        first, *others = errors
        what = "; ".join([first.what, *(f"{error.where}: {error.what}" for error in others)])
        hint = ". ".join(dict.fromkeys(error.hint for error in errors))
        raise TfdriverError(what, code="dangerous_policy", where=first.where, hint=hint)


def lint_spec(spec: Spec) -> list[Finding]:
    """Return what is wrong with the trusts of a spec, and with the trust policies that phases 1 and 3 will write."""
    accounts = frozenset(account.id for account in spec.accounts.values())
    found: list[Finding] = []
    for role in spec.trusting:
        where = f"tfdriver.yaml: roles.{role.key}"
        found += [f for p in policies(role, spec.trusted_by(role)).values() for f in lint_trust(p, accounts, where)]
        found += _lengths(role, spec.trusted_by(role), where)
        found += _deputies(spec, role, where)
    return list(dict.fromkeys(found))


def lint_trust(document: Document, own_accounts: Collection[str], where: str) -> list[Finding]:
    """Return what is wrong with a trust policy.

    own_accounts: ids of the accounts that are no third parties. Length is not looked at: see `lint_spec`.
    """
    found: list[Finding] = []
    for statement in _allowing(document):
        if "NotPrincipal" in statement:
            found.append(_wildcard(where, "everyone but a few (NotPrincipal)"))
        named = principals(statement)
        found += [_wildcard(where, f"principal {principal!r}") for principal in named if "*" in principal]
        conditions = _conditions(statement)
        whole = [p for p in named if p.isdecimal() or p.endswith(":root")]
        if whole and "*" in conditions.get("aws:principalarn", ["*"]):
            what = f"trusts {', '.join(whole)} as a whole, without a guard: any principal that account allows gets in"
            hint = "Leave `guard: false` out, so that aws:PrincipalArn lets in only the roles of the spec"
            found.append(Finding(Severity.WARNING, where, what, hint))
        strangers = sorted({p for p in named if _account_of(p) and _account_of(p) not in own_accounts})
        if strangers and "sts:externalid" not in conditions:
            what = f"trusts {', '.join(strangers)}, a third party, without an external id"
            hint = "Set `external_id:`, so that the third party can't be talked into using this role for someone else"
            found.append(Finding(Severity.WARNING, where, what, hint))
    return found


def lint_permissions(document: Document, where: str) -> list[Finding]:
    """Return what is wrong with a permissions policy: more than the least privilege, by a wildcard."""
    found: list[Finding] = []
    for statement in _allowing(document):
        actions, resources = strings(statement.get("Action")), strings(statement.get("Resource"))
        if "NotAction" in statement:
            found.append(_all_actions(where, "NotAction allows every action but a few"))
        if {"*", "*:*"} & set(actions):
            found.append(_all_actions(where, "allows every action (`*`)"))
        for action in sorted(a for a in actions if a.endswith(":*") and a != "*:*"):
            what = f"allows every action of a service (`{action}`)"
            found.append(Finding(Severity.WARNING, where, what, "Name the actions that are needed"))
        if "*" in resources or "NotResource" in statement:
            what = "allows its actions on every resource (`*`)" if "*" in resources else "NotResource allows nearly all"
            hint = "Name the resources; `*` is right only for actions that have none"
            found.append(Finding(Severity.WARNING, where, what, hint))
    return found


def _all_actions(where: str, what: str) -> Finding:
    return Finding(Severity.ERROR, where, what, "Name the actions that are needed, e.g. `dynamodb:PutItem`")


def _wildcard(where: str, whom: str) -> Finding:
    hint = "Name accounts or roles; a condition is too easily lost to be all that keeps others out"
    return Finding(Severity.ERROR, where, f"trusts {whom}", hint)


def _lengths(role: Role, wanted: Collection[Role], where: str) -> Iterator[Finding]:
    """Warn of trust policies that are nearly too long; of what is too long, no spec was made."""
    for length in lengths(role, wanted):
        if length.each and length.characters > NEARLY_FULL * MAX_CHARACTERS:
            taken = f"{length.characters:,} of {MAX_CHARACTERS:,} characters"
            what = f"the trust policy of phase {length.phase} takes {taken}"
            fit = length.room // length.each
            hint = f"{fit} more roles with names this long fit; a second trusting role can take others"
            yield Finding(Severity.WARNING, where, what, hint)


def _deputies(spec: Spec, role: Role, where: str) -> Iterator[Finding]:
    """Warn of trusted roles that act for several accounts, if this one does not ask them for an external id."""
    acting = {t.key: {r.account.id for r in spec.trusting_of(t)} - {t.account.id} for t in spec.trusted_by(role)}
    deputies = sorted(key for key, others in acting.items() if len(others) > 1 and role.account.id in others)
    if deputies and role.external_id is None:
        what = f"has no external id, though {', '.join(deputies)} may assume roles in other accounts too"
        hint = "Set `external_id: generate`, so that nobody can talk them into using one account's role for another"
        yield Finding(Severity.WARNING, where, what, hint)


def _allowing(document: Document) -> Iterator[Mapping[str, Any]]:
    return (statement for statement in statements(document) if statement.get("Effect", "Allow") == "Allow")


def _conditions(statement: Mapping[str, Any]) -> dict[str, list[str]]:
    """The values of each condition key, keys in lower case: IAM does not mind their case."""
    found: dict[str, list[str]] = {}
    condition = statement.get("Condition")
    for keys in condition.values() if isinstance(condition, Mapping) else ():
        for key, value in keys.items() if isinstance(keys, Mapping) else ():
            found.setdefault(str(key).lower(), []).extend(strings(value))
    return found


def _account_of(principal: str) -> str:
    """The account id in a principal, or '' where there is none."""
    return principal if principal.isdecimal() else account_of(principal)
