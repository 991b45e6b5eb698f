"""Reads tfdriver.yaml, checks it and returns a `Spec`.

The stages, in order: bytes (`spec_file`), YAML (`document`), keys, types and syntax (`fields`), references between keys
(`accounts`, `relations`, `module_use`), names that must be unique (`name_clashes`). The first stage that finds problems
reports the first of them in the file. Nothing is written, and no network call is made.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.spec import names
from tfdriver.spec.accounts import resolve_accounts
from tfdriver.spec.document import read_document
from tfdriver.spec.duration import parse_duration
from tfdriver.spec.field_errors import read_shape
from tfdriver.spec.fields import GENERATE, RoleShape
from tfdriver.spec.message_text import nearest, quoted
from tfdriver.spec.model import Account, Role, RoleElsewhere, Spec
from tfdriver.spec.module_use import ModuleUse, resolve_module
from tfdriver.spec.modules import Module
from tfdriver.spec.name_clashes import check_unique_names
from tfdriver.spec.problems import Problems
from tfdriver.spec.relations import check_relations, sides
from tfdriver.spec.spec_file import FILE_NAME, check_root, read_spec_file
from tfdriver.spec.state_backend import read_state_settings

# The namespace of generated external ids. A change would change every generated external id.
_EXTERNAL_IDS = uuid.UUID("6c1d2c53-4a2e-5f0e-9d6b-3f2f0d6f7a10")


def load_accounts(
    root: Path, *, regions: Callable[[], Mapping[str, str]], profile_region: Callable[[str], str | None]
) -> dict[str, Account]:
    """Return the accounts of the spec in the project folder `root`, whatever its roles are. Arguments: `load_spec`."""
    data, lines = read_document(FILE_NAME, read_spec_file(check_root(root)))
    problems = Problems(FILE_NAME, lines)
    any_role = {"roles": {"any": {"account": "any"}}}
    shape = read_shape({**data, **any_role} if isinstance(data, dict) else data, problems)
    accounts = resolve_accounts(shape.accounts, regions(), profile_region, problems)
    problems.raise_first()
    return accounts


def load_spec(
    root: Path,
    *,
    regions: Callable[[], Mapping[str, str]],
    profile_region: Callable[[str], str | None],
    checks: Iterable[Callable[[Spec, Problems], None]] = (),
) -> Spec:
    """Return the spec in the project folder `root`.

    regions: returns the partition of every AWS region; profile_region: returns the region that an AWS profile sets, or
    None, and is called for accounts without `region:` only; checks: further checks of the whole spec.
    Raises TfdriverError for the first problem, with file, line, key and a hint.
    """
    root = check_root(root)
    data, lines = read_document(FILE_NAME, read_spec_file(root))
    problems = Problems(FILE_NAME, lines)
    shape = read_shape(data, problems)
    project = shape.project or root.name
    if reason := names.tag_value(project):
        problems.add((), f"the folder's name cannot be the project's name: {reason.what}", "Add `project:` with a name")
    accounts = resolve_accounts(shape.accounts, regions(), profile_region, problems)
    state = read_state_settings(shape.state, problems)
    check_relations(shape.roles, accounts, problems)
    side = sides(shape.roles)
    modules: dict[Path, Module | TfdriverError] = {}
    roles: dict[str, Role] = {}
    for key, role in shape.roles.items():
        module = resolve_module(key, role, side[key], root, modules, problems)
        if role.account not in shape.accounts:
            hint = nearest(role.account, shape.accounts)
            problems.add(("roles", key, "account"), f"there is no account {quoted(role.account)}", hint)
        elif module and role.account in accounts:
            roles[key] = _role(key, role, accounts[role.account], module, project)
    problems.raise_first()
    spec = Spec(root, project, accounts, roles, state)
    for check in (check_unique_names, *checks):
        check(spec, problems)
    problems.raise_first()
    return spec


def _role(key: str, shape: RoleShape, account: Account, module: ModuleUse, project: str) -> Role:
    external_id = shape.external_id or None
    if external_id == GENERATE:
        # The same in every run and on every machine, also after a change of the role's name or path. It may be
        # predictable: an external id is not a secret (IAM user guide, id_roles_create_for-user_externalid).
        external_id = str(uuid.uuid5(_EXTERNAL_IDS, f"{project}\n{account.id}\n{key}"))
    return Role(
        key=key,
        account=account,
        name=shape.name or key,
        module=shape.module,
        source=module.source,
        path=shape.path,
        version=shape.version,
        package=module.package,
        variables=shape.variables,
        trusts=tuple(key for key in shape.trusts if not key.startswith("arn:")),
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
