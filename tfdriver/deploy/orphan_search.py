"""Finds, by asking AWS, which of the resources that Terraform would create exist already, and whose they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tfdriver.aws.calls import Calls
from tfdriver.aws.resource_types import RESOURCE_TYPES, UnknownValueError, find
from tfdriver.concurrency import side_by_side
from tfdriver.deploy.ownership import ADOPT, has_tags
from tfdriver.errors import TfdriverError
from tfdriver.project.orphans import OrphanedResource, PlannedCreate, planned_creates
from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Account


@dataclass(frozen=True)
class Survey:
    """What exists of that which Terraform would create. ours: to be taken over; strangers: somebody else's.

    creates: all that Terraform would create if ours were taken over.
    """

    ours: tuple[OrphanedResource, ...]
    strangers: tuple[OrphanedResource, ...]
    creates: tuple[PlannedCreate, ...]


def find_orphans(
    composition: Composition, plan: Callable[[tuple[OrphanedResource, ...]], Mapping[str, Any]], aws: Calls
) -> Survey:
    """Return what exists of that which Terraform would create in a composition.

    plan: gives the plan, as `terraform show -json` shows it, given what is to be imported. It is asked again as long as
    what was found may tell more: the ARN of a policy identifies its attachment. Raises AwsError if AWS cannot be asked.
    """
    ours: tuple[OrphanedResource, ...] = ()
    while True:
        found, more = find_orphans_once(composition, plan(ours), aws)
        ours += found.ours
        if not found.ours or not more:
            return replace(found, ours=ours)


def find_orphans_once(composition: Composition, shown: Mapping[str, Any], aws: Calls) -> tuple[Survey, bool]:
    """As `find_orphans`, of what one plan tells, with whether a plan that imports it can tell of more.

    shown: the plan, as `terraform show -json` shows it.
    """
    planned = planned_creates(shown)
    looks = side_by_side(lambda create: _look(create, composition.account, aws), planned)
    found = [look for look in looks if isinstance(look, tuple)]
    ours = tuple(stray for stray, tags in found if has_tags(tags, composition))
    strangers = tuple(stray for stray, tags in found if not has_tags(tags, composition))
    known = {stray.address for stray in ours}
    return Survey(ours, strangers, tuple(c for c in planned if c.address not in known)), _NOT_YET in looks


def refuse_without_adopt(found: Survey, composition: Composition) -> None:
    """Raise TfdriverError for resources with this project's tags that no state lists, and that may not be adopted."""
    if not found.ours:
        return
    named = ", ".join(f"{stray.type} {stray.name}" for stray in found.ours)
    raise TfdriverError(
        f"{named} exists with this project's tags, but the state of {composition.name} does not list it",
        code="not_in_state",
        where=f"account {composition.account.name} ({composition.account.id})",
        hint=f"No changes made. {ADOPT}",
    )


def refuse_moved(found: Survey, shown: Mapping[str, Any], composition: Composition) -> None:
    """Raise TfdriverError for a resource that a plan creates at one address and deletes at another.

    shown: the plan, as `terraform show -json` shows it.
    """
    deleted = [c for c in shown.get("resource_changes", ()) if c["change"]["actions"] == ["delete"]]
    for stray in found.ours:
        for change in (c for c in deleted if c["type"] == stray.type):
            before = change["change"].get("before") or {}
            if stray.import_id in (before.get("id"), before.get("arn"), before.get("name")):
                raise TfdriverError(
                    f"{stray.type} {stray.name} is in the state as {change['address']}: the plan deletes it there and "
                    f"creates it as {stray.address}",
                    code="resource_moved",
                    where=f"compositions/{composition.name}",
                    hint="No changes made. To keep it, add a `moved` block to the module, or run "
                    f"`terraform state mv '{change['address']}' '{stray.address}'` there",
                )


def refuse_unmanaged_resources(found: Survey, composition: Composition) -> None:
    """Raise TfdriverError for the first resource that exists and is not ours, saying how to adopt or avoid it."""
    for stray in found.strangers:
        raise TfdriverError(
            f"{stray.type} {stray.name} exists in account {composition.account.id}, not managed by this project: "
            "it does not have its tags",
            code="unmanaged_resource",
            where=stray.address,
            hint=f"No changes made to it. Rename yours in tfdriver.yaml; or, to adopt it, run `terraform import "
            f"'{stray.address}' '{stray.import_id}'` in compositions/{composition.name}",
        )


def refuse_unknown(found: Survey, clashing: Iterable[str], composition: Composition) -> None:
    """Raise TfdriverError for a resource that could not be created because it exists, of an unknown type."""
    types = {create.address: create.type for create in found.creates}
    for address in sorted(clashing):
        if address in types and types[address] not in RESOURCE_TYPES:
            raise TfdriverError(
                f"this {types[address]} exists in account {composition.account.id}; tfdriver cannot tell whose it is",
                code="unmanaged_resource",
                where=address,
                hint=f"If it is yours, run `terraform import '{address}' ID` in compositions/{composition.name} "
                "(the AWS provider's documentation says what its ID is); else rename yours in tfdriver.yaml",
            )


_NOT_YET = "not yet"  # what identifies it is known only once something else is there
_Look = tuple[OrphanedResource, Mapping[str, str]] | str | None


def _look(create: PlannedCreate, account: Account, aws: Calls) -> _Look:
    if create.type not in RESOURCE_TYPES:
        return None
    # From version 6 on, the provider has a region on each resource.
    there = replace(account, region=create.values.get("region") or account.region)
    try:
        found = find(create.type, create.values, there, partial(aws.call, there))
    except UnknownValueError:
        return _NOT_YET
    return (OrphanedResource(create.address, create.type, found.name, found.import_id), found.tags) if found else None
