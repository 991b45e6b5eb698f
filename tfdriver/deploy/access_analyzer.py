"""Asks IAM Access Analyzer about the trust policies that a run writes: are they valid, and does any let in more?

Asked only with `--access-analyzer`, in the account and region of each trusting role. It needs no analyzer there.
Sources: Access Analyzer API reference, ValidatePolicy (free) and CheckNoNewAccess (charged by the call); a trust policy
is a resource policy to both.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from tfdriver.aws.calls import AwsError, Calls
from tfdriver.aws.observe import Observation, side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust, trust_state
from tfdriver.iam.lint import Finding, Severity
from tfdriver.iam.policy_document import Document
from tfdriver.iam.trust_state import TrustKind, TrustState
from tfdriver.spec.model import Role, Spec

_SERVICE = "accessanalyzer"
_DENIED = ("AccessDenied", "AccessDeniedException")
# A foreign trust stops the run anyway; next to one that names dead ids only, which lets nobody in, all would be new.
_COMPARED = (TrustKind.ABSENT, TrustKind.BROAD, TrustKind.EXACT)
_GRANT = (
    "Allow `access-analyzer:ValidatePolicy` and `access-analyzer:CheckNoNewAccess` (`tfdriver policy "
    "--access-analyzer` prints a policy that does), or leave --access-analyzer out"
)


def analyze(spec: Spec, seen: Observation, aws: Calls, now: datetime) -> list[Finding]:
    """Return what Access Analyzer finds in the trust policies that `up` would write now.

    Errors: a policy that is not valid, and a phase 3 that grants what phase 1 did not. Warnings: everything else,
    such as a role of the spec that a trust policy in force does not let in yet. Raises TfdriverError (of `aws`) if it
    cannot be asked.
    """
    states = [seen.states[role.key] for role in spec.trusting]

    def one(state: TrustState) -> list[Finding]:
        wanted = spec.trusted_by(state.role)
        first = (
            trust_state.opening_trust(state, wanted, seen.existing(), now) if state.kind is TrustKind.ABSENT else None
        )
        last = trust_state.exact_trust(state.role, wanted)
        try:
            return [*_valid(aws, state.role, first, last), *_no_new(aws, state, first, last)]
        except AwsError as error:
            raise _explained(error) from error

    return [finding for found in side_by_side(one, states) for finding in found]


def _valid(aws: Calls, role: Role, first: Document | None, last: Document) -> Iterator[Finding]:
    for phase, document in ((1, first), (3, last)):
        if document is None or (phase == 1 and document == last):
            continue
        for found in _validated(aws, role, document):
            what = f"Access Analyzer on phase {phase}'s trust policy: {found['issueCode']}: {found['findingDetails']}"
            severity = Severity.ERROR if found["findingType"] == "ERROR" else Severity.WARNING
            yield Finding(severity, _where(role), what.rstrip("."), f"See {found['learnMoreLink']}")


def _validated(aws: Calls, role: Role, document: Document) -> list[Mapping[str, Any]]:
    def ask(client: Any) -> list[Mapping[str, Any]]:
        pages = client.get_paginator("validate_policy").paginate(
            policyDocument=json.dumps(document),
            policyType="RESOURCE_POLICY",
            validatePolicyResourceType="AWS::IAM::AssumeRolePolicyDocument",
        )
        return [finding for page in pages for finding in page["findings"]]

    found: list[Mapping[str, Any]] = aws.call(role.account, _SERVICE, ask)
    return found


def _no_new(aws: Calls, state: TrustState, first: Document | None, last: Document) -> Iterator[Finding]:
    """Compare what phase 3 writes with what phase 1 would, or with the trust policy in force.

    Of a broad one, without guard and deadline: phase 3 takes those off again, since it names the roles themselves.
    """
    before = first if first is not None else state.live.trust_policy if state.live else None
    if before is None or state.settled or state.kind not in _COMPARED:
        return
    opened = trust.read_trust(before)
    if opened and opened.broad:
        before = trust.document(replace(opened, guard=frozenset(), until=None))
    answer = aws.call(
        state.role.account,
        _SERVICE,
        lambda client: client.check_no_new_access(
            existingPolicyDocument=json.dumps(before),
            newPolicyDocument=json.dumps(last),
            policyType="RESOURCE_POLICY",
        ),
    )
    if answer["result"] == "PASS":
        return
    why = " ".join(reason["description"].rstrip(".") for reason in answer.get("reasons", ()))
    what = f"Access Analyzer on phase 3's trust policy: {answer['message'].rstrip('.')} ({why})"
    if opened and opened.broad:
        yield Finding(Severity.ERROR, _where(state.role), what, "Phase 3 must only take access away: please report it")
    else:
        yield Finding(Severity.WARNING, _where(state.role), what, "Let it be so only if the roles named are meant")


def _where(role: Role) -> str:
    return f"tfdriver.yaml: roles.{role.key}"


def _explained(error: AwsError) -> TfdriverError:
    if error.code not in _DENIED:
        return error
    return AwsError(error.what, where=error.where, hint=_GRANT, answer=error.answer)
