"""The external id that a trusted role's process sends, from the state of its composition."""

from __future__ import annotations

from tfdriver.deploy.ownership import States
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.compositions import compositions
from tfdriver.spec.model import Role, Spec
from tfdriver.terraform.state import State


def old_external_id(spec: Spec, trusting: Role, trusted: Role, states: States) -> str:
    """Return a sentence on a process that does not send the spec's external id, '' if it does or that is unknown.

    states: that of the trusted role's composition, at least.
    """
    own = next((c for c in compositions(spec) if trusted in c.trusted), None)
    state = states.get(own.name) if own else None
    if own is None or not isinstance(state, State):
        return ""
    try:
        roles = state.outputs["applied"]["roles_to_assume"][trusted.label]  # of templates/applied.tf.j2
        sent = {item["role"]: item["external_id"] for item in roles}[trusting.key]
    except (LookupError, TypeError):
        return ""  # not applied completely, or not by tfdriver
    if sent == trusting.external_id:
        return ""
    old, new = (f"external id {value}" if value else "no external id" for value in (sent, trusting.external_id))
    return (
        f"{role_in_account(trusted)} sends {old} to {role_in_account(trusting)}, as compositions/{own.name} was last "
        f"applied; the spec has {new}"
    )
