"""Validates the trust policies of a run with IAM Access Analyzer, if `--access-analyzer` is given.

ValidatePolicy is called in the account and region of each trusting role. It is free and does not need an analyzer. Its
type for a trust policy is a resource policy. Source: Access Analyzer API reference, ValidatePolicy.
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
    "Grant `access-analyzer:ValidatePolicy` (`tfdriver policy --access-analyzer` prints the policy), or omit "
    "--access-analyzer"
)


def analyze(spec: Spec, observation: Observation, aws: Calls, now: datetime) -> list[Finding]:
    """Return Access Analyzer's findings on the trust policies that `up` would write now.

    An invalid policy is an error; every other finding is a warning. Raises AwsError.
    """

    def findings(state: TrustState) -> list[Finding]:
        role, wanted = state.role, spec.trusted_by(state.role)
        exact = first = trust_state.exact_trust(role, wanted)
        if state.kind is TrustKind.ABSENT:
            first = trust_state.opening_trust(state, wanted, observation.existing(), now)
        phases = [(3, exact)] if first == exact else [(1, first), (3, exact)]
        return [_finding(role, n, found) for n, document in phases for found in _validate(aws, role, document)]

    states = [state for state in observation.states.values() if state.kind is not TrustKind.UNSEEN]
    return [finding for found in side_by_side(findings, states) for finding in found]


def _validate(aws: Calls, role: Role, document: Document) -> list[Mapping[str, Any]]:
    def validate(client: Any) -> list[Mapping[str, Any]]:
        pages = client.get_paginator("validate_policy").paginate(
            policyDocument=json.dumps(document),
            policyType="RESOURCE_POLICY",
            validatePolicyResourceType="AWS::IAM::AssumeRolePolicyDocument",
        )
        return [finding for page in pages for finding in page["findings"]]

    try:
        return aws.call(role.account, "accessanalyzer", validate)
    except AwsError as error:
        if error.aws_code in _DENIED:
            raise AwsError(error.what, code=error.code, where=error.where, hint=_GRANT, answer=error.answer) from error
        raise


def _finding(role: Role, phase: int, found: Mapping[str, Any]) -> Finding:
    what = f"Access Analyzer on phase {phase}'s trust policy: {found['issueCode']}: {found['findingDetails']}"
    severity = Severity.ERROR if found["findingType"] == "ERROR" else Severity.WARNING
    return Finding(severity, f"tfdriver.yaml: roles.{role.label}", what.rstrip("."), f"See {found['learnMoreLink']}")
