"""What must hold before anything is applied: trust policies that a run may replace, roles that can be read. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from tfdriver.aws.observe import Observation
from tfdriver.errors import Code, TfdriverError
from tfdriver.iam.trust import may_be_broad
from tfdriver.iam.trust_state import TrustKind, TrustState, Unreadable
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.model import Spec

_CODES: Mapping[TrustKind, Code] = {TrustKind.UNREADABLE: "unreadable_role", TrustKind.ABSENT: "role_missing"}


def refused_kinds(*, overwrite: bool) -> frozenset[TrustKind]:
    """Return the kinds of trust that stop a run. overwrite: whether it may replace a trust that is not ours."""
    return frozenset({TrustKind.UNREADABLE} if overwrite else {TrustKind.UNREADABLE, TrustKind.UNMANAGED})


def refuse_trusts(states: Mapping[str, TrustState], kinds: frozenset[TrustKind], hint: str) -> None:
    """Raise TfdriverError for the first role whose trust is of one of `kinds`."""
    for state in states.values():
        if state.kind in kinds:
            code = _CODES.get(state.kind, "unmanaged_trust")
            raise TfdriverError(_why(state), code=code, where=role_in_account(state.role), hint=hint)


def refuse_unreadable_roles(spec: Spec, seen: Observation) -> None:
    """Raise TfdriverError for a trusted role that AWS did not show: it may exist, and then nothing is to be broad."""
    for key, found in seen.trusted.items():
        if isinstance(found, Unreadable):
            role = spec.roles[key]
            raise TfdriverError(
                f"it cannot be read: {found.reason}",
                code="unreadable_role",
                where=role_in_account(role),
                hint="Allow iam:GetRole on it: whether it exists decides whom to trust",
            )


def _why(state: TrustState) -> str:
    match state.kind:
        case TrustKind.UNREADABLE:
            return f"its trust policy cannot be read: {state.detail}"
        case TrustKind.ABSENT:
            return "there is no such role"
        case _:
            what = "its trust policy is not one that tfdriver would write for this spec"
            open_now = state.trust is None and state.live is not None and may_be_broad(state.live.trust_policy)
            return what if open_now else f"{what}: {state.detail}"  # `open_trust` reports an open one
