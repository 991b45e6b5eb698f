"""The AWS resources of a role's module in an offline plan, with the values of their arguments. Pure; no I/O.

An argument that refers to another resource has a random value in the plan. The resource with that value is then looked
up, and its name predicted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tfdriver.aws.resource_types import DATA_SOURCES, RANDOM_CHARACTER, RESOURCE_TYPES, ResourceType
from tfdriver.deploy.ownership import in_module
from tfdriver.spec.model import Account, Role
from tfdriver.terraform.offline_plan import OfflinePlan, Plan

# Stands for unknown text, also inside other text. No plan can contain it: it is an unpaired surrogate.
UNKNOWN = "\ud800"

_AWS_PREFIX = "aws_"
# Data sources that need no permissions.
_FREE_DATA = frozenset(
    "aws_arn aws_caller_identity aws_default_tags aws_iam_policy_document aws_partition aws_region aws_service".split()
)
_RANDOM = re.compile(r"[a-z0-9]{8}")  # how Terraform mocks a string
_KEY = re.compile(r'\["(?:[^"\\]|\\.)*"\]|\[\d+\]')
_ARN_AS_ID = ("aws_iam_openid_connect_provider", "aws_iam_policy", "aws_secretsmanager_secret", "aws_sns_topic")
# Attributes that other resources refer to. `url` of a queue ends with its name.
_REFERRED = ("id", "arn", "name", "function_name", "bucket", "key_id", "url")


@dataclass(frozen=True)
class Resource:
    """A planned resource, or data source. after: its values; unknown: the names of those that are random in part.

    depends_on: addresses, without keys, of the resources that it refers to; siblings: the resources and data of its
    composition.
    """

    address: str
    module: str
    type: str
    account: Account
    after: Mapping[str, Any]
    unknown: frozenset[str]
    depends_on: frozenset[str]
    siblings: list[Resource] = field(repr=False, compare=False)
    is_data: bool = False

    @property
    def known_type(self) -> ResourceType | None:
        """What Terraform calls for it, None if that is not known."""
        return (DATA_SOURCES if self.is_data else RESOURCE_TYPES).get(self.type)

    def arguments(self, name: str) -> tuple[str, ...]:
        """Return the possible values of an argument, with UNKNOWN for unknown text; () if it is absent.

        It has several if it is the ARN of one of several instances of a resource. name: `block.argument` for a block.
        """
        value = self.after.get(name, UNKNOWN if name in self.unknown else None)
        if value in (None, [], {}):
            return ()
        if not isinstance(value, str):
            return (str(value),) if isinstance(value, int) else (UNKNOWN,)
        if name not in self.unknown or value == UNKNOWN:
            return (value,)
        if found := [text for owner, attribute in self._owners(value) for text in owner.identities(attribute)]:
            return tuple(dict.fromkeys(found))
        if _RANDOM.fullmatch(value):
            return ()  # the provider sets it
        return (self._without_random(value),)

    def text(self, name: str) -> str:
        """Return the value of an argument, '' if it is absent, UNKNOWN if it may have several values."""
        found = self.arguments(name)
        return found[0] if len(found) == 1 else UNKNOWN if found else ""

    def name(self, argument: str) -> str:
        """Return the value of an argument that is a name, with UNKNOWN for what AWS or the provider chooses."""
        found, prefix = self.text(argument), self.text(f"{argument}_prefix")
        return found if found not in ("", UNKNOWN) else prefix.replace(UNKNOWN, "") + UNKNOWN

    def identities(self, attribute: str) -> tuple[str, ...]:
        """Return what an attribute will be: the ARN, the name, or UNKNOWN."""
        known = self.known_type
        if known is None:
            return (UNKNOWN,)
        if attribute == "arn" or (attribute == "id" and self.type in _ARN_AS_ID):
            return (arn_of(self),)
        named = known.names[-1]
        return (self.name(named),) if attribute in ("id", "url", named) and known.tagged else (UNKNOWN,)

    def _owners(self, value: str) -> list[tuple[Resource, str]]:
        """Return the resources that this one refers to and that have this random value, and the attribute with it."""
        found: list[tuple[Resource, str]] = [
            (other, attribute)
            for attribute in _REFERRED
            for other in self.siblings
            if _KEY.sub("", other.address) in self.depends_on
            and attribute in other.unknown
            and other.after.get(attribute) == value
        ]
        first = [(other, attribute) for other, attribute in found if attribute == found[0][1]]
        return [(other, attribute) for other, attribute in first if other.module == self.module] or first

    def _without_random(self, text: str) -> str:
        for other in self.siblings:
            for name in other.unknown:
                value = other.after.get(name)
                if isinstance(value, str) and (_RANDOM.fullmatch(value) or value.endswith("/mock")):
                    text = text.replace(value, UNKNOWN)
        return text if UNKNOWN in text else UNKNOWN


@dataclass(frozen=True)
class ModuleResources:
    """The resources of a role's module. notes: sentences without a full stop on parts that are not known.

    probe_by: the ARN of the role that `verify` assumes before it probes the module's role, or ''.
    """

    resources: tuple[Resource, ...]
    has_probe: bool
    notes: tuple[str, ...]
    probe_by: str = ""


def module_resources(role: Role, offline: OfflinePlan) -> ModuleResources:
    """Return the resources of a role's module, and of the modules in it. offline: the plan of its composition."""
    notes = [f"module {role.module} of role {role.key}: {offline.problem}"] if offline.problem else []
    changes = offline.plan.get("resource_changes", ())
    for change in changes:
        kind = change["type"]
        if (
            change["mode"] == "data"
            and kind.startswith(_AWS_PREFIX)
            and kind not in _FREE_DATA
            and kind not in DATA_SOURCES
            and _is_of(change, role)
        ):
            notes.append(f"{change['address']} needs permissions that are not known")
    siblings: list[Resource] = []
    siblings += (_resource(change, role.account, siblings) for change in changes)
    relevant = [r for r in siblings if r.known_type or not r.is_data]
    own = [r for r in relevant if r.type.startswith(_AWS_PREFIX) and in_module(r.module, role)]
    return ModuleResources(tuple(own), _has_probe(role, offline.plan), tuple(notes), _probe_by(role, offline.plan))


def arn_of(resource: Resource) -> str:
    """Return the ARN of a resource, or of the resource that it is part of (an attachment, a target)."""
    known, given = resource.known_type, resource.after.get("arn")
    if known is None:
        return UNKNOWN
    if resource.is_data and isinstance(given, str) and not given.endswith("/mock"):
        return given
    names = {argument: resource.name(argument) for argument in known.names}
    parent = names[known.names[-1]]
    if parent.startswith("arn:"):
        return parent
    if "{role}" in known.pattern:  # the path is an argument of the role itself
        return arn_of_role(resource, parent)
    if names.get("key_id", "").startswith("alias/"):
        names["key_id"] = UNKNOWN
    names |= {name: text.rpartition("/")[2] for name, text in names.items() if name == "queue_url"}
    names |= {name: text.removeprefix("https://") for name, text in names.items() if name == "url"}
    if "group_name" in names:
        names["group_name"] = resource.text("group_name") or "default"
    bus = resource.text("event_bus_name") or "default"
    path = f"/{UNKNOWN}" if resource.is_data else resource.text("path") or "/"
    return known.arn(resource.account, path=path, bus="" if bus == "default" else f"{bus}/", **names)


def arn_of_role(resource: Resource, role: str) -> str:
    """Return the ARN of a role that a resource refers to by name, or by ARN."""
    if role.startswith("arn:"):
        return role
    for sibling in resource.siblings:
        if sibling.type == "aws_iam_role" and sibling.name("name") == role:
            return arn_of(sibling)
    return f"arn:{resource.account.partition}:iam::{resource.account.id}:role/{role}"


def pattern(text: str) -> str:
    """Return text escaped for an IAM policy, with UNKNOWN as a wildcard, and with one for each random character.

    Source: IAM user guide, reference_policies_variables, "Special characters" (`${*}`, `${?}`, `${$}`).
    """
    escaped = "".join(f"${{{char}}}" if char in "*?$" else char for char in text)
    return escaped.replace(UNKNOWN, "*").replace(RANDOM_CHARACTER, "?")


def _resource(change: Plan, account: Account, siblings: list[Resource]) -> Resource:
    after, unknown = change["change"].get("after") or {}, change["change"].get("after_unknown") or {}
    after, unknown = after | _in_blocks(after), unknown | _in_blocks(unknown)
    random = {name for name, value in unknown.items() if value is True}
    if change["mode"] == "data":
        random |= {name for name, value in after.items() if isinstance(value, str) and _RANDOM.fullmatch(value)}
    return Resource(
        address=change["address"],
        module=change.get("module_address", ""),
        type=change["type"],
        account=account,
        after=after,
        unknown=frozenset(random),
        depends_on=frozenset(change.get("depends_on") or ()),
        siblings=siblings,
        is_data=change["mode"] == "data",
    )


def _in_blocks(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values in blocks of which there is one, by `block.argument`."""
    blocks = {name: value[0] for name, value in values.items() if isinstance(value, list) and len(value) == 1}
    return {
        f"{name}.{argument}": value
        for name, block in blocks.items()
        if isinstance(block, Mapping)
        for argument, value in block.items()
    }


def _is_of(change: Plan, role: Role) -> bool:
    return in_module(change.get("module_address", ""), role)


def _has_probe(role: Role, plan: Plan) -> bool:
    """Whether the module has a probe; also if the composition's templates have no output for it."""
    probes = plan.get("output_changes", {}).get("probes")
    if probes is None or probes.get("after_unknown") is True:
        return True
    return role.label in (probes.get("after_unknown") or {}) or (probes.get("after") or {}).get(role.label) is not None


def _probe_by(role: Role, plan: Plan) -> str:
    probes = plan.get("output_changes", {}).get("probes") or {}
    probe = (probes.get("after") or {}).get(role.label)
    found = probe.get("probe_by") if isinstance(probe, Mapping) else None
    return found if isinstance(found, str) and ":role/" in found else ""
