"""The external id that a trusted role's process sends, from the values that its composition was last rendered with."""

from __future__ import annotations

from tfdriver.files import read_json
from tfdriver.iam.wording import role_in_account
from tfdriver.project.workspace import VALUES
from tfdriver.spec.compositions import Side, compositions
from tfdriver.spec.model import Role, Spec


def old_external_id(spec: Spec, trusting: Role, trusted: Role) -> str:
    """Return a sentence on a process that does not send the spec's external id, '' if it does or that is unknown."""
    own = next((c for c in compositions(spec) if c.side is Side.TRUSTED and trusted in c.roles), None)
    if own is None:
        return ""
    try:
        text = (spec.root / "compositions" / own.name / VALUES).read_bytes()
        by_role = {item["role"]: item["external_id"] for item in read_json(text)["roles_to_assume"][trusted.key]}
        sent = by_role[trusting.key]
    except (OSError, ValueError, LookupError, TypeError):
        return ""  # not rendered, or not by tfdriver
    if sent == trusting.external_id:
        return ""
    old, new = (f"external id {value}" if value else "no external id" for value in (sent, trusting.external_id))
    return (
        f"{role_in_account(trusted)} sends {old} to {role_in_account(trusting)}, from the last render of "
        f"compositions/{own.name}; the spec has {new}"
    )
