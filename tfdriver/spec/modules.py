"""Reads the variables and outputs of a Terraform module from its `.tf` and `.tf.json` files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfdriver.errors import TfdriverError
from tfdriver.spec.hcl_reader import Block, Body, Expression, HclSyntaxError, read_blocks, read_expression
from tfdriver.spec.terraform_types import ANY, Type
from tfdriver.spec.type_reader import read_type

_MAX_BYTES = 1024 * 1024
_JSON = ".tf.json"


@dataclass(frozen=True)
class Variable:
    """A variable of a module. required: whether it has no default."""

    name: str
    type: Type = ANY
    required: bool = True


@dataclass(frozen=True)
class Module:
    """A module of the project. variables: by name, in the order of its files; outputs: names."""

    folder: Path
    variables: Mapping[str, Variable]
    outputs: frozenset[str]


def read_module(folder: Path, root: Path) -> Module:
    """Return the module in `folder`. root: the project folder; messages name files relative to it.

    Raises TfdriverError, with the file, if the folder has no Terraform files, or one of them is unreadable, leads out
    of the project or has a syntax error.
    """
    variables: dict[str, dict[str, Any]] = {}
    outputs: set[str] = set()
    for path in _files(folder, root):
        where = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        text = _text(path, root, where)
        declared_variables, declared_outputs = _declarations(text, where)
        for name, fields in declared_variables.items():
            variables.setdefault(name, {}).update(fields)
        outputs |= declared_outputs
    return Module(folder, {name: Variable(name, **fields) for name, fields in variables.items()}, frozenset(outputs))


def _files(folder: Path, root: Path) -> list[Path]:
    where = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)
    try:
        names = [path.name for path in folder.iterdir() if not path.is_dir()]
    except OSError as error:
        hint = "Grant yourself read permission"
        raise TfdriverError(
            f"the module cannot be read: {error.strerror}", code="invalid_module", where=where, hint=hint
        ) from error
    names = [name for name in names if name.endswith((".tf", _JSON)) and not name.startswith((".", "#"))]
    if not names:
        hint = (
            "Add main.tf: a module has the variables role_name, role_path and trust_policy (of a trusting role) or "
            "roles_to_assume (of a trusted role), and the output role_arn"
        )
        raise TfdriverError("the module has no .tf files", code="invalid_module", where=where, hint=hint)
    # Terraform merges override files over the others. Source: Terraform, "Override Files".
    override = re.compile(r"(.*_)?override\.tf(\.json)?")
    return [folder / name for name in sorted(names, key=lambda name: (bool(override.fullmatch(name)), name))]


def _text(path: Path, root: Path, where: str) -> str:
    try:
        if not path.resolve(strict=True).is_relative_to(root.resolve()):
            hint = "Replace it with the file itself"
            raise TfdriverError(
                "is a symlink that points outside the project", code="invalid_module", where=where, hint=hint
            )
        if not path.is_file():
            raise TfdriverError("is not a regular file", code="invalid_module", where=where, hint="Remove it")
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise TfdriverError(
                f"is larger than {_MAX_BYTES // 1024} KiB", code="invalid_module", where=where, hint="Split the file"
            )
        return content.decode("utf-8")
    except (OSError, RuntimeError) as error:
        what = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise TfdriverError(
            what, code="invalid_module", where=where, hint="Grant yourself read permission, or remove it"
        ) from error
    except UnicodeDecodeError as error:
        raise TfdriverError("is not UTF-8 text", code="invalid_module", where=where, hint="Save it as UTF-8") from error


def _declarations(text: str, where: str) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """Return the fields of each Variable in a file by name, and the names of its outputs."""
    try:
        if where.endswith(_JSON):
            data = json.loads(text)
            variables = {name: _json_variable(block) for name, block in _json_blocks(data, "variable").items()}
            return variables, set(_json_blocks(data, "output"))
        body = read_blocks(text)
        variables = {block.labels[0]: _variable(block.body.arguments) for block in _labelled(body, "variable")}
        return variables, {block.labels[0] for block in _labelled(body, "output")}
    except json.JSONDecodeError as error:
        raise _syntax_error(error.msg, where, error.lineno) from error
    except HclSyntaxError as error:
        raise _syntax_error(error.what, where, error.line) from error
    except RecursionError as error:
        raise _syntax_error("nested too deep", where, 1) from error


def _labelled(body: Body, kind: str) -> Iterator[Block]:
    for block in body.blocks:
        if block.type != kind:
            continue
        if len(block.labels) != 1:
            raise HclSyntaxError(f"a {kind} needs exactly one name, in quotes", block.line)
        yield block


def _variable(arguments: Mapping[str, Expression]) -> dict[str, Any]:
    fields: dict[str, Any] = {"type": read_type(arguments["type"])} if "type" in arguments else {}
    return fields | ({"required": False} if "default" in arguments else {})


def _json_blocks(data: Any, kind: str) -> dict[str, Any]:
    return _merged(data.get(kind)) if isinstance(data, dict) else {}


def _json_variable(block: Any) -> dict[str, Any]:
    arguments = {name: value for name, value in _merged(block).items() if name in ("type", "default")}
    if "type" in arguments:
        arguments["type"] = read_expression(str(arguments["type"]))
    return _variable(arguments)


def _merged(value: Any) -> dict[str, Any]:
    """Return the members of a JSON object, or of all objects in a list."""
    parts = value if isinstance(value, list) else [value]
    return {name: member for part in parts if isinstance(part, dict) for name, member in part.items()}


def _syntax_error(what: str, where: str, line: int) -> TfdriverError:
    hint = "Run `terraform validate` in that folder for details"
    return TfdriverError(
        f"syntax error in the module: {what}", code="invalid_module", where=f"{where}:{line}", hint=hint
    )
