"""Finds, by asking AWS, which of the resources that Terraform would create exist already, and whose they are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from tfdriver.calls import Calls
from tfdriver.compositions import Composition
from tfdriver.errors import TfdriverError
from tfdriver.ownership import is_ours
from tfdriver.spec.model import Account
from tfdriver.strays import Create, Stray, creates
from tfdriver.takeover import KINDS, Ask, UnknownValueError, find


@dataclass(frozen=True)
class Survey:
    """What exists of that which Terraform would create. ours: to be taken over; strangers: somebody else's.

    creates: all that Terraform would create if ours were taken over.
    """

    ours: tuple[Stray, ...]
    strangers: tuple[Stray, ...]
    creates: tuple[Create, ...]


def survey(composition: Composition, plan: Callable[[tuple[Stray, ...]], Mapping[str, Any]], aws: Calls) -> Survey:
    """Return what exists of that which Terraform would create in a composition.

    plan: gives the plan, as `terraform show -json` shows it, given what is to be imported. It is asked again as long as
    what was found may tell more: the ARN of a policy identifies its attachment. Raises AwsError if AWS cannot be asked.
    """
    ours: tuple[Stray, ...] = ()
    while True:
        planned = creates(plan(ours))
        looked = [(create, _look(create, composition.account, aws)) for create in planned]
        found = [(found, tags) for _, look in looked if isinstance(look, tuple) for found, tags in [look]]
        new = tuple(stray for stray, tags in found if is_ours(tags, composition))
        strangers = tuple(stray for stray, tags in found if not is_ours(tags, composition))
        ours += new
        if not new or not any(look is _NOT_YET for _, look in looked):
            known = {stray.address for stray in ours}
            return Survey(ours, strangers, tuple(c for c in planned if c.address not in known))


def refuse_strangers(found: Survey, composition: Composition) -> None:
    """Raise TfdriverError for the first resource that exists and is not ours, saying how to adopt or avoid it."""
    for stray in found.strangers:
        raise TfdriverError(
            f"{stray.type} {stray.name} exists in account {composition.account.id}, not ours: its tags are not this "
            "project's",
            where=stray.address,
            hint=f"It was not touched. Rename yours in tfdriver.yaml; or, to adopt it, run `terraform import "
            f"'{stray.address}' '{stray.import_id}'` in compositions/{composition.name}",
        )


def refuse_unknown(found: Survey, clashing: Iterable[str], composition: Composition) -> None:
    """Raise TfdriverError for a resource that could not be created because it exists, of a type not in `takeover`."""
    types = {create.address: create.type for create in found.creates}
    for address in sorted(clashing):
        if address in types and types[address] not in KINDS:
            raise TfdriverError(
                f"this {types[address]} exists in account {composition.account.id}; tfdriver cannot tell whose it is",
                where=address,
                hint=f"If it is yours, run `terraform import '{address}' ID` in compositions/{composition.name} "
                "(the AWS provider's documentation says what its ID is); else rename yours in tfdriver.yaml",
            )


_NOT_YET = "not yet"  # what identifies it is known only once something else is there
_Look = tuple[Stray, Mapping[str, str]] | str | None


def _look(create: Create, account: Account, aws: Calls) -> _Look:
    if create.type not in KINDS:
        return None
    # From version 6 on, the provider has a region on each resource.
    there = replace(account, region=create.values.get("region") or account.region)
    try:
        found = find(create.type, create.values, there, _asking(aws, there))
    except UnknownValueError:
        return _NOT_YET
    return (Stray(create.address, create.type, found.name, found.import_id), found.tags) if found else None


def _asking(aws: Calls, account: Account) -> Ask:
    return lambda service, use: aws.call(account, service, use)
