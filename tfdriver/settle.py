"""Waits until AWS shows what was applied: IAM is eventually consistent, so one look proves nothing.

Sources: boto/boto3#3206, hashicorp/terraform-provider-aws#1388 and #8905: a role just created may still be refused as
a principal. What is asked is the real call, with back-off and jitter, and two answers in a row must agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tfdriver.clock import Clock
from tfdriver.decide import LiveRole, TrustState, Unreadable
from tfdriver.errors import TfdriverError
from tfdriver.observe import Looks, side_by_side
from tfdriver.spec.model import Role

LIMIT = 120.0  # seconds; people measured 2 s to over 30 s, AWS promises no bound
_IN_A_ROW = 2


def wait_for_roles(roles: Iterable[Role], aws: Looks, clock: Clock, check: Callable[[], None]) -> dict[str, LiveRole]:
    """Return the roles as AWS shows them, by key, once it has shown all of them twice in a row.

    check: called before each look; raises to stop waiting. Raises TfdriverError for a role not seen within 2 minutes,
    or seen with another ARN than the spec gives it.
    """
    roles = list(roles)
    live: dict[str, LiveRole] = {}

    def look() -> TfdriverError | None:
        check()
        seen = side_by_side(lambda r: aws.look(r.account, r.name), roles)
        live.update({r.key: found for r, found in zip(roles, seen, strict=True) if isinstance(found, LiveRole)})
        problems = (_problem(r, found) for r, found in zip(roles, seen, strict=True))
        return next((problem for problem in problems if problem), None)

    until_none(look, clock)
    return live


def wait_until_settled(
    keys: Iterable[str], states: Callable[[], Mapping[str, TrustState]], clock: Clock, check: Callable[[], None]
) -> None:
    """Return once AWS has shown the exact trust of every role of `keys` twice in a row.

    Raises TfdriverError if it has not within 2 minutes.
    """
    keys = list(keys)

    def look() -> TfdriverError | None:
        check()
        seen = states()
        loose = next((seen[key] for key in keys if not seen[key].settled), None)
        return _not_settled(loose) if loose else None

    until_none(look, clock)


def until_none(look: Callable[[], TfdriverError | None], clock: Clock) -> None:
    """Return once `look` has found no problem twice in a row; raise its last one if it has not within 2 minutes."""
    in_a_row = 0
    problem: TfdriverError | None = None
    for _ in clock.attempts(LIMIT):
        problem = look()
        in_a_row = 0 if problem else in_a_row + 1
        if in_a_row == _IN_A_ROW:
            return
    raise problem or TfdriverError("AWS gave changing answers for 2 minutes", hint="Run the same command again")


def _problem(role: Role, found: LiveRole | Unreadable | None) -> TfdriverError | None:
    where = f"role {role.name} in {role.account.name}"
    match found:
        case LiveRole(arn=arn) if arn == role.arn:
            return None
        case LiveRole(arn=arn):
            return TfdriverError(
                f"AWS shows it as {arn}, the spec says {role.arn}", where=where, hint="Correct `path:`"
            )
        case Unreadable(reason=reason):
            return TfdriverError(f"cannot be read: {reason}", where=where)
        case None:
            return TfdriverError("AWS does not show it", where=where, hint="Run `tfdriver up` again")


def _not_settled(state: TrustState) -> TfdriverError:
    return TfdriverError(
        f"the exact trust was applied, but AWS still shows {state.kind}",
        where=f"role {state.role.name} in {state.role.account.name}",
        hint="Run `tfdriver tighten`",
    )
