"""Reports the broad trusts in force when a command stops (exit code 3), their deadlines and the next command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from tfdriver.aws.account_access import ReachableAws, account_access
from tfdriver.aws.observe import AppliedTrusts, Observation
from tfdriver.deploy.ownership import applied_trusts, listed_elsewhere
from tfdriver.deploy.phases import Driver, DriverAws
from tfdriver.deploy.project_roles import ProjectRoles
from tfdriver.deploy.work import waiting_roles
from tfdriver.errors import OpenTrustError, TfdriverError
from tfdriver.iam import wording
from tfdriver.iam.trust import broad
from tfdriver.iam.trust_state import TrustKind, TrustState
from tfdriver.interrupts import InterruptedRunError, stopped_by
from tfdriver.project import timeline
from tfdriver.project.workspace import Workspace
from tfdriver.spec.model import Role, Spec

STOPPED = "No broad trust is in force. Completed changes are kept. Run the same command again to continue"
_TIGHTEN = "Run `tfdriver tighten` to close the trust; it needs only the credentials of the trusting side"
_COMMANDS = ("Run `tfdriver ", "Run the same command again", "Ask ")
_UNREADABLE = "Trust policies that cannot be read now"
_MAY_BE_OPEN = frozenset({TrustKind.ABSENT, TrustKind.BROAD})


@contextmanager
def reporting_open_trusts(driver: Driver, before: Observation, stopped: str = STOPPED) -> Iterator[None]:
    """Turn any error inside the `with` block into an OpenTrustError if a broad trust is, or may be, in force after it.

    before: the trusts at the start. A role that has become unreadable counts if its trust was or may be broad.
    stopped: hint after an interrupt without a broad trust.
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
        unreadable = unreadable_trusts(driver.spec, before.states, after.states, driver.now())
        if open_now or unreadable:
            in_force = f"In force now: {open_now}" if open_now else f"{_UNREADABLE}: {unreadable}"
            hint = _hint(after, cause, driver)
            raise OpenTrustError(
                cause.what, code=cause.code, where=cause.where, hint=hint, in_force=in_force
            ) from error
        if isinstance(error, InterruptedRunError):
            raise InterruptedRunError(cause.what, where=cause.where, hint=stopped) from error
        raise


@contextmanager
def reporting_open_trusts_if_refused(driver: Driver, before: Observation) -> Iterator[None]:
    """As `reporting_open_trusts`, for errors before any change. An OpenTrustError passes unchanged.

    A KeyboardInterrupt gets here only before any change: during a run, `Interrupts` counts the signals.
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
    """Return which unreadable roles had or may have a broad trust, and whom they trust at most; '' for none.

    before, after: by role key. The latest deadline is that of a phase 1 that ends now.
    """
    unread = [before[key] for key, state in after.items() if state.kind is TrustKind.UNREADABLE]
    unread = [state for state in unread if state.role.trusts or state.kind is not TrustKind.ABSENT]
    return "; ".join(_may_trust(spec, s, now) for s in unread if s.kind in _MAY_BE_OPEN or s.open_at(now))


def _may_trust(spec: Spec, before: TrustState, now: datetime) -> str:
    role = before.role
    if before.kind is TrustKind.UNMANAGED and before.trust is None:
        return f"{wording.role_in_account(role)} may be unchanged: it {wording.access_to(before)}"
    at_most = before.trust or broad(role, spec.trusted_by(role), now)
    latest = " at the latest" if at_most.until else ""
    return f"{wording.role_in_account(role)} may trust {wording.trusted(at_most)}{latest}"


def _hint(after: Observation, cause: TfdriverError, driver: Driver) -> str:
    """Return the cause's hint with its commands replaced by the command for an open trust."""
    sentences = cause.hint.rstrip(".").split(". ") if cause.hint else []
    first = [s for s in sentences if "--overwrite" not in s and not s.startswith(_COMMANDS)]
    return _join([*first, next_command(after, driver)])


def _join(sentences: Iterable[str]) -> str:
    """Return sentences as one text without a full stop at its end."""
    *first, last = filter(None, sentences)
    return " ".join([*(s if s.endswith(("?", ".")) else f"{s}." for s in first), last])


def other_team(after: Observation, driver: Driver) -> str:
    """Return what another team has to do, because the run did not cover its accounts, and what to run then; or ''."""
    commit = "Commit the changes in compositions/"
    waiting = [s.role for s in after.states.values() if s.role.key in waiting_roles(driver.spec, after) and s.live]
    trusted = [r for role in waiting for r in driver.spec.trusted_by(role) if r.key in after.unseen]
    if trusted:
        then = driver.selection.in_commands("Then pull and run `tfdriver tighten` to trust exactly its roles")
        return f"{commit}. {wording.ask_owners((role.account for role in trusted), 'up')} and to commit. {then}"
    unseen = [state.role.account for state in after.states.values() if state.kind is TrustKind.UNSEEN]
    return f"{commit}. {wording.ask_owners(unseen, 'up')} and to commit" if unseen else ""


def next_command(after: Observation, driver: Driver) -> str:
    """Return what to run, or to do by hand, to end the broad trust in force, as sentences without a full stop."""
    return driver.selection.in_commands(_next_command(after, driver))


def _next_command(after: Observation, driver: Driver) -> str:
    trusted_exist = not any(role is None for role in after.trusted.values())
    if any(state.kind is TrustKind.BROAD for state in after.others):
        return "Run `tfdriver destroy` to delete everything that this project created"
    unmanaged = driver.roles.unmanaged(after)
    for state in after.states.values():
        if state.role.key in unmanaged and state.open_at(driver.now()):
            role = wording.role_in_account(state.role)
            return f"Delete {role} or edit its trust policy: this project does not manage the role"
    if ask := other_team(after, driver):
        return f"{ask}. Or run `tfdriver destroy` to delete everything that this project created there"
    if unmanaged & after.trusted.keys():
        return "Run `tfdriver up` once the unmanaged role is deleted, or run `tfdriver destroy` to close the trust now"
    if any(state.kind is TrustKind.UNMANAGED for state in after.states.values()):
        if trusted_exist:
            return f"{wording.OVERWRITE}. Or run `tfdriver destroy` to delete everything"
        return (
            "Run `tfdriver up --overwrite` to create the trusted roles and replace the trust policy by the spec's; "
            "`tfdriver plan --overwrite` prints the changes. Or run `tfdriver destroy` to delete everything"
        )
    close = "`tfdriver tighten` to close the trust at once, " if trusted_exist else ""
    return f"Run `tfdriver up` again to finish, {close}or `tfdriver destroy` to delete everything"


def with_open_trusts(
    error: TfdriverError,
    project: Path,
    workspace: Workspace | None,
    aws: DriverAws,
    now: datetime,
) -> TfdriverError:
    """Return an error that stopped a command before any change, with the broad trusts in force if there are any.

    workspace: what the run covers, None if the spec cannot be read; now: UTC. The timeline beside the compositions
    provides unreadable trusts.
    """
    recorded: list[timeline.Exposure] = []
    with suppress(OSError):
        recorded = timeline.exposures(timeline.read_timeline(project / "compositions" / timeline.FILE), now)
    states = _trusts(workspace, aws) if workspace else ()
    readable = {(s.role.account.name, s.role.name) for s in states if s.kind is not TrustKind.UNREADABLE}
    others = (c for c in workspace.of_all_shards if c not in workspace.compositions) if workspace else ()
    readable |= {(c.account.name, role.name) for c in others for role in c.roles}  # another shard reports them
    in_force = wording.in_force(states, now)
    unreadable = "; ".join(
        f"role {e.role} in {e.account} had a broad trust and may still trust {e.trusted}"
        + (f", until {wording.moment(e.until)}" if e.until else "")
        for e in recorded
        if e.closed is None and (e.account, e.role) not in readable
    )
    if not in_force and not unreadable:
        return error
    sentences = [f"In force now: {in_force}"] if in_force else []
    sentences += [f"{_UNREADABLE}: {unreadable}"] if unreadable else []
    hint = error.hint if error.code == "bad_outputs" else _join([error.hint, _TIGHTEN])
    in_force = _join(sentences)
    return OpenTrustError(error.what, code=error.code, where=error.where, hint=hint, in_force=in_force)


def _trusts(workspace: Workspace, aws: DriverAws) -> tuple[TrustState, ...]:
    """Return the trusts in AWS, also of roles that local states list under other names than the spec."""
    others: tuple[Role, ...] = ()
    applied: AppliedTrusts = {}
    access = account_access(workspace.spec, aws, selected=workspace.accounts, first=workspace.first_accounts)
    with suppress(TfdriverError):  # an invalid template or state may be the cause of the stop
        states = workspace.local_states()
        others, applied = listed_elsewhere(workspace.kept_here, states), applied_trusts(states)
    return ProjectRoles(workspace, ReachableAws(aws, access), lambda _: {}, others, applied).observe().trusts
