"""Asks IAM Access Analyzer whether the trust policies that a run writes are valid.

Asked only with `--access-analyzer`, in the account and region of each trusting role. It needs no analyzer there.
Source: Access Analyzer API reference, ValidatePolicy (free); a trust policy is a resource policy to it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tfdriver.aws.calls import AwsError, Calls
from tfdriver.aws.observe import Observation
from tfdriver.concurrency import side_by_side
from tfdriver.iam import trust_state
from tfdriver.iam.lint import Finding, Severity
from tfdriver.iam.policy_document import Document
from tfdriver.iam.trust_state import TrustKind, TrustState
from tfdriver.spec.model import Role, Spec

_DENIED = ("AccessDenied", "AccessDeniedException")
_GRANT = (
    "Allow `access-analyzer:ValidatePolicy` (`tfdriver policy --access-analyzer` prints a policy that does), or leave "
    "--access-analyzer out"
)


def analyze(spec: Spec, seen: Observation, aws: Calls, now: datetime) -> list[Finding]:
    """Return what Access Analyzer finds in the trust policies that `up` would write now.

    Errors: a policy that is not valid. Warnings: everything else. Raises AwsError if it cannot be asked.
    """

    def one(state: TrustState) -> list[Finding]:
        role, wanted = state.role, spec.trusted_by(state.role)
        exact = trust_state.exact_trust(role, wanted)
        first = (
            trust_state.opening_trust(state, wanted, seen.existing(), now) if state.kind is TrustKind.ABSENT else exact
        )
        phases = [(3, exact)] if first == exact else [(1, first), (3, exact)]
        return [_finding(role, n, found) for n, document in phases for found in _validate(aws, role, document)]

    states = [seen.states[role.key] for role in spec.trusting]
    return [finding for found in side_by_side(one, states) for finding in found]


def _validate(aws: Calls, role: Role, document: Document) -> list[Mapping[str, Any]]:
    def ask(client: Any) -> list[Mapping[str, Any]]:
        pages = client.get_paginator("validate_policy").paginate(
            policyDocument=json.dumps(document),
            policyType="RESOURCE_POLICY",
            validatePolicyResourceType="AWS::IAM::AssumeRolePolicyDocument",
        )
        return [finding for page in pages for finding in page["findings"]]

    try:
        return aws.call(role.account, "accessanalyzer", ask)
    except AwsError as error:
        if error.aws_code in _DENIED:
            raise AwsError(error.what, code=error.code, where=error.where, hint=_GRANT, answer=error.answer) from error
        raise


def _finding(role: Role, phase: int, found: Mapping[str, Any]) -> Finding:
    what = f"Access Analyzer on phase {phase}'s trust policy: {found['issueCode']}: {found['findingDetails']}"
    severity = Severity.ERROR if found["findingType"] == "ERROR" else Severity.WARNING
    return Finding(severity, f"tfdriver.yaml: roles.{role.key}", what.rstrip("."), f"See {found['learnMoreLink']}")
