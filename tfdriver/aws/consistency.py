"""Waits until AWS shows what was applied: IAM is eventually consistent, so two answers in a row must agree."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tfdriver.aws.observe import RoleReader
from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, TrustState, Unreadable
from tfdriver.iam.wording import role_in_account
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
        problems = []
        for role, found in zip(roles, side_by_side(lambda r: aws.look(r.account, r.name), roles), strict=True):
            where = f"role {role.name} in {role.account.name}"
            match found:
                case LiveRole(arn=role.arn):
                    live[role.key] = found
                case LiveRole(arn=arn):
                    what = f"AWS shows it as {arn}, the spec says {role.arn}"
                    raise TfdriverError(what, code="wrong_role_arn", where=where, hint="Correct `path:`")
                case Unreadable(reason=reason):
                    problems.append(TfdriverError(f"cannot be read: {reason}", code="unreadable_role", where=where))
                case None:
                    hint = "Run `tfdriver up` again"
                    problems.append(
                        TfdriverError("AWS does not show it", code="iam_not_consistent", where=where, hint=hint)
                    )
        return next(iter(problems), None)

    waiting.until_none(look, IN_A_ROW)
    return live


def wait_until_settled(keys: Iterable[str], states: Callable[[], Mapping[str, TrustState]], waiting: Waiting) -> None:
    """Return once AWS has shown the exact trust of every role of `keys` twice in a row.

    Raises TfdriverError if it has not within 2 minutes.
    """
    keys = list(keys)

    def look() -> TfdriverError | None:
        seen = states()
        for state in (seen[key] for key in keys if not seen[key].settled):
            what = f"the exact trust was applied, but AWS still shows {state.kind}"
            where = role_in_account(state.role)
            return TfdriverError(what, code="iam_not_consistent", where=where, hint="Run `tfdriver tighten`")
        return None

    waiting.until_none(look, IN_A_ROW)
