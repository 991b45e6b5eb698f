"""Checks of the policies that IAM has: the trust, and what the roles may do. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from tfdriver.deploy.verified import CheckedRoles, CheckResult, CheckStatus, Evidence
from tfdriver.iam import documents, trust, wording
from tfdriver.iam.trust_state import TrustKind as TrustKind
from tfdriver.iam.trust_state import TrustState
from tfdriver.iam.wanted_policies import WantedPolicies
from tfdriver.spec.model import Role


def trust_check(state: TrustState, wanted: tuple[Role, ...], now: datetime) -> CheckResult:
    """Return whether a trusting role trusts exactly the live roles that the spec names."""
    role = state.role
    expected = wording.trusted(trust.exact(wanted, role.external_id))
    verdict = CheckStatus.PASSED if state.settled else CheckStatus.FAILED
    if state.kind is TrustKind.UNREADABLE:
        verdict = CheckStatus.INCONCLUSIVE
    said = documents.words(state.live.trust_policy) if state.live else ""
    return CheckResult(
        CheckedRoles(role.key, ""),
        "trust-policy",
        f"the trust policy of {role.name}, as IAM has it",
        f"trusts {expected}",
        wording.state(state, now),
        verdict,
        Evidence(said=said),
    )


def permissions_check(
    role: Role, pair: CheckedRoles, wanted: WantedPolicies, live: WantedPolicies, *, trusting: bool
) -> CheckResult:
    """Return whether a role's policies are what was rendered.

    trusting: its trust policy has a check of its own.
    """
    differences = list(_differences(wanted, live, with_trust=not trusting))
    only_unsure = differences and all(unsure for unsure, _ in differences)
    verdict = CheckStatus.INCONCLUSIVE if only_unsure else CheckStatus.FAILED if differences else CheckStatus.PASSED
    count = len(live.managed) + len(live.inline)
    return CheckResult(
        pair,
        "permissions",
        f"the permissions of {role.name}, as IAM has them",
        "what the composition says",
        "; ".join(text for _, text in differences) or f"the same, {count} {'policy' if count == 1 else 'policies'}",
        verdict,
        Evidence(said="; ".join(documents.words(d) for d in [*live.managed.values(), *live.inline.values()] if d)),
    )


def _differences(wanted: WantedPolicies, live: WantedPolicies, *, with_trust: bool) -> Iterator[tuple[bool, str]]:
    """Yield each difference, and whether it is one that nobody can be sure of."""
    for arn in sorted(set(live.managed) - set(wanted.managed)):
        yield arn in wanted.unsure, f"{arn} is attached, by no resource of the composition"
    for arn in sorted(set(wanted.managed) - set(live.managed)):
        yield False, f"{arn} is not attached"
    for name in sorted(set(live.inline) - set(wanted.inline)):
        yield name in wanted.unsure, f"there is an inline policy {name}, by no resource of the composition"
    for name in sorted(set(wanted.inline) - set(live.inline)):
        yield False, f"there is no inline policy {name}"
    for arn, document in wanted.managed.items():
        there = live.managed.get(arn)
        if document is not None and there is not None and not documents.same(document, there):
            yield False, f"{arn}: {documents.difference(document, there)}"
    for name in sorted(wanted.unknown):
        yield True, f"{name}: what it is to say is known only once it is applied"
    for name, document in wanted.inline.items():
        if name not in wanted.unknown and name in live.inline and not documents.same(document, live.inline[name]):
            yield False, f"inline policy {name}: {documents.difference(document, live.inline[name])}"
    if wanted.boundary != live.boundary:
        yield False, f"its permissions boundary is {live.boundary or 'none'}, not {wanted.boundary or 'none'}"
    if with_trust and wanted.trust and not documents.same(wanted.trust, live.trust):
        yield False, f"trust policy: {documents.difference(wanted.trust, live.trust)}"
