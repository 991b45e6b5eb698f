"""Policies that somebody else gave one of our roles: destroying it would take them away without a word.

Before it deletes a role, the AWS provider detaches every policy that the role has at that moment, not only those that
Terraform attached (tried with 5.100: a policy attached by hand is detached, and the role is gone).
"""

from __future__ import annotations

from tfdriver.aws import role_policies
from tfdriver.aws.calls import AwsError, Calls
from tfdriver.errors import TfdriverError
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.state import State


def refuse_unmanaged_policies(composition: Composition, state: State, aws: Calls, *, imported: bool = False) -> None:
    """Raise TfdriverError for a role with a policy that neither its module nor the role's own arguments gave it.

    state: of the composition, from the last apply; imported: whether roles may be in it by an import just now, which
    writes whatever a role has into the role's own arguments, so that these say nothing.
    """
    for role in composition.roles:
        try:
            found = role_policies.unmanaged(aws, role, state.body)
        except AwsError as error:
            if error.missing:
                continue
            raise
        if found and (names := ", ".join([*found.names, *(found.unsure if imported else ())])):
            raise TfdriverError(
                f"somebody else gave it {names}, which destroying the role would take away",
                code="unmanaged_policies",
                where=role_in_account(role),
                hint="Nothing was destroyed. Detach or delete it first; or, if it is to go along, add it to the role's "
                "module and run `tfdriver up`",
            )
