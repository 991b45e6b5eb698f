"""Waits until IAM returns what was applied, twice in a row: IAM is eventually consistent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from tfdriver.aws.observe import RoleReader
from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, TrustState, Unreadable
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.model import Role
from tfdriver.waiting import Waiting

LIMIT = 120.0  # seconds; delays from 2 s to over 30 s were measured, AWS documents no limit
IN_A_ROW = 2


def wait_for_roles(roles: Iterable[Role], aws: RoleReader, waiting: Waiting) -> dict[str, LiveRole]:
    """Return the roles by key, once IAM has returned all of them twice in a row.

    Raises TfdriverError for a role that is missing for 2 minutes, and at once for one whose ARN is not the spec's.
    """
    roles = list(roles)
    live: dict[str, LiveRole] = {}
    if not roles:
        return live

    def find_problem() -> TfdriverError | None:
        problems = []
        for role, found in zip(roles, side_by_side(lambda r: aws.read_role(r.account, r.name), roles), strict=True):
            where = role_in_account(role)
            match found:
                case LiveRole(arn=role.arn):
                    live[role.key] = found
                case LiveRole(arn=arn):
                    what = f"its ARN is {arn}, the spec says {role.arn}"
                    raise TfdriverError(what, code="wrong_role_arn", where=where, hint="Correct `path:`")
                case Unreadable(reason=reason):
                    problems.append(TfdriverError(f"cannot be read: {reason}", code="unreadable_role", where=where))
                case None:
                    what, hint = "IAM does not return the role", "Run `tfdriver up` again"
                    problems.append(TfdriverError(what, code="iam_not_consistent", where=where, hint=hint))
        return next(iter(problems), None)

    waiting.until_none(find_problem, IN_A_ROW)
    return live


def wait_until_settled(keys: Iterable[str], states: Callable[[], Mapping[str, TrustState]], waiting: Waiting) -> None:
    """Return once IAM has returned the exact trust of every role of `keys` twice in a row.

    Raises TfdriverError if it does not within 2 minutes.
    """
    keys = list(keys)

    def find_problem() -> TfdriverError | None:
        current = states()
        for state in (current[key] for key in keys if not current[key].settled):
            what = f"the exact trust was applied, but IAM still returns {state.kind}"
            where = role_in_account(state.role)
            return TfdriverError(what, code="iam_not_consistent", where=where, hint="Run `tfdriver tighten`")
        return None

    waiting.until_none(find_problem, IN_A_ROW)
