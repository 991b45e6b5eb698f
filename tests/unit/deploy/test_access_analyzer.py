"""What is asked of Access Analyzer, and what becomes of its answers. That it is asked in the right way: functional."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.builders import BAR, FOO, A, B, role, spec
from tfdriver.aws.calls import AwsError
from tfdriver.aws.observe import Observation
from tfdriver.deploy.access_analyzer import analyze
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust, trust_state
from tfdriver.iam.lint import Severity
from tfdriver.iam.trust_state import LiveRole
from tfdriver.sandbox import analyzer as sandbox
from tfdriver.sandbox.parse import Call, Protocol

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BAZ = role("baz", B)


@dataclass
class Analyzer:
    """An Access Analyzer that answers as the sandbox does, but for what is set here; client and pages in one."""

    findings: list[dict[str, Any]] = field(default_factory=list)
    result: str = ""
    error: Exception | None = None
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def call(self, account, service, ask):
        assert (account, service) == (A, "accessanalyzer")
        if self.error:
            raise self.error
        return ask(self)

    def get_paginator(self, name):
        assert name == "validate_policy"
        return self

    def paginate(self, **parameters):
        self.asked.append(("validate", parameters))
        return [{"findings": self.findings[:1]}, {"findings": self.findings[1:]}]

    def check_no_new_access(self, **parameters):
        self.asked.append(("compare", parameters))
        call = Call("access-analyzer", "CheckNoNewAccess", Protocol.REST_JSON, parameters=parameters)
        answer = json.loads(sandbox.answer(call).body)
        return answer | ({"result": self.result} if self.result else {})

    def compared(self) -> list[tuple[Any, Any]]:
        """The principals compared, (existing, new)."""
        texts = ("existingPolicyDocument", "newPolicyDocument")
        return [tuple(json.loads(p[t])["Statement"][0] for t in texts) for kind, p in self.asked if kind == "compare"]


def seen(live: trust.Trust | None, wanted=(BAR,), existing=()) -> tuple[Any, Observation]:
    """A spec in which foo_bar trusts the roles, and what AWS shows of it."""
    foo = role("foo_bar", A, trusts=tuple(r.key for r in wanted))
    shown = LiveRole(foo.arn, "AROAFOO", trust.document(live), {}) if live else None
    ids = {r.arn: f"AROA{r.name.upper()}" for r in existing}
    states = {"foo_bar": trust_state.classify(foo, wanted, shown, ids)}
    trusted = {r.key: LiveRole(r.arn, ids[r.arn], {}, {}) if r in existing else None for r in wanted}
    return spec(foo, *wanted), Observation(states, trusted)


def found(analyzer, *args, **kwargs):
    return analyze(*seen(*args, **kwargs), analyzer, NOW)


def test_a_new_role_both_policies_are_validated_and_compared_without_what_phase_3_takes_off():
    analyzer = Analyzer()
    assert found(analyzer, None) == []
    assert [kind for kind, _ in analyzer.asked] == ["validate", "validate", "compare"]
    ((existing, new),) = analyzer.compared()
    assert existing == {"Effect": "Allow", "Principal": {"AWS": [B.root_arn]}, "Action": "sts:AssumeRole"}
    assert new["Principal"] == {"AWS": [BAR.arn]}


def test_a_role_that_starts_exact_is_asked_about_once():
    analyzer = Analyzer()
    assert found(analyzer, None, existing=(BAR,)) == []
    assert [kind for kind, _ in analyzer.asked] == ["validate", "compare"]


def test_a_settled_role_is_not_compared():
    analyzer = Analyzer()
    assert found(analyzer, trust.exact([BAR]), existing=(BAR,)) == []
    assert [kind for kind, _ in analyzer.asked] == ["validate"]


def test_half_way_is_compared_with_the_accounts_let_in():
    analyzer = Analyzer()
    broad = trust.broad(FOO, [BAR], NOW - timedelta(minutes=5))
    assert found(analyzer, broad, existing=(BAR,)) == []
    assert analyzer.compared()[0][0]["Principal"] == {"AWS": [B.root_arn]}


def test_a_role_more_is_a_warning():
    (finding,) = found(Analyzer(), trust.exact([BAR]), wanted=(BAR, BAZ), existing=(BAR, BAZ))
    assert finding.severity is Severity.WARNING
    assert str(finding).startswith(
        "tfdriver.yaml: roles.foo_bar: Access Analyzer on phase 3's trust policy: The modified permissions grant new "
        "access compared to your existing policy (New access in the statement with index: 0)."
    )


@pytest.mark.parametrize("live", [None, trust.broad(FOO, [BAR], NOW)])
def test_phase_3_that_grants_what_phase_1_did_not_is_an_error(live):
    (finding,) = found(Analyzer(result="FAIL"), live)
    assert finding.severity is Severity.ERROR


@pytest.mark.parametrize("principal", ["AROADEAD", "arn:aws:iam::999999999999:root"])
def test_an_orphaned_and_a_foreign_trust_are_not_compared(principal):
    analyzer = Analyzer()
    assert found(analyzer, trust.Trust(frozenset([principal])), existing=(BAR,)) == []
    assert analyzer.compared() == []


@pytest.mark.parametrize(
    ("kind", "severity"),
    [
        ("ERROR", Severity.ERROR),
        ("SECURITY_WARNING", Severity.WARNING),
        ("WARNING", Severity.WARNING),
        ("SUGGESTION", Severity.WARNING),
    ],
)
def test_findings_of_all_pages_are_passed_on(kind, severity):
    said = {"findingType": kind, "issueCode": "CODE", "findingDetails": "Do better.", "learnMoreLink": "https://x"}
    findings = found(Analyzer(findings=[said, said | {"issueCode": "MORE"}]), trust.exact([BAR]), existing=(BAR,))
    assert [f.severity for f in findings] == [severity] * 2
    assert str(findings[0]).endswith("phase 3's trust policy: CODE: Do better. See https://x")
    assert "MORE" in findings[1].what


def test_who_may_not_ask_is_told_what_to_allow():
    refused = AwsError("ValidatePolicy was refused", where="account account_a", code="AccessDeniedException")
    with pytest.raises(TfdriverError, match="tfdriver policy --access-analyzer"):
        found(Analyzer(error=refused), None)
