"""Checks of a Terraform plan before it is applied. Pure; no I/O.

Source of a plan's shape: Terraform's documentation, "JSON Output Format" (internals/json-format). It has the resources
of nested and of remote modules, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tfdriver.aws.resource_types import RESOURCE_TYPES
from tfdriver.deploy.ownership import has_tags, in_module
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust
from tfdriver.iam.lint import Finding, Severity, refuse_errors
from tfdriver.iam.plan_lengths import long_policies
from tfdriver.iam.plan_lint import dangerous
from tfdriver.iam.policy_document import Document, access, account_of, parse_policy, principals, statements
from tfdriver.iam.wording import role_in_account
from tfdriver.spec import existing
from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Role

Plan = Mapping[str, Any]


def check_plan(
    composition: Composition, plan: Plan, policies: Mapping[str, Document], note: Callable[[str], None]
) -> None:
    """Raise TfdriverError for what must not be applied.

    plan: as JSON, {} if it changes nothing; policies: the trust policies to apply, by role key; note: receives each
    warning.
    """
    refuse_lost_roles(composition, plan)
    refuse_other_names(composition, plan, policies)
    refuse_other_trusts(composition, plan, policies)
    refuse_other_providers(composition, plan)
    refuse_long_policies(composition, plan)
    kept = {existing.role_address(role) for role in existing.trusting(composition)}  # what they may do is not ours
    refuse_errors([*(f for f in dangerous(plan) if f.where not in kept), *_not_covered(plan)], note)


def refuse_lost_roles(composition: Composition, plan: Plan) -> None:
    """Raise TfdriverError for a plan that creates or deletes an existing role, or changes more than its trust policy.

    Also for one that is no longer in the spec: its resource is in the root module and does not have the project's tags.
    """
    roles = {existing.role_address(role): role for role in existing.trusting(composition)}
    for change in plan.get("resource_changes", ()):
        if change["type"] != "aws_iam_role" or change["mode"] != "managed":
            continue
        role, actions, address = roles.get(change["address"]), change["change"]["actions"], change["address"]
        before, after = change["change"].get("before") or {}, change["change"].get("after") or {}
        if role is None:
            is_kept = "module_address" in change or has_tags(before.get("tags_all") or {}, composition)
            if "delete" in actions and not is_kept:
                raise _lost_role(composition, address, before, "delete it")
        elif actions not in (["no-op"], ["update"]):
            raise _lost_role(composition, address, before or after, " and ".join(actions))
        elif other := sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n) and n != TRUST):
            raise _lost_role(composition, address, before, f"change {', '.join(other)}")


def _lost_role(composition: Composition, address: str, values: Mapping[str, Any], what: str) -> TfdriverError:
    return TfdriverError(
        f"it exists and is not this project's, and the plan would {what}",
        code="existing_role",
        where=f"role {values.get('name', address)} in {composition.account.name}, {address}",
        hint="No changes made to it. If its key, `existing:`, `name:` or `path:` was changed in tfdriver.yaml, undo "
        "that and run `tfdriver destroy`, which puts its trust policy back",
    )


TRUST = "assume_role_policy"


@dataclass(frozen=True)
class PlannedRole:
    """An IAM role after a plan is applied. name, policy: '' if known only after the apply; policy: its trust policy."""

    address: str
    name: str
    path: str
    policy: str


def refuse_other_names(composition: Composition, plan: Plan, policies: Mapping[str, Document]) -> None:
    """Raise TfdriverError for a plan with an IAM role under another name or path than the spec's.

    A module may have further roles, but none with the trust policy of the role. See `check_plan`.
    """
    for role in composition.roles:
        planned = list(_planned_roles(plan, role))
        others = [found for found in planned if not _is(found, role)]
        if planned and len(others) == len(planned):
            raise _other_name(role, others[0])
        if same := [found for found in others if role.label in policies and _has(found, policies[role.label])]:
            raise _other_name(role, same[0], " with the trust policy of this role")


def refuse_other_trusts(composition: Composition, plan: Plan, policies: Mapping[str, Document]) -> None:
    """Raise TfdriverError for a trusting role that would have another trust policy. See `check_plan`.

    Also for another role of its module that trusts the same accounts, or may do so: nothing would tighten it.
    """
    for role in (role for role in composition.roles if role.label in policies):
        policy = policies[role.label]
        for found in _planned_roles(plan, role):
            trusts = access(parse_policy(found.policy)) if found.policy else ""
            if _is(found, role):
                if not _has(found, policy):
                    what = f"{found.name} {f'whose trust policy {trusts}' if trusts else _UNKNOWN}"
                    cure = "In the module's aws_iam_role, set `assume_role_policy = var.trust_policy`, without a change"
                    reason = f"tfdriver's trust policy {access(policy)}"
                    raise _other_trust(role, found, f"{what}; {reason}", cure)
            elif not found.policy or _accounts(found.policy) & _accounts(policy):
                what = f"{found.name or found.address}, {f'which {trusts}' if trusts else _UNKNOWN}"
                cure = "Remove it from the module, or give it a role of its own in tfdriver.yaml"
                raise _other_trust(role, found, f"{what}; tfdriver does not manage that trust", cure)


def refuse_other_providers(composition: Composition, plan: Plan) -> None:
    """Raise TfdriverError for resources in another account or region than the composition's.

    The composition has one AWS provider. A module's own provider block may name other credentials, and since version 6
    of the AWS provider each resource may name a region. A provider block without arguments is the inherited provider.
    """
    for config in plan.get("configuration", {}).get("provider_config", {}).values():
        if config["name"] == "aws" and "module_address" in config and "expressions" in config:
            raise TfdriverError(
                "it configures an AWS provider of its own, whose account and region tfdriver cannot check",
                code="other_provider",
                where=f"compositions/{composition.name}, {config['module_address']}",
                hint="No changes made. Remove the module's `provider` block: it inherits the composition's provider",
            )
    for change in plan.get("resource_changes", ()):
        region, account = (change["change"].get("after") or {}).get("region"), composition.account
        if change["mode"] == "managed" and region not in (None, account.region):
            raise TfdriverError(
                f"it would be in region {region}; account {account.name} is in {account.region}",
                code="other_region",
                where=change["address"],
                hint="No changes made. Remove the argument `region` from the module, or give the role an account entry "
                "with that region in tfdriver.yaml",
            )


def refuse_long_policies(composition: Composition, plan: Plan) -> None:
    """Raise TfdriverError for a policy that is longer than IAM allows. See `check_plan`."""
    for long in long_policies(plan):
        raise TfdriverError(
            f"the {long.kind} would have at least {long.characters:,} characters; IAM allows {long.limit:,}",
            code="policy_too_long",
            where=f"compositions/{composition.name}, {long.address}",
            hint="No changes made. Split the policy in the module, or let several roles assume fewer roles each",
        )


def _not_covered(plan: Plan) -> Iterator[Finding]:
    """Yield a warning for each type that the operator's policy does not cover."""
    addresses: dict[str, str] = {}
    for change in plan.get("resource_changes", ()):
        kind = change["type"]
        if change["mode"] == "managed" and kind.startswith("aws_") and kind not in RESOURCE_TYPES:
            addresses.setdefault(kind, change["address"])
    for kind, address in addresses.items():
        what = f"`tfdriver policy` does not cover {kind}"
        yield Finding(Severity.WARNING, address, what, "Give the operator the actions that Terraform needs for it")


_UNKNOWN = "whose trust policy is known only after the apply"


def role_resources(plan: Plan, role: Role) -> Iterator[Mapping[str, Any]]:
    """Yield the resource changes of the IAM roles of a role's module that exist after the plan is applied."""
    for resource in plan.get("resource_changes", ()):
        is_role = resource["type"] == "aws_iam_role" and resource["mode"] == "managed"
        stays = resource["change"].get("after") is not None
        own = (
            existing.role_address(role) == resource["address"]
            if role.existing
            else in_module(resource.get("module_address", ""), role)
        )
        if is_role and stays and own:
            yield resource


def _planned_roles(plan: Plan, role: Role) -> Iterator[PlannedRole]:
    for resource in role_resources(plan, role):
        after = resource["change"]["after"]
        yield PlannedRole(
            address=resource["address"],
            name=after.get("name") or "",
            path=after.get("path", ""),
            policy=after.get(TRUST) or "",
        )


def _accounts(policy: Document | str) -> set[str]:
    """Return the ids of the accounts that a trust policy allows, as a whole or in part."""
    allowed = (s for s in statements(parse_policy(policy)) if s.get("Effect") == "Allow")
    named = (principal for statement in allowed for principal in principals(statement))
    return {principal if principal.isdecimal() else account_of(principal) for principal in named} - {""}


def _is(planned: PlannedRole, role: Role) -> bool:
    return (planned.name, planned.path) == (role.name, role.path)


def _has(planned: PlannedRole, policy: Document) -> bool:
    """Whether a planned role has a trust policy, by meaning."""
    return bool(planned.policy) and trust.same_trust(policy, planned.policy)


def _other_trust(role: Role, planned: PlannedRole, what: str, cure: str) -> TfdriverError:
    return TfdriverError(
        f"it plans IAM role {what}",
        code="other_trust_policy",
        where=f"module {role.module} of {role_in_account(role)}, {planned.address}",
        hint=f"No changes made. {cure}",
    )


def _other_name(role: Role, planned: PlannedRole, detail: str = "") -> TfdriverError:
    unknown = "an IAM role whose name is known only after the apply (`name_prefix`, or no `name`)"
    named = f"IAM role {planned.name} with path {planned.path}" if planned.name else unknown
    return TfdriverError(
        f"it creates {named}{detail}; the spec says name {role.name}, path {role.path}",
        code="other_role_name",
        where=f"module {role.module} of {role_in_account(role)}",
        hint="No changes made. In the module's aws_iam_role, set `name = var.role_name` and `path = var.role_path`",
    )
