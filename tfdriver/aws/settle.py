"""Waits until AWS shows what was applied: IAM is eventually consistent, so two answers in a row must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tfdriver.aws.observe import RoleReader
from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, TrustState, Unreadable
from tfdriver.spec.model import Role
from tfdriver.waiting import Waiting

LIMIT = 120.0  # seconds; people measured 2 s to over 30 s, AWS promises no bound
IN_A_ROW = 2


def wait_for_roles(roles: Iterable[Role], aws: RoleReader, waiting: Waiting) -> dict[str, LiveRole]:
    """Return the roles as AWS shows them, by key, once it has shown all of them twice in a row.

    Raises TfdriverError for a role not seen within 2 minutes, and at once for one with another ARN than the spec's.
    """
    roles = list(roles)
    live: dict[str, LiveRole] = {}

    def look() -> TfdriverError | None:
        seen = list(zip(roles, side_by_side(lambda r: aws.look(r.account, r.name), roles), strict=True))
        for role, found in seen:
            if isinstance(found, LiveRole):
                _check_arn(role, found)
                live[role.key] = found
        return next((problem for role, found in seen if (problem := _problem(role, found))), None)

    waiting.until_none(look, IN_A_ROW)
    return live


def wait_until_settled(keys: Iterable[str], states: Callable[[], Mapping[str, TrustState]], waiting: Waiting) -> None:
    """Return once AWS has shown the exact trust of every role of `keys` twice in a row.

    Raises TfdriverError if it has not within 2 minutes.
    """
    keys = list(keys)

    def look() -> TfdriverError | None:
        seen = states()
        loose = next((seen[key] for key in keys if not seen[key].settled), None)
        return _not_settled(loose) if loose else None

    waiting.until_none(look, IN_A_ROW)


def _check_arn(role: Role, found: LiveRole) -> None:
    if found.arn != role.arn:
        raise TfdriverError(
            f"AWS shows it as {found.arn}, the spec says {role.arn}", where=_where(role), hint="Correct `path:`"
        )


def _problem(role: Role, found: LiveRole | Unreadable | None) -> TfdriverError | None:
    match found:
        case Unreadable(reason=reason):
            return TfdriverError(f"cannot be read: {reason}", where=_where(role))
        case None:
            return TfdriverError("AWS does not show it", where=_where(role), hint="Run `tfdriver up` again")
    return None


def _not_settled(state: TrustState) -> TfdriverError:
    return TfdriverError(
        f"the exact trust was applied, but AWS still shows {state.kind}",
        where=_where(state.role),
        hint="Run `tfdriver tighten`",
    )


def _where(role: Role) -> str:
    return f"role {role.name} in {role.account.name}"
