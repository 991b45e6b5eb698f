"""Roles with `existing: true` in a fake world: what up and destroy write, and what stops them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.world import FakeIam, Stage
from tests.functional.deploy.test_two_teams import give, team
from tfdriver.aws.calls import AwsError
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.session import Options
from tfdriver.deploy.tighten import tighten
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam.trust import read_trust
from tfdriver.inspect.existing_role import find_existing_role
from tfdriver.inspect.status import status, view_project
from tfdriver.terraform.runner import Root

READER = "arn:aws:iam::111111111111:role/team/reader"
APP = "arn:aws:iam::222222222222:role/app"
DENY = {
    "Effect": "Deny",
    "Principal": "*",
    "Action": "sts:AssumeRole",
    "Condition": {"Null": {"aws:PrincipalOrgID": True}},
}
EC2 = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
ADDED = {"Effect": "Allow", "Principal": {"AWS": [APP]}, "Action": "sts:AssumeRole"}
FOUND = json.dumps({"Statement": [DENY, EC2], "Version": "2012-10-17"}, indent=3) + "\n"
TAGS = {"owner": "team-a"}
SPEC = f"""\
version: 1
project: foo-bar
accounts:
  account_a: {{id: "111111111111", profile: account_a, region: us-west-2}}
  account_b: {{id: "222222222222", profile: account_b, region: us-west-2}}
roles:
  reader:
    account: account_a
    path: /team/
    existing: true
    trusts: [app]
    trust_statements: [{json.dumps(DENY)}, {json.dumps(EC2)}]
  app:
    account: account_b
    existing: true
"""


@pytest.fixture
def estate(stage: Stage) -> Stage:
    """A project with an existing role on each side."""
    (stage.project / "tfdriver.yaml").write_text(SPEC)
    add(stage, READER, FOUND)
    add(stage, APP, json.dumps({"Statement": [EC2]}))
    return stage


def add(stage: Stage, arn: str, text: str) -> None:
    name, account = arn.rpartition("/")[2], arn.split(":")[4]
    role = {
        "name": name,
        "account": account,
        "path": "/team/" if name == "reader" else "/",
        "id": f"AROA{name.upper()}",
    }
    role |= {"tags": TAGS, "trust": json.loads(text), "text": text}
    stage.world.change(lambda data: data["roles"].update({arn: role}))


def reader(stage: Stage) -> dict[str, Any]:
    return stage.world.data["roles"][READER]


def edit(stage: Stage, *statements: dict[str, Any]) -> None:
    policy = {"Version": "2012-10-17", "Statement": list(statements)}
    stage.world.change(lambda data: data["roles"][READER].update(trust=policy, text=json.dumps(policy)))


def refused(stage: Stage, command, **options) -> TfdriverError:
    before = reader(stage)
    with pytest.raises(TfdriverError) as caught:
        stage.run(command, **options)
    assert reader(stage) == before
    return caught.value


def test_up_adds_one_statement_in_one_apply_and_destroy_restores_the_text(estate):
    done = estate.run(up)

    assert done.exit_code is Exit.DONE
    added = [s for s in reader(estate)["trust"]["Statement"] if "AWS" in s["Principal"]]
    assert added == [ADDED]
    assert len(reader(estate)["trust"]["Statement"]) == 3
    assert [action for action, *_ in estate.world.data["writes"]] == ["update"]
    assert ["apply", "account_a"] in estate.world.calls()

    estate.run(destroy)

    assert (reader(estate)["text"], reader(estate)["tags"], reader(estate)["id"]) == (FOUND, TAGS, "AROAREADER")
    assert APP in estate.world.data["roles"]
    assert estate.world.data["restored"] == ["reader"]
    assert not (estate.project / "compositions/account_a").exists()


def test_the_trust_of_an_existing_role_is_never_broad(estate):
    text = SPEC.replace("    existing: true\n", "    module: team_b_bar_app\n", 2).replace(
        "    path: /team/\n    module: team_b_bar_app\n", "    path: /team/\n    existing: true\n"
    )
    (estate.project / "tfdriver.yaml").write_text(text)
    estate.world.change(lambda data: data["roles"].pop(APP))

    estate.run(up)

    assert [(action, name) for action, name, _ in estate.world.data["writes"]] == [
        ("create", "app"),
        ("update", "reader"),
    ]
    (own,) = [s for s in estate.world.data["writes"][1][2]["Statement"] if "AWS" in s["Principal"]]
    assert own == ADDED


NEW = """\
  more:
    account: account_a
    module: team_a_foo_ddb
    variables: {table_name: T, read_capacity: 1, write_capacity: 1}
    trusts: [TRUSTED]
  app: {account: account_b, module: team_b_bar_app}
"""


def test_a_new_role_that_trusts_what_an_existing_one_trusts_is_never_opened(estate):
    (estate.project / "tfdriver.yaml").write_text(SPEC.partition("  app:")[0] + NEW.replace("TRUSTED", "app"))
    estate.world.change(lambda data: data["roles"].pop(APP))

    estate.run(up)

    writes = estate.world.data["writes"]
    assert (writes[0][0], writes[0][1]) == ("create", "app")
    assert sorted((action, name) for action, name, _ in writes[1:]) == [("create", "more"), ("update", "reader")]


def test_a_new_role_in_the_same_composition_starts_broad_and_the_existing_one_does_not(estate):
    other = "  other: {account: account_b, module: team_b_bar_app}\n"
    (estate.project / "tfdriver.yaml").write_text(SPEC.partition("  app:")[0] + NEW.replace("TRUSTED", "other") + other)
    estate.world.change(lambda data: data["roles"].pop(APP))

    estate.run(up)

    writes = [(action, name, read_trust(trust)) for action, name, trust in estate.world.data["writes"]]
    assert [(action, name) for action, name, found in writes if found and found.broad] == [("create", "more")]
    assert sorted((action, name) for action, name, _ in writes[-2:]) == [("update", "more"), ("update", "reader")]


def test_statements_that_the_owner_has_changed_stop_every_command_also_with_overwrite(estate):
    estate.run(up)
    edit(estate, *reader(estate)["trust"]["Statement"], DENY | {"Sid": "New"})

    for command, options in ((up, {}), (up, {"overwrite": True}), (tighten, {"overwrite": True}), (destroy, {})):
        error = refused(estate, command, **options)
        assert error.code == "unmanaged_trust"
        assert "`tfdriver adopt account_a reader`" in error.hint


def test_the_lines_of_adopt_leave_out_the_statement_that_tfdriver_wrote(estate):
    estate.run(up)
    new = DENY | {"Sid": "New"}
    edit(estate, *reader(estate)["trust"]["Statement"], new)

    found = find_existing_role(Options(estate.project), estate.tools, "account_a", "reader")

    assert sorted(map(json.dumps, found.role["trust_statements"])) == sorted(map(json.dumps, [DENY, EC2, new])) or (
        len(found.role["trust_statements"]) == 3 and ADDED not in found.role["trust_statements"]
    )
    text = (estate.project / "tfdriver.yaml").read_text()
    rest = text.partition("  app:")
    (estate.project / "tfdriver.yaml").write_text(text.partition("  reader:")[0] + found.lines + rest[1] + rest[2])
    assert estate.run(up).exit_code is Exit.DONE


def test_after_the_owner_has_changed_the_statements_destroy_keeps_the_change(estate):
    estate.run(up)
    new = DENY | {"Sid": "New"}
    edit(estate, *reader(estate)["trust"]["Statement"], new)
    text = (estate.project / "tfdriver.yaml").read_text()
    (estate.project / "tfdriver.yaml").write_text(
        text.replace("trust_statements: [", f"trust_statements: [{json.dumps(new)}, ")
    )

    estate.run(destroy)

    assert len(reader(estate)["trust"]["Statement"]) == 3
    assert ADDED not in reader(estate)["trust"]["Statement"]
    assert "New" in reader(estate)["text"]


def test_a_role_that_trusted_the_right_role_before_still_does_after_destroy(estate):
    edit(estate, EC2, ADDED)
    (estate.project / "tfdriver.yaml").write_text(
        SPEC.replace(f"[{json.dumps(DENY)}, {json.dumps(EC2)}]", f"[{json.dumps(EC2)}, {json.dumps(ADDED)}]")
    )
    before = reader(estate)["text"]

    estate.run(up)
    assert len(reader(estate)["trust"]["Statement"]) == 3

    estate.run(destroy)
    assert reader(estate)["text"] == before


def test_a_kill_between_restoring_and_forgetting_is_survived(estate, monkeypatch):
    estate.run(up)

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Root, "forget", die)
        with pytest.raises(TfdriverError):
            estate.run(destroy)
    assert reader(estate)["text"] == FOUND
    assert "aws_iam_role" in (estate.project / "compositions/account_a/terraform.tfstate").read_text()

    estate.run(destroy)

    assert reader(estate)["text"] == FOUND
    assert estate.world.data["restored"] == ["reader"]
    assert not (estate.project / "compositions/account_a").exists()


def test_up_goes_on_after_a_destroy_that_could_not_restore(estate, monkeypatch):
    estate.run(up)

    def refuse(*_: object, **__: object) -> None:
        raise AwsError("iam:UpdateAssumeRolePolicy was refused", aws_code="AccessDenied")

    with monkeypatch.context() as patch:
        patch.setattr(FakeIam, "update_assume_role_policy", refuse)
        with pytest.raises(TfdriverError):
            estate.run(destroy)

    assert estate.run(up).exit_code is Exit.DONE
    estate.run(destroy)
    assert reader(estate)["text"] == FOUND


def test_a_lost_state_is_made_again_and_the_own_statements_are_restored(estate):
    estate.run(up)
    (estate.project / "compositions/account_a/terraform.tfstate").unlink()
    (estate.project / "compositions/account_a/terraform.tfstate.backup").unlink(missing_ok=True)

    estate.run(destroy)

    assert reader(estate)["trust"]["Statement"] == [DENY, EC2]


@pytest.mark.parametrize(("arn", "key"), [(READER, "reader"), (APP, "app")])
def test_an_existing_role_that_does_not_exist_is_not_created(estate, arn, key):
    estate.world.change(lambda data: data["roles"].pop(arn))

    with pytest.raises(TfdriverError) as caught:
        estate.run(up)

    assert caught.value.code == "role_missing"
    assert caught.value.where.startswith(f"role {key} in ")
    assert "writes" not in estate.world.data


def test_another_path_than_the_specs_is_refused(estate):
    (estate.project / "tfdriver.yaml").write_text(SPEC.replace("path: /team/", "path: /other/"))

    assert refused(estate, up).code == "wrong_role_arn"


def test_existing_roles_that_trust_each_other_are_connected_and_given_back(estate):
    text = f"    existing: true\n    trusts: [reader]\n    trust_statements: [{json.dumps(EC2)}]\n"
    (estate.project / "tfdriver.yaml").write_text(SPEC.rpartition("    existing: true\n")[0] + text)
    before = estate.world.data["roles"]

    estate.run(up)

    after = estate.world.data["roles"]
    assert ADDED in after[READER]["trust"]["Statement"]
    assert ADDED | {"Principal": {"AWS": [READER]}} in after[APP]["trust"]["Statement"]
    assert [action for action, *_ in estate.world.data["writes"]] == ["update", "update"]

    estate.run(destroy)

    assert [estate.world.data["roles"][arn]["text"] for arn in before] == [role["text"] for role in before.values()]


def test_tighten_alone_connects_existing_roles(estate):
    estate.run(tighten)

    assert ADDED in reader(estate)["trust"]["Statement"]


def test_status_reports_a_found_trust_as_absent_and_proposes_up(estate):
    found = status(view_project(Options(estate.project), estate.tools))

    assert (found.pairs[0].state, found.advice) == ("absent", "Run `tfdriver up`")

    estate.run(up)
    assert status(view_project(Options(estate.project), estate.tools)).pairs[0].state == "exact"


@pytest.mark.parametrize("a_first", [True, False])
def test_two_teams_connect_their_existing_roles_with_their_own_credentials(estate, a_first):
    """With `--only`, the trust of the existing role stays its owner's until the other team has done its part."""
    a, b = team(estate, "account_a"), team(estate, "account_b")
    first, second = (a, b) if a_first else (b, a)

    done = [first.run(up)]
    give(first, second)
    done.append(second.run(up))
    give(second, first)

    assert [each.exit_code for each in done] == [Exit.DONE, Exit.DONE]
    assert f"to run `tfdriver up --only {second.selection.only[0]}`" in done[0].advice
    assert (ADDED in reader(estate)["trust"]["Statement"]) is not a_first
    assert a.run(tighten).exit_code is Exit.DONE
    assert ADDED in reader(estate)["trust"]["Statement"]
    assert a.run(up).summary == "nothing to change"
    b.run(destroy)
    a.run(destroy)
    assert (reader(estate)["text"], APP in estate.world.data["roles"]) == (FOUND, True)
    assert (a.aws.called, b.aws.called) == ({"account_a"}, {"account_b"})


@pytest.mark.parametrize(("arn", "account", "key"), [(READER, "account_a", "reader"), (APP, "account_b", "app")])
def test_with_only_a_missing_existing_role_is_refused_in_its_own_account(estate, arn, account, key):
    estate.world.change(lambda data: data["roles"].pop(arn))
    other = {"account_a": "account_b", "account_b": "account_a"}[account]

    assert team(estate, other).run(up).exit_code is Exit.DONE
    with pytest.raises(TfdriverError, match=f"role {key} in {account}: it does not exist"):
        team(estate, account).run(up)
