"""Refuses trust policies that a run may not replace, and unreadable roles. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from tfdriver.aws.observe import Observation
from tfdriver.deploy.work import PhaseOne
from tfdriver.errors import Code, TfdriverError
from tfdriver.iam.policy_document import principals, statements
from tfdriver.iam.trust import may_be_broad
from tfdriver.iam.trust_state import Phase, TrustKind, TrustState, Unreadable, Unseen
from tfdriver.iam.wording import replacing, role_in_account
from tfdriver.project.outputs_file import ask_owner
from tfdriver.spec.compositions import Composition, Side
from tfdriver.spec.model import Role, Spec

_CODES: Mapping[TrustKind, Code] = {TrustKind.UNREADABLE: "unreadable_role", TrustKind.ABSENT: "role_missing"}


def refused_kinds(*, overwrite: bool) -> frozenset[TrustKind]:
    """Return the kinds of trust that stop a run. overwrite: whether the run may replace an unmanaged trust."""
    return frozenset({TrustKind.UNREADABLE} if overwrite else {TrustKind.UNREADABLE, TrustKind.UNMANAGED})


def refuse_trusts(states: Mapping[str, TrustState], kinds: frozenset[TrustKind], hint: str) -> None:
    """Raise TfdriverError for the first role whose trust is of one of `kinds`.

    hint: for an unmanaged trust, how to replace it is added. An existing role's unmanaged trust
    is refused in any case: its owner's statements may be in it.
    """
    for state in states.values():
        kept = state.role.existing and state.kind is TrustKind.UNMANAGED
        if state.kind in kinds or kept:
            code = _CODES.get(state.kind, "unmanaged_trust")
            if state.kind is TrustKind.UNMANAGED:
                hint = f"{hint}. {replacing(state.role)}"
            raise TfdriverError(_problem(state), code=code, where=role_in_account(state.role), hint=hint)


def refuse_missing_roles(spec: Spec, observation: Observation) -> None:
    """Raise TfdriverError for an existing role that does not exist, or has another path than in the spec."""
    unread = (TrustKind.UNREADABLE, TrustKind.UNSEEN)
    trusting = {key: state.live for key, state in observation.states.items() if state.kind not in unread}
    for key, live in {**observation.trusted, **trusting}.items():
        role = spec.roles[key]
        if not role.existing or isinstance(live, Unreadable) or (live is not None and live.arn == role.arn):
            continue
        missing = "it does not exist, and the spec says `existing: true`"
        what = f"its ARN is {live.arn}, the spec says {role.arn}" if live else missing
        raise TfdriverError(
            what,
            code="wrong_role_arn" if live else "role_missing",
            where=role_in_account(role),
            hint="No changes made. Correct its `account:`, `name:` and `path:` in tfdriver.yaml",
        )


def refuse_unreadable_roles(spec: Spec, observation: Observation) -> None:
    """Raise TfdriverError for an unreadable trusted role: if the role exists, no trust in it may be broad.

    A role in an account that the run does not cover is not refused: its trusting roles start broad.
    """
    for key, found in observation.trusted.items():
        if isinstance(found, Unreadable) and not isinstance(found, Unseen):
            role = spec.roles[key]
            raise TfdriverError(
                f"it cannot be read: {found.reason}",
                code="unreadable_role",
                where=role_in_account(role),
                hint="Grant iam:GetRole on the role so that tfdriver can check whether it exists",
            )


def refuse_early(
    phase: Phase, own: Iterable[Composition], spec: Spec, observation: Observation, first: PhaseOne
) -> None:
    """Raise TfdriverError if a run of one phase needs a role that an earlier phase has not created.

    own: the compositions of the run; first: what phase 1 creates, in all shards. A role that phase 3 creates, maybe in
    another shard, may be absent.
    """
    canaries = (c for c in first.open if _needs_phase_one(c, spec, observation))
    opened = {r.key for c in canaries for r in c.roles if observation.states[r.key].kind is TrustKind.ABSENT}
    roles = [(c.side, role) for c in own for role in c.roles]
    for role in (role for side, role in roles if phase is Phase.CONNECT and side is Side.TRUSTED):
        for trusting in (r for r in spec.trusting_of(role) if r.key in opened):
            raise _early(trusting, Phase.BROAD)
    for role in (role for side, role in roles if phase is Phase.TIGHTEN and side is Side.TRUSTING):
        if role.key in first.waiting and observation.states[role.key].kind is TrustKind.ABSENT:
            raise _early(role, Phase.BROAD)
        for trusted in (r for r in spec.trusted_by(role) if observation.trusted[r.key] is None):
            for needed in (r for r in (role, trusted) if r.key in opened):
                raise _early(needed, Phase.BROAD)
            if not trusted.is_trusting:
                raise _early(trusted, Phase.CONNECT)


def _needs_phase_one(composition: Composition, spec: Spec, observation: Observation) -> bool:
    """Whether a role of a composition is absent, and trusts an absent one."""
    return any(
        observation.states[role.key].kind is TrustKind.ABSENT
        and any(observation.trusted[trusted.key] is None for trusted in spec.trusted_by(role))
        for role in composition.roles
    )


def _early(missing: Role, phase: Phase) -> TfdriverError:
    return TfdriverError(
        "it does not exist yet",
        code="role_missing",
        where=role_in_account(missing),
        hint=f"No changes made. Run `--phase {phase}` before, in all shards if there are several",
    )


def refuse_unreadable_successors(roles: Iterable[Role], spec: Spec, observation: Observation) -> None:
    """Raise TfdriverError for a trusted role that cannot be read, if the trust names a deleted role.

    roles: the trusting roles. The role that has the deleted role's name now may be unmanaged, unless an `outputs.json`
    lists it with another unique id than the deleted role's.
    """
    for trusting in roles:
        deleted = _deleted_roles(observation.states[trusting.key])
        for role in spec.trusted_by(trusting):
            found = observation.trusted[role.key]
            if deleted and isinstance(found, Unreadable):
                _refuse_successor(trusting, role, found, deleted)


def _refuse_successor(trusting: Role, role: Role, found: Unreadable, deleted: Collection[str]) -> None:
    """Raise TfdriverError unless an `outputs.json` lists the role with another unique id than the `deleted` ones."""
    recorded = found.recorded if isinstance(found, Unseen) else None
    if recorded and recorded.role_id not in deleted:
        return
    hint = (
        ask_owner(role.account, found.file) if isinstance(found, Unseen) else "Use credentials with iam:GetRole on it"
    )
    raise TfdriverError(
        f"{role_in_account(trusting)} trusts a deleted role, and "
        + (
            f"outputs.json still lists the deleted role's id {recorded.role_id}: it is stale"
            if recorded
            else f"the role that has its name now cannot be read: {found.reason}"
        ),
        code="bad_outputs" if recorded else "unreadable_role",
        where=role_in_account(role),
        hint=f"No changes made. {hint}",
    )


def _deleted_roles(state: TrustState) -> frozenset[str]:
    """Return the unique ids of deleted roles that a trust policy, managed or not, names."""
    policy = state.live.trust_policy if state.live else {}
    named = (principal for found in statements(policy) for principal in principals(found))
    return frozenset(principal for principal in named if principal.startswith("AROA"))


def _problem(state: TrustState) -> str:
    match state.kind:
        case TrustKind.UNREADABLE:
            return f"its trust policy cannot be read: {state.detail}"
        case TrustKind.ABSENT:
            return "it does not exist"
        case _:
            problem = "its trust policy is not one that tfdriver would write for this spec, nor the one in the state"
            if state.role.existing:
                return f"its statements are not those of the spec: {state.detail}"
            is_open = state.trust is None and state.live is not None and may_be_broad(state.live.trust_policy)
            return problem if is_open else f"{problem}: {state.detail}"  # `open_trust` describes an open trust
