"""Decides whether this project manages a role or a resource, by its state and tags, and refuses unmanaged roles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from enum import StrEnum

from tfdriver.aws.observe import AppliedTrusts, Observation
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, TrustKind, Unreadable
from tfdriver.iam.wording import moment, role_in_account
from tfdriver.spec.compositions import Composition, Side, owner_tags
from tfdriver.spec.model import Account, Role, Spec
from tfdriver.terraform.state import State

ADOPT = (
    "If another run is in progress, wait until it ends. If another project has the same `project:`, set another one "
    "here, and other names for the resources. If a run was interrupted on another machine, or the state was lost, run "
    "the same command with --adopt to import the resources"
)
# The state of each composition by name, or why it is unreadable.
States = Mapping[str, State | Unreadable | None]


class Owner(StrEnum):
    """How this project knows that it manages a role in AWS."""

    STATE = "state"  # the composition's state lists the role
    TAGS = "tags"  # the state does not list the role, but the role has the composition's tags
    OTHER = "other"  # an existing role, which is somebody else's: the spec says so
    UNMANAGED = "unmanaged"  # neither


def has_tags(tags: Mapping[str, str], composition: Composition) -> bool:
    """Whether a resource has a composition's tags."""
    return all(tags.get(key) == value for key, value in owner_tags(composition).items())


def owner(role: Role, live: LiveRole, composition: Composition, state: State | Unreadable | None) -> Owner:
    """Return the owner of a role in AWS. role: of the spec; state: the composition's.

    A role that was deleted and created again has the same ARN but another unique id, so both must be in the state.
    """
    listed = {role.arn: role.role_id for role in state.roles()} if isinstance(state, State) else {}
    if live.arn in listed and listed[live.arn] in ("", live.role_id):
        return Owner.STATE
    if role.existing:
        return Owner.OTHER
    return Owner.TAGS if has_tags(live.tags, composition) else Owner.UNMANAGED


def owners(compositions: Iterable[Composition], observation: Observation, states: States) -> dict[str, Owner]:
    """Return the owner of each role in AWS, by key."""
    return {role.key: owner(role, live, c, states[c.name]) for c, role, live in _live_roles(compositions, observation)}


def refuse_unmanaged(
    compositions: Iterable[Composition],
    observation: Observation,
    states: States,
    may_adopt: Callable[[Composition], bool] = lambda _: True,
    created_by: Callable[[Role, LiveRole], str] = lambda *_: "",
    outcome: str = "No changes made",
) -> None:
    """Raise TfdriverError for an unmanaged role, and for a role with this project's tags that may not be adopted.

    may_adopt: whether a run may adopt roles of a composition; created_by: returns the ARN that created a role, or '';
    outcome: starts the hint, without a full stop.
    """
    for composition, role, live in _live_roles(compositions, observation):
        state = states[composition.name]
        found = owner(role, live, composition, state)
        if found is Owner.UNMANAGED:
            raise _unmanaged(role, live, state, outcome)
        if found is Owner.TAGS and not may_adopt(composition):
            raise _not_in_state(role, live, composition, created_by(role, live))


def refuse_replaced(
    compositions: Iterable[Composition],
    states: States,
    read_role: Callable[[Account, str], LiveRole | Unreadable | None],
    outcome: str = "No changes made",
) -> None:
    """Raise TfdriverError for an unmanaged role that has the name of a deleted role in a state.

    Terraform identifies roles by name, so it would change or delete the unmanaged role. read_role: returns a role in
    AWS by account and name; outcome: as for `refuse_unmanaged`.
    """
    for composition in compositions:
        state = states[composition.name]
        others = {role.arn for role in composition.roles if role.existing}  # replaced by their owner
        for listed in state.roles() if isinstance(state, State) else ():
            if listed.arn in others:
                continue
            live = read_role(composition.account, listed.name) if listed.role_id else None
            if not isinstance(live, LiveRole) or live.arn != listed.arn:
                continue
            if not has_tags(live.tags, composition) and listed.role_id != live.role_id:
                raise TfdriverError(
                    f"it exists and is not managed by this project{_created(live)}. This project's role with that "
                    "name was deleted",
                    code="unmanaged_role",
                    where=f"role {listed.name} in {composition.account.name} ({composition.account.id})",
                    hint=f"{outcome}. Delete the unmanaged role and run the same command again. Or remove the deleted "
                    f"role and its policies from the state (`terraform -chdir=compositions/{composition.name} state "
                    f"rm '{listed.address}'`), and set another `name:`",
                )


def applied_trusts(states: States) -> AppliedTrusts:
    """Return the trust policies of the roles that the states list."""
    listed = (role for state in states.values() if isinstance(state, State) for role in state.roles())
    return {(role.arn, role.role_id): role.trust_policy for role in listed}


def listed_elsewhere(compositions: Iterable[Composition], states: States) -> tuple[Role, ...]:
    """Return the trusting roles in the states under other names than in the spec.

    A module that does not use `role_name` creates roles under other names.
    """
    return tuple(
        replace(role, name=found.name, path=found.path)
        for composition in compositions
        if composition.side is Side.TRUSTING and isinstance(state := states[composition.name], State)
        for role in composition.roles
        for found in state.roles()
        if found.arn != role.arn and in_module(found.module, role)
    )


def refuse_to_open_again(spec: Spec, observation: Observation) -> None:
    """Raise TfdriverError if phase 1 would open a trust for which the module created a role under another name.

    A module's other roles do not count: their trust policies are unmanaged.
    """
    for key, state in observation.states.items():
        wanted = {role.arn for role in spec.trusted_by(state.role)}
        if state.kind is not TrustKind.ABSENT or wanted & observation.existing():
            continue
        for other in (
            o for o in observation.others if o.role.key == key and o.kind not in (TrustKind.UNMANAGED, TrustKind.ABSENT)
        ):
            raise TfdriverError(
                f"it does not exist, but the state lists {role_in_account(other.role)}, which its module created "
                "instead",
                code="other_role_name",
                where=where(state.role),
                hint=f"No changes made. Run `tfdriver destroy`, or put `name: {other.role.name}` back in tfdriver.yaml",
            )


def in_module(address: str, role: Role) -> bool:
    """Whether a module address is the role's module or a module inside it."""
    own = f"module.{role.label}"
    return address == own or address.startswith((f"{own}.", f"{own}["))


def where(role: Role) -> str:
    """Return the place of an error about a role."""
    return f"{role_in_account(role)} ({role.account.id})"


def _unmanaged(role: Role, live: LiveRole, state: State | Unreadable | None, outcome: str) -> TfdriverError:
    if isinstance(state, Unreadable):
        return TfdriverError(
            f"it exists, and the state that may list it cannot be read: {state.reason}",
            code="unmanaged_role",
            where=where(role),
            hint=f"{outcome}. Make the state readable and run the same command again",
        )
    return TfdriverError(
        "it exists and is not managed by this project: the state does not list it, and it does not have this project's "
        f"tags{_created(live)}",
        code="unmanaged_role",
        where=where(role),
        hint=f"{outcome}. Set another `name:` in tfdriver.yaml, or delete the unmanaged role. To connect it as it is, "
        "replace its `module:` by `existing: true`; see docs/existing-roles.md",
    )


def _not_in_state(role: Role, live: LiveRole, composition: Composition, creator: str) -> TfdriverError:
    by = f" by {creator}" if creator and live.created else ""
    return TfdriverError(
        f"it has this project's tags, but the state of {composition.name} does not list it{_created(live)}{by}",
        code="not_in_state",
        where=where(role),
        hint=f"No changes made. {ADOPT}",
    )


def _created(live: LiveRole) -> str:
    return f"; it was created on {moment(live.created)}" if live.created else ""


def _live_roles(
    compositions: Iterable[Composition], observation: Observation
) -> Iterator[tuple[Composition, Role, LiveRole]]:
    trusting = {key: state.live for key, state in observation.states.items()}
    for composition in compositions:
        for role in composition.roles:
            live = trusting[role.key] if role.key in trusting else observation.trusted.get(role.key)
            if isinstance(live, LiveRole):
                yield composition, role, live
