"""Reads the contents of the report. Changes nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from urllib.parse import urlsplit

from tfdriver import __version__
from tfdriver.aws import role_policies
from tfdriver.aws.calls import Calls
from tfdriver.aws.role_policies import NamedPolicy
from tfdriver.concurrency import side_by_side
from tfdriver.deploy.verify_result import Verified
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.inspect.graph.build import build
from tfdriver.inspect.graph.svg import svg
from tfdriver.inspect.report.mask import external_ids, masked
from tfdriver.inspect.report.model import Report, ReportedPolicy, RoleDocuments
from tfdriver.inspect.status import ProjectView, Status
from tfdriver.project import timeline
from tfdriver.spec.model import Role


def collect(view: ProjectView, status: Status, aws: Calls, verified: Verified | None, endpoint: str = "") -> Report:
    """Return the report on a project. endpoint: AWS_ENDPOINT_URL, '' for AWS itself."""
    spec = view.spec
    live = {**{key: state.live for key, state in view.roles.states.items()}, **view.roles.trusted}
    secrets = external_ids(role.trust_policy for role in live.values() if isinstance(role, LiveRole))
    secrets |= {role.external_id for role in spec.trusting if role.external_id}
    roles = [(role, "trusting") for role in spec.trusting] + [(role, "trusted") for role in spec.trusted]
    documents = side_by_side(lambda pair: _documents(aws, view, pair[0], pair[1], live[pair[0].key]), roles)
    report = Report(
        status,
        graph="",
        changes=tuple(timeline.read_timeline(view.workspace.timeline)),
        roles=tuple(documents),
        verified=verified,
        tfdriver=__version__,
        endpoint=_without_secrets(endpoint),
    )
    states = {key: replace(s, detail=masked(s.detail, secrets)) for key, s in view.roles.states.items()}
    graph = svg([build(spec, replace(view.roles, states=states), view.now)])
    return replace(masked(report, secrets), graph=graph)


def _documents(
    aws: Calls, view: ProjectView, role: Role, side: str, live: LiveRole | Unreadable | None
) -> RoleDocuments:
    empty = RoleDocuments(role.name, role.account.name, role.arn, side)
    if view.accounts[role.account.name].problem:
        return replace(empty, problem=f"{role.account.name} cannot be read")
    if not isinstance(live, LiveRole):
        return replace(empty, problem=live.reason if live else "The role does not exist")
    trust = _document("trust policy", NamedPolicy("who may assume it", "", live.trust_policy))
    try:
        found = role_policies.read_role_policies(aws, role)
    except TfdriverError as error:
        return replace(empty, documents=(trust,), problem=str(error).rstrip("."))
    permissions = [
        _document("permissions policy" if policy.arn else "inline permissions policy", policy)
        for policy in found.policies
    ]
    boundary = [_document("permissions boundary", found.boundary)] if found.boundary else []
    return replace(empty, documents=(trust, *permissions, *boundary))


def _document(kind: str, policy: NamedPolicy) -> ReportedPolicy:
    return ReportedPolicy(kind, policy.name, policy.arn, json.dumps(policy.document, indent=2, ensure_ascii=False))


def _without_secrets(url: str) -> str:
    """Return a URL without credentials, path and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" if url else ""
