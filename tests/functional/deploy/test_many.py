"""Several trusting accounts and one trusted role in a fake world: one role is ever broad, errors stop new starts."""

from __future__ import annotations

import json

import pytest

from tests.fakes.world import Stage
from tests.functional.inspect.test_status import read_status
from tfdriver.cli.printer import Output
from tfdriver.cli.status import print_status
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.plan import plan
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, OpenTrustError, TfdriverError
from tfdriver.iam import trust

COUNT = 4
BAR = "arn:aws:iam::222222222222:role/bar"
EXACT = trust.Trust(frozenset({BAR}))


@pytest.fixture
def many(stage: Stage) -> Stage:
    return with_accounts(stage, COUNT)


def with_accounts(stage: Stage, count: int) -> Stage:
    """Give the project this number of trusting accounts, with one role each, and one trusted role."""
    accounts = {f"a{n:02d}": {"id": f"1{n:011d}", "region": "us-west-2"} for n in range(count)}
    roles = {
        f"foo{n:02d}": {"account": f"a{n:02d}", "module": "team_a_foo_ddb", "trusts": ["bar"]} for n in range(count)
    }
    bar = {"bar": {"account": "apps", "module": "team_b_bar_app"}}
    apps = {"apps": {"id": "222222222222", "region": "us-west-2"}}
    variables = {"table_name": "T", "read_capacity": 5, "write_capacity": 5}
    for role in roles.values():
        role["variables"] = variables
    body = {"version": 1, "project": "many", "accounts": accounts | apps, "roles": roles | bar}
    (stage.project / "tfdriver.yaml").write_text(json.dumps(body))
    return stage


def with_one_role(stage: Stage, count: int, name: str) -> Stage:
    """As `with_accounts`, with one role `foo` in all trusting accounts. name: its name."""
    body = json.loads((with_accounts(stage, count).project / "tfdriver.yaml").read_text())
    foo = body["roles"]["foo00"] | {"accounts": "a*[0-9]", "name": name, "external_id": "generate"}
    body["roles"] = {"foo": {k: v for k, v in foo.items() if k != "account"}, "bar": body["roles"]["bar"]}
    (stage.project / "tfdriver.yaml").write_text(json.dumps(body))
    return stage


def test_one_role_in_many_accounts_is_deployed_and_destroyed_as_many_roles_are(stage, capsys):
    many = with_one_role(stage, COUNT, "foo{account}")

    done = many.run(up)

    assert done.exit_code is Exit.DONE
    trusts = [trust.read_trust(stage.world.trust(f"fooa{n:02d}")) for n in range(COUNT)]
    assert len({found.external_id for found in trusts if found}) == COUNT
    assert [found and found.principals for found in trusts] == [{BAR}] * COUNT
    assert ever_broad(many) == ["fooa00"]
    tfvars = json.loads((stage.project / "compositions/a01/terraform.tfvars.json").read_text())
    assert list(tfvars["roles"]) == list(tfvars["trust_policies"]) == ["foo"]
    revoked = many.run(tighten, revoke_sessions=True).revocations
    assert [found.role for found in revoked] == [f"fooa{n:02d}" for n in range(COUNT)]
    applied = applies(many)
    many.run(up)
    assert applies(many) == applied
    print_status(read_status(many), Output())
    assert capsys.readouterr().out.splitlines()[1:4] == [
        "  5 accounts (a00, a01, a02 and 2 more): {account} = {account_id}, as arn:aws:iam::{account_id}:user/admin",
        "4 accounts (a00, a01, a02 and a03): role foo{account} in {account} <- role bar in apps: exact",
        "4 accounts (a00, a01, a02 and a03): compositions/{account}: applied, 1 resources",
    ]
    assert many.run(destroy).exit_code is Exit.DONE
    assert not stage.world.data["roles"]


def fail(stage: Stage, *commands: str) -> None:
    stage.world.change(lambda w: w.update(fail={c: {"error": f"no {c}", "after": 0} for c in commands}))


def writes(stage: Stage) -> list[tuple[str, str, bool]]:
    """The action, the role and whether its new trust is broad, of each write of a trusting role."""
    found = [(action, name, trust.read_trust(policy)) for action, name, policy in stage.world.data.get("writes", [])]
    return [(action, name, bool(new and new.broad)) for action, name, new in found if name != "bar"]


def ever_broad(stage: Stage) -> list[str]:
    return [name for _, name, broad in writes(stage) if broad]


def all_exact(stage: Stage, count: int = COUNT) -> bool:
    return all(trust.read_trust(stage.world.trust(f"foo{n:02d}")) == EXACT for n in range(count))


def applies(stage: Stage) -> list[str]:
    return [name for command, name in stage.world.calls() if command == "apply"]


def test_of_twelve_roles_only_one_is_ever_broad_and_the_others_need_one_apply(stage):
    many = with_accounts(stage, 12)

    done = many.run(up)

    assert done.exit_code is Exit.DONE
    assert all_exact(many, 12)
    assert ever_broad(many) == ["foo00"]
    assert applies(many)[:2] == ["a00", "apps"]
    assert sorted(applies(many)) == sorted(["apps", "a00", *(f"a{n:02d}" for n in range(12))])
    assert len(done.exposures) == 1


def test_the_overview_names_the_role_that_is_opened_and_those_that_are_created_exact(many):
    views = []

    with many.session() as session:
        up(session, views.append)

    opened, *others = views[0].overview.roles
    assert (opened.created, list(opened.phases)) == ("broad", ["broad", "tighten"])
    assert {(role.created, *role.phases) for role in others} == {("tighten", "tighten")}


def test_plan_has_one_opening(many):
    with many.session("plan") as session:
        planned = plan(session)

    assert [p.composition for p in planned.phases if p.phase == "broad"] == ["a00"]
    created = [p.composition for p in planned.phases if p.phase == "tighten" and p.changes[0].action == "create"]
    assert created == [f"a{n:02d}" for n in range(1, COUNT)]


def test_with_no_tighten_only_the_canary_stays_broad(many):
    done = many.run(up, tighten=False)

    assert done.exit_code is Exit.OPEN_TRUST
    assert [role.trust for role in done.roles] == ["broad", *["exact"] * (COUNT - 1)]
    assert "phase 3, new roles only" in " ".join(many.progress.said)
    assert many.run(tighten).exit_code is Exit.DONE
    assert all_exact(many)
    assert ever_broad(many) == ["foo00"]


@pytest.mark.parametrize("composition", ["apps", "a00", "a01", "a03"])
def test_a_failed_run_is_resumed_without_a_second_broad_role(many, composition):
    fail(many, f"apply {composition}")
    with pytest.raises(TfdriverError, match=f"no apply {composition}"):
        many.run(up)
    fail(many)

    assert many.run(up).exit_code is Exit.DONE

    assert all_exact(many)
    assert ever_broad(many) == ["foo00"]


def test_if_the_trusted_side_fails_nothing_is_tightened_and_the_open_trust_is_reported(many):
    fail(many, "apply apps")

    with pytest.raises(OpenTrustError, match=r"no apply apps.*In force now: role foo00 in a00 trusts account 2+"):
        many.run(up)

    assert writes(many) == [("create", "foo00", True)]


def test_tighten_closes_the_canary_before_the_other_roles_are_created(many):
    fail(many, *(f"apply a{n:02d}" for n in range(1, COUNT)))
    with pytest.raises(TfdriverError):
        many.run(up, tighten=False)
    fail(many)

    done = many.run(tighten)

    assert done.exit_code is Exit.DONE
    assert [role.trust for role in done.roles] == ["exact", *["absent"] * (COUNT - 1)]
    assert "role foo03 in a03 does not exist. Run `tfdriver up` to create it" in many.progress.said
    assert many.run(up).exit_code is Exit.DONE
    assert all_exact(many)
    assert ever_broad(many) == ["foo00"]


def test_after_an_error_nothing_new_starts(many):
    fail(many, "apply a01")
    many.parallelism = 1

    with pytest.raises(TfdriverError, match=r"^terraform apply in compositions/a01: no apply a01"):
        many.run(up)

    assert applies(many) == ["a00", "apps", "a00", "a01"]


def test_keep_going_reports_all_errors_and_applies_what_does_not_depend_on_them(many):
    fail(many, "apply a01", "apply a03")

    with pytest.raises(TfdriverError, match=r"a01: no apply a01\.\nAlso terraform apply in compositions/a03: no apply"):
        many.run(up, keep_going=True)

    exact = [role["name"] for role in many.world.data["roles"].values() if trust.read_trust(role["trust"]) == EXACT]
    assert sorted(exact) == [f"foo{n:02d}" for n in range(COUNT) if n not in (1, 3)]


def test_keep_going_does_not_apply_the_trusted_side_of_a_canary_that_failed(many):
    fail(many, "apply a00")

    with pytest.raises(TfdriverError, match="no apply a00"):
        many.run(up, keep_going=True)

    assert applies(many) == ["a00"]


def test_keep_going_destroys_what_does_not_depend_on_a_failed_composition(many):
    many.run(up)
    fail(many, "destroy a03")

    with pytest.raises(TfdriverError, match="no destroy a03"):
        many.run(destroy, keep_going=True)

    assert [role["name"] for role in many.world.data["roles"].values()] == ["foo03"]
    fail(many)
    many.run(destroy)
    assert many.world.data["roles"] == {}


def test_destroy_begins_with_the_trusted_side(many):
    many.run(up)
    many.world.forget_calls()

    many.run(destroy)

    assert applies(many)[0] == "apps"


def test_at_most_as_many_compositions_as_parallelism_are_worked_on_at_once(many):
    running, most = set(), []

    def started(name, action):
        running.add((name, action))
        most.append(len(running))

    many.progress.started = started
    many.progress.ended = lambda name, action, *_: running.discard((name, action))
    many.parallelism = 3

    many.run(up)

    assert max(most) == 3


def test_an_up_that_changes_nothing_runs_one_init_and_one_plan_per_composition(many):
    many.run(up)
    many.world.forget_calls()

    done = many.run(up)

    assert (done.exit_code, done.summary, done.steps) == (Exit.DONE, "nothing to change", ())
    commands = [command for command, _ in many.world.calls()]
    assert sorted(set(commands)) == ["init", "plan", "version"]
    assert len(commands) == 1 + 2 * (COUNT + 1)


def test_a_changed_trusting_composition_alone_is_applied(many):
    many.run(up)
    many.world.change(lambda w: w["roles"]["arn:aws:iam::100000000002:role/foo02"].update(revoked="x"))
    many.world.forget_calls()

    many.run(up)

    assert applies(many) == ["a02"]
