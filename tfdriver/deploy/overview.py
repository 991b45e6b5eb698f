"""The overview printed before a confirmation: accounts, callers and trust in each phase. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from tfdriver.aws.calls import Caller
from tfdriver.aws.identity import used_accounts
from tfdriver.aws.observe import Observation
from tfdriver.deploy.work import PhaseOne
from tfdriver.iam import trust, trust_state, wording
from tfdriver.iam.trust_state import Phase, TrustKind, TrustState
from tfdriver.spec.compositions import Composition
from tfdriver.spec.message_text import shortened
from tfdriver.spec.model import Role, Spec


@dataclass(frozen=True)
class AccountView:
    """name, id, profile, region: as in the spec; caller: ARN of the profile's user or role."""

    name: str
    id: str
    profile: str
    region: str
    caller: str


@dataclass(frozen=True)
class RoleView:
    """A trusting role: its trust now and after each phase, in words.

    created: the phase that creates the role, or ''. Of several new roles that trust the same absent role, phase 1
    creates only one, with a broad trust; phase 3 creates the others.
    """

    role: str
    account: str
    arn: str
    now: str
    phases: Mapping[str, str]
    created: str = ""


@dataclass(frozen=True)
class Overview:
    """The overview. accounts: those with changes; compositions: their names, in order."""

    project: str
    action: str
    terraform: str
    endpoint: str
    accounts: tuple[AccountView, ...]
    roles: tuple[RoleView, ...]
    compositions: tuple[str, ...]

    def question(self, deleted: str = "") -> str:
        """Return the question to confirm with "yes". deleted: what is deleted, e.g. `2 resources`, or ''."""
        accounts = shortened(account.name for account in self.accounts)
        delete = f", and delete {deleted}" if deleted else ""
        match self.action:
            case "up":
                return f"Connect {accounts} as shown{delete}?"
            case "destroy":
                return f"Delete {deleted} in {accounts}?"
            case tighten:
                trusting = shortened(role.account for role in self.roles)
                return f"{tighten.replace('tighten', f'Tighten the trust in {trusting}', 1)}{delete}?"


def overview(
    action: str,
    spec: Spec,
    callers: Mapping[str, Caller],
    observation: Observation,
    compositions: Iterable[Composition],
    now: datetime,
    first: PhaseOne,
    *,
    phase: Phase | None = None,
    elsewhere: frozenset[str] = frozenset(),
    terraform: str = "",
    endpoint: str = "",
) -> Overview:
    """Return the overview of an action: `plan`, `up`, `tighten` or with more words, `destroy`.

    compositions: those that the run covers; first: what phase 1 creates; phase: the only one that `up` runs, None for
    all; elsewhere: keys of the roles in other shards.
    """
    accounts = tuple(
        AccountView(name=a.name, id=a.id, profile=a.profile, region=a.region, caller=callers[a.name].arn)
        for a in used_accounts(spec)
        if a.name in callers
    )
    deferred = {r.key for c in first.deferred for r in c.roles}
    existing = {r.key: {e.arn for e in first.earlier.get(c.name, ())} for c in first.open for r in c.roles}

    def view(role: Role) -> RoleView:
        trusted = observation.existing() | existing.get(role.key, set())
        state = observation.states[role.key]
        waiting = action in ("plan", "up") and role.key in first.waiting
        wanted = spec.trusted_by(role)
        found = _role_view(action, state, wanted, trusted, now, deferred=role.key in deferred, waiting=waiting)
        return found if phase is None else _in_phase(found, phase)

    return Overview(
        project=spec.project,
        action=action,
        terraform=terraform,
        endpoint=endpoint,
        accounts=accounts,
        roles=tuple(view(role) for role in spec.trusting if role.key in observation.states.keys() - elsewhere),
        compositions=tuple(c.name for c in compositions),
    )


def _in_phase(role: RoleView, phase: Phase) -> RoleView:
    """Return the view of a role for a run of one phase."""
    phases = {name: words for name, words in role.phases.items() if name == phase}
    return replace(role, phases=phases, created=role.created if role.created == phase else "")


def _role_view(
    action: str,
    state: TrustState,
    wanted: tuple[Role, ...],
    existing: frozenset[str],
    now: datetime,
    *,
    deferred: bool,
    waiting: bool,
) -> RoleView:
    role = state.role
    phases: dict[str, str] = {}
    new = action in ("plan", "up") and state.kind is TrustKind.ABSENT
    if new and not deferred:
        first = trust.read_trust(trust_state.opening_trust(state, wanted, existing, now))
        phases["broad"] = wording.trusted(first) if first else ""
    if action != "destroy" and not waiting and state.kind is not TrustKind.UNSEEN:
        phases["tighten"] = wording.trusted(trust.exact_for(role, wanted))
    return RoleView(
        role=role.name,
        account=role.account.name,
        arn=role.arn,
        now=wording.state(state, now),
        phases=phases,
        created=(Phase.TIGHTEN if deferred else Phase.BROAD) if new else "",
    )
