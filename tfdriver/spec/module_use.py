"""Checks that a role's module has the variables and outputs of docs/modules.md and that its variables fit."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.spec.compositions import Side
from tfdriver.spec.fields import CONTRACT_VARIABLES, RoleShape
from tfdriver.spec.message_text import named, nearest
from tfdriver.spec.modules import Module, read_module
from tfdriver.spec.names import Reason
from tfdriver.spec.problems import Problems
from tfdriver.spec.sources import find_source
from tfdriver.spec.terraform_types import mismatch

_ADD_MODULE = "Add `module:` with a folder of modules/ or a Terraform module source, or `existing: true`"
_SIDE_VARIABLE = {Side.TRUSTING: "trust_policy", Side.TRUSTED: "roles_to_assume"}
_ROLE_VARIABLES = ("role_name", "role_path")
_PACKAGE = "package"
_CODE_FOLDER = "lambda"
_ROLE_ARN = 'output "role_arn" { value = aws_iam_role.this.arn }'
_TYPES = {
    "roles_to_assume": "list(object({role = string, arn = string, external_id = optional(string), region = string, "
    "variables = map(string)}))"
}


@dataclass(frozen=True)
class ModuleUse:
    """The module of a role. source: for `source = `; package: the folder of code to zip, or None."""

    source: str
    package: Path | None


def resolve_module(
    key: str,
    role: RoleShape,
    on_sides: frozenset[Side],
    root: Path,
    modules: dict[Path, Module | TfdriverError],
    problems: Problems,
) -> ModuleUse | None:
    """Return the source and the package of a role's module, or None if it is unusable. Add mistakes to `problems`.

    on_sides: none for a role without a relation; root: the project folder, resolved; modules: a cache by folder.
    """
    path = ("roles", key)
    if role.existing:
        return ModuleUse("", None)
    if not role.module:
        problems.add((*path, "module"), "module is missing", _ADD_MODULE)
        return None
    source = find_source(role.module, root)
    if isinstance(source, Reason):
        problems.add((*path, "module"), *source)
        return None
    if role.version and not source.in_registry:
        what = f"version is for modules of a registry, and {named(role.module)} is not one"
        problems.add((*path, "version"), what, "Remove it; a git source takes `?ref=TAG`")
    if source.folder is None:
        return ModuleUse(source.text, None)
    if source.folder not in modules:
        try:
            modules[source.folder] = read_module(source.folder, root)
        except TfdriverError as error:
            modules[source.folder] = error
    module = modules[source.folder]
    if isinstance(module, TfdriverError):
        problems.add_error((*path, "module"), module)
        return None
    code = source.folder / _CODE_FOLDER
    package = code if code.is_dir() else None
    if on_sides and (reason := _contract_violation(module, role.module, on_sides, package)):
        problems.add((*path, "module"), *reason)
    else:
        _check_variables(path, role, module, problems)
    return ModuleUse(source.text, package)


def _contract_violation(module: Module, name: str, on_sides: frozenset[Side], package: Path | None) -> Reason | None:
    of_sides = [variable for side, variable in _SIDE_VARIABLE.items() if side in on_sides]
    needed = [*_ROLE_VARIABLES, *of_sides, *([_PACKAGE] if package else [])]
    is_for = [side for side, variable in _SIDE_VARIABLE.items() if variable in module.variables]
    sides = " and ".join(sorted(on_sides, reverse=True))
    if is_for and (missing := [_SIDE_VARIABLE[side] for side in _SIDE_VARIABLE if side in on_sides - {*is_for}]):
        what = f"module {name} is for a {is_for[0]} role, and this role is {sides}: no variable {missing[0]}"
        return Reason(what, "Use another module, or change `trusts:`")
    if missing := [v for v in needed if v not in module.variables]:
        why = f", which a module with a folder {_CODE_FOLDER}/ needs" if missing == [_PACKAGE] else ""
        lines = ", ".join(
            f'variable "{variable}" {{ type = {_TYPES.get(variable, "string")} }}' for variable in missing
        )
        return Reason(f"module {name} declares no variable {', '.join(missing)}{why}", f"Add to the module: {lines}")
    if "role_arn" not in module.outputs:
        return Reason(f"module {name} has no output role_arn", f"Add to the module: {_ROLE_ARN}")
    required = {v.name for v in module.variables.values() if v.required} & CONTRACT_VARIABLES
    if unmet := sorted(required - set(needed)):
        no_code = unmet == [_PACKAGE]
        why = f"has no folder {_CODE_FOLDER}/" if no_code else f"is used for a {sides} role"
        other = f"Add the folder {_CODE_FOLDER}/" if no_code else "Use another module, or change `trusts:`"
        hint = f"{other}; or give the variable a default"
        return Reason(f"module {name} requires {', '.join(unmet)}, but {why}", hint)
    return None


def _check_variables(path: tuple[str, str], role: RoleShape, module: Module, problems: Problems) -> None:
    own = {name: v for name, v in module.variables.items() if name not in CONTRACT_VARIABLES}
    for name, value in role.variables.items():
        here = (*path, "variables", name)
        if name not in own:
            hint = nearest(name, own) or "The module has no variables of its own: remove it"
            problems.add(here, f"module {role.module} has no variable {name}", hint)
        elif value is None and own[name].required:  # an optional variable may be null
            problems.add(here, "has no value", "Write a value: the module needs one")
        elif wrong := mismatch(value, own[name].type):
            problems.add((*here, *wrong.path), wrong.what, wrong.hint)
    if missing := [name for name, variable in own.items() if variable.required and name not in role.variables]:
        what = f"module {role.module} needs a value for {', '.join(missing)}"
        problems.add((*path, "variables"), what, f"Add it, e.g. `variables: {{{named(missing[0])}: ...}}`")
