"""`outputs.json`: its content, its schema, and the files that are refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.unit.builders import DEEP, A, B, role, spec
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import RecordedRole, Unseen
from tfdriver.project.outputs_file import CompositionOutputs, unseen_roles, write_outputs
from tfdriver.spec.compositions import compositions
from tfdriver.spec.model import Spec

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
CALLER = "arn:aws:sts::222222222222:assumed-role/admin/me"
FOO = role("foo_bar", A, trusts=("bar",), external_id="one-two-three")
BAR = role("bar", B, path="/apps/")
OWNER = (
    "No changes made. Ask the owner of account_b to run `tfdriver up --only account_b` and to commit "
    "compositions/account_b/outputs.json, then pull and run the same command again"
)


@pytest.fixture
def project(tmp_path: Path) -> Spec:
    """A project whose two compositions are applied."""
    made = spec(FOO, BAR)
    object.__setattr__(made, "root", tmp_path)
    for composition in compositions(made):
        (tmp_path / "compositions" / composition.name).mkdir(parents=True)
        write_outputs(
            tmp_path, composition, {r.key: f"AROA{r.label.upper()[:3]}" for r in composition.roles}, CALLER, NOW
        )
    return made


def file(project: Spec, account: str = "account_b") -> Path:
    return project.root / "compositions" / account / "outputs.json"


def test_another_team_finds_the_roles_with_their_external_ids(project):
    foo = json.loads(file(project, "account_a").read_text())["roles"]
    seen = {account: unseen_roles(project, [account], tolerant=False) for account in (A, B)}

    assert foo == {"foo_bar": {"arn": FOO.arn, "unique_id": "AROAFOO", "external_id": "one-two-three"}}
    assert [list(found) for found in seen.values()] == [[("account_b", "bar")], [("account_a", "foo_bar")]]
    assert seen[A]["account_b", "bar"] == Unseen(
        "account_b is not selected",
        "compositions/account_b/outputs.json",
        RecordedRole(BAR.arn, "AROABAR", NOW.replace(microsecond=0), CALLER),
    )


def test_only_files_of_accounts_that_the_run_does_not_cover_are_read(project):
    file(project).write_text("no JSON")

    assert unseen_roles(project, [A, B], tolerant=False) == {}


def test_the_file_has_the_published_schema(project):
    schema = CompositionOutputs.model_json_schema()
    Draft202012Validator.check_schema(schema)

    for account in ("account_a", "account_b"):
        Draft202012Validator(schema).validate(json.loads(file(project, account).read_text()))
    assert schema["required"] == ["version", "project", "composition", "account_id", "at", "caller", "roles"]
    assert schema["additionalProperties"] is False


def test_another_time_or_caller_alone_does_not_change_the_file(project):
    (_, composition) = compositions(project)
    before = file(project).read_bytes()

    write_outputs(
        project.root, composition, {"bar": "AROABAR"}, "arn:aws:iam::222222222222:root", NOW + timedelta(days=1)
    )
    assert file(project).read_bytes() == before

    write_outputs(project.root, composition, {"bar": "AROANEW"}, CALLER, NOW)
    assert file(project).read_bytes() == before.replace(b"AROABAR", b"AROANEW")


@pytest.mark.parametrize("content", ["", "<<<<<<< HEAD", "[]", "NaN", DEEP, b"\xff", '{"version": 1}'])
def test_a_broken_file_is_refused_and_replaced_by_the_next_apply(project, content):
    (_, composition) = compositions(project)
    file(project).write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(TfdriverError) as caught:
        unseen_roles(project, [A], tolerant=False)

    assert (caught.value.code, caught.value.where) == ("bad_outputs", "compositions/account_b/outputs.json")
    assert caught.value.hint == OWNER
    write_outputs(project.root, composition, {"bar": "AROABAR"}, CALLER, NOW)
    assert unseen_roles(project, [A], tolerant=False)["account_b", "bar"].recorded


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"version": 0}, "version: Input should be greater than or equal to 1"),
        ({"version": True}, "version: Input should be a valid integer"),
        ({"project": "other"}, "project is other, the spec says foo-bar"),
        ({"composition": "account_a"}, "composition is account_a, the spec says account_b"),
        ({"account_id": "333333333333"}, "account_id is 333333333333, the spec says 222222222222"),
        ({"account_id": 222222222222}, "account_id: Input should be a valid string"),
        ({"at": "2026-01-02T03:04:05"}, "at: Input should have timezone info"),
        ({"more": 1}, "more: Extra inputs are not permitted"),
        ({"roles": None}, "roles: Input should be an object"),
    ],
)
def test_a_file_of_something_else_is_refused(project, change, what):
    assert refused(project, change) == what


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"arn": BAR.arn.replace("222", "333")}, "roles.bar.arn is arn:aws:iam::333333333333:role/apps/bar, the spec"),
        ({"arn": BAR.arn.replace("aws:", "aws-cn:")}, "roles.bar.arn is arn:aws-cn:iam::222222222222:role/apps/bar"),
        ({"arn": BAR.arn.replace("/apps", "")}, "roles.bar.arn is arn:aws:iam::222222222222:role/bar, the spec says"),
        ({"arn": BAR.arn + "2"}, "roles.bar.arn is arn:aws:iam::222222222222:role/apps/bar2, the spec says"),
        ({"arn": "arn:aws:iam::222222222222:root"}, "roles.bar.arn: String should match pattern"),
        ({"arn": f"{BAR.arn}\n"}, "roles.bar.arn: String should match pattern"),
        ({"unique_id": "AIDAUSER"}, "roles.bar.unique_id: String should match pattern"),
        ({"external_id": "x"}, "roles.bar.external_id is x, the spec says none"),
        ({"trust": "*"}, "roles.bar.trust: Extra inputs are not permitted"),
    ],
)
def test_a_role_that_is_not_the_one_of_the_spec_is_refused(project, change, what):
    roles = json.loads(file(project).read_text())["roles"]

    assert refused(project, {"roles": {"bar": roles["bar"] | change}}).startswith(what)


def test_a_file_of_a_newer_tfdriver_is_refused_whatever_else_it_has(project):
    file(project).write_text('{"version": 2, "more": {}}')

    with pytest.raises(TfdriverError, match="a newer tfdriver wrote it: version 2") as caught:
        unseen_roles(project, [A], tolerant=False)

    assert caught.value.hint.endswith("Install the version of tfdriver that the owner of account_b uses")


def test_a_symlink_is_refused(project):
    file(project).rename(project.root / "elsewhere")
    file(project).symlink_to(project.root / "elsewhere")

    with pytest.raises(TfdriverError, match="it is not a plain file"):
        unseen_roles(project, [A], tolerant=False)


def test_without_the_file_or_the_role_in_it_nothing_is_known(project):
    edit(project, {"roles": {}})
    (listed,) = unseen_roles(project, [A], tolerant=False).values()
    file(project).unlink()
    (missing,) = unseen_roles(project, [A], tolerant=False).values()

    assert (listed.recorded, missing.recorded) == (None, None)
    assert listed.reason.endswith("and compositions/account_b/outputs.json does not list the role")
    assert missing.reason.endswith("and compositions/account_b/outputs.json does not exist")


def edit(project: Spec, change: dict[str, Any]) -> None:
    file(project).write_text(json.dumps(json.loads(file(project).read_text()) | change))


def refused(project: Spec, change: dict[str, Any]) -> str:
    """Change team B's file. Return why team A refuses it; a tolerant command has it as the reason."""
    edit(project, change)
    with pytest.raises(TfdriverError) as caught:
        unseen_roles(project, [A], tolerant=False)
    (tolerated,) = unseen_roles(project, [A], tolerant=True).values()
    assert (caught.value.code, caught.value.hint, tolerated.recorded) == ("bad_outputs", OWNER, None)
    assert tolerated.reason.endswith(f"outputs.json is refused: {caught.value.what}")
    return caught.value.what
