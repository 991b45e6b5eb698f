"""Reads the AWS resources that a role's module creates from the files of the module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfdriver.inspect.operator_policy.expressions import UNKNOWN, Scope, Text, text_of
from tfdriver.spec.hcl_reader import Block, Body
from tfdriver.spec.model import Account, Role
from tfdriver.spec.modules import parsed_files

_AWS_PREFIX = "aws_"
# Data sources that need no permissions.
_FREE_DATA = frozenset(
    "aws_arn aws_caller_identity aws_default_tags aws_iam_policy_document aws_partition aws_region aws_service".split()
)


@dataclass(frozen=True)
class Resource:
    """A resource of a module. account: in which it is created; blocks: types of its blocks.

    argument: returns the value of an argument, None if it is absent; siblings: returns the resources of a type in the
    same module.
    """

    type: str
    name: str
    account: Account
    blocks: frozenset[str]
    argument: Callable[[str], Text]
    siblings: Callable[[str], Iterable[Resource]]

    @property
    def address(self) -> str:
        """The resource's address in its module."""
        return f"{self.type}.{self.name}"

    def has(self, name: str) -> bool:
        """Return whether the resource has a block, or an argument other than null, of this name."""
        return name in self.blocks or self.argument(name) is not None


@dataclass(frozen=True)
class ModuleResources:
    """The resources of a role's module. notes: sentences without a full stop on parts that were not read."""

    resources: tuple[Resource, ...]
    has_probe: bool
    notes: tuple[str, ...]


# Returns the ARN of a resource, which may contain UNKNOWN.
ArnOf = Callable[[Resource], str]


def module_resources(role: Role, root: Path, arn_of: ArnOf) -> ModuleResources:
    """Return the resources of a role's module. root: the project folder; arn_of: evaluates attributes named `arn`."""
    if role.folder is None:
        note = f"module {role.module} of role {role.key} is not in the project: its resources are not known"
        return ModuleResources((), has_probe=True, notes=(note,))
    folder = root / role.folder
    bodies = [body for _, body in parsed_files(folder)]
    notes = tuple(f"module {role.module} {note}" for note in _notes(folder, bodies))
    has_probe = any(block.labels == ("probe",) for block in _blocks(bodies, "output"))
    return ModuleResources(tuple(_Module(role, bodies, arn_of).resources()), has_probe, notes)


class _Module:
    """The files of a role's module, with the values of its variables."""

    def __init__(self, role: Role, bodies: list[Body], arn_of: ArnOf) -> None:
        self._account = role.account
        self._arn_of = arn_of
        self._blocks = {(b.labels[0], b.labels[1]): b for b in _blocks(bodies, "resource") if len(b.labels) == 2}
        given = {name: _plain(value) for name, value in role.variables.items()}
        variables = {**given, "role_name": role.name, "role_path": role.path}
        declared = {b.labels[0]: b.body.arguments for b in _blocks(bodies, "variable") if len(b.labels) == 1}
        defaults = {name: found["default"] for name, found in declared.items() if "default" in found}
        values = {name: found for b in _blocks(bodies, "locals") for name, found in b.body.arguments.items()}
        self._scope = Scope(variables, defaults, values, self._attribute)

    def resources(self) -> Iterator[Resource]:
        """Yield the AWS resources."""
        return (self._resource(*key) for key in self._blocks if key[0].startswith(_AWS_PREFIX))

    def _resource(self, resource_type: str, name: str) -> Resource:
        body = self._blocks[resource_type, name].body

        def argument(key: str) -> Text:
            return text_of(body.arguments[key], self._scope) if key in body.arguments else None

        def siblings(wanted: str) -> Iterable[Resource]:
            return (resource for resource in self.resources() if resource.type == wanted)

        blocks = {".".join(block.labels) if block.type == "dynamic" else block.type for block in body.blocks}
        return Resource(
            type=resource_type,
            name=name,
            account=self._account,
            blocks=frozenset(blocks),
            argument=argument,
            siblings=siblings,
        )

    def _attribute(self, resource_type: str, name: str, attribute: str) -> Text:
        if (resource_type, name) not in self._blocks:
            return UNKNOWN
        resource = self._resource(resource_type, name)
        if attribute == "arn":
            return self._arn_of(resource)
        value = resource.argument(attribute)
        return UNKNOWN if value is None else value  # AWS or the provider sets absent arguments


def _plain(value: object) -> Text:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return UNKNOWN if UNKNOWN in value else value
    if isinstance(value, int):
        return str(value)
    return None if value is None else UNKNOWN


def _blocks(bodies: list[Body], kind: str) -> Iterator[Block]:
    return (block for body in bodies for block in body.blocks if block.type == kind)


def _notes(folder: Path, bodies: list[Body]) -> Iterator[str]:
    for block in _blocks(bodies, "module"):
        yield f"calls module {'.'.join(block.labels)}, whose resources are not known"
    for block in _blocks(bodies, "data"):
        if block.labels and block.labels[0].startswith(_AWS_PREFIX) and block.labels[0] not in _FREE_DATA:
            yield f"reads data.{'.'.join(block.labels)}, which needs permissions that are not known"
    if any(folder.glob("*.tf.json")):
        yield "has .tf.json files, whose resources are not known"
