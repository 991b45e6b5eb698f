"""Revokes sessions issued before a given time: `tfdriver tighten --revoke-sessions`.

Tightening a trust does not end existing sessions. IAM revokes sessions by an inline policy on the role, which denies
all actions to tokens issued before a time. The policy is needed until the last of those sessions has expired. tfdriver
reads revocations only from IAM. Source: IAM user guide, id_roles_use_revoke-sessions.
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
ADDRESS = "aws_iam_role_policy.revoke_older_sessions"  # in templates/optional/revoke.tf.j2
_HOUR = 3600  # seconds; IAM's default maximum session duration of a role


@dataclass(frozen=True)
class Revocation:
    """A revocation of a role's sessions. before: tokens issued earlier are revoked; until: the last of them expires.

    Both are UTC. text: `before` as written in the policy, so that applying the same policy again changes nothing.
    """

    role: str
    account: str
    before: datetime
    until: datetime
    text: str

    def __str__(self) -> str:
        revoked = (
            f"sessions of role {self.role} in {self.account} issued before {wording.moment(self.before)} are revoked"
        )
        return f"{revoked}; `up` or `tighten` after {wording.moment(self.until)} removes the policy"


def stamp(now: datetime) -> str:
    """Return the next whole second in the format of a policy, so that tokens of this second are revoked, too."""
    return (now.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def revoked_before(document: Document | str) -> str:
    """Return the time in a policy that revokes older sessions, '' for any other policy."""
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
    """Return the revocations in IAM, by role key, of those roles that have one. Raises AwsError."""
    roles = list(roles)
    found = side_by_side(lambda role: _read_revocation(role, aws), roles)
    return {role.key: revocation for role, revocation in zip(roles, found, strict=True) if revocation}


def revocations_in_force(revocations: Mapping[str, Revocation], now: datetime) -> dict[str, str]:
    """Return the times, by role key, of those revocations that are still needed."""
    return {key: found.text for key, found in revocations.items() if now < found.until}


def wait_until_revoked(roles: Iterable[Role], text: str, aws: Calls, waiting: Waiting) -> None:
    """Return once IAM has returned the revocation policies of all roles twice in a row.

    text: the time in the policies. Raises TfdriverError if IAM does not return them within 2 minutes.
    """
    roles = list(roles)

    def problem() -> TfdriverError | None:
        found = read_revocations(roles, aws)
        missing = [role for role in roles if role.key not in found or found[role.key].text != text]
        if not missing:
            return None
        return TfdriverError(
            f"the policy {POLICY} was applied, but IAM does not return it",
            code="iam_not_consistent",
            where=", ".join(map(wording.role_in_account, missing)),
            hint="Run `tfdriver tighten --revoke-sessions` again",
        )

    waiting.until_none(problem, IN_A_ROW)


def _read_revocation(role: Role, aws: Calls) -> Revocation | None:
    def read(iam: Any) -> tuple[str, int]:
        text = revoked_before(iam.get_role_policy(RoleName=role.name, PolicyName=POLICY)["PolicyDocument"])
        seconds = iam.get_role(RoleName=role.name)["Role"].get("MaxSessionDuration", _HOUR) if text else 0
        return text, int(seconds)

    try:
        text, seconds = aws.call(role.account, "iam", read)
    except AwsError as error:
        if error.missing:
            return None
        raise
    if not text:
        return None
    before = moment(text)
    return Revocation(
        role=role.name,
        account=role.account.name,
        before=before,
        until=before + timedelta(seconds=seconds),
        text=text,
    )
