"""Broad trusts that are in force when a command stops before it could begin: a wrong profile, a lock, a bad spec."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from tfdriver.aws.account_access import ReachableAws, account_access
from tfdriver.aws.observe import observe
from tfdriver.deploy.ownership import listed_elsewhere
from tfdriver.deploy.phases import DriverAws
from tfdriver.errors import OpenTrustError, TfdriverError
from tfdriver.iam import wording
from tfdriver.iam.trust_state import TrustKind, TrustState
from tfdriver.project import timeline
from tfdriver.project.workspace import Workspace
from tfdriver.spec.model import Role, Spec

_NEXT = "`tfdriver tighten` closes the trust; it needs the credentials of the trusting side only"


def with_open_trusts(
    error: TfdriverError, project: Path, spec: Spec | None, aws: DriverAws, now: datetime
) -> TfdriverError:
    """Return what to report of a command that an error stopped: the error, with the broad trusts that are in force.

    spec: None if it cannot be read. AWS is asked with whatever credentials there are; of roles that it does not show,
    the timeline beside the compositions says whether they were left open. now: UTC.
    """
    try:
        noted = timeline.exposures(timeline.read_timeline(project / "compositions" / timeline.FILE), now)
    except OSError:
        noted = []
    opened = [exposure for exposure in noted if exposure.closed is None]
    states = _trusts(spec, aws) if spec else ()
    seen = {(s.role.account.name, s.role.name) for s in states if s.kind is not TrustKind.UNREADABLE}
    in_force = wording.in_force(states, now)
    perhaps = "; ".join(
        f"role {e.role} in {e.account} was opened, and may still trust {e.trusted}"
        + (f", until {wording.moment(e.until)}" if e.until else "")
        for e in opened
        if (e.account, e.role) not in seen
    )
    if not in_force and not perhaps:
        return error
    stated = [f"In force now: {in_force}"] if in_force else []
    unknown = [f"AWS does not show what is in force now: {perhaps}"] if perhaps else []
    hint = f"{error.hint.rstrip('.')}. {_NEXT}" if error.hint else _NEXT
    return OpenTrustError(error.what, where=error.where, hint=hint, in_force=". ".join([*stated, *unknown]))


def _trusts(spec: Spec, aws: DriverAws) -> tuple[TrustState, ...]:
    """Return the trusts that AWS shows; under other names than the spec's, of roles that local states list."""
    others: tuple[Role, ...] = ()
    with suppress(TfdriverError):  # a template or a state may be what is wrong
        workspace = Workspace(spec)
        others = listed_elsewhere(workspace.kept_here, workspace.local_states())
    return observe(spec, ReachableAws(aws, account_access(spec, aws)), others).trusts
