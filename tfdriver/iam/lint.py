"""Checks policies for dangerous statements, and trust policies for their length. Pure; no I/O.

An external id protects against the confused deputy problem (IAM user guide). A missing one is an error if a trusted
role may assume roles of several owners. It is a warning in two cases: a trusted role may assume roles in several other
accounts, or the trust policy trusts an account that is not in the spec.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from tfdriver.errors import TfdriverError
from tfdriver.iam.phase_trusts import lengths, policies
from tfdriver.iam.policy_document import Document, account_of, principals, statements, strings
from tfdriver.iam.trust import MAX_CHARACTERS
from tfdriver.redaction import without_secrets
from tfdriver.spec.message_text import shortened
from tfdriver.spec.model import Role, Spec

# Actions that have no resource. Source: Service Authorization Reference.
_WITHOUT_RESOURCE = {"ecr:GetAuthorizationToken", "s3:ListAllMyBuckets", "sts:GetCallerIdentity"}
_DEPUTIES = "Set `external_id: generate` to protect the roles against the confused deputy problem"
NEARLY_FULL = 0.8  # of a trust policy's characters


class Severity(StrEnum):
    """Errors stop a command, warnings are printed."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Finding:
    """A problem. where: e.g. `tfdriver.yaml: roles.bar`; what, hint: one sentence each, without a full stop."""

    severity: Severity
    where: str
    what: str
    hint: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.hint}"


def refuse_errors(findings: Iterable[Finding], note: Callable[[str], None]) -> None:
    """Note each warning. Raise TfdriverError with all errors and their hints, if there are any."""
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
    """Return the problems of the trusts in a spec, and of the trust policies that phases 1 and 3 write."""
    accounts = frozenset(account.id for account in spec.accounts.values())
    found: list[Finding] = []
    for role in spec.trusting:
        where = f"tfdriver.yaml: roles.{role.label}"
        problems = [f for p in policies(role, spec.trusted_by(role)).values() for f in lint_trust(p, accounts, where)]
        # An existing role's own statements are its owner's.
        kept = "The role's owner has written this statement; ask them whether it is needed"
        found += [replace(f, severity=Severity.WARNING, hint=kept) for f in problems] if role.existing else problems
        found += _lint_lengths(role, spec.trusted_by(role), where)
        found += _lint_deputies(spec, role, where)
    found += [
        _secret(role, name) for role in spec.roles.values() for name, v in role.variables.items() if _is_secret(v)
    ]
    return list(dict.fromkeys(found))


def _is_secret(value: Any) -> bool:
    match value:
        case str():
            return without_secrets(value) != value
        case dict():
            return any(_is_secret(part) for part in value.values())
        case list():
            return any(map(_is_secret, value))
    return False


def _secret(role: Role, name: str) -> Finding:
    what = "looks like a secret, and would be readable in the composition's files and in Terraform's state"
    hint = "Keep secrets in AWS Secrets Manager, and pass the secret's name or ARN"
    return Finding(Severity.WARNING, f"tfdriver.yaml: roles.{role.label}.variables.{name}", what, hint)


def lint_trust(document: Document, own_accounts: Collection[str], where: str) -> list[Finding]:
    """Return the problems of a trust policy, apart from its length.

    own_accounts: ids of the accounts that are not third parties.
    """
    found: list[Finding] = []
    for statement in _allowing(document):
        if "NotPrincipal" in statement:
            found.append(_wildcard(where, "all principals except some (NotPrincipal)"))
        named = principals(statement)
        found += [_wildcard(where, f"principal {principal!r}") for principal in named if "*" in principal]
        conditions = _conditions(statement)
        whole = [p for p in named if p.isdecimal() or p.endswith(":root")]
        if whole and "*" in conditions.get("aws:principalarn", ["*"]):
            what = f"trusts {', '.join(whole)} without a guard: every principal that the account permits has access"
            hint = "Remove `guard: false`: the condition on aws:PrincipalArn then allows only the roles of the spec"
            found.append(Finding(Severity.WARNING, where, what, hint))
        third_parties = sorted({p for p in named if _account_of(p) and _account_of(p) not in own_accounts})
        if third_parties and "sts:externalid" not in conditions:
            what = f"trusts {', '.join(third_parties)}, a third party, without an external id"
            hint = "Set `external_id:` to protect this role against the confused deputy problem"
            found.append(Finding(Severity.WARNING, where, what, hint))
    return found


def lint_permissions(document: Document, where: str) -> list[Finding]:
    """Return the problems of a permissions policy: wildcards, NotAction and NotResource."""
    found: list[Finding] = []
    for statement in _allowing(document):
        actions, resources = strings(statement.get("Action")), strings(statement.get("Resource"))
        if "NotAction" in statement:
            found.append(_all_actions(where, "allows all actions except some (NotAction)"))
        if {"*", "*:*"} & set(actions):
            found.append(_all_actions(where, "allows every action (`*`)"))
        everywhere = "*" in resources or "NotResource" in statement
        for action in sorted(a for a in actions if a.endswith(":*") and a != "*:*"):
            if action.lower() == "iam:*" and everywhere:  # enough to get every other permission
                found.append(_all_actions(where, f"allows every action of IAM on every resource (`{action}`)"))
                continue
            what = f"allows every action of a service (`{action}`)"
            found.append(Finding(Severity.WARNING, where, what, "Name the actions that are needed"))
        if everywhere and not (actions and _WITHOUT_RESOURCE.issuperset(actions)):
            which = "every resource (`*`)" if "*" in resources else "all resources except some (NotResource)"
            what = f"allows its actions on {which}"
            hint = "Name the resources. Use `*` only for actions without resources"
            found.append(Finding(Severity.WARNING, where, what, hint))
    return found


def _all_actions(where: str, what: str) -> Finding:
    return Finding(Severity.ERROR, where, what, "Name the actions that are needed, e.g. `dynamodb:PutItem`")


def _wildcard(where: str, whom: str) -> Finding:
    hint = "Name accounts or roles. A condition alone is not enough: it is easily lost in a later change"
    return Finding(Severity.ERROR, where, f"trusts {whom}", hint)


def _lint_lengths(role: Role, wanted: Collection[Role], where: str) -> Iterator[Finding]:
    """Warn of trust policies that are nearly too long. A spec with one that is too long is invalid."""
    for length in lengths(role, wanted):
        if length.each and length.characters > NEARLY_FULL * MAX_CHARACTERS:
            taken = f"{length.characters:,} of {MAX_CHARACTERS:,} characters"
            what = f"the trust policy of phase {length.phase} takes {taken}"
            fit = length.room // length.each
            hint = f"{fit} more roles with names of this length fit. For others, add a second trusting role"
            yield Finding(Severity.WARNING, where, what, hint)


def _lint_deputies(spec: Spec, role: Role, where: str) -> Iterator[Finding]:
    """Report trusted roles that may assume roles of several owners or accounts, if this role has no external id."""
    if role.external_id is not None:
        return
    reached = {trusted.key: _reached(spec, trusted) for trusted in spec.trusted_by(role)}
    owners = {key: set(accounts.values()) - {None} for key, accounts in reached.items()}
    elsewhere = {t.key: reached[t.key].keys() - {t.account.id} for t in spec.trusted_by(role)}
    if deputies := sorted(key for key, several in owners.items() if len(several) > 1):
        several = sorted({owner or "accounts without `owner:`" for key in deputies for owner in owners[key]})
        what = f"has no external id, though {shortened(deputies)} may assume roles of {shortened(several)}"
        yield Finding(Severity.ERROR, where, what, _DEPUTIES)
    elif deputies := sorted(key for key, ids in elsewhere.items() if len(ids) > 1 and role.account.id in ids):
        what = f"has no external id, though {shortened(deputies)} may assume roles in other accounts too"
        yield Finding(Severity.WARNING, where, what, _DEPUTIES)


def _reached(spec: Spec, trusted: Role) -> dict[str, str | None]:
    """Return the owners of the accounts in which a trusted role may assume roles, by id; None for unknown ones."""
    known = {account.id: account.owner for account in spec.accounts.values()}
    ids = [role.account.id for role in spec.trusting_of(trusted)] + [account_of(one.arn) for one in trusted.assumes]
    return {account_id: known.get(account_id) for account_id in ids}


def _allowing(document: Document) -> Iterator[Mapping[str, Any]]:
    return (statement for statement in statements(document) if statement.get("Effect", "Allow") == "Allow")


def _conditions(statement: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the values of each condition key. Keys are in lower case, because IAM ignores their case."""
    found: dict[str, list[str]] = {}
    condition = statement.get("Condition")
    for keys in condition.values() if isinstance(condition, Mapping) else ():
        for key, value in keys.items() if isinstance(keys, Mapping) else ():
            found.setdefault(str(key).lower(), []).extend(strings(value))
    return found


def _account_of(principal: str) -> str:
    """Return the account id of a principal, or ''."""
    return principal if principal.isdecimal() else account_of(principal)
