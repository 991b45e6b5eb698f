"""verify fails for each wrong setup and names it, and passes a correct setup.

Runs against the sandbox, which evaluates policies as AWS does and runs the function.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from time import monotonic, sleep

import pytest

from tests.functional.verify.scene import (
    EXTERNAL_ID,
    PERMISSIONS,
    PROBES,
    TABLE,
    TABLE_ARN,
    Setup,
    allow,
    failed,
    setup,
    verdicts,
)
from tests.unit.builders import BAR, FOO, B
from tfdriver.deploy.verify_result import CheckStatus
from tfdriver.iam import trust
from tfdriver.verify.probes import FunctionProbe

pytestmark = pytest.mark.integration  # runs in real time, too long for `make check`


@pytest.fixture(scope="module")
def running() -> Iterator[Setup]:
    with pytest.MonkeyPatch.context() as monkeypatch, setup(monkeypatch) as made:
        yield made


def test_a_correct_setup_passes(running: Setup):
    checks, left = running.verify()
    assert {c.verdict for c in checks} == {CheckStatus.PASSED}, failed(checks)
    assert set(verdicts(checks)) == {
        "intruder",
        "intruder-without-external-id",
        "intruder-with-wrong-external-id",
        "write",
        "assume",
        "assume-without-external-id",
        "assume-with-wrong-external-id",
        "granted dynamodb:PutItem",
        "not-granted dynamodb:GetItem",
        "not-granted dynamodb:Scan",
        "direct dynamodb:PutItem",
    }
    assert (running.items(), left) == (0, ())
    by_name = {c.name: c for c in checks}
    assert "no role trust policy allows the sts:AssumeRole action" in by_name["intruder"].evidence.said
    assert by_name["intruder"].evidence.request_id
    assert by_name["write"].evidence.item_key


def test_a_shard_checks_its_roles_and_the_pairs_of_its_trusting_roles(running: Setup):
    of_foo, _ = running.verify(roles=frozenset({"foo_bar"}))
    of_bar, _ = running.verify(roles=frozenset({"bar"}))

    assert {str(check.pair) for check in of_foo} == {"foo_bar", "bar -> foo_bar"}
    assert [str(check.pair) for check in of_bar] == ["bar"]


def test_progress_is_reported_per_round(running: Setup):
    running.progress.clear()
    running.verify()

    foo_bar = "role foo_bar in account_a"

    tries = [
        f"bar -> foo_bar: role bar in account_b assumes {foo_bar} with the external id, and 6 more",
        f"bar -> foo_bar: role bar in account_b writes an item to {TABLE} through {foo_bar}",
        f"bar -> foo_bar: the operator's identity in account_b assumes {foo_bar} with the external id, and 2 more",
    ]
    assert sorted(running.progress) == sorted(
        [*(f"{tried} ..." for tried in tries), *(f"{tried}: as expected" for tried in tries)]
    )


def test_the_calls_do_not_wait_for_the_plans(running: Setup):
    running.progress.clear()

    def plans():
        while len(running.progress) < 3:  # never, if the calls waited
            sleep(0.05)
        return {"foo_bar": "no plan"}

    checks, _ = running.verify(plans=plans)

    (unplanned,) = [c for c in checks if c.verdict is not CheckStatus.PASSED]
    assert (unplanned.name, unplanned.happened) == ("permissions", "no plan")


def test_a_failed_plan_stops_verifying(running: Setup):
    def plans():
        raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        running.verify(plans=plans)


def test_unexpected_outcomes_are_retried_only_while_the_policies_may_be_correct(running: Setup):
    running.progress.clear()
    running.permit(BAR, allow("sts:AssumeRole", FOO.arn.replace("foo_bar", "other")))

    def plans():
        sleep(0.5)
        return {"bar": "no plan"}

    started = monotonic()
    try:
        found = failed(running.verify(limit=600, plans=plans)[0])
    finally:
        running.permit(BAR, PERMISSIONS["bar"])

    assert "no identity-based policy allows" in found["bar -> foo_bar: write"]
    assert 0.5 < monotonic() - started < 15


def test_the_item_is_kept_on_request(running: Setup):
    checks, (left,) = running.verify(keep=True)
    key = next(c.evidence.item_key for c in checks if c.name == "write")
    assert left == f"{TABLE}/{key}"
    assert running.items() == 1
    running.client("dynamodb", "account_a").delete_item(TableName=TABLE, Key={"MyPrimaryKey": {"S": key}})


def test_a_wrong_external_id_of_the_function_fails(running: Setup):
    running.configure("another-id")
    try:
        found = failed(running.verify(limit=1)[0])
    finally:
        running.configure(EXTERNAL_ID)

    ((name, happened),) = found.items()

    assert name == "bar -> foo_bar: write"
    assert "AssumeRole: AccessDenied" in happened
    assert "the function sends another external id" in happened


def test_a_broad_trust_fails(running: Setup):
    running.set_trust(trust.document(trust.Trust(frozenset({B.root_arn}), external_id=EXTERNAL_ID)))
    try:
        found = failed(running.verify()[0])
    finally:
        running.tighten()

    assert list(found) == ["foo_bar: trust-policy", "bar -> foo_bar: intruder"]
    assert "broad: trusts all of account 222222222222" in found["foo_bar: trust-policy"]
    assert found["bar -> foo_bar: intruder"] == "allowed"


def test_a_guarded_broad_trust_fails_although_the_intruder_is_refused(running: Setup):
    guarded = trust.Trust(frozenset({B.root_arn}), frozenset({BAR.arn}), external_id=EXTERNAL_ID)
    running.set_trust(trust.document(guarded))
    try:
        found = failed(running.verify()[0])
    finally:
        running.tighten()

    assert list(found) == ["foo_bar: trust-policy"]
    assert "only as role/bar" in found["foo_bar: trust-policy"]


def test_widened_permissions_fail(running: Setup):
    running.permit(FOO, allow("dynamodb:*", TABLE_ARN))
    try:
        found = failed(running.verify()[0])
    finally:
        running.permit(FOO, PERMISSIONS["foo_bar"])

    assert found == {
        "bar -> foo_bar: not-granted dynamodb:GetItem": "allowed",
        "bar -> foo_bar: not-granted dynamodb:Scan": "allowed",
    }


def test_a_recreated_trusted_role_fails(running: Setup):
    running.delete_bar()
    running.make_bar()
    try:
        checks, _ = running.verify()
    finally:
        running.tighten()

    found = failed(checks)

    assert "orphaned: trusts the deleted role AROA" in found["foo_bar: trust-policy"]
    assert "no role trust policy allows" in found["bar -> foo_bar: write"]
    assert verdicts(checks)["not-granted dynamodb:Scan"] is CheckStatus.INCONCLUSIVE


def test_a_deleted_trusted_role_fails(running: Setup):
    running.delete_bar()
    states = running.states
    running.states = states | {"bar": {}}
    try:
        checks, _ = running.verify()
    finally:
        running.states = states
        running.make_bar()
        running.tighten()

    found = failed(checks)

    assert "orphaned" in found["foo_bar: trust-policy"]
    assert found["bar: permissions"] == "role bar in account_b does not exist"


def test_a_trusted_role_with_permission_for_another_role_fails(running: Setup):
    running.permit(BAR, allow("sts:AssumeRole", FOO.arn.replace("foo_bar", "other")))
    try:
        found = failed(running.verify()[0])
    finally:
        running.permit(BAR, PERMISSIONS["bar"])

    assert "no identity-based policy allows the sts:AssumeRole action" in found["bar -> foo_bar: write"]


def test_a_missing_table_fails(running: Setup):
    running.client("dynamodb", "account_a").delete_table(TableName=TABLE)
    try:
        checks, _ = running.verify(limit=600)
    finally:
        running.make_table()

    found = failed(checks)

    assert "ResourceNotFoundException" in found["bar -> foo_bar: write"]
    assert set(found) == {"bar -> foo_bar: write", "bar -> foo_bar: granted dynamodb:PutItem"}
    assert verdicts(checks)["not-granted dynamodb:Scan"] is CheckStatus.INCONCLUSIVE
    assert verdicts(checks)["intruder"] is CheckStatus.PASSED


def test_a_policy_added_by_hand_fails(running: Setup):
    iam = running.client("iam", "account_b")
    iam.put_role_policy(RoleName="bar", PolicyName="by-hand", PolicyDocument=json.dumps(allow("dynamodb:*", "*")))
    try:
        found = failed(running.verify()[0])
    finally:
        iam.delete_role_policy(RoleName="bar", PolicyName="by-hand")

    assert found == {"bar: permissions": "it also has policy by-hand"}


def test_without_probes_the_checks_are_not_probed(running: Setup):
    states = running.states
    running.states = {k: s | {"outputs": {"probes": {"value": {k: None}}}} for k, s in states.items()}
    try:
        checks, _ = running.verify()
    finally:
        running.states = states
    assert failed(checks) == {}
    (unprobed,) = [c for c in checks if c.verdict is CheckStatus.NOT_PROBED]
    assert (unprobed.name, unprobed.happened) == ("calls", "module m has no output `probe`, or it is null")
    by_policy = {c.name: c.happened for c in checks if c.verdict is CheckStatus.BY_POLICY}
    assert by_policy["assume"] == "the policies of the roles allow it"
    assert by_policy["assume-without-external-id"] == (
        "the policies of the roles refuse it, because no role trust policy allows the sts:AssumeRole action"
    )
    assert verdicts(checks)["intruder"] is CheckStatus.PASSED


def test_a_function_without_attempts_is_not_probed_for_them(running: Setup):
    states, probe = running.states, FunctionProbe(function_name="bar", region="us-west-2").model_dump()
    running.states = states | {"bar": states["bar"] | {"outputs": {"probes": {"value": {"bar": probe}}}}}
    try:
        checks, _ = running.verify()
    finally:
        running.states = states

    assert verdicts(checks)["write"] is CheckStatus.PASSED
    assert verdicts(checks)["attempts"] is CheckStatus.NOT_PROBED


def test_a_probe_without_ungranted_actions_is_not_probed_for_them(running: Setup):
    states = running.states
    probe = {"foo_bar": PROBES["foo_bar"] | {"not_granted": []}}
    running.states = states | {"foo_bar": states["foo_bar"] | {"outputs": {"probes": {"value": probe}}}}
    try:
        checks, _ = running.verify()
    finally:
        running.states = states

    (unprobed,) = [c for c in checks if c.verdict is not CheckStatus.PASSED]

    assert (unprobed.name, unprobed.verdict) == ("not-granted", CheckStatus.NOT_PROBED)


def test_without_a_state_permissions_are_inconclusive(running: Setup):
    states, running.states = running.states, dict.fromkeys(running.states, "no backend: cannot pull the state")
    try:
        checks, _ = running.verify()
    finally:
        running.states = states

    permissions = [c for c in checks if c.name == "permissions"]

    assert {(c.verdict, c.happened) for c in permissions} == {
        (CheckStatus.INCONCLUSIVE, "no backend: cannot pull the state")
    }


def test_a_missing_trusting_role_fails(running: Setup):
    iam = running.client("iam", "account_a")
    iam.delete_role_policy(RoleName="foo_bar", PolicyName="permissions")
    iam.delete_role(RoleName="foo_bar")
    try:
        checks, _ = running.verify()
    finally:
        document = json.dumps(trust.document(trust.exact([BAR], EXTERNAL_ID)))
        iam.create_role(RoleName="foo_bar", AssumeRolePolicyDocument=document)
        running.permit(FOO, PERMISSIONS["foo_bar"])

    assert failed(checks) == {"foo_bar: trust-policy": "does not exist"}
    assert verdicts(checks) == {"calls": CheckStatus.NOT_PROBED}
