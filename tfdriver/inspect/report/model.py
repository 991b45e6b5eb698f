"""The contents of the report."""

from __future__ import annotations

from dataclasses import dataclass

from tfdriver.deploy.verify_result import Verified
from tfdriver.inspect.status import Status
from tfdriver.project.trust_changes import TrustChange


@dataclass(frozen=True)
class ReportedPolicy:
    """A policy. kind: in words; text: its JSON, indented, external ids masked."""

    kind: str
    name: str
    arn: str
    text: str


@dataclass(frozen=True)
class RoleDocuments:
    """The live policies of a role. side: `trusting` or `trusted`; problem: why they could not be read, or ''."""

    name: str
    account: str
    arn: str
    side: str
    documents: tuple[ReportedPolicy, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Report:
    """The report. graph: an SVG document; changes: of the trust policies, oldest first; verified: None if not run.

    endpoint: AWS_ENDPOINT_URL, '' for AWS itself.
    """

    status: Status
    graph: str
    changes: tuple[TrustChange, ...]
    roles: tuple[RoleDocuments, ...]
    verified: Verified | None
    tfdriver: str
    endpoint: str = ""
