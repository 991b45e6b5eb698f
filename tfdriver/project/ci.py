"""Writes workflows for GitHub and GitLab, and the AWS configuration of their jobs.

No value of the spec stands in a workflow but the number of shards: accounts, profiles and regions are read when a job
runs, so a workflow stays valid when accounts are added.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any

from tfdriver import __version__
from tfdriver.errors import TfdriverError
from tfdriver.files import write_whole
from tfdriver.project import render
from tfdriver.spec.compositions import Side, compositions
from tfdriver.spec.message_text import quoted
from tfdriver.spec.model import Spec

FILES = {"github": ".github/workflows/tfdriver.yml", "gitlab": ".gitlab-ci.yml"}
PER_SHARD = 50  # compositions, see docs/scale.md
MOST_SHARDS = 200  # GitLab; GitHub has 256. Sources: GitLab, "parallel:matrix"; GitHub, "Actions limits"
# Each text goes into YAML, a shell and an expression of the CI system: only what is plain in all of them is accepted.
_ROLE = re.compile(r"[A-Za-z0-9_+=,.@][A-Za-z0-9_+=,.@/-]*")
_PLAIN = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_./-]*")
_PROFILE = re.compile(r"""[^\s"'#;=\\]+""")


@dataclass(frozen=True)
class WorkflowSettings:
    """What a user chooses. shards: most jobs of a phase, 0 for as many as the spec needs.

    role, plan_role: names of the IAM roles, in each account, of the jobs that change something and that only read;
    branch: the branch that is deployed; force: replace a file that exists.
    """

    shards: int = 0
    role: str = "tfdriver"
    plan_role: str = "tfdriver-plan"
    branch: str = "main"
    force: bool = False


@dataclass(frozen=True)
class Workflow:
    """A workflow that was written. file: its absolute path; next_steps: sentences for users."""

    file: Path
    next_steps: tuple[str, ...]


def write_workflow(spec: Spec, system: str, settings: WorkflowSettings) -> Workflow:
    """Write the workflow for `system`, a key of FILES, into the Git repository of the project.

    Raises TfdriverError if the states are not shared, for a text that cannot stand in a workflow, and if another file
    is in the way.
    """
    _refuse_local_states(spec)
    _state_profiles(spec)
    top = next((folder for folder in (spec.root, *spec.root.parents) if (folder / ".git").exists()), spec.root)
    path = top / FILES[system]
    text = render.workflow(f"ci/{system}.yml.j2", _context(spec, settings, spec.root.relative_to(top).as_posix()))
    if not settings.force and path.exists() and path.read_bytes() != text.encode():
        hint = "Add --force to replace it, and review the difference before you commit it"
        raise TfdriverError(
            "exists, and differs from what would be written", code="file_exists", where=str(path), hint=hint
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, text.encode())
    return Workflow(path, tuple(_next_steps(spec, system, settings)))


def aws_config(spec: Spec, role: str, token_file: Path) -> str:
    """Return an AWS configuration in which each profile of the spec assumes a role with the token of an OIDC provider.

    role: the role's name, with its path, in each account. Raises TfdriverError for a profile that cannot be written.
    """
    _check(_ROLE, role, "--role-name", "Name an IAM role, e.g. tfdriver")
    _state_profiles(spec)
    first = {account.profile: account for account in reversed(list(spec.accounts.values()))}
    sections = []
    for name, account in reversed(first.items()):
        where = f"tfdriver.yaml: accounts.{account.name}.profile"
        _check(_PROFILE, name, where, "Use a name without spaces, quotes, #, ; and =")
        sections.append(
            f"[{'default' if name == 'default' else f'profile {name}'}]\n"
            f"role_arn = arn:{account.partition or 'aws'}:iam::{account.id}:role/{role}\n"
            f"web_identity_token_file = {token_file.absolute()}\n"
            f"region = {account.region}\n"
        )
    return "\n".join(sections)


def _context(spec: Spec, settings: WorkflowSettings, folder: str) -> dict[str, Any]:
    _check(_ROLE, settings.role, "--role-name", "Name an IAM role, e.g. tfdriver")
    _check(_ROLE, settings.plan_role, "--plan-role-name", "Name an IAM role, e.g. tfdriver-plan")
    _check(_PLAIN, settings.branch, "--branch", "Name a branch, e.g. main")
    _check(_PLAIN, folder, str(spec.root), "Use a folder whose name has only letters, digits and ._-")
    found = [composition.side for composition in compositions(spec)]
    most = settings.shards or min(MOST_SHARDS, ceil(len(found) / PER_SHARD))

    def phase(name: str, side: Side, after: str = "") -> dict[str, Any]:
        count = min(most, max(1, found.count(side)))
        command = f'tfdriver up --phase {name} --shard "$SHARD" --yes --lock-timeout 10m'
        # Phases 1 and 2 leave broad trusts in force, for the next phase.
        accepted = "" if name == "tighten" else " || [ $? -eq 3 ]"
        shards = [f"{number}/{count}" for number in range(1, count + 1)]
        return {"name": name, "after": after, "shards": shards, "command": command + accepted}

    return {
        "package": f"tfdriver[terraform]=={__version__}",
        "branch": settings.branch,
        "folder": folder,
        "role": settings.role,
        "plan_role": settings.plan_role,
        "phases": [
            phase("broad", Side.TRUSTING),
            phase("connect", Side.TRUSTED, "broad"),
            phase("tighten", Side.TRUSTING, "connect"),
        ],
    }


def _check(allowed: re.Pattern[str], text: str, where: str, hint: str) -> None:
    if not allowed.fullmatch(text):
        raise TfdriverError(f"{quoted(text)} cannot be used here", code="bad_usage", where=where, hint=hint)


def _refuse_local_states(spec: Spec) -> None:
    if spec.state is None or spec.state.backend == "local":
        hint = (
            "Add `state: {backend: s3, bucket: NAME}`, run `tfdriver bootstrap`, then `tfdriver up`, which moves them"
        )
        where = "tfdriver.yaml: state"
        raise TfdriverError(
            "the states are local files, which jobs do not share", code="bad_usage", where=where, hint=hint
        )


def _state_profiles(spec: Spec) -> None:
    """Refuse a profile of the states that is not of an account of the spec: its role would be unknown."""
    known = {account.profile for account in spec.accounts.values()}
    for composition in compositions(spec):
        profile = composition.state.arguments.get("profile") if composition.state else None
        if isinstance(profile, str) and profile not in known:
            raise TfdriverError(
                f"profile {profile} is of none of the accounts in the spec",
                code="bad_usage",
                where="tfdriver.yaml: state.profile",
                hint="Add its account under `accounts:`",
            )


def _next_steps(spec: Spec, system: str, settings: WorkflowSettings) -> Iterator[str]:
    backend = spec.state.backend if spec.state else ""
    yield (
        "Create the buckets of the states: `tfdriver bootstrap`"
        if backend == "s3"
        else f"Give the jobs the credentials of backend {backend}"
    )
    roles = " and ".join(dict.fromkeys((settings.role, settings.plan_role)))
    yield f"In each account, create an OIDC provider for the CI system, and the roles that trust it: {roles}"
    if system == "gitlab":
        yield "Create a pipeline schedule for the nightly job, and the CI/CD variable TFDRIVER_COMMENT_TOKEN"
    yield f"Commit the file: each push to {settings.branch} then runs `tfdriver up`"
