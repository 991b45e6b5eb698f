"""Reports the broad trusts in force when a command stops (exit code 3): whom they trust, until when, what to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from tfdriver.aws.account_access import ReachableAws, account_access
from tfdriver.aws.observe import Observation, observe
from tfdriver.deploy.ownership import listed_elsewhere
from tfdriver.deploy.phases import Driver, DriverAws
from tfdriver.errors import OpenTrustError, TfdriverError
from tfdriver.iam import wording
from tfdriver.iam.trust import broad
from tfdriver.iam.trust_state import TrustKind, TrustState
from tfdriver.interrupts import InterruptedRunError, stopped_by
from tfdriver.project import timeline
from tfdriver.project.workspace import Workspace
from tfdriver.spec.model import Role, Spec

STOPPED = "No broad trust is in force. Completed changes are kept. Run the same command again to continue"
_TIGHTEN = "`tfdriver tighten` closes the trust; it needs the credentials of the trusting side only"
_COMMANDS = ("Run `tfdriver ", "Run the same command again")
_MAY_BE_OPEN = frozenset({TrustKind.ABSENT, TrustKind.BROAD})


@contextmanager
def reporting_open_trusts(driver: Driver, before: Observation, stopped: str = STOPPED) -> Iterator[None]:
    """Turn any error inside the `with` block into a OpenTrustError if a broad trust is in force (or may be) after it.

    before: what AWS showed at the start; where it cannot be asked any more, a trust that was or could have become
    broad since counts as in force. stopped: what to say of a run that was asked to stop, and left nothing open.
    """
    try:
        yield
    except Exception as error:
        cause = (
            error if isinstance(error, TfdriverError) else TfdriverError(f"unexpected {error!r}", code="internal_error")
        )
        after = driver.observe()
        driver.record(after)
        open_now = wording.in_force(after.trusts, driver.now())
        unsaid = unreadable_trusts(driver.spec, before.states, after.states, driver.now())
        if open_now or unsaid:
            in_force = f"In force now: {open_now}" if open_now else f"AWS does not show what is in force now: {unsaid}"
            hint = _next(after, cause, driver)
            raise OpenTrustError(
                cause.what, code=cause.code, where=cause.where, hint=hint, in_force=in_force
            ) from error
        if isinstance(error, InterruptedRunError):
            raise InterruptedRunError(cause.what, where=cause.where, hint=stopped) from error
        raise


@contextmanager
def reporting_open_trusts_if_refused(driver: Driver, before: Observation) -> Iterator[None]:
    """As `reporting_open_trusts`, for what is refused before any change; an OpenTrustError passes unchanged.

    Ctrl-C is such a refusal: it gets here only from outside of the work, where it is not counted instead.
    """
    try:
        yield
    except OpenTrustError:
        raise
    except InterruptedRunError as error:
        with reporting_open_trusts(driver, before, error.hint):
            raise
    except KeyboardInterrupt as interrupt:
        with reporting_open_trusts(driver, before):
            raise InterruptedRunError(stopped_by(interrupt)) from interrupt
    except Exception:
        with reporting_open_trusts(driver, before):
            raise


def unreadable_trusts(
    spec: Spec, before: Mapping[str, TrustState], after: Mapping[str, TrustState], now: datetime
) -> str:
    """Say which roles cannot be read any more though they were, or could have become, broad; '' if there is none.

    Also whom they trust then at most and until when: what a phase 1 that ended now would have written.
    """
    unread = [before[key] for key, state in after.items() if state.kind is TrustKind.UNREADABLE]
    return "; ".join(_may_trust(spec, s, now) for s in unread if s.kind in _MAY_BE_OPEN or s.open_at(now))


def _may_trust(spec: Spec, before: TrustState, now: datetime) -> str:
    role = before.role
    if before.kind is TrustKind.UNMANAGED and before.trust is None:
        return f"{wording.role_in_account(role)} may still be as it was: it {wording.access_to(before)}"
    at_most = before.trust or broad(role, spec.trusted_by(role), now)
    latest = " at the latest" if at_most.until else ""
    return f"{wording.role_in_account(role)} may trust {wording.trusted(at_most)}{latest}"


def _next(after: Observation, cause: TfdriverError, driver: Driver) -> str:
    """Return what to do first, as the cause says, and then what to run, in place of what the cause says to run."""
    sentences = cause.hint.rstrip(".").split(". ") if cause.hint else []
    first = [s for s in sentences if "--overwrite" not in s and not s.startswith(_COMMANDS)]
    return ". ".join([*first, _command(after, driver)])


def _command(after: Observation, driver: Driver) -> str:
    there = not any(role is None for role in after.trusted.values())
    if any(state.kind is TrustKind.BROAD for state in after.others):
        return "Run `tfdriver destroy` to delete everything that this project created"
    if driver.unmanaged(after) & after.trusted.keys():
        return "Run `tfdriver up` once the unmanaged role is deleted, or run `tfdriver destroy` to close the trust now"
    if any(state.kind is TrustKind.UNMANAGED for state in after.states.values()):
        command = "tighten" if there else "up"
        return f"Run `tfdriver {command} --overwrite` to trust exactly the roles the spec names, or `tfdriver destroy`"
    close = "`tfdriver tighten` to close it at once, " if there else ""
    return f"Run `tfdriver up` again to finish, {close}or `tfdriver destroy` to take everything back"


def with_open_trusts(
    error: TfdriverError, project: Path, spec: Spec | None, aws: DriverAws, now: datetime
) -> TfdriverError:
    """Return what to report of a command that an error stopped: the error, with the broad trusts that are in force.

    For a command that stops before it changes anything: a wrong profile, a lock, a spec with an error. spec: None if it
    cannot be read; now: UTC. Roles that AWS does not show are taken from the timeline beside the compositions.
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
    hint = f"{error.hint.rstrip('.')}. {_TIGHTEN}" if error.hint else _TIGHTEN
    return OpenTrustError(
        error.what, code=error.code, where=error.where, hint=hint, in_force=". ".join([*stated, *unknown])
    )


def _trusts(spec: Spec, aws: DriverAws) -> tuple[TrustState, ...]:
    """Return the trusts that AWS shows; under other names than the spec's, of roles that local states list."""
    others: tuple[Role, ...] = ()
    with suppress(TfdriverError):  # a template or a state may be what is wrong
        workspace = Workspace(spec)
        others = listed_elsewhere(workspace.kept_here, workspace.local_states())
    return observe(spec, ReachableAws(aws, account_access(spec, aws)), others).trusts
