"""Whose a resource is: its tags say so, or the state that lists it. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tfdriver.compositions import Composition, owner_tags
from tfdriver.decide import LiveRole
from tfdriver.errors import TfdriverError
from tfdriver.observe import Observation
from tfdriver.spec.model import Role

# Role ARNs that a composition's state lists, by composition name; None where that cannot be told from here.
Listed = Mapping[str, frozenset[str] | None]


def is_ours(tags: Mapping[str, str], composition: Composition) -> bool:
    """Whether the tags of a resource say that it belongs to a composition of this project."""
    return all(tags.get(key) == value for key, value in owner_tags(composition).items())


def unlisted(composition: Composition, seen: Observation, listed: Listed) -> list[tuple[Role, LiveRole]]:
    """Return the roles of a composition that AWS shows and its state does not list; none where that can't be told."""
    arns = listed[composition.name]
    live = ((role, _live(role, seen)) for role in composition.roles)
    return [(role, found) for role, found in live if found and arns is not None and found.arn not in arns]


def refuse_strangers(compositions: Iterable[Composition], seen: Observation, listed: Listed) -> None:
    """Raise TfdriverError for a role that exists, is in no state of ours and does not carry our tags."""
    for composition in compositions:
        for role, found in unlisted(composition, seen, listed):
            if not is_ours(found.tags, composition):
                raise TfdriverError(
                    "it exists, not ours: no state here lists it, and its tags are not this project's",
                    where=f"role {role.name} in {role.account.name} ({role.account.id})",
                    hint=f"Nothing was changed. Give the role another `name:` in tfdriver.yaml; or, if it is to become "
                    f"this project's, tag it {_shown(composition)} and run again",
                )


def _live(role: Role, seen: Observation) -> LiveRole | None:
    if role.key in seen.states:
        return seen.states[role.key].live
    found = seen.trusted.get(role.key)
    return found if isinstance(found, LiveRole) else None


def _shown(composition: Composition) -> str:
    return " and ".join(f"{key}={value}" for key, value in owner_tags(composition).items())
