"""Roles that trust each other, and two regions of one account, in a fake world."""

from __future__ import annotations

import json

import pytest

from tests.fakes.world import Stage
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.plan import plan
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, OpenTrustError, TfdriverError
from tfdriver.iam import trust

PEER = """\
variable "role_name" { type = string }
variable "role_path" { type = string }
variable "trust_policy" { type = string }
variable "roles_to_assume" { type = any }
output "role_arn" { value = "" }
"""
ACCOUNTS = {
    "west": {"id": "111111111111", "profile": "a", "region": "us-west-2"},
    "east": {"id": "111111111111", "profile": "a", "region": "us-east-1"},
    "other": {"id": "222222222222", "region": "us-west-2"},
}
ROLES = {
    "foo": {"account": "west", "module": "peer", "trusts": ["bar"]},
    "bar": {"account": "other", "module": "peer", "trusts": ["foo", "far"]},
    "far": {"account": "east", "module": "peer", "trusts": ["bar"]},
}


def arn(key: str) -> str:
    return f"arn:aws:iam::{ACCOUNTS[ROLES[key]['account']]['id']}:role/{key}"


@pytest.fixture
def peers(stage: Stage) -> Stage:
    folder = stage.project / "modules/peer"
    folder.mkdir()
    (folder / "main.tf").write_text(PEER)
    body = {"version": 1, "project": "peers", "accounts": ACCOUNTS, "roles": ROLES}
    (stage.project / "tfdriver.yaml").write_text(json.dumps(body))
    return stage


def fail(stage: Stage, *commands: str) -> None:
    stage.world.change(lambda w: w.update(fail={c: {"error": f"no {c}", "after": 0} for c in commands}))


def written(stage: Stage) -> list[tuple[str, str, bool]]:
    """The action, the role and whether its new trust is broad, of each write of a role."""
    found = [(action, name, trust.read_trust(policy)) for action, name, policy in stage.world.data["writes"]]
    return [(action, name, bool(new and new.broad)) for action, name, new in found]


def all_exact(stage: Stage) -> bool:
    return all(
        trust.read_trust(stage.world.trust(key)) == trust.Trust(frozenset(map(arn, role["trusts"])))
        for key, role in ROLES.items()
    )


def test_one_of_the_roles_that_trust_each_other_is_opened(peers):
    done = peers.run(up)

    assert done.exit_code is Exit.DONE
    assert all_exact(peers)
    changes = written(peers)
    assert changes[:2] == [("create", "foo", True), ("create", "bar", False)]
    assert sorted(changes[2:]) == [("create", "far", False), ("update", "bar", False), ("update", "foo", False)]
    assert changes.index(("create", "far", False)) < changes.index(("update", "bar", False))
    assert [e.role for e in done.exposures] == ["foo"]
    assert peers.run(up).steps == ()


def test_two_roles_of_one_composition_that_trust_each_other_are_both_opened_for_one_apply(peers):
    spec = json.loads((peers.project / "tfdriver.yaml").read_text())
    both = {key: {"account": "west", "module": "peer", "trusts": [other]} for key, other in (("a", "b"), ("b", "a"))}
    (peers.project / "tfdriver.yaml").write_text(json.dumps(spec | {"roles": both}))

    done = peers.run(up)

    assert done.exit_code is Exit.DONE
    assert sorted(written(peers)) == [
        ("create", "a", True),
        ("create", "b", True),
        ("update", "a", False),
        ("update", "b", False),
    ]
    assert peers.world.calls().count(["apply", "west"]) == 2


def test_each_role_gets_what_it_may_assume(peers):
    peers.run(up)

    values = json.loads((peers.project / "compositions/other/terraform.tfvars.json").read_text())
    assert [(one["role"], one["region"]) for one in values["roles_to_assume"]["bar"]] == [
        ("foo", "us-west-2"),
        ("far", "us-east-1"),
    ]
    main = (peers.project / "compositions/other/main.tf").read_text()
    assert 'var.trust_policies["bar"]' in main
    assert 'var.roles_to_assume["bar"]' in main


def test_plan_says_which_role_is_opened_and_which_ones_are_exact(peers):
    with peers.session("plan") as session:
        planned = plan(session)

    created = {role.role: (role.created, role.phases.get("broad", "")) for role in planned.overview.roles}
    assert created["far"] == ("tighten", "")
    assert created["foo"][0] == created["bar"][0] == "broad"
    assert "account 222222222222" in created["foo"][1]
    assert "role foo" in created["bar"][1]


@pytest.mark.parametrize("command", ["apply west", "apply other", "apply east"])
def test_a_failed_run_is_resumed(peers, command):
    fail(peers, command)
    with pytest.raises(TfdriverError, match=f"no {command}"):
        peers.run(up, keep_going=True)
    fail(peers)

    assert peers.run(up).exit_code is Exit.DONE

    assert all_exact(peers)
    assert [name for _, name, broad in written(peers) if broad] == ["foo"]


def test_tighten_finishes_what_a_run_left_open(peers):
    assert peers.run(up, tighten=False).exit_code is Exit.OPEN_TRUST

    assert peers.run(tighten).exit_code is Exit.DONE

    assert all_exact(peers)


def test_tighten_says_that_a_trusted_role_is_missing(peers):
    fail(peers, "apply other")
    with pytest.raises(OpenTrustError):
        peers.run(up)

    with pytest.raises(OpenTrustError) as caught:
        peers.run(tighten)

    assert caught.value.code == "role_missing"


def test_destroy_deletes_all_of_them(peers):
    peers.run(up)

    peers.run(destroy)

    assert peers.world.data["roles"] == {}
