"""tfdriver.yaml to a `Spec`: what a `Spec` can't be trusted to hold ends here.

In this order, each stage naming the first problem in the file: bytes (`file`), YAML (`document`), keys, types and
syntax (`shape`), what keys say together (`accounts`, `relations`, `module_use`), what follows from it all (`sequels`).
Nothing is written, and nothing outside this machine is asked.
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
from tfdriver.spec.file import FILE_NAME, check_root, read_spec_file
from tfdriver.spec.model import Account, Role, Spec
from tfdriver.spec.module_use import ModuleUse, resolve_module
from tfdriver.spec.modules import Module
from tfdriver.spec.problems import Problems
from tfdriver.spec.relations import check_relations, sides
from tfdriver.spec.sequels import check_sequels
from tfdriver.spec.shape import GENERATE, RoleShape
from tfdriver.spec.shape_errors import read_shape
from tfdriver.spec.words import nearest, shown

# Names our ids among all uuid5s; changing it would change every generated external id.
_EXTERNAL_IDS = uuid.UUID("6c1d2c53-4a2e-5f0e-9d6b-3f2f0d6f7a10")


def load_spec(
    root: Path,
    *,
    regions: Callable[[], Mapping[str, str]],
    profile_region: Callable[[str], str | None],
    checks: Iterable[Callable[[Spec, Problems], None]] = (),
) -> Spec:
    """Return what the tfdriver.yaml in `root`, the project folder, says.

    regions: gives the partition of each AWS region there is; profile_region: gives the region that an AWS profile of
    the local configuration sets, or None; it is called for accounts without `region:` only. checks: further checks of
    a whole spec, each of which adds what it finds to the problems.
    Raises TfdriverError for the first problem, naming file, line and key, and what would be right.
    """
    root = check_root(root)
    data, lines = read_document(FILE_NAME, read_spec_file(root))
    problems = Problems(FILE_NAME, lines)
    shape = read_shape(data, problems)
    project = shape.project or root.name
    if reason := names.tag_value(project):
        problems.add((), f"the folder's name cannot be the project's: {reason.what}", "Add `project:` with a name")
    accounts = resolve_accounts(shape.accounts, regions(), profile_region, problems)
    check_relations(shape.roles, accounts, problems)
    side = sides(shape.roles)
    read: dict[Path, Module | TfdriverError] = {}
    roles: dict[str, Role] = {}
    for key, role in shape.roles.items():
        used = resolve_module(key, role, side.get(key), root, read, problems)
        if role.account not in shape.accounts:
            hint = nearest(role.account, shape.accounts)
            problems.add(("roles", key, "account"), f"there is no account {shown(role.account)}", hint)
        elif used and role.account in accounts:
            roles[key] = _role(key, role, accounts[role.account], used, project)
    problems.raise_first()
    spec = Spec(root, project, accounts, roles)
    for check in (check_sequels, *checks):
        check(spec, problems)
    problems.raise_first()
    return spec


def _role(key: str, shape: RoleShape, account: Account, used: ModuleUse, project: str) -> Role:
    external_id = shape.external_id or None
    if external_id == GENERATE:
        # The same in every run, on every machine, also when the role gets another name or path. That an outsider could
        # work it out does no harm: an external id is not a secret, it tells apart the roles that one trusted role
        # assumes (IAM user guide, id_roles_create_for-user_externalid).
        external_id = str(uuid.uuid5(_EXTERNAL_IDS, f"{project}\n{account.id}\n{key}"))
    return Role(
        key=key,
        account=account,
        name=shape.name or key,
        module=shape.module,
        source=used.source,
        path=shape.path,
        package=used.package,
        variables=shape.variables,
        trusts=tuple(shape.trusts),
        external_id=external_id,
        guard=shape.guard,
        open_for=parse_duration(shape.open_for),
    )
