"""Reads tfdriver.yaml, checks it and returns a `Spec`.

The stages, in order: bytes (`spec_file`), YAML (`document`), keys, types and syntax (`fields`), references between keys
(`accounts`, `relations`, `roles`), names that must be unique (`name_clashes`). The first stage that finds problems
reports the first of them in the file. Nothing is written, and no network call is made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from tfdriver.spec import names
from tfdriver.spec.accounts import resolve_accounts, role_accounts
from tfdriver.spec.document import read_document
from tfdriver.spec.field_errors import read_shape
from tfdriver.spec.model import Account, Spec
from tfdriver.spec.name_clashes import check_unique_names
from tfdriver.spec.problems import Problems
from tfdriver.spec.relations import check_relations
from tfdriver.spec.roles import make_roles
from tfdriver.spec.spec_file import FILE_NAME, check_root, read_spec_file
from tfdriver.spec.state_backend import read_state_settings


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
    chosen = role_accounts(shape.roles, shape.accounts, problems)
    placed = {key: [accounts[name] for name in own if name in accounts] for key, own in chosen.items()}
    check_relations(shape.roles, placed, problems)
    roles = make_roles(shape.roles, placed, root, project, problems)
    problems.raise_first()
    spec = Spec(root, project, accounts, roles, state)
    for check in (check_unique_names, *checks):
        check(spec, problems)
    problems.raise_first()
    return spec
