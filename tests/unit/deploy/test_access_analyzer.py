"""The policies that Access Analyzer validates, and its findings. The functional tests call the real client."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.builders import BAR, A, B, role, spec
from tfdriver.aws.calls import AwsError
from tfdriver.aws.observe import Observation
from tfdriver.deploy.access_analyzer import analyze
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust, trust_state
from tfdriver.iam.lint import Severity
from tfdriver.iam.trust_state import LiveRole

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Analyzer:
    """An Access Analyzer with these findings, its client and its pages. validated: principals of the policies."""

    findings: list[dict[str, Any]] = field(default_factory=list)
    error: Exception | None = None
    validated: list[Any] = field(default_factory=list)

    def call(self, account, service, ask):
        assert (account, service) == (A, "accessanalyzer")
        if self.error:
            raise self.error
        return ask(self)

    def get_paginator(self, name):
        assert name == "validate_policy"
        return self

    def paginate(self, policyDocument, **_parameters):  # noqa: N803
        self.validated.append(json.loads(policyDocument)["Statement"][0]["Principal"])
        return [{"findings": self.findings[:1]}, {"findings": self.findings[1:]}]


def observed(found: trust.Trust | None, wanted=(BAR,), existing=()) -> tuple[Any, Observation]:
    """A spec in which foo_bar trusts `wanted`, and its roles in AWS."""
    foo = role("foo_bar", A, trusts=tuple(r.key for r in wanted))
    live = LiveRole(foo.arn, "AROAFOO", trust.document(found), {}) if found else None
    ids = {r.arn: f"AROA{r.name.upper()}" for r in existing}
    states = {"foo_bar": trust_state.classify(foo, wanted, live, ids)}
    trusted = {r.key: LiveRole(r.arn, ids[r.arn], {}, {}) if r in existing else None for r in wanted}
    return spec(foo, *wanted), Observation(states, trusted)


def findings_of(analyzer, *args, **kwargs):
    return analyze(*observed(*args, **kwargs), analyzer, NOW)


def test_the_policies_of_phase_1_and_phase_3_of_a_new_role_are_validated():
    analyzer = Analyzer()

    findings = findings_of(analyzer, None)

    assert findings == []
    assert analyzer.validated == [{"AWS": [B.root_arn]}, {"AWS": [BAR.arn]}]


@pytest.mark.parametrize("live", [None, trust.exact([BAR])])
def test_a_role_whose_trust_is_exact_in_every_phase_is_validated_once(live):
    analyzer = Analyzer()

    findings = findings_of(analyzer, live, existing=(BAR,))

    assert findings == []
    assert analyzer.validated == [{"AWS": [BAR.arn]}]


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("ERROR", Severity.ERROR),
        ("SECURITY_WARNING", Severity.WARNING),
        ("WARNING", Severity.WARNING),
        ("SUGGESTION", Severity.WARNING),
    ],
)
def test_findings_of_all_pages_are_returned(kind, severity):
    finding = {"findingType": kind, "issueCode": "CODE", "findingDetails": "Do better.", "learnMoreLink": "https://x"}
    analyzer = Analyzer(findings=[finding, finding | {"issueCode": "MORE"}])

    findings = findings_of(analyzer, trust.exact([BAR]), existing=(BAR,))

    assert [f.severity for f in findings] == [severity] * 2
    assert str(findings[0]).endswith("phase 3's trust policy: CODE: Do better. See https://x")
    assert "MORE" in findings[1].what


def test_a_denied_call_names_the_command_that_prints_the_permission():
    denied = AwsError("ValidatePolicy was refused", where="account account_a", aws_code="AccessDeniedException")

    with pytest.raises(TfdriverError, match="tfdriver policy --access-analyzer"):
        findings_of(Analyzer(error=denied), None)
