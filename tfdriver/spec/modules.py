"""What a folder of Terraform code declares: its variables and outputs.

Reads `.tf` files with `spec.hcl`, and `.tf.json` files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tfdriver.errors import TfdriverError
from tfdriver.spec.hcl import Block, Body, HclSyntaxError, read_blocks, read_expression
from tfdriver.spec.terraform_types import ANY, Type
from tfdriver.spec.type_reader import read_type

_MAX_BYTES = 1024 * 1024
_JSON = ".tf.json"


@dataclass(frozen=True)
class Variable:
    """A variable of a module. required: it has no default."""

    name: str
    type: Type = ANY
    required: bool = True


@dataclass(frozen=True)
class Module:
    """What a module declares. variables: by name, in the order of its files; outputs: names."""

    folder: Path
    variables: Mapping[str, Variable]
    outputs: frozenset[str]


def read_module(folder: Path, root: Path) -> Module:
    """Return what the module in `folder` declares. root: the project; in messages, files are named from there.

    Raises TfdriverError, with file and line where there is one, if the folder has no Terraform files, one of them is
    unreadable, leads out of the project or has a syntax error.
    """
    variables: dict[str, dict[str, Any]] = {}
    outputs: set[str] = set()
    for path in _files(folder, root):
        where = path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)
        text = _text(path, root, where)
        found = _from_json(text, where) if path.name.endswith(_JSON) else _from_hcl(text, where)
        for name, arguments in found.variables.items():
            variables.setdefault(name, {}).update(arguments)
        outputs |= found.outputs
    return Module(folder, {name: Variable(name, **given) for name, given in variables.items()}, frozenset(outputs))


def parsed_files(folder: Path) -> Iterator[tuple[str, Body]]:
    """Yield name and content of each `.tf` file of a module; pass over those that cannot be read.

    Terraform, and `read_module`, say what is wrong with them.
    """
    for path in sorted(folder.glob("*.tf")):
        try:
            yield path.name, read_blocks(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, HclSyntaxError):
            continue


@dataclass(frozen=True)
class _Declared:
    """What one file declares. variables: by name, the arguments that say something: type, required."""

    variables: Mapping[str, dict[str, Any]]
    outputs: set[str]


def _files(folder: Path, root: Path) -> list[Path]:
    where = folder.relative_to(root).as_posix() if folder.is_relative_to(root) else str(folder)
    try:
        found = sorted(p for p in folder.iterdir() if p.name.endswith((".tf", _JSON)) and not p.is_dir())
    except OSError as error:
        raise TfdriverError(
            f"the module cannot be read: {error.strerror}", where=where, hint="Give yourself access"
        ) from error
    visible = [p for p in found if not p.name.startswith((".", "#")) and not p.name.endswith("~")]
    if not visible:
        raise TfdriverError(
            "the module has no .tf files", where=where, hint="Put a module there; see modules/README.md"
        )
    return sorted(visible, key=_is_override)


def _is_override(path: Path) -> bool:
    """Whether Terraform merges the file over the others. Source: Terraform, "Override Files"."""
    stem = path.name.removesuffix(_JSON).removesuffix(".tf")
    return stem == "override" or stem.endswith("_override")


def _text(path: Path, root: Path, where: str) -> str:
    try:
        if not path.resolve(strict=True).is_relative_to(root.resolve()):
            raise TfdriverError(
                "a symlink that leads out of the project", where=where, hint="Put the file itself there"
            )
        if not path.is_file():
            raise TfdriverError("is not a file", where=where, hint="Take it away")
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        if len(content) > _MAX_BYTES:
            raise TfdriverError(f"is larger than {_MAX_BYTES // 1024} KiB", where=where, hint="Split it up")
        return content.decode("utf-8")
    except (OSError, RuntimeError) as error:
        what = f"cannot be read: {getattr(error, 'strerror', None) or error}"
        raise TfdriverError(what, where=where, hint="Give yourself access, or take it away") from error
    except UnicodeDecodeError as error:
        raise TfdriverError("is not UTF-8 text", where=where, hint="Save it as UTF-8") from error


def _from_hcl(text: str, where: str) -> _Declared:
    try:
        body = read_blocks(text)
        variables = {b.labels[0]: _arguments(b.body) for b in _labelled(body, "variable")}
    except HclSyntaxError as error:
        raise _syntax_error(error.what, where, error.line) from error
    return _Declared(variables, {block.labels[0] for block in _labelled(body, "output")})


def _labelled(body: Body, kind: str) -> Iterator[Block]:
    for block in body.blocks:
        if block.type != kind:
            continue
        if len(block.labels) != 1:
            raise HclSyntaxError(f"a {kind} has one name, in quotes", block.line)
        yield block


def _arguments(body: Body) -> dict[str, Any]:
    said: dict[str, Any] = {}
    if "type" in body.arguments:
        said["type"] = read_type(body.arguments["type"])
    if "default" in body.arguments:
        said["required"] = False
    return said


def _from_json(text: str, where: str) -> _Declared:
    try:
        data = json.loads(text)
        variables = {name: _json_arguments(given) for name, given in _members(data, "variable").items()}
        return _Declared(variables, set(_members(data, "output")))
    except json.JSONDecodeError as error:
        raise _syntax_error(error.msg, where, error.lineno) from error
    except HclSyntaxError as error:
        raise _syntax_error(error.what, where, error.line) from error
    except RecursionError as error:
        raise _syntax_error("too many levels, one in another", where, 1) from error


def _members(data: Any, kind: str) -> dict[str, Any]:
    """Return the blocks of a kind by name: in JSON, an object or a list of objects."""
    found = data.get(kind, {}) if isinstance(data, dict) else {}
    parts = found if isinstance(found, list) else [found]
    return {name: given for part in parts if isinstance(part, dict) for name, given in part.items()}


def _json_arguments(given: Any) -> dict[str, Any]:
    said: dict[str, Any] = {}
    for part in given if isinstance(given, list) else [given]:
        if isinstance(part, dict):
            said |= {"type": read_type(read_expression(str(part["type"])))} if "type" in part else {}
            said |= {"required": False} if "default" in part else {}
    return said


def _syntax_error(what: str, where: str, line: int) -> TfdriverError:
    hint = "`terraform validate` in that folder says more"
    return TfdriverError(f"syntax error in the module: {what}", where=f"{where}:{line}", hint=hint)
