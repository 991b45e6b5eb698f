"""What the modules of a spec make, by resource, as far as their files say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tfdriver.inspect.operator_policy.expressions import UNKNOWN, Scope, Text, text_of
from tfdriver.spec.hcl import Block, Body
from tfdriver.spec.model import Account, Role
from tfdriver.spec.modules import parsed_files

_OURS = "aws_"
# Data sources that ask AWS nothing, or only who is asking.
_FREE_DATA = frozenset(
    "aws_arn aws_caller_identity aws_default_tags aws_iam_policy_document aws_partition aws_region aws_service".split()
)


@dataclass(frozen=True)
class Made:
    """A resource of a module. account: where it is made; blocks: types of the blocks in it.

    argument: gives what an argument stands for, None if it has none of that name; siblings: gives all resources of a
    type in the same module.
    """

    type: str
    name: str
    account: Account
    blocks: frozenset[str]
    argument: Callable[[str], Text]
    siblings: Callable[[str], Iterable[Made]]

    @property
    def address(self) -> str:
        """The resource's address in its module."""
        return f"{self.type}.{self.name}"

    def has(self, name: str) -> bool:
        """Whether it has such a block, or such an argument that is not null."""
        return name in self.blocks or self.argument(name) is not None


@dataclass(frozen=True)
class Making:
    """What a role's module makes. unseen: sentences, no full stop, on what cannot be told from its files."""

    resources: tuple[Made, ...]
    has_probe: bool
    unseen: tuple[str, ...]


# Gives the ARN of a resource, with UNKNOWN in it.
ArnOf = Callable[[Made], str]


def making(role: Role, root: Path, arn_of: ArnOf) -> Making:
    """Return what the module of a role makes. root: the project's folder; arn_of: for attributes named `arn`."""
    if role.folder is None:
        elsewhere = f"module {role.module} of role {role.key} is not in the project: what it makes is not known here"
        return Making((), True, (elsewhere,))
    folder = root / role.folder
    bodies = [body for _, body in parsed_files(folder)]
    resources = _Resources(role, bodies, arn_of)
    unseen = [f"module {role.module} {words}" for words in _unseen(folder, bodies)]
    has_probe = any(block.labels == ("probe",) for block in _blocks(bodies, "output"))
    return Making(tuple(resources.all()), has_probe, tuple(unseen))


class _Resources:
    """The resources of a role's module, with what their arguments stand for."""

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

    def all(self) -> Iterator[Made]:
        """Yield the resources of AWS."""
        return (self._made(*key) for key in self._blocks if key[0].startswith(_OURS))

    def _made(self, resource_type: str, name: str) -> Made:
        body = self._blocks[resource_type, name].body

        def argument(key: str) -> Text:
            return text_of(body.arguments[key], self._scope) if key in body.arguments else None

        def siblings(wanted: str) -> Iterable[Made]:
            return (made for made in self.all() if made.type == wanted)

        blocks = {".".join(block.labels) if block.type == "dynamic" else block.type for block in body.blocks}
        return Made(resource_type, name, self._account, frozenset(blocks), argument, siblings)

    def _attribute(self, resource_type: str, name: str, attribute: str) -> Text:
        if (resource_type, name) not in self._blocks:
            return UNKNOWN
        made = self._made(resource_type, name)
        if attribute == "arn":
            return self._arn_of(made)
        value = made.argument(attribute)
        return UNKNOWN if value is None else value  # AWS or the provider sets what is not given


def _plain(value: object) -> Text:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return UNKNOWN if UNKNOWN in value else value
    return str(value) if isinstance(value, int) else None if value is None else UNKNOWN


def _blocks(bodies: list[Body], kind: str) -> Iterator[Block]:
    return (block for body in bodies for block in body.blocks if block.type == kind)


def _unseen(folder: Path, bodies: list[Body]) -> Iterator[str]:
    for block in _blocks(bodies, "module"):
        yield f"calls module {'.'.join(block.labels)}, which is not looked into"
    for block in _blocks(bodies, "data"):
        if block.labels and block.labels[0].startswith(_OURS) and block.labels[0] not in _FREE_DATA:
            yield f"reads data.{'.'.join(block.labels)}, whose permissions are not known here"
    if any(folder.glob("*.tf.json")):
        yield "has .tf.json files, which are not looked into"
