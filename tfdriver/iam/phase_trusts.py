"""The trust policies that phases 1 and 3 write for a new role, and the lengths of tfdriver's policies. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from tfdriver.iam import trust
from tfdriver.iam.policy_document import MAX_INLINE, Document
from tfdriver.iam.trust import MAX_CHARACTERS
from tfdriver.spec.existing import assume_policy
from tfdriver.spec.model import Role, Spec
from tfdriver.spec.problems import Problems

_ANY_TIME = datetime(2000, 1, 1, tzinfo=UTC)  # all deadlines have the same length


@dataclass(frozen=True)
class Length:
    """The length of a phase's trust policy in characters.

    each: of one more trusted role with the longest ARN; 0 if the policy names accounts only.
    """

    phase: int
    characters: int
    each: int

    @property
    def room(self) -> int:
        """How many more characters IAM allows; negative if the policy is too long."""
        return MAX_CHARACTERS - self.characters


def policies(role: Role, wanted: Collection[Role]) -> dict[int, Document]:
    """Return the trust policies of phases 1 and 3, by phase, with any deadline.

    wanted: the roles to trust, none of which exists yet; without any, phase 1 trusts exactly the ARNs of the spec.
    """
    third = trust.exact_for(role, wanted)
    if role.existing:  # never broad
        return {3: trust.document(third)}
    first = trust.broad(role, wanted, _ANY_TIME) if wanted else third
    return {1: trust.document(first), 3: trust.document(third)}


def lengths(role: Role, wanted: Collection[Role]) -> list[Length]:
    """Return the lengths of the trust policies of phases 1 and 3. wanted: the roles of the spec to trust."""
    if wanted:
        longest = max(wanted, key=lambda r: len(r.arn))
        more = policies(role, (*wanted, replace(longest, name="~" * len(longest.name))))  # not a valid name, so unique
    else:
        arn = max(role.trusted_arns, key=len)
        more = policies(replace(role, trusted_arns=(*role.trusted_arns, arn[:-1] + "~")), ())
    counted = {phase: trust.length(policy) for phase, policy in policies(role, wanted).items()}
    return [Length(phase, count, trust.length(more[phase]) - count) for phase, count in counted.items()]


def refuse_long_policies(spec: Spec, problems: Problems) -> None:
    """Report the policies of tfdriver that would be longer than IAM allows. A check for `load_spec`.

    These are the trust policies, and the inline policies of existing trusted roles.
    """
    for role in spec.trusting:
        longest = max(lengths(role, spec.trusted_by(role)), key=lambda length: length.characters)
        if longest.room < 0:
            what = f"its trust policy would have {longest.characters} characters; IAM allows {MAX_CHARACTERS}"
            fewer = -(longest.room // longest.each)  # `each` is not 0: the longest policy names roles
            hint = f"Trust at least {fewer} fewer roles and add a second trusting role, or use shorter paths and names"
            problems.add(("roles", role.label, "trusts"), what, hint)
    for role in (role for role in spec.trusted if role.existing):
        if (characters := trust.length(assume_policy(spec, role))) > MAX_INLINE:
            arns = [*(r.arn for r in spec.trusting_of(role)), *(r.arn for r in role.assumes)]
            each = max(map(len, arns)) + 3  # quotes and a comma
            what = f"its policy to assume {len(arns)} roles would have {characters} characters; IAM allows {MAX_INLINE}"
            hint = f"Let it assume at least {-((MAX_INLINE - characters) // each)} fewer roles"
            problems.add(("roles", role.label), what, hint)
