"""The external id that a trusted role's process was told to send: the values its composition was last written with.

The spec may have another one by now.
"""

from __future__ import annotations

from typing import Any

from tfdriver.files import read_json
from tfdriver.iam.wording import role_in_account
from tfdriver.project.workspace import VALUES
from tfdriver.spec.compositions import Side, compositions
from tfdriver.spec.model import Role, Spec


def old_external_id(spec: Spec, trusting: Role, trusted: Role) -> str:
    """Say which other external id than the spec's a process sends, '' if it sends that or it is not known."""
    own = next((c for c in compositions(spec) if c.side is Side.TRUSTED and trusted in c.roles), None)
    if own is None:
        return ""
    try:
        text = (spec.root / "compositions" / own.name / VALUES).read_bytes()
        sent = _sent(read_json(text), trusting.key, trusted.key)
    except (OSError, ValueError, LookupError, TypeError):
        return ""  # not rendered, or by another hand: nothing is known
    if sent == trusting.external_id:
        return ""
    return (
        f"{role_in_account(trusted)} still sends {_said(sent)} to {role_in_account(trusting)}, as "
        f"compositions/{own.name} was rendered with; the spec says {_said(trusting.external_id)}"
    )


def _sent(values: Any, trusting: str, trusted: str) -> Any:
    """Return the external id in values. Raises LookupError or TypeError if there is none, not even null."""
    by_role = {told["role"]: told["external_id"] for told in values["roles_to_assume"][trusted]}
    return by_role[trusting]


def _said(external_id: Any) -> str:
    return f"the external id {external_id}" if external_id else "no external id"
