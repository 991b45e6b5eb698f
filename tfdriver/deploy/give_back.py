"""Gives existing roles back to their owners: `destroy` restores their trust policies, and Terraform forgets the roles.

The AWS provider writes JSON in a form of its own, so the text as found is written by an API call. It is kept in the
state, in `terraform_data.KEY` (templates/existing.tf.j2). Each step can be repeated: a role whose trust policy is
restored is only forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tfdriver.aws.calls import Calls
from tfdriver.aws.consistency import IN_A_ROW
from tfdriver.aws.observe import Observation
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust import without_statements
from tfdriver.iam.trust_state import TrustKind
from tfdriver.iam.wording import replacing, role_in_account
from tfdriver.project.workspace import Workspace
from tfdriver.spec import existing
from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Role
from tfdriver.terraform.runner import Root
from tfdriver.terraform.state import State
from tfdriver.waiting import Waiting


def listed(composition: Composition, state: object) -> tuple[Role, ...]:
    """Return the existing trusting roles of a composition that its state lists."""
    addresses = {role.address for role in state.roles()} if isinstance(state, State) else set()
    return tuple(role for role in existing.trusting(composition) if existing.role_address(role) in addresses)


def to_give_back(composition: Composition, state: object, observation: Observation) -> tuple[Role, ...]:
    """Return the existing trusting roles that the state lists, or that have more than their own statements."""
    known = {role.key for role in listed(composition, state)}
    changed = (TrustKind.EXACT, TrustKind.ORPHANED, TrustKind.BROAD)
    return tuple(
        role
        for role in existing.trusting(composition)
        if role.key in known or observation.states[role.key].kind in changed
    )


def give_back(
    composition: Composition,
    state: object,
    observation: Observation,
    aws: Calls,
    workspace: Workspace,
    root: Root,
    waiting: Waiting,
) -> None:
    """Restore the trust policies of a composition's existing roles, and remove the roles from its state.

    state, observation: as they are now. Raises TfdriverError, and changes nothing, if somebody else has changed a trust
    policy.
    """
    roles = to_give_back(composition, state, observation)
    for role in roles:
        if observation.states[role.key].kind in (TrustKind.UNMANAGED, TrustKind.UNREADABLE):
            raise TfdriverError(
                f"its trust policy cannot be restored: {observation.states[role.key].detail}",
                code="unmanaged_trust",
                where=role_in_account(role),
                hint=f"No changes made to it. {replacing(role)}",
            )
    for role in roles:
        if observation.states[role.key].kind not in (TrustKind.FOUND, TrustKind.ABSENT):
            _restore(role, found_text(role, state), aws, waiting)
    if addresses := [existing.role_address(role) for role in listed(composition, state)]:
        workspace.keep_state(composition)
        root.forget(addresses)


def found_text(role: Role, state: object) -> str:
    """Return the trust policy to restore: the text as found, if it has the role's own statements, else only these.

    state: the composition's. The text is another one if the owner has changed the statements since, or if the state was
    lost after the trust policy was changed.
    """
    for resource in state.resources if isinstance(state, State) else ():
        if (resource.get("type"), resource.get("name")) == ("terraform_data", role.label) and "module" not in resource:
            for instance in resource.get("instances", ()):
                text = _value(instance.get("attributes") or {})
                if text and without_statements(text, role.trust_statements) == ([], []):
                    return text
    return json.dumps({"Version": "2012-10-17", "Statement": list(role.trust_statements)})


def _value(attributes: Mapping[str, Any]) -> str:
    """Return the input of a `terraform_data`, whose type is dynamic: {"value": ..., "type": "string"}."""
    found = attributes.get("input")
    value = found.get("value") if isinstance(found, Mapping) else found
    return value if isinstance(value, str) and value.lstrip().startswith("{") else ""


def _restore(role: Role, text: str, aws: Calls, waiting: Waiting) -> None:
    def write(iam: Any) -> None:
        iam.update_assume_role_policy(RoleName=role.name, PolicyDocument=text)

    def find_problem() -> TfdriverError | None:
        policy = aws.call(role.account, "iam", lambda iam: iam.get_role(RoleName=role.name))
        if without_statements(policy["Role"]["AssumeRolePolicyDocument"], role.trust_statements) == ([], []):
            return None
        return TfdriverError(
            "its trust policy was restored, but IAM does not return it yet",
            code="iam_not_consistent",
            where=role_in_account(role),
            hint="Run the same command again",
        )

    aws.call(role.account, "iam", write)
    waiting.until_none(find_problem, IN_A_ROW)


def planned_deletions(composition: Composition, state: object) -> Mapping[str, Any]:
    """Return what the plan to destroy a composition will delete, as a plan in JSON, from its state.

    Terraform can plan it only once the state does not list the existing roles: they have `prevent_destroy`.
    """
    kept = {existing.role_address(role) for role in listed(composition, state)}
    found: Iterable[tuple[str, str, Mapping[str, Any]]] = state.instances() if isinstance(state, State) else ()
    return {
        "resource_changes": [
            {"address": a, "mode": "managed", "type": t, "change": {"actions": ["delete"], "before": values}}
            for a, t, values in found
            if a not in kept
        ]
    }
