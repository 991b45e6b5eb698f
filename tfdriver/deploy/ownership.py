"""Whether this project manages a role or a resource: its state lists it, or its tags say so. Pure but for `look`s."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum

from tfdriver.aws.observe import Observation
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, TrustKind, Unreadable
from tfdriver.iam.wording import moment, role_in_account
from tfdriver.spec.compositions import Composition, Side, owner_tags
from tfdriver.spec.model import Account, Role, Spec
from tfdriver.terraform.state import State

ADOPT = (
    "If another project has the same `project:`, give this one another, and its resources other names. If a run was "
    "interrupted on another machine, or the state was lost, run the same command with --adopt: it imports what exists"
)
# The state of each composition by its name, or why it cannot be read.
States = Mapping[str, State | Unreadable | None]


class Owner(StrEnum):
    """Whose a role is that exists in AWS."""

    STATE = "state"  # the composition's state lists this very role
    TAGS = "tags"  # no state here lists it, but it has the tags of the composition
    UNMANAGED = "unmanaged"  # neither; also where the state cannot be read


def has_tags(tags: Mapping[str, str], composition: Composition) -> bool:
    """Whether a resource has the tags of a composition of this project."""
    return all(tags.get(key) == value for key, value in owner_tags(composition).items())


def owner(live: LiveRole, composition: Composition, state: State | Unreadable | None) -> Owner:
    """Return whose a role is. state: of the composition that makes it, if it does.

    A role that was deleted and created again has the same ARN and another unique id: the state lists only the one
    whose id it has.
    """
    listed = {role.arn: role.role_id for role in state.roles()} if isinstance(state, State) else {}
    if live.arn in listed and listed[live.arn] in ("", live.role_id):
        return Owner.STATE
    return Owner.TAGS if has_tags(live.tags, composition) else Owner.UNMANAGED


def owners(compositions: Iterable[Composition], seen: Observation, states: States) -> dict[str, Owner]:
    """Return whose each role is, by key, of those that AWS shows."""
    return {role.key: owner(live, c, states[c.name]) for c, role, live in _shown(compositions, seen)}


def refuse_unmanaged(
    compositions: Iterable[Composition],
    seen: Observation,
    states: States,
    may_adopt: Callable[[Composition], bool] = lambda _: True,
    created_by: Callable[[Role, LiveRole], str] = lambda *_: "",
    outcome: str = "No changes made",
) -> None:
    """Raise TfdriverError for a role that this project does not manage, or that it may not adopt without being asked.

    may_adopt: whether a run may take roles with its tags into a composition's state; created_by: returns the ARN of who
    created a role, '' if AWS does not show it; outcome: what was done, without a full stop.
    """
    for composition, role, live in _shown(compositions, seen):
        state = states[composition.name]
        found = owner(live, composition, state)
        if found is Owner.UNMANAGED:
            raise _unmanaged(role, live, state, outcome)
        if found is Owner.TAGS and not may_adopt(composition):
            raise _unasked(role, live, composition, created_by(role, live))


def refuse_replaced(
    compositions: Iterable[Composition],
    states: States,
    look: Callable[[Account, str], LiveRole | Unreadable | None],
    outcome: str = "No changes made",
) -> None:
    """Raise TfdriverError for an unmanaged role under the name of a role that a state lists and that was deleted.

    Terraform knows roles by their names: it would change or delete that one. look: returns a role as it is now, by
    account and name; outcome: as for `refuse_unmanaged`.
    """
    for composition in compositions:
        state = states[composition.name]
        for listed in state.roles() if isinstance(state, State) else ():
            live = look(composition.account, listed.name) if listed.role_id else None
            if not isinstance(live, LiveRole) or live.arn != listed.arn:
                continue
            if owner(live, composition, state) is Owner.UNMANAGED:
                raise TfdriverError(
                    "it exists and is not managed by this project: the role of that name which this project created "
                    f"was deleted{_created(live)}",
                    code="unmanaged_role",
                    where=f"role {listed.name} in {composition.account.name} ({composition.account.id})",
                    hint=f"{outcome}. If nobody needs that role, delete it and run the same command again. Else remove "
                    f"the deleted one and its policies from the state (`terraform -chdir=compositions/"
                    f"{composition.name} state rm '{listed.address}'`), and give yours another `name:`",
                )


def listed_elsewhere(compositions: Iterable[Composition], states: States) -> tuple[Role, ...]:
    """Return each trusting role under every other name by which its module's roles are in the state.

    A module that does not use `role_name` makes such roles; AWS does not show them under the spec's name.
    """
    return tuple(
        replace(role, name=found.name, path=found.path)
        for composition in compositions
        if composition.side is Side.TRUSTING and isinstance(state := states[composition.name], State)
        for role in composition.roles
        for found in state.roles()
        if found.arn != role.arn and in_module(found.module, role)
    )


def refuse_to_open_again(spec: Spec, seen: Observation) -> None:
    """Raise TfdriverError where phase 1 would open a role that this project has created under another name.

    Roles of a module that serve something else have a trust that tfdriver does not write.
    """
    for key, state in seen.states.items():
        wanted = {role.arn for role in spec.trusted_by(state.role)}
        if state.kind is not TrustKind.ABSENT or wanted & seen.existing():
            continue
        for other in (
            o for o in seen.others if o.role.key == key and o.kind not in (TrustKind.UNMANAGED, TrustKind.ABSENT)
        ):
            raise TfdriverError(
                f"it does not exist, but the state lists {role_in_account(other.role)}, which its module created "
                "instead",
                code="other_role_name",
                where=where(state.role),
                hint=f"No changes made. Run `tfdriver destroy`, or put `name: {other.role.name}` back in tfdriver.yaml",
            )


def in_module(address: str, role: Role) -> bool:
    """Whether a module's address is that of a role's module, or of one inside it."""
    return address == f"module.{role.key}" or address.startswith((f"module.{role.key}.", f"module.{role.key}["))


def where(role: Role) -> str:
    """Return how to name a role in an error."""
    return f"{role_in_account(role)} ({role.account.id})"


def _unmanaged(role: Role, live: LiveRole, state: State | Unreadable | None, outcome: str) -> TfdriverError:
    if isinstance(state, Unreadable):
        hint = f"{outcome}. Whether this project manages it is not known: {state.reason}"
        return TfdriverError(
            "it exists, and is not known to be managed by this project",
            code="unmanaged_role",
            where=where(role),
            hint=hint,
        )
    return TfdriverError(
        "it exists and is not managed by this project: no state here lists it, and it does not have this project's "
        f"tags{_created(live)}",
        code="unmanaged_role",
        where=where(role),
        hint=f"{outcome}. Give yours another `name:` in tfdriver.yaml; or, if nobody needs that role, delete it",
    )


def _unasked(role: Role, live: LiveRole, composition: Composition, creator: str) -> TfdriverError:
    by = f" by {creator}" if creator and live.created else ""
    return TfdriverError(
        f"it has this project's tags, but the state of {composition.name} does not list it{_created(live)}{by}",
        code="not_in_state",
        where=where(role),
        hint=f"No changes made. {ADOPT}",
    )


def _created(live: LiveRole) -> str:
    return f"; it was created on {moment(live.created)}" if live.created else ""


def _shown(compositions: Iterable[Composition], seen: Observation) -> Iterator[tuple[Composition, Role, LiveRole]]:
    for composition in compositions:
        for role in composition.roles:
            found = seen.states[role.key].live if role.key in seen.states else seen.trusted.get(role.key)
            if isinstance(found, LiveRole):
                yield composition, role, found
