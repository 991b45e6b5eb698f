"""Existing roles, which are somebody else's: what their compositions have in place of a module. Pure; no I/O.

Of a trusting one, Terraform manages the trust policy only, in `aws_iam_role.KEY`. A trusted one gets one inline policy,
`aws_iam_role_policy.KEY`. Both are in the root module: see templates/existing.tf.j2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Role, Spec

POLICIES = "assume_policies"  # the variable with the inline policies, by role
_LONGEST = 100  # characters of a project's name in a policy's name, which has up to 128


def role_address(role: Role) -> str:
    """Return the address of an existing trusting role."""
    return f"aws_iam_role.{role.label}"


def policy_address(role: Role) -> str:
    """Return the address of the inline policy of an existing trusted role."""
    return f"aws_iam_role_policy.{role.label}"


def found_address(role: Role) -> str:
    """Return the address of the resource that keeps the trust policy of an existing role as it was found."""
    return f"terraform_data.{role.label}"


def trusting(composition: Composition) -> tuple[Role, ...]:
    """Return the existing roles of a composition whose trust policy it manages."""
    return tuple(role for role in composition.roles if role.existing and role.is_trusting)


def existing_values(spec: Spec, composition: Composition) -> dict[str, Any]:
    """Return the variable with the inline policies of a composition's existing trusted roles; {} without any."""
    trusted = (role for role in composition.trusted if role.existing)
    policies = {
        role.label: {"role_arn": role.arn, "name": policy_name(spec), "document": assume_policy(spec, role)}
        for role in trusted
    }
    return {POLICIES: policies} if policies else {}


def policy_name(spec: Spec) -> str:
    """Return the name of the inline policies: `tfdriver-PROJECT-assume`, with the characters that IAM allows."""
    return f"tfdriver-{re.sub(r'[^A-Za-z0-9_+=,.@-]', '-', spec.project)[:_LONGEST]}-assume"


def assume_policy(spec: Spec, role: Role) -> Mapping[str, Any]:
    """Return the policy that allows a role to assume exactly its trusting roles, and those of its `assumes:`."""
    arns: dict[tuple[str, ...], set[str]] = {}
    for other in spec.trusting_of(role):
        more = {"sts:TagSession": other.session_tags, "sts:SetSourceIdentity": other.source_identity}
        actions = ("sts:AssumeRole", *(action for action, wanted in more.items() if wanted))
        arns.setdefault(actions, set()).add(other.arn)
    if role.assumes:
        arns.setdefault(("sts:AssumeRole",), set()).update(assumed.arn for assumed in role.assumes)
    statements = [
        {"Effect": "Allow", "Action": list(actions), "Resource": sorted(found)} for actions, found in arns.items()
    ]
    return {"Version": "2012-10-17", "Statement": statements}
