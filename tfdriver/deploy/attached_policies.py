"""Refuses to destroy a role with unmanaged policies.

The AWS provider detaches all policies of a role before it deletes the role, also those that Terraform did not attach
(tried with 5.100).
"""

from __future__ import annotations

from tfdriver.aws import role_policies
from tfdriver.aws.calls import AwsError, Calls
from tfdriver.errors import TfdriverError
from tfdriver.iam.wording import role_in_account
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.state import State


def refuse_unmanaged_policies(composition: Composition, state: State, aws: Calls, *, imported: bool = False) -> None:
    """Raise TfdriverError for a role with a policy from neither a resource in the state nor the role's own arguments.

    imported: whether this run imported roles. An import writes all policies of a role into its own arguments, so these
    do not count then.
    """
    for role in (role for role in composition.roles if not role.existing):  # these are not deleted
        try:
            found = role_policies.unmanaged(aws, role, state.body)
        except AwsError as error:
            if error.missing:
                continue
            raise
        if found and (names := ", ".join([*found.names, *(found.unsure if imported else ())])):
            outcome = "Completed changes are kept" if imported else "No changes made"
            raise TfdriverError(
                f"it has policies that this project did not attach: {names}. Destroying the role would remove them",
                code="unmanaged_policies",
                where=role_in_account(role),
                hint=f"{outcome}. Detach or delete these policies, or add them to the role's module and run "
                "`tfdriver up`",
            )
