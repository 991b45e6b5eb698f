"""Live policies compared with a plan of the composition and with the spec."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.unit.builders import BAR, FOO
from tfdriver.aws.role_policies import Unmanaged
from tfdriver.deploy.verify_result import CheckedRoles, CheckStatus
from tfdriver.iam import trust
from tfdriver.iam.trust_state import LiveRole, Unreadable, classify
from tfdriver.verify.policy_checks import permissions_check, trust_check

NOW = datetime(2026, 1, 2, tzinfo=UTC)
NONE = Unmanaged((), ())


def change(kind: str, *actions: str, before=None, after=None, module: str = "module.foo_bar", **more: Any):
    """Return a change as in `terraform show -json`. more: other keys of the change."""
    of_change = {"actions": list(actions), "before": before, "after": after, "after_unknown": {}} | more
    return {"mode": "managed", "type": kind, "address": f"{module}.{kind}.x", "module_address": module} | {
        "change": of_change
    }


def checked(*changes: dict[str, Any], role=FOO, unmanaged: Unmanaged = NONE):
    return permissions_check(role, CheckedRoles(role.key, ""), {"resource_changes": changes}, unmanaged)


@pytest.mark.parametrize(
    "unrelated",
    [
        change("aws_iam_policy", "no-op", before={"policy": "{}"}, after={"policy": "{}"}),
        change("aws_iam_policy", "update", before={"description": "a"}, after={"description": "b"}),
        change("aws_iam_policy", "update", before={"policy": "{}"}, module="module.foo_bar_2"),
        change("aws_iam_role", "update", before={"assume_role_policy": "{}"}),  # has its own check
        change("aws_dynamodb_table", "create"),
        change("aws_iam_policy", "read") | {"mode": "data"},
    ],
)
def test_a_plan_that_changes_no_permissions_is_passed(unrelated):
    found = checked(unrelated)

    assert (found.verdict, found.happened) == (CheckStatus.PASSED, "the same")


def test_without_a_plan_the_run_itself_is_the_reason():
    found = permissions_check(FOO, CheckedRoles("foo_bar", ""), None, NONE)
    assert (found.verdict, found.happened) == (
        CheckStatus.PASSED,
        "as this run applied or planned them, and no other policy",
    )
    added = permissions_check(FOO, CheckedRoles("foo_bar", ""), None, Unmanaged(("by-hand",), ()))
    assert (added.verdict, added.happened) == (CheckStatus.FAILED, "it also has policy by-hand")


@pytest.mark.parametrize(
    ("planned", "words"),
    [
        (
            change("aws_iam_policy", "update", before={"policy": "WIDE"}, after={"policy": "PUT"}),
            "module.foo_bar.aws_iam_policy.x: policy is WIDE, in the composition it is PUT",
        ),
        (
            change("aws_iam_role", "update", before={"permissions_boundary": "arn:b"}),
            "module.foo_bar.aws_iam_role.x: permissions_boundary is arn:b, in the composition it is None",
        ),
        (
            change("aws_iam_role_policy_attachment", "create", after={"role": "foo_bar"}, module="module.other"),
            "Terraform would create module.other.aws_iam_role_policy_attachment.x",
        ),
        (
            change("aws_iam_role_policy", "delete", "create", before={"role": "foo_bar"}),
            "Terraform would delete and create module.foo_bar.aws_iam_role_policy.x",
        ),
    ],
)
def test_every_change_of_permissions_is_reported(planned, words):
    found = checked(planned)

    assert (found.verdict, found.happened) == (CheckStatus.FAILED, words)


def test_the_trust_policy_of_a_trusted_role_is_checked_as_its_permissions_are():
    planned = change("aws_iam_role", "update", before={"assume_role_policy": "{}"}, module="module.bar")

    found = checked(planned, role=BAR)

    assert found.verdict is CheckStatus.FAILED


def test_a_policy_unknown_before_the_apply_is_inconclusive():
    """A policy may contain the ARN of a table that does not exist yet."""
    planned = change("aws_iam_policy", "update", before={"policy": "PUT"}, after={}, after_unknown={"policy": True})

    found = checked(planned)

    assert found.verdict is CheckStatus.INCONCLUSIVE
    assert "known only after an apply" in found.happened


def test_an_unmanaged_policy_is_failed_and_named():
    found = checked(unmanaged=Unmanaged(("by-hand",), ()))

    assert (found.verdict, found.happened) == (CheckStatus.FAILED, "it also has policy by-hand")


def test_a_policy_perhaps_from_the_roles_own_arguments_is_inconclusive():
    found = checked(unmanaged=Unmanaged((), ("arn:p",)))

    assert found.verdict is CheckStatus.INCONCLUSIVE


def trusted(seen):
    return trust_check(classify(FOO, [BAR], seen, {BAR.arn: "AROABAR"}), (BAR,), NOW)


def live_role(given: trust.Trust):
    return LiveRole(FOO.arn, "AROAFOO", trust.document(given), {})


def test_an_exact_trust_is_passed_with_the_document_as_evidence():
    found = trusted(live_role(trust.exact([BAR])))

    assert found.verdict is CheckStatus.PASSED
    assert BAR.arn in found.evidence.said
    assert found.expected == "trusts role bar in account 222222222222"


@pytest.mark.parametrize(
    ("seen", "verdict", "words"),
    [
        (
            live_role(trust.broad(FOO, [BAR], NOW)),
            CheckStatus.FAILED,
            "broad: trusts account 222222222222, only as role/bar",
        ),
        (
            live_role(trust.Trust(frozenset({"AROADEAD"}))),
            CheckStatus.FAILED,
            "orphaned: trusts the deleted role AROADEAD",
        ),
        (None, CheckStatus.FAILED, "does not exist"),
        (Unreadable("no credentials"), CheckStatus.INCONCLUSIVE, "unreadable: no credentials"),
        (
            live_role(trust.Trust(frozenset({"arn:aws:iam::333333333333:root"}))),
            CheckStatus.FAILED,
            "unmanaged: it trusts",
        ),
    ],
)
def test_any_other_trust_is_reported_with_its_state(seen, verdict, words):
    found = trusted(seen)

    assert found.verdict is verdict
    assert words in found.happened
