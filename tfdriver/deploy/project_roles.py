"""Reads the project's roles from AWS and refuses unmanaged ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from types import MappingProxyType

from tfdriver.aws.observe import AppliedTrusts, Observation, RoleReader, observe
from tfdriver.deploy.ownership import (
    Owner,
    States,
    applied_trusts,
    has_tags,
    in_module,
    owners,
    refuse_replaced,
    refuse_unmanaged,
)
from tfdriver.deploy.work import related
from tfdriver.iam.trust_state import LiveRole, TrustKind, Unreadable
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition, Side
from tfdriver.spec.model import Role
from tfdriver.terraform.events import Event
from tfdriver.terraform.state import State


class ProjectRoles:
    """The project's roles in AWS.

    states: reads the compositions' current states; others: trusting roles that exist under other names than in the
    spec; applied: the trust policies in the states at the start of the run.
    """

    def __init__(
        self,
        workspace: Workspace,
        reader: RoleReader,
        states: Callable[[Iterable[Composition]], States],
        others: Iterable[Role] = (),
        applied: AppliedTrusts = MappingProxyType({}),
    ) -> None:
        self._workspace = workspace
        self._reader = reader
        self._states = states
        self._others = {role.arn: role for role in others}
        self._applied = applied
        self._composition_of = {role.key: c for c in workspace.of_all_shards for role in c.roles}

    def state_of(self, composition: Composition) -> State | Unreadable | None:
        """Return a composition's state now."""
        return self._states([composition])[composition.name]

    def read(self, role: Role) -> LiveRole | Unreadable | None:
        """Return a role in AWS now, None if it does not exist."""
        return self._reader.read_role(role.account, role.name)

    def observe(self) -> Observation:
        """Return the roles in AWS now. In a shard: those of its compositions, and those that they trust."""
        if self._workspace.shard:
            return self._observe(self._workspace.compositions, self._applied)
        return observe(self._workspace.spec, self._reader, list(self._others.values()), applied=self._applied)

    def observe_related(self) -> Observation:
        """As `observe`, with the roles of other shards on which it depends what the phases do; see `work.related`."""
        if not self._workspace.shard:
            return self.observe()
        applied, found = dict(self._applied), list(self._workspace.compositions)
        explained = {composition.name for composition in found}
        while True:
            observation = self._observe(found, applied)
            # Another shard's trust policy may be from before an edit of the spec: its state explains it then.
            unknown = [c for c in found if c.name not in explained and _is_unexplained(c, observation)]
            applied |= applied_trusts(self._states(unknown))
            explained |= {composition.name for composition in unknown}
            more = related(self._workspace.of_all_shards, found, observation)
            if not more and not unknown:
                return observation
            found += more

    def _observe(self, compositions: Iterable[Composition], applied: AppliedTrusts) -> Observation:
        compositions, others = tuple(compositions), list(self._others.values())
        trusting = [role for c in compositions if c.side is Side.TRUSTING for role in c.roles]
        trusted = [role for c in compositions for role in c.trusted]
        return observe(self._workspace.spec, self._reader, others, trusting, applied, trusted)

    def observe_for(self, composition: Composition) -> Observation:
        """Return the roles in AWS now: those of a composition, and those that it trusts, or that trust it."""
        spec = self._workspace.spec
        if composition.side is Side.TRUSTED:
            assumed = {role.key: role for one in composition.roles for role in spec.trusting_of(one)}
            trusting, trusted = assumed.values(), composition.roles
            return observe(spec, self._reader, trusting=trusting, applied=self._applied, trusted=trusted)
        others = [role for role in list(self._others.values()) if role.key in {own.key for own in composition.roles}]
        return observe(spec, self._reader, others, composition.roles, self._applied)

    def observe_managed(self, composition: Composition, outcome: str = "Completed changes are kept") -> Observation:
        """As `observe_for`; refuse unmanaged roles that were created since the run began. outcome: starts the hint."""
        states = dict(self._states([composition]))
        observation = self.observe_for(composition)
        refuse_replaced([composition], states, self._reader.read_role, outcome)
        others = self._without_tags([composition], observation)
        states |= self._states(others)
        refuse_unmanaged([composition, *others], observation, states, outcome=outcome)
        return observation

    def refuse_unmanaged_elsewhere(self, observation: Observation) -> None:
        """Refuse unmanaged roles that have the names of roles in other shards."""
        others = self._without_tags(self._workspace.compositions, observation)
        refuse_unmanaged(others, observation, self._states(others))

    def _without_tags(self, own: Iterable[Composition], observation: Observation) -> list[Composition]:
        """Return the other compositions of the observed roles that do not have their tags, with these roles only.

        A role with the tags is managed. Its state may list it only after the apply in progress.
        """
        names = {composition.name for composition in own}
        found: dict[str, tuple[Composition, list[Role]]] = {}
        lives = {key: state.live for key, state in observation.states.items()} | dict(observation.trusted)
        for key, live in lives.items():
            other = self._composition_of.get(key)  # None for a role that the run does not cover
            role = self._workspace.spec.roles[key]
            if not other or other.name in names or role.existing or not isinstance(live, LiveRole):
                continue
            if not has_tags(live.tags, other):
                found.setdefault(other.name, (other, []))[1].append(role)
        return [replace(other, roles=tuple(roles)) for other, roles in found.values()]

    def refuse_replaced(self, states: States) -> None:
        """Refuse unmanaged roles that have the name of a deleted role in these states."""
        refuse_replaced(self._workspace.compositions, states, self._reader.read_role)

    def refuse_replaced_in(self, composition: Composition) -> None:
        """Refuse unmanaged roles that have the name of a deleted role in the composition's current state."""
        refuse_replaced(
            [composition], self._states([composition]), self._reader.read_role, "Completed changes are kept"
        )

    def unmanaged(self, observation: Observation) -> frozenset[str]:
        """Return the keys of the unmanaged roles in AWS."""
        compositions = self._workspace.compositions
        found = owners(compositions, observation, self._states(compositions))
        return frozenset(key for key, role_owner in found.items() if role_owner is Owner.UNMANAGED)

    def keep_other(self, composition: Composition, event: Event) -> None:
        """Keep a role that a trusting composition created under another name: its trust may be broad, too."""
        if event.type != "apply_complete" or event.resource_type != "aws_iam_role" or event.action == "delete":
            return
        for role in composition.roles:
            if role.is_trusting and event.id not in ("", role.name) and in_module(event.address, role):
                other = replace(role, name=event.id)
                self._others[other.arn] = other


def _is_unexplained(composition: Composition, observation: Observation) -> bool:
    states = (observation.states.get(role.key) for role in composition.roles)
    return any(state is not None and state.kind is TrustKind.UNMANAGED for state in states)
