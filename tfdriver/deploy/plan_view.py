"""What a Terraform plan changes, as values to print: resources, attributes, policies. Pure; no I/O.

Source of a plan's shape: Terraform's documentation, "JSON Output Format" (internals/json-format).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from tfdriver.deploy import revocation
from tfdriver.deploy.overview import Overview
from tfdriver.files import read_json
from tfdriver.iam.policy_diff import diff_lines
from tfdriver.iam.policy_document import Document, parse_policy
from tfdriver.iam.trust import may_be_broad
from tfdriver.iam.trust_state import Phase
from tfdriver.iam.wording import trusted_by

SENSITIVE = "(sensitive value)"
UNKNOWN = "(known after apply)"
TRUST_POLICY = "assume_role_policy"
_POLICIES = frozenset({TRUST_POLICY, "policy"})  # attributes whose value, if unknown, is a policy
_ACTIONS = {
    ("create",): "create",
    ("update",): "update",
    ("delete",): "delete",
    ("delete", "create"): "replace",
    ("create", "delete"): "create_then_delete",
    ("forget",): "forget",
}


@dataclass(frozen=True)
class AttributeChange:
    """An attribute that an update or replacement changes. name: its path, e.g. `tags.team`; before, after: JSON values.

    SENSITIVE stands for a sensitive value, UNKNOWN for one that is known only after the apply. replaces: whether it
    forces the replacement.
    """

    name: str
    before: Any
    after: Any
    replaces: bool = False


@dataclass(frozen=True)
class PolicyChange:
    """A policy that changes. attribute: its path, e.g. `assume_role_policy`; before, after: documents, or None.

    known: whether `after` is known before the apply; trusts_before, trusts_after: whom a trust policy trusts, in words,
    or ''.
    """

    attribute: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    known: bool = True
    trusts_before: str = ""
    trusts_after: str = ""


@dataclass(frozen=True)
class ResourceChange:
    """A resource that a plan changes.

    action: `create`, `update`, `replace`, `create_then_delete` (a replacement in that order), `delete`, `adopt` (only
    imported), `move` or `forget` (only the state changes); name: the resource's name in AWS, or ''; imported: the id by
    which it is imported, or ''; drifted: whether it was changed or deleted outside Terraform since the last apply.
    """

    action: str
    address: str
    name: str = ""
    imported: str = ""
    drifted: bool = False
    attributes: tuple[AttributeChange, ...] = ()
    policies: tuple[PolicyChange, ...] = ()

    @property
    def deletes(self) -> bool:
        """Whether a resource in AWS, and its data, is deleted."""
        return self.action in ("delete", "replace", "create_then_delete")


@dataclass(frozen=True)
class Counts:
    """How many resources a plan changes. replace: deleted and created; adopt: imported."""

    create: int = 0
    update: int = 0
    replace: int = 0
    delete: int = 0
    adopt: int = 0


@dataclass(frozen=True)
class PhasePlan:
    """What one phase, or `destroy`, changes in one composition.

    account: its name; outputs: names of the outputs of the state that change; notes: sentences without a full stop.
    """

    phase: str
    composition: str
    account: str
    account_id: str
    counts: Counts
    changes: tuple[ResourceChange, ...] = ()
    outputs: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """The phase for people: phase 1 is `exact at once` if it opens no trust."""
        trusts = [p.after for change in self.changes for p in change.policies if p.attribute == TRUST_POLICY]
        exact = trusts and not any(policy is None or may_be_broad(policy) for policy in trusts)
        return "exact at once" if self.phase == Phase.BROAD and exact else self.phase


@dataclass(frozen=True)
class Planned:
    """What a run changes. overview: see `Overview`; phases: in order."""

    overview: Overview
    phases: tuple[PhasePlan, ...]

    @property
    def differences(self) -> bool:
        """Whether any phase changes something."""
        return any(phase.changes or phase.outputs or phase.notes for phase in self.phases)

    @property
    def counts(self) -> Counts:
        """How many resources all phases change."""
        return counted([change for phase in self.phases for change in phase.changes])

    @property
    def deletions(self) -> tuple[str, ...]:
        """The resources that are deleted or replaced, except revocations that are no longer needed."""
        return tuple(text for phase in self.phases for text in deletions(phase.composition, phase.changes))

    @property
    def question(self) -> str:
        """The question to confirm with "yes", '' if nothing is to be done."""
        if not self.differences:
            return ""
        count = self.counts.delete if self.overview.action == "destroy" else len(self.deletions)
        return self.overview.question(f"{count} resource{'s' * (count != 1)}" if count else "")


@dataclass(frozen=True)
class Leaf:
    """A value inside of a resource. raw: to compare; shown: to print."""

    raw: Any
    shown: Any


def resource_changes(
    plan: Mapping[str, Any], accounts: Mapping[str, str] = MappingProxyType({})
) -> tuple[ResourceChange, ...]:
    """Return the managed resources that a plan changes. plan: as JSON, {} for none; accounts: names by account id."""
    drifts = {resource["address"]: resource["change"] for resource in plan.get("resource_drift", ())}
    managed = (resource for resource in plan.get("resource_changes", ()) if resource["mode"] == "managed")
    return tuple(
        _resource_change(resource, action, accounts, drifts.get(resource["address"]))
        for resource in managed
        if (action := _action(resource))
    )


def counted(changes: Iterable[ResourceChange]) -> Counts:
    """Return how many resources the changes create, update, replace, delete and adopt."""
    changes = list(changes)
    actions = Counter(change.action for change in changes)
    return Counts(
        create=actions["create"],
        update=actions["update"],
        replace=actions["replace"] + actions["create_then_delete"],
        delete=actions["delete"],
        adopt=sum(bool(change.imported) and not change.deletes for change in changes),
    )


def deletions(composition: str, changes: Iterable[ResourceChange]) -> tuple[str, ...]:
    """Return what is deleted or replaced, except revocations that are no longer needed. composition: its name."""
    return tuple(
        f"{composition}: {'delete' if change.action == 'delete' else 'replace'} {change.address}"
        for change in changes
        if change.deletes and not change.address.startswith(revocation.ADDRESS)
    )


def trust_change(
    before: Document | str | None, after: Document | str | None, accounts: Mapping[str, str]
) -> PolicyChange:
    """Return the change of a role's trust policy. before, after: None for no policy."""
    old, new = (_document(policy) for policy in (before, after))
    words, then = (trusted_by(policy, accounts) if policy else "" for policy in (old, new))
    if words == then and diff_lines(old, new):
        other = then.replace("with the external id", "with another external id")
        then = other if other != then else f"{then}, under other conditions"
    return PolicyChange(TRUST_POLICY, old, new, trusts_before=words, trusts_after=then)


def _action(resource: Mapping[str, Any]) -> str:
    """Return the action on a resource, '' if nothing changes."""
    change = resource["change"]
    if action := _ACTIONS.get(tuple(change["actions"]), ""):
        return action
    if change.get("importing"):
        return "adopt"
    return "move" if resource.get("previous_address") else ""


def _is_drifted(action: str, drift: Mapping[str, Any] | None, changed: Iterable[str]) -> bool:
    """Whether a change undoes one that was made outside Terraform. drift: that one; changed: paths of attributes.

    AWS changes computed attributes, such as a version, in each update.
    """
    if drift is None or action not in ("create", "update"):
        return False
    before, after = _leaves(drift.get("before")), _leaves(drift.get("after"))
    return action == "create" or any(_raw(before, name) != _raw(after, name) for name in changed)


def _resource_change(
    resource: Mapping[str, Any], action: str, accounts: Mapping[str, str], drift: Mapping[str, Any] | None
) -> ResourceChange:
    change = resource["change"]
    hidden = change.get("before_sensitive"), change.get("after_sensitive")
    before = _leaves(change.get("before"), hidden)
    after = _leaves(change.get("after"), hidden, change.get("after_unknown"))
    if action == "delete":
        after = before  # a list of all that it had says nothing
    changed = [name for name in {**before, **after} if _raw(before, name) != _raw(after, name)]
    documents = {name: tuple(_of_leaf(leaves.get(name)) for leaves in (before, after)) for name in changed}
    policies = [name for name in changed if any(documents[name]) or _is_unknown_policy(name, after)]
    return ResourceChange(
        action=action,
        address=resource["address"],
        name=_name(after) or _name(before),
        imported=str((change.get("importing") or {}).get("id", "")),
        drifted=_is_drifted(action, drift, changed),
        attributes=_attributes(change, action, before, after, [n for n in changed if n not in policies]),
        policies=tuple(_policy(name, documents[name], after, accounts) for name in policies),
    )


def _attributes(
    change: Mapping[str, Any], action: str, before: Mapping[str, Leaf], after: Mapping[str, Leaf], names: list[str]
) -> tuple[AttributeChange, ...]:
    """Return the changed attributes of an update or replacement.

    A replacement has new values for all attributes that AWS sets, so those are left out.
    """
    if action in ("create", "delete"):
        return ()
    forcing = {str(path[0]) for path in change.get("replace_paths", ()) if path}
    changes = [
        AttributeChange(name, _shown(before, name), _shown(after, name), _top(name) in forcing)
        for name in names
        if not (_top(name) == "tags_all" and any(_top(other) == "tags" for other in names))
    ]
    return tuple(c for c in changes if action == "update" or c.replaces or c.after not in (UNKNOWN, None))


def _policy(
    name: str,
    documents: tuple[Document | None, ...],
    after: Mapping[str, Leaf],
    accounts: Mapping[str, str],
) -> PolicyChange:
    old, new = documents
    known = _shown(after, name) != UNKNOWN
    if name == TRUST_POLICY and known:
        return trust_change(old, new, accounts)
    return PolicyChange(name, old, new, known)


def _is_unknown_policy(name: str, after: Mapping[str, Leaf]) -> bool:
    return name.rpartition(".")[2] in _POLICIES and _shown(after, name) == UNKNOWN


def _of_leaf(leaf: Leaf | None) -> Document | None:
    """Return the policy document in an attribute, None if it is something else, or sensitive."""
    if leaf is None or not isinstance(leaf.shown, str) or not leaf.shown.lstrip().startswith("{"):
        return None
    found = _document(leaf.shown)
    return found if found and "Statement" in found else None


def _document(policy: Document | str | None) -> Document | None:
    try:
        return parse_policy(policy) if policy else None
    except ValueError:
        return None


def _name(leaves: Mapping[str, Leaf]) -> str:
    for key in ("name", "function_name", "bucket"):
        if isinstance(found := _shown(leaves, key), str) and found not in (SENSITIVE, UNKNOWN):
            return found
    return ""


def _leaves(value: Any, sensitive: tuple[Any, ...] = (), unknown: Any = None) -> dict[str, Leaf]:
    """Return the values inside of a resource by path, without null.

    sensitive: the shapes of sensitive values, before and after the change. A value that is sensitive in one of them is
    the same secret in the other.
    """
    return dict(_each_leaf(value, sensitive, unknown, ""))


def _each_leaf(value: Any, sensitive: tuple[Any, ...], unknown: Any, path: str) -> Iterator[tuple[str, Leaf]]:
    if unknown is True:
        yield path, Leaf(object(), UNKNOWN)
    elif any(part is True for part in sensitive):
        yield path, Leaf(json.dumps(value, sort_keys=True), SENSITIVE)
    elif isinstance(value, Mapping) or isinstance(unknown, Mapping):
        for key in {**(value or {}), **(unknown if isinstance(unknown, Mapping) else {})}:
            name = f"{path}.{key}" if path else str(key)
            hidden = tuple(_inside(part, key) for part in sensitive)
            yield from _each_leaf(_inside(value, key), hidden, _inside(unknown, key), name)
    elif isinstance(value, list):
        for index, element in enumerate(value):
            name = f"{path}[{_label(value, index)}]"
            hidden = tuple(_inside(part, index) for part in sensitive)
            yield from _each_leaf(element, hidden, _inside(unknown, index), name)
    elif isinstance(inside := _inside_of_json(value), dict | list):
        yield from _each_leaf(inside, (), None, path)
    elif value is not None:
        yield path, Leaf(value, value)


def _inside_of_json(value: Any) -> Any:
    """Return the value of a string with JSON, None for another value, and for a policy, which is shown as a whole."""
    if not isinstance(value, str) or not value.startswith(("{", "[")):
        return None
    try:
        found = read_json(value)
    except ValueError:
        return None
    return None if isinstance(found, dict) and "Statement" in found else found


def _inside(value: Any, key: Any) -> Any:
    """Return an element of a mapping or list, None without one."""
    if isinstance(value, Mapping):
        return value.get(key)
    if isinstance(value, list):
        return value[key] if key < len(value) else None
    return value if value is True else None


def _label(elements: list[Any], index: int) -> str:
    """Return how to name an element of a list: by its `name`, as of an inline policy, else by its place."""
    names = [element.get("name") if isinstance(element, Mapping) else None for element in elements]
    name = names[index]
    return json.dumps(name) if isinstance(name, str) and names.count(name) == 1 else str(index)


def _raw(leaves: Mapping[str, Leaf], name: str) -> Any:
    return leaves[name].raw if name in leaves else None


def _shown(leaves: Mapping[str, Leaf], name: str) -> Any:
    return leaves[name].shown if name in leaves else None


def _top(name: str) -> str:
    """Return the attribute in which a path begins."""
    return name.partition(".")[0].partition("[")[0]
