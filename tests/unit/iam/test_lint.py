"""Lint of policies and of specs."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.builders import BAR, FOO, A, B, role, spec
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust, trust_state
from tfdriver.iam.lint import Finding, Severity, lint_permissions, lint_spec, lint_trust, refuse_errors
from tfdriver.iam.phase_trusts import refuse_long_policies
from tfdriver.iam.trust_state import TrustKind, TrustState
from tfdriver.spec.model import Account, RoleElsewhere

ERROR, WARNING = Severity.ERROR, Severity.WARNING
C = Account("account_c", "333333333333", "account_c", "us-west-2", "aws")
OWN_ACCOUNTS = {A.id, B.id}
MODULES = Path(__file__).parents[3] / "modules"


def allow(**elements):
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **elements}]}


def trusting(principal, condition=None):
    return allow(Principal=principal, Action="sts:AssumeRole", **({"Condition": condition} if condition else {}))


GUARD = {"ArnEquals": {"AWS:PrincipalArn": [BAR.arn]}}
EXTERNAL = {"StringEquals": {"sts:ExternalId": "x1"}}
THIRD_PARTY = "arn:aws:iam::999999999999:role/x"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (trusting({"AWS": BAR.arn}), []),
        (trusting({"AWS": [B.root_arn]}, GUARD), []),
        (trusting({"Service": "lambda.amazonaws.com"}), []),
        (trusting("*"), [(ERROR, "'*'")]),
        (trusting({"AWS": "*"}), [(ERROR, "'*'")]),
        (trusting({"AWS": ["arn:aws:iam::*:role/x"]}, EXTERNAL), [(ERROR, "arn:aws:iam::*:role/x")]),
        (allow(NotPrincipal={"AWS": BAR.arn}, Action="sts:AssumeRole"), [(ERROR, "NotPrincipal")]),
        (trusting({"AWS": B.root_arn}), [(WARNING, "without a guard")]),
        (trusting({"AWS": B.id}), [(WARNING, "without a guard")]),
        (trusting({"AWS": B.root_arn}, EXTERNAL), [(WARNING, "without a guard")]),
        (trusting({"AWS": B.root_arn}, {"StringLike": {"aws:PrincipalArn": "*"}}), [(WARNING, "without a guard")]),
        (trusting({"AWS": THIRD_PARTY}), [(WARNING, "third party")]),
        (trusting({"AWS": THIRD_PARTY}, EXTERNAL), []),
        (trusting({"AWS": "999999999999"}, GUARD), [(WARNING, "third party")]),
        (trusting({"AWS": "AROADEADDEADDEADDEAD"}), []),
        ({"Statement": {"Effect": "Deny", "Principal": "*", "Action": "sts:AssumeRole"}}, []),
        ({}, []),
    ],
)
def test_findings_in_trust_policies(document, expected):
    findings = lint_trust(document, OWN_ACCOUNTS, "here")

    assert [f.severity for f in findings] == [severity for severity, _ in expected]
    assert all(words in f.what for f, (_, words) in zip(findings, expected, strict=True))
    assert all(f.where == "here" and f.hint and str(f).startswith("here: ") for f in findings)


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (allow(Action="dynamodb:PutItem", Resource="arn:aws:dynamodb:us-west-2:1:table/t"), []),
        (allow(Action=["logs:Put*"], Resource=["arn:aws:logs:us-west-2:1:log-group:g:*"]), []),
        (allow(Action="*", Resource="arn:x"), [(ERROR, "every action (`*`)")]),
        (allow(Action=["s3:GetObject", "*:*"], Resource="arn:x"), [(ERROR, "every action (`*`)")]),
        (allow(NotAction="iam:*", Resource="arn:x"), [(ERROR, "NotAction")]),
        (allow(Action="dynamodb:*", Resource="arn:x"), [(WARNING, "`dynamodb:*`")]),
        (allow(Action="IAM:*", Resource="*"), [(ERROR, "every action of IAM"), (WARNING, "every resource")]),
        (allow(Action="iam:*", NotResource="arn:x"), [(ERROR, "every action of IAM"), (WARNING, "NotResource")]),
        (allow(Action="s3:GetObject", Resource=["arn:x", "*"]), [(WARNING, "every resource")]),
        (allow(Action="s3:GetObject", NotResource="arn:x"), [(WARNING, "NotResource")]),
        (allow(Action="*", Resource="*"), [(ERROR, "every action"), (WARNING, "every resource")]),
        (allow(Action=["ecr:GetAuthorizationToken"], Resource="*"), []),
        (allow(Action=["ecr:GetAuthorizationToken", "ecr:BatchGetImage"], Resource="*"), [(WARNING, "every resource")]),
        ({"Statement": [{"Effect": "Deny", "Action": "*", "Resource": "*"}]}, []),
    ],
)
def test_findings_in_permissions_policies(document, expected):
    findings = lint_permissions(document, "here")

    assert [f.severity for f in findings] == [severity for severity, _ in expected]
    assert all(words in f.what for f, (_, words) in zip(findings, expected, strict=True))


def test_the_example_has_no_findings():
    assert lint_spec(spec(FOO, replace(BAR, variables={"table": "TestTable", "tags": [{"a": "b"}]}))) == []


@pytest.mark.parametrize("value", ["AKIA" + "A" * 16, [{"key": "AKIA" + "A" * 16}], "https://me:secret-word@host/x"])
def test_a_secret_in_a_variable_is_a_warning(value):
    (found,) = lint_spec(spec(FOO, replace(BAR, variables={"key": value})))

    assert found.severity is WARNING
    assert found.where == "tfdriver.yaml: roles.bar.variables.key"
    assert "looks like a secret" in found.what


def test_a_trust_without_a_guard_is_one_warning():
    (found,) = lint_spec(spec(replace(FOO, guard=False), BAR))

    assert (found.severity, found.where) == (WARNING, "tfdriver.yaml: roles.foo_bar")
    assert "guard: false" in found.hint


def test_a_role_that_is_trusted_by_several_accounts_needs_external_ids():
    (found,) = lint_spec(spec(FOO, role("other", C, trusts=("bar",), external_id="x1"), BAR))

    assert (found.severity, found.where) == (WARNING, "tfdriver.yaml: roles.foo_bar")
    assert "external id" in found.what
    assert "bar" in found.what


@pytest.mark.parametrize(
    ("owners", "named"),
    [
        (("team A", "team C"), "bar may assume roles of team A and team C"),
        (("", "team C"), "bar may assume roles of accounts without `owner:` and team C"),
        (("team A", "team A"), None),
    ],
)
def test_a_role_that_assumes_roles_of_several_owners_requires_external_ids(owners, named):
    one, other = (replace(account, owner=owner) for account, owner in zip((A, C), owners, strict=True))
    foo, more = (role(key, account, trusts=("bar",)) for key, account in (("foo_bar", one), ("more", other)))

    found = [f for f in lint_spec(spec(foo, more, BAR)) if f.severity is ERROR]

    roles = ["tfdriver.yaml: roles.foo_bar", "tfdriver.yaml: roles.more"] if named else []
    assert [f.where for f in found] == roles
    assert all(f.what == f"has no external id, though {named}" and "`external_id: generate`" in f.hint for f in found)
    with_ids = (replace(foo, external_id="x1"), replace(more, external_id="x2"))
    assert lint_spec(spec(*with_ids, BAR)) == []


def test_a_role_elsewhere_in_an_account_of_the_spec_has_its_owner():
    one, other = replace(A, owner="team A"), replace(C, owner="team C")
    spec_ = spec(
        role("foo_bar", one, trusts=("bar",)),
        role("bar", B, assumes=(RoleElsewhere(f"arn:aws:iam::{C.id}:role/scan"),)),
        role("unrelated", other, trusts=("bar2",), external_id="x1"),
        role("bar2", B),
    )

    (found,) = lint_spec(spec_)

    assert (found.severity, found.where) == (ERROR, "tfdriver.yaml: roles.foo_bar")
    assert found.what.endswith("bar may assume roles of team A and team C")


def test_accounts_of_the_spec_are_not_third_parties():
    assert lint_spec(spec(FOO, role("own", B, trusts=("bar",)), BAR)) == []  # bar's own account does not count
    assert lint_spec(spec(FOO, role("more", A, trusts=("bar",)), BAR)) == []  # one other account


def many(count, **fields):
    """A spec with one trusting role that trusts `count` roles with names of 10 characters."""
    roles = [role(f"worker_{n:03}", B) for n in range(count)]
    return spec(role("foo_bar", A, trusts=tuple(r.key for r in roles), **fields), *roles)


def lengths(spec_):
    (trusting_role,) = spec_.trusting
    wanted = spec_.trusted_by(trusting_role)
    first = trust_state.opening_trust(
        TrustState(trusting_role, TrustKind.ABSENT), wanted, frozenset(), datetime(2026, 1, 2, tzinfo=UTC)
    )
    return [trust.length(first), trust.length(trust_state.exact_trust(trusting_role, wanted))]


class ProblemList:
    """Problems of a spec, as (path, what, hint)."""

    def __init__(self):
        self.found = []

    def add(self, path, what, hint=""):
        self.found.append((path, what, hint))


def number(text):
    """Return the first number in a text."""
    return int(re.search(r"\d+", text)[0])


@given(st.integers(1, 60), st.booleans(), st.sampled_from([None, "x" * 300]))
def test_hints_on_long_trust_policies_have_the_right_numbers(count, guard, external_id):
    def lengths_of(roles):
        return lengths(many(roles, guard=guard, external_id=external_id))

    long_spec, problems = many(count, guard=guard, external_id=external_id), ProblemList()
    longest = max(lengths_of(count))

    refuse_long_policies(long_spec, problems)

    assert bool(problems.found) is (longest > 2048)
    for path, what, hint in problems.found:
        assert path == ("roles", "foo_bar", "trusts")
        assert f"{longest} characters" in what
        assert max(lengths_of(count - number(hint))) <= 2048
        assert max(lengths_of(count - number(hint) + 1)) > 2048
    if problems.found:  # the spec is invalid and never linted
        return
    found = [f for f in lint_spec(long_spec) if "characters" in f.what]
    phases = {number(f.what.split("phase ")[1]): f for f in found}
    for index, phase in enumerate((1, 3)):
        length = lengths_of(count)[index]
        if length <= 0.8 * 2048 or (phase == 1 and not guard):
            assert phase not in phases
            continue
        assert f"{length:,} of 2,048" in phases[phase].what
        assert phases[phase].severity is WARNING
        most = count + number(phases[phase].hint)
        assert lengths_of(most)[index] <= 2048
        assert lengths_of(most + 1)[index] > 2048


WARNED, WIDE_ERROR = (Finding(s, f"at {s}", "it is wide", "Narrow it") for s in (WARNING, ERROR))
OPEN_ERROR = Finding(ERROR, "elsewhere", "it is open", "Close it")
THIRD_ERROR = Finding(ERROR, "in a third", "it is wide", "Narrow it")


def test_warnings_are_noted():
    notes: list[str] = []

    refuse_errors([WARNED], notes.append)

    assert notes == ["warning: at warning: it is wide. Narrow it"]


@pytest.mark.parametrize(
    ("findings", "message"),
    [
        ([WIDE_ERROR, WIDE_ERROR, WARNED], "at error: it is wide. Narrow it"),
        (
            [WIDE_ERROR, WARNED, OPEN_ERROR, THIRD_ERROR],
            "at error: it is wide; elsewhere: it is open; in a third: it is wide. Narrow it. Close it",
        ),
    ],
)
def test_all_errors_are_raised_together(findings, message):
    notes: list[str] = []

    with pytest.raises(TfdriverError) as raised:
        refuse_errors(findings, notes.append)

    assert raised.value.code == "dangerous_policy"
    assert str(raised.value) == message
    assert len(notes) == 1
