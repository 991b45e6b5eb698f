"""Makes the roles of a spec: one in each account that it names, with its module."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.spec import names
from tfdriver.spec.duration import parse_duration
from tfdriver.spec.fields import GENERATE, PLACEHOLDERS, RoleShape
from tfdriver.spec.model import Account, Role, RoleElsewhere
from tfdriver.spec.module_use import ModuleUse, resolve_module
from tfdriver.spec.modules import Module
from tfdriver.spec.placeholders import filled, placeholder_problems
from tfdriver.spec.problems import Problems
from tfdriver.spec.relations import sides

# The namespace of generated external ids. A change would change every generated external id.
_EXTERNAL_IDS = uuid.UUID("6c1d2c53-4a2e-5f0e-9d6b-3f2f0d6f7a10")


def make_roles(
    shapes: Mapping[str, RoleShape],
    accounts: Mapping[str, Sequence[Account]],
    root: Path,
    project: str,
    problems: Problems,
) -> dict[str, Role]:
    """Return the roles by their logical keys. Add each mistake to `problems`.

    accounts: the valid accounts of each role, by its key in the spec; root: the project folder, resolved.
    """
    side = sides(shapes)
    modules: dict[Path, Module | TfdriverError] = {}
    keys = {key: [_logical_key(key, shape, account) for account in accounts[key]] for key, shape in shapes.items()}
    roles: dict[str, Role] = {}
    for key, shape in shapes.items():
        module = resolve_module(key, shape, side[key], root, modules, problems)
        if not module or _has_unknown_placeholders(key, shape, problems):
            continue
        trusts = tuple(one for trusted in shape.trusts for one in keys.get(trusted, ()))
        for logical, account in zip(keys[key], accounts[key], strict=True):
            own = _in_account(key, shape, account, problems)
            external_id = _external_id(project, key, shape, account, accounts[key])
            roles[logical] = _role(logical, own, account, module, trusts, external_id)
    return roles


def _logical_key(key: str, shape: RoleShape, account: Account) -> str:
    return f"{key}@{account.name}" if shape.accounts else key


def _has_unknown_placeholders(key: str, shape: RoleShape, problems: Problems) -> bool:
    texts = {"name": shape.name, "path": shape.path, "variables": shape.variables} if shape.accounts else {}
    found = list(placeholder_problems(texts, PLACEHOLDERS))
    for path, reason in found:
        problems.add(("roles", key, *path), *reason)
    return bool(found)


def _in_account(key: str, shape: RoleShape, account: Account, problems: Problems) -> RoleShape:
    """Return a role with the placeholders filled in, if it has `accounts:`. Add mistakes to `problems`."""
    texts = {"name": shape.name or key, "path": shape.path, "variables": shape.variables}
    if shape.accounts:
        texts = filled(texts, account.placeholders)
    for field, check in (("name", names.role_name), ("path", names.role_path)):
        if reason := check(str(texts[field])):
            problems.add(("roles", key, field), *reason)
    return shape.model_copy(update=texts)


def _external_id(project: str, key: str, shape: RoleShape, account: Account, accounts: Sequence[Account]) -> str | None:
    """Return the external id of a role in one of its accounts, or None."""
    if shape.external_id != GENERATE:
        return shape.external_id or None
    # The same in every run and on every machine, also after a change of the role's name or path. It may be predictable:
    # an external id is not a secret (IAM user guide, id_roles_create_for-user_externalid).
    parts = [project, account.id, key]
    if sum(other.id == account.id for other in accounts) > 1:
        parts.append(account.region)
    return str(uuid.uuid5(_EXTERNAL_IDS, "\n".join(parts)))


def _role(
    key: str, shape: RoleShape, account: Account, module: ModuleUse, trusts: tuple[str, ...], external_id: str | None
) -> Role:
    return Role(
        key=key,
        account=account,
        name=shape.name,
        module=shape.module,
        source=module.source,
        path=shape.path,
        version=shape.version,
        package=module.package,
        variables=shape.variables,
        trusts=trusts,
        trusted_arns=tuple(arn for arn in shape.trusts if arn.startswith("arn:")),
        assumes=tuple(RoleElsewhere(one.arn, one.external_id or None) for one in shape.assumes),
        external_id=external_id,
        conditions=shape.conditions,
        session_tags=shape.session_tags,
        source_identity=shape.source_identity,
        trust_statements=tuple(shape.trust_statements),
        guard=shape.guard,
        open_for=parse_duration(shape.open_for),
        existing=shape.existing,
    )
