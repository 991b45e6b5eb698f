"""Principals and roles that exist elsewhere, in a fake world."""

from __future__ import annotations

import json

import pytest

from tests.fakes.world import Stage
from tests.functional.deploy.test_mutual import PEER
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, OpenTrustError, TfdriverError
from tfdriver.iam import trust

SCAN, BAR = "arn:aws:iam::333333333333:role/scan", "arn:aws:iam::222222222222:role/bar"


@pytest.fixture
def stage(stage: Stage) -> Stage:
    (stage.project / "modules/peer").mkdir()
    (stage.project / "modules/peer/main.tf").write_text(PEER)
    return stage


def write_spec(stage: Stage, *, trusts: list[str], **more: object) -> None:
    accounts = {"a": {"id": "111111111111", "region": "us-west-2"}, "b": {"id": "222222222222", "region": "us-west-2"}}
    roles = {"foo": {"account": "a", "module": "team_a_foo_ddb", "trusts": trusts}, **more}
    roles["foo"]["variables"] = {"table_name": "T", "read_capacity": 5, "write_capacity": 5}
    accounts = {key: value for key, value in accounts.items() if any(r["account"] == key for r in roles.values())}
    (stage.project / "tfdriver.yaml").write_text(json.dumps({"version": 1, "accounts": accounts, "roles": roles}))


def create_scan(stage: Stage) -> None:
    role = {"name": "scan", "account": "333333333333", "trust": {}, "id": "AROASCAN", "tags": {}}
    stage.world.change(lambda data: data["roles"].update({SCAN: role}))


def broad_writes(stage: Stage) -> list[str]:
    found = [(name, trust.read_trust(policy)) for _, name, policy in stage.world.data.get("writes", [])]
    return [name for name, new in found if new and new.broad]


def test_a_role_that_trusts_only_arns_is_created_exact(stage):
    write_spec(stage, trusts=[SCAN])
    create_scan(stage)

    done = stage.run(up)

    assert done.exit_code is Exit.DONE
    assert trust.read_trust(stage.world.trust("foo")) == trust.Trust(frozenset({SCAN}))
    assert (broad_writes(stage), done.exposures) == ([], ())


def test_a_role_that_trusts_keys_and_arns_is_opened_for_the_keys_only(stage):
    write_spec(stage, trusts=["bar", SCAN], bar={"account": "b", "module": "team_b_bar_app"})
    create_scan(stage)

    opened = stage.run(up, tighten=False)
    broad = trust.read_trust(stage.world.trust("foo"))
    done = stage.run(up)

    assert (opened.exit_code, done.exit_code) == (Exit.OPEN_TRUST, Exit.DONE)
    assert broad.principals == {"arn:aws:iam::222222222222:root"}
    assert trust.read_trust(stage.world.trust("foo")).principals == {BAR, SCAN}


def test_an_arn_that_iam_refuses_is_named_and_the_exact_trust_is_kept(stage):
    write_spec(stage, trusts=["bar"], bar={"account": "b", "module": "team_b_bar_app"})
    stage.run(up)
    write_spec(stage, trusts=["bar", SCAN], bar={"account": "b", "module": "team_b_bar_app"})

    with pytest.raises(TfdriverError, match=SCAN) as caught:
        stage.run(up)

    assert caught.value.code == "principal_refused"
    assert not isinstance(caught.value, OpenTrustError)
    assert trust.read_trust(stage.world.trust("foo")).principals == {BAR}
    assert broad_writes(stage) == ["foo"]


def test_a_role_may_assume_roles_that_exist_elsewhere(stage):
    hub = "arn:aws:iam::444444444444:role/hub"
    bar = {"account": "b", "module": "team_b_bar_app", "assumes": [{"arn": hub, "external_id": "x1"}]}
    write_spec(stage, trusts=[SCAN], bar=bar)
    create_scan(stage)

    assert stage.run(up).exit_code is Exit.DONE

    values = json.loads((stage.project / "compositions/b/terraform.tfvars.json").read_text())
    assert [(one["arn"], one["external_id"]) for one in values["roles_to_assume"]["bar"]] == [(hub, "x1")]
    stage.run(destroy)
    assert list(stage.world.data["roles"]) == [SCAN]
