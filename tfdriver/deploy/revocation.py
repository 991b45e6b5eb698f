"""Sessions that were handed out before a moment may do nothing: `tfdriver tighten --revoke-sessions`.

Tightening a trust ends no session. IAM's way to end them is an inline policy on the role that denies everything to
tokens issued before a moment; it has served once the last of those sessions would have ended by itself. Which role has
one, and since when, is what AWS shows, nothing else.
Source: IAM user guide, id_roles_use_revoke-sessions.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tfdriver.aws.calls import AwsError, Calls
from tfdriver.aws.consistency import IN_A_ROW
from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.iam import wording
from tfdriver.iam.policy_document import Document, moment, parse_policy, statements, strings
from tfdriver.spec.model import Role
from tfdriver.waiting import Waiting

POLICY = "AWSRevokeOlderSessions"
ADDRESS = "aws_iam_role_policy.revoke_older_sessions"  # as templates/optional/revoke.tf.j2 has it
_HOUR = 3600  # IAM's default for a role's longest session, in seconds


@dataclass(frozen=True)
class Revocation:
    """What a role's policy revokes. before: tokens issued earlier, UTC; until: when the last of them has ended.

    text: the moment as the policy has it, so that writing it again changes nothing.
    """

    role: str
    account: str
    before: datetime
    until: datetime
    text: str

    def __str__(self) -> str:
        what = f"sessions of role {self.role} in {self.account} handed out before {wording.moment(self.before)}"
        return f"{what} may do nothing; `up` or `tighten` after {wording.moment(self.until)} removes that policy"


def stamp(now: datetime) -> str:
    """Return the next whole second, as a policy has it: tokens of this second were issued before it."""
    return (now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def revoked_before(document: Document | str) -> str:
    """Return the moment in a policy that revokes older sessions, '' if it is no such policy."""
    try:
        (statement,) = statements(parse_policy(document))
        if statement["Effect"] != "Deny":
            return ""
        (text,) = strings(statement["Condition"]["DateLessThan"]["aws:TokenIssueTime"])
        moment(text)
    except (KeyError, TypeError, ValueError):
        return ""
    return text


def read_revocations(roles: Iterable[Role], aws: Calls) -> dict[str, Revocation]:
    """Return what is revoked now, by role key; a role with no such policy, or that does not exist, is not there.

    Raises AwsError where AWS does not say.
    """
    roles = list(roles)
    found = side_by_side(lambda role: _look(role, aws), roles)
    return {role.key: revocation for role, revocation in zip(roles, found, strict=True) if revocation}


def revocations_in_force(revocations: Mapping[str, Revocation], now: datetime) -> dict[str, str]:
    """Return the moments, by role key, of those that have not served yet."""
    return {key: found.text for key, found in revocations.items() if now < found.until}


def wait_until_shown(roles: Iterable[Role], text: str, aws: Calls, waiting: Waiting) -> None:
    """Return once AWS has shown twice in a row that the sessions of all roles before `text` are revoked.

    Raises TfdriverError if it has not within 2 minutes.
    """
    roles = list(roles)

    def problem() -> TfdriverError | None:
        shown = read_revocations(roles, aws)
        unseen = ", ".join(
            wording.role_in_account(role) for role in roles if role.key not in shown or shown[role.key].text != text
        )
        what = f"the policy {POLICY} was applied, but AWS does not show it"
        hint = "Run `tfdriver tighten --revoke-sessions` again"
        return TfdriverError(what, code="iam_not_consistent", where=unseen, hint=hint) if unseen else None

    waiting.until_none(problem, IN_A_ROW)


def _look(role: Role, aws: Calls) -> Revocation | None:
    def ask(iam: Any) -> tuple[str, int]:
        text = revoked_before(iam.get_role_policy(RoleName=role.name, PolicyName=POLICY)["PolicyDocument"])
        seconds = iam.get_role(RoleName=role.name)["Role"].get("MaxSessionDuration", _HOUR) if text else 0
        return text, int(seconds)

    try:
        text, seconds = aws.call(role.account, "iam", ask)
    except AwsError as error:
        if error.missing:
            return None
        raise
    if not text:
        return None
    before = moment(text)
    return Revocation(role.name, role.account.name, before, before + timedelta(seconds=seconds), text)
