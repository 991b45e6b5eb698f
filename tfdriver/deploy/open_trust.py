"""Makes a run that stops half way loud: what is trusted now, until when, and what to run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from tfdriver.aws.observe import Observation
from tfdriver.deploy.phases import Driver
from tfdriver.errors import OpenTrustError, TfdriverError
from tfdriver.iam import wording
from tfdriver.iam.trust import broad
from tfdriver.iam.trust_state import TrustKind, TrustState
from tfdriver.interrupts import InterruptedRunError, stopped_by
from tfdriver.spec.model import Spec

STOPPED = "No account is trusted as a whole. What was done stays done; run the same command again to go on"

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
        cause = error if isinstance(error, TfdriverError) else TfdriverError(f"unexpected {error!r}")
        after = driver.observe()
        driver.record(after)
        open_now = wording.in_force(after.trusts, driver.now())
        unsaid = unreadable_trusts(driver.spec, before.states, after.states, driver.now())
        if open_now or unsaid:
            in_force = f"In force now: {open_now}" if open_now else f"AWS does not show what is in force now: {unsaid}"
            hint = _next(after, cause, driver)
            raise OpenTrustError(cause.what, where=cause.where, hint=hint, in_force=in_force) from error
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
