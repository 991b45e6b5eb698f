"""`outputs.json`: what another team needs of a composition. It belongs in version control, beside the composition.

Each apply writes it from the roles in AWS. It is read only for accounts that a run does not cover, and never believed
against AWS: IAM accepts only existing roles as principals. It contains no secrets; an external id is not one (IAM user
guide, "The confused deputy problem").
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from tfdriver.errors import TfdriverError
from tfdriver.files import NotJsonError, read_json, write_whole
from tfdriver.iam.trust_state import RecordedRole, Unseen
from tfdriver.iam.wording import ask_owners
from tfdriver.redaction import clean
from tfdriver.spec.compositions import Composition, compositions
from tfdriver.spec.model import Account, Role, Spec

FILE = "outputs.json"
VERSION = 1

_STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)


class RoleOutputs(BaseModel):
    """A role in AWS. external_id: required to assume it, None without one and for a role that is only trusted."""

    model_config = _STRICT

    arn: Annotated[str, Field(pattern=r"^arn:[\w-]+:iam::[0-9]{12}:role/[!-~]+$")]
    unique_id: Annotated[str, Field(pattern=r"^AROA[A-Z0-9]+$")]
    external_id: str | None = None


class CompositionOutputs(BaseModel):
    """The file. at: when its other values changed last, UTC; caller: the ARN that applied them; roles: by key."""

    model_config = _STRICT

    version: Annotated[int, Field(ge=VERSION, le=VERSION)]
    project: str
    composition: str
    account_id: Annotated[str, Field(pattern=r"^[0-9]{12}$")]
    at: AwareDatetime
    caller: Annotated[str, Field(pattern=r"^arn:[!-~]+$")]
    roles: Mapping[str, RoleOutputs]


def file_of(composition: Composition) -> str:
    """Return the path of a composition's file, relative to the project."""
    return f"compositions/{composition.name}/{FILE}"


def ask_owner(account: Account, file: str) -> str:
    """Return the hint to get a new file from the owner of an account, as a sentence without a full stop."""
    return f"{ask_owners([account], 'up')} and to commit {file}, then pull and run the same command again"


def write_outputs(root: Path, composition: Composition, ids: Mapping[str, str], caller: str, now: datetime) -> None:
    """Write the file of an applied composition, unless the values other than `at` and `caller` are the same.

    root: the project's folder; ids: the unique ids of its roles, by key; caller: the ARN that applied it; now: UTC.
    Raises TfdriverError if the file cannot be written.
    """
    found = CompositionOutputs(
        version=VERSION,
        project=composition.project,
        composition=composition.name,
        account_id=composition.account.id,
        at=now.astimezone(UTC).replace(microsecond=0),
        caller=caller,
        roles={
            role.key: RoleOutputs(arn=role.arn, unique_id=ids[role.key], external_id=_external_id(role))
            for role in composition.roles
        },
    )
    try:
        before = read_outputs(root, composition)
    except TfdriverError:
        before = None
    if before is None or before.model_copy(update={"at": found.at, "caller": found.caller}) != found:
        text = json.dumps(found.model_dump(mode="json", exclude_none=True), indent=2)
        write_whole(root / file_of(composition), f"{text}\n".encode())


def read_outputs(root: Path, composition: Composition) -> CompositionOutputs | None:
    """Return the content of a composition's file, None without one. root: the project's folder.

    Raises TfdriverError for a file that is not valid or was written by a newer tfdriver.
    """
    path = root / file_of(composition)
    if path.is_symlink() or path.parent.is_symlink():
        raise _refusal(composition, "it is not a plain file")
    try:
        data = path.read_bytes()
        body = read_json(data)
    except FileNotFoundError:
        return None
    except (OSError, NotJsonError) as error:
        problem = "it is not valid JSON" if isinstance(error, NotJsonError) else f"it cannot be read: {error.strerror}"
        raise _refusal(composition, problem) from error
    version = body.get("version") if isinstance(body, Mapping) else None
    if type(version) is int and version > VERSION:
        raise _refusal(
            composition,
            f"a newer tfdriver wrote it: version {version}",
            f"Install the version of tfdriver that the owner of {composition.account.name} uses",
        )
    try:
        return CompositionOutputs.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise _refusal(composition, f"{key}: {first['msg']}" if key else first["msg"]) from error


def unseen_roles(spec: Spec, covered: Collection[Account], *, tolerant: bool) -> dict[tuple[str, str], Unseen]:
    """Return the roles of other accounts that trust, or are trusted by, roles of this run, by account and role name.

    covered: the accounts of the run; tolerant: whether a refused file becomes the reason. Raises TfdriverError for a
    file that is not valid, or that does not match the spec: another account, ARN or external id.
    """
    own = [role for role in spec.roles.values() if role.account in covered]
    others = {r.key for one in own for r in (*spec.trusted_by(one), *spec.trusting_of(one)) if r.account not in covered}
    found = {}
    for composition in compositions(spec):
        if wanted := [role for role in composition.roles if role.key in others]:
            for role, unseen in _unseen(spec, composition, wanted, tolerant=tolerant):
                found[role.account.name, role.name] = unseen
    return found


def _unseen(
    spec: Spec, composition: Composition, wanted: Collection[Role], *, tolerant: bool
) -> Iterator[tuple[Role, Unseen]]:
    file, missing = file_of(composition), f"{composition.account.name} is not selected"
    try:
        found = read_outputs(spec.root, composition)
        if found:
            _refuse_others(composition, found, wanted)
    except TfdriverError as error:
        if not tolerant:
            raise
        yield from ((role, Unseen(f"{missing}, and {file} is refused: {error.what}", file)) for role in wanted)
        return
    for role in wanted:
        if found is None:
            yield role, Unseen(f"{missing}, and {file} does not exist", file)
        elif listed := found.roles.get(role.key):
            recorded = RecordedRole(arn=listed.arn, role_id=listed.unique_id, at=found.at, caller=clean(found.caller))
            yield role, Unseen(missing, file, recorded)
        else:
            yield role, Unseen(f"{missing}, and {file} does not list the role", file)


def _refuse_others(composition: Composition, found: CompositionOutputs, wanted: Collection[Role]) -> None:
    """Raise TfdriverError for a file of something else than the spec's composition. wanted: the roles in question."""
    pairs = [
        ("project", found.project, composition.project),
        ("composition", found.composition, composition.name),
        ("account_id", found.account_id, composition.account.id),
    ]
    for role in wanted:
        if listed := found.roles.get(role.key):
            pairs.append((f"roles.{role.key}.arn", listed.arn, role.arn))
            pairs.append((f"roles.{role.key}.external_id", listed.external_id or "none", _external_id(role) or "none"))
    for key, value, expected in pairs:
        if value != expected:
            raise _refusal(composition, f"{key} is {value}, the spec says {expected}")


def _external_id(role: Role) -> str | None:
    return role.external_id if role.is_trusting else None


def _refusal(composition: Composition, what: str, hint: str = "") -> TfdriverError:
    file = file_of(composition)
    hint = f"No changes made. {hint or ask_owner(composition.account, file)}"
    return TfdriverError(what, code="bad_outputs", where=file, hint=hint)
