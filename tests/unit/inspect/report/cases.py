"""A report with hostile text in every field."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from tests.unit.builders import BAR, FOO, spec
from tfdriver.aws.account_access import AccountAccess
from tfdriver.aws.observe import Observation
from tfdriver.deploy.verify_result import CheckedRoles, CheckResult, CheckStatus, Evidence, Verified
from tfdriver.errors import Exit
from tfdriver.iam import trust
from tfdriver.iam.trust_state import LiveRole, classify
from tfdriver.inspect.drift import Drift
from tfdriver.inspect.exposure import Use, Uses
from tfdriver.inspect.graph.build import build
from tfdriver.inspect.graph.svg import svg
from tfdriver.inspect.report.model import Report, ReportedPolicy, RoleDocuments
from tfdriver.inspect.role_pairs import pairs
from tfdriver.inspect.status import CompositionStatus, Status
from tfdriver.project.timeline import Exposure
from tfdriver.project.trust_changes import TrustChange

T0 = datetime(2026, 1, 2, tzinfo=UTC)
NASTY = """<script>alert(1)</script><img src="//x.example/y">' " & {{ 7 * 7 }}"""
PROJECT = spec(FOO, BAR)
LIVE_BAR = LiveRole(BAR.arn, "AROABAR", {}, {})


def observed(found: trust.Trust) -> Observation:
    """Return an observation with this trust of foo_bar."""
    live = LiveRole(FOO.arn, "AROAFOO", trust.document(found), {})
    return Observation({"foo_bar": classify(FOO, [BAR], live, {BAR.arn: "AROABAR"})}, {"bar": LIVE_BAR})


def checks(*verdicts: CheckStatus) -> Verified:
    """Return a result with one check of each verdict."""
    evidence = Evidence("request-1", "item-1", NASTY)
    found = tuple(
        CheckResult(CheckedRoles("foo_bar", "bar"), "n", NASTY, "allowed", NASTY, v, evidence, 1.5) for v in verdicts
    )
    code = Exit.FAILED if CheckStatus.FAILED in verdicts else Exit.DONE
    return Verified(code, f"{len(found)} checks", found, "Verifying changed nothing")


def report(found: trust.Trust | None = None, verified: Verified | None = None) -> Report:
    """Return a report on foo_bar's trust, exact by default, with hostile text in all other fields."""
    seen = observed(found or trust.exact([BAR]))
    window = Exposure("foo_bar", "account_a", NASTY, True, T0, T0 + timedelta(seconds=9.4), 9.4)
    uses = Uses("foo_bar", "account_a", T0, T0, (Use(T0, NASTY, NASTY, NASTY), Use(T0, "bar", meant=True)), NASTY)
    status = Status(
        NASTY,
        T0,
        (AccountAccess("account_a", "111111111111", NASTY), AccountAccess("account_b", "222222222222", problem=NASTY)),
        pairs(PROJECT, seen, T0),
        (
            CompositionStatus(
                "account_a", "account_a", "trusting", True, 4, T0, "1.11.4", "5.100.0", "", Drift((NASTY,))
            ),
            CompositionStatus("account_b", "account_b", "trusted", None, 0, None, "", "", NASTY),
        ),
        (window,),
        (uses,),
    )
    change = TrustChange(T0.isoformat(), "foo_bar", "account_a", NASTY, NASTY, by=NASTY)
    documents = (ReportedPolicy("trust policy", NASTY, NASTY, NASTY),)
    roles = (
        RoleDocuments("foo_bar", "account_a", FOO.arn, "trusting", documents),
        RoleDocuments("bar", "account_b", BAR.arn, "trusted", problem=NASTY),
    )
    picture = svg([build(replace(PROJECT, project=NASTY), seen, T0)])
    return Report(status, picture, (change,), roles, verified, "0.0.0", NASTY)
