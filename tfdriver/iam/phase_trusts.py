"""The trust policies that phases 1 and 3 write for a new role, and how long they are. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tfdriver.iam import trust
from tfdriver.iam.policy_document import Document
from tfdriver.iam.trust import MAX_CHARACTERS
from tfdriver.spec.model import Role, Spec
from tfdriver.spec.problems import Problems

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)  # every deadline takes as many characters


@dataclass(frozen=True)
class Length:
    """How many characters the trust policy of a phase takes.

    each: what one more trusted role takes, with an ARN as long as the longest; 0 where only accounts are named.
    """

    phase: int
    characters: int
    each: int

    @property
    def room(self) -> int:
        """How many more characters IAM allows; negative if there are too many already."""
        return MAX_CHARACTERS - self.characters


def policies(role: Role, wanted: Collection[Role]) -> dict[int, Document]:
    """Return the trust policies of phases 1 and 3, by phase; of the deadline only the length is right.

    wanted: the roles to trust, none of which exists yet.
    """
    stages = {1: trust.broad(role, wanted, _ANY_TIME), 3: trust.exact(wanted, role.external_id)}
    return {phase: trust.document(stage) for phase, stage in stages.items()}


def lengths(role: Role, wanted: Collection[Role]) -> list[Length]:
    """Return how long the trust policies of phases 1 and 3 are. wanted: the roles to trust, at least one."""
    longest = max(wanted, key=lambda r: len(r.arn))
    more = policies(role, (*wanted, replace(longest, name="~" * len(longest.name))))  # no role can be called so
    counted = {phase: trust.length(policy) for phase, policy in policies(role, wanted).items()}
    return [Length(phase, count, trust.length(more[phase]) - count) for phase, count in counted.items()]


def refuse_long_trusts(spec: Spec, problems: Problems) -> None:
    """Note the trusting roles whose trust policy would be longer than IAM allows. A check for `load_spec`."""
    for role in spec.trusting:
        _refuse_long_trust(spec, role, problems)


def _refuse_long_trust(spec: Spec, role: Role, problems: Problems) -> None:
    longest = max(lengths(role, spec.trusted_by(role)), key=lambda length: length.characters)
    if longest.room < 0:
        what = f"its trust policy would have {longest.characters} characters, and AWS allows {MAX_CHARACTERS}"
        fewer = -(longest.room // longest.each)  # the longest policy names roles, so each takes some
        hint = f"Trust fewer roles, by {fewer} at least, or give them shorter paths and names"
        problems.add(("roles", role.key, "trusts"), what, f"{hint}; a second trusting role can take the others")
