"""A role's policies as IAM has them now."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfdriver.aws.calls import Calls
from tfdriver.aws.role_policies import attached, inline, managed
from tfdriver.iam.policy_document import parse_policy
from tfdriver.iam.wanted_policies import WantedPolicies
from tfdriver.spec.model import Role


def live_policies(aws: Calls, role: Role, known: Iterable[str]) -> WantedPolicies:
    """Return a role's policies. known: ARNs of the managed policies whose documents are wanted.

    Raises AwsError, also if there is no such role.
    """
    wanted = frozenset(known)

    def ask(iam: Any) -> WantedPolicies:
        found = iam.get_role(RoleName=role.name)["Role"]
        return WantedPolicies(
            parse_policy(found["AssumeRolePolicyDocument"]),
            found.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn", ""),
            {arn: managed(iam, arn).document if arn in wanted else None for arn in attached(iam, role.name)},
            inline(iam, role.name),
        )

    return aws.call(role.account, "iam", ask)
