"""Finds planned resources that already exist in AWS, and whether this project manages them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tfdriver.aws.calls import Calls
from tfdriver.aws.existing_resources import UnknownValueError, find
from tfdriver.aws.resource_types import RESOURCE_TYPES
from tfdriver.concurrency import side_by_side
from tfdriver.deploy.ownership import ADOPT, has_tags
from tfdriver.errors import TfdriverError
from tfdriver.project.orphans import OrphanedResource, PlannedCreate, planned_creates
from tfdriver.spec import existing
from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Account


@dataclass(frozen=True)
class ExistingResources:
    """Planned resources that already exist. orphaned: to adopt; unmanaged: without this project's tags.

    creates: the resources that Terraform creates after it has adopted the orphaned ones.
    """

    orphaned: tuple[OrphanedResource, ...]
    unmanaged: tuple[OrphanedResource, ...]
    creates: tuple[PlannedCreate, ...]


def find_orphans(composition: Composition, plan: Mapping[str, Any], aws: Calls) -> ExistingResources:
    """Return the resources that a plan (as JSON) creates and that already exist. Raises AwsError.

    A plan that imports them may identify others, as the ARN of a policy identifies its attachment.
    """
    kept = {existing.role_address(role) for role in existing.trusting(composition)}
    creates = [create for create in planned_creates(plan) if create.address not in kept]
    answers = side_by_side(lambda create: _find_existing(create, composition.account, aws), creates)
    found = [answer for answer in answers if answer is not None]
    policies = {existing.policy_address(role) for role in composition.roles if role.existing}  # ours by their name
    is_own = [resource.address in policies or has_tags(tags, composition) for resource, tags in found]
    orphaned = tuple(resource for (resource, _), own in zip(found, is_own, strict=True) if own)
    unmanaged = tuple(resource for (resource, _), own in zip(found, is_own, strict=True) if not own)
    adopted = {orphan.address for orphan in orphaned}
    return ExistingResources(orphaned, unmanaged, tuple(c for c in creates if c.address not in adopted))


def refuse_without_adopt(found: ExistingResources, composition: Composition) -> None:
    """Raise TfdriverError for orphaned resources that may not be adopted."""
    if not found.orphaned:
        return
    named = ", ".join(f"{orphan.type} {orphan.name}" for orphan in found.orphaned)
    raise TfdriverError(
        f"{named} exists with this project's tags, but the state of {composition.name} does not list it",
        code="not_in_state",
        where=f"account {composition.account.name} ({composition.account.id})",
        hint=f"No changes made. {ADOPT}",
    )


def refuse_moved(found: ExistingResources, plan: Mapping[str, Any], composition: Composition) -> None:
    """Raise TfdriverError for a resource that a plan (as JSON) creates at one address and deletes at another."""
    deleted = [c for c in plan.get("resource_changes", ()) if c["change"]["actions"] == ["delete"]]
    for orphan in found.orphaned:
        for change in (c for c in deleted if c["type"] == orphan.type):
            before = change["change"].get("before") or {}
            if orphan.import_id in (before.get("id"), before.get("arn"), before.get("name")):
                raise TfdriverError(
                    f"{orphan.type} {orphan.name} is in the state as {change['address']}: the plan deletes it there "
                    f"and creates it as {orphan.address}",
                    code="resource_moved",
                    where=f"compositions/{composition.name}",
                    hint="No changes made. To keep it, add a `moved` block to the module, or run "
                    f"`terraform state mv '{change['address']}' '{orphan.address}'` there",
                )


def refuse_unmanaged_resources(found: ExistingResources, composition: Composition) -> None:
    """Raise TfdriverError for the unmanaged resources, with the commands to import them."""
    if not found.unmanaged:
        return
    several = len(found.unmanaged) > 1
    named = ", ".join(f"{resource.type} {resource.name}" for resource in found.unmanaged)
    exist = f"already {'exist' if several else 'exists'} in account {composition.account.id} and"
    managed = "are not managed by this project: they do" if several else "is not managed by this project: it does"
    terraform = f"terraform -chdir=compositions/{composition.name} import"
    commands = ", ".join(f"`{terraform} '{resource.address}' '{resource.import_id}'`" for resource in found.unmanaged)
    raise TfdriverError(
        f"{named} {exist} {managed} not have its tags",
        code="unmanaged_resource",
        where=found.unmanaged[0].address,
        hint=f"No changes made to {'them' if several else 'it'}. Use {'other names' if several else 'another name'} in "
        f"tfdriver.yaml. Or, to adopt {'them' if several else 'it'}, run {commands}",
    )


def refuse_unknown(found: ExistingResources, existing: Iterable[str], composition: Composition) -> None:
    """Raise TfdriverError for an existing resource of a type that tfdriver cannot read. existing: addresses."""
    types = {create.address: create.type for create in found.creates}
    for address in sorted(existing):
        if address in types and types[address] not in RESOURCE_TYPES:
            raise TfdriverError(
                f"this {types[address]} already exists in account {composition.account.id}, and tfdriver cannot check "
                "whether this project manages it",
                code="unmanaged_resource",
                where=address,
                hint="Use another name in tfdriver.yaml. Or, if the resource is this project's, run `terraform "
                f"-chdir=compositions/{composition.name} import '{address}' ID` (the AWS provider's documentation has "
                "the ID)",
            )


def _find_existing(
    create: PlannedCreate, account: Account, aws: Calls
) -> tuple[OrphanedResource, Mapping[str, str]] | None:
    """Return an existing resource and its tags, None if it does not exist or the plan does not identify it yet."""
    if create.type not in RESOURCE_TYPES:
        return None
    # Since version 6, the provider has a region on each resource.
    there = replace(account, region=create.values.get("region") or account.region)
    try:
        found = find(create.type, create.values, there, partial(aws.call, there))
    except UnknownValueError:
        return None
    return (OrphanedResource(create.address, create.type, found.name, found.import_id), found.tags) if found else None
