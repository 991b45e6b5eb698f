"""Local endpoints, and the recorded location of a composition."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.builders import DEEP, FOO, A
from tfdriver.errors import TfdriverError
from tfdriver.project import state_account
from tfdriver.project.crash_recovery import known_state
from tfdriver.project.state_account import Location
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform.state import State

COMPOSITION = Composition("account_a", "foo-bar", A, Side.TRUSTING, (FOO,))
HERE, ELSEWHERE = Location(A.id, local=False), Location("333333333333", local=False)


@pytest.mark.parametrize(
    ("endpoint", "local"),
    [
        ("", False),
        ("http://127.0.0.1:4000", True),
        ("http://localhost:4566", True),
        ("http://[::1]:4566", True),
        ("https://iam.example.com", False),
        ("http://[nonsense", False),
    ],
)
@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS"])
def test_an_endpoint_on_this_machine_is_local(variable, endpoint, local):
    assert state_account.is_local({variable: endpoint}) is local
    assert state_account.is_local({"AWS_ENDPOINT_URL": "https://example.com", variable: endpoint}) is local
    assert not state_account.is_local({variable: endpoint, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"})


def check(folder: Path) -> None:
    state_account.check_location([(COMPOSITION, folder, known_state(folder))], local=False)


def put_state(folder: Path, arn: str, mode: str = "managed") -> None:
    resource = {"mode": mode, "type": "aws_iam_role", "instances": [{"attributes": {"arn": arn}}]}
    (folder / "terraform.tfstate").write_text(json.dumps({"version": 4, "resources": [resource]}))


def test_a_state_without_resources_elsewhere_is_accepted(tmp_path):
    check(tmp_path / "missing")
    state_account.note_location(tmp_path, HERE)
    put_state(tmp_path, FOO.arn)
    check(tmp_path)
    put_state(tmp_path, "odd")
    check(tmp_path)
    state_account.note_location(tmp_path, ELSEWHERE)
    put_state(tmp_path, "arn:aws:iam::333333333333:role/read", mode="data")
    check(tmp_path)


def test_the_recorded_location_counts_for_any_backend(tmp_path):
    state_account.note_location(tmp_path, ELSEWHERE)
    state = State("lineage", 1, ({"mode": "managed", "type": "null_resource", "instances": [{}]},))
    with pytest.raises(TfdriverError, match="in account 333333333333, this run is for account 111111111111"):
        state_account.check_location([(COMPOSITION, tmp_path, state)], local=False)


def test_the_recorded_location_counts_for_a_broken_state_without_a_copy(tmp_path):
    state_account.note_location(tmp_path, ELSEWHERE)
    (tmp_path / "terraform.tfstate").write_text("{")
    with pytest.raises(TfdriverError, match="in account 333333333333, this run is for account 111111111111"):
        check(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"account": "333333333333"}', "null", DEEP])
def test_a_broken_record_is_ignored(tmp_path, text):
    (tmp_path / ".tfdriver").mkdir()
    (tmp_path / ".tfdriver/place.json").write_text(text)
    put_state(tmp_path, FOO.arn)

    check(tmp_path)
    state_account.note_location(tmp_path, HERE)

    assert json.loads((tmp_path / ".tfdriver/place.json").read_text()) == {
        "account": A.id,
        "local": False,
        "region": HERE.region,
    }


def test_another_region_of_the_same_account_is_refused(tmp_path):
    state_account.note_location(tmp_path, Location(A.id, False, "eu-west-1"))
    put_state(tmp_path, FOO.arn)
    with pytest.raises(TfdriverError) as caught:
        check(tmp_path)
    assert "in account 111111111111, eu-west-1, this run is for account 111111111111, us-west-2" in caught.value.what
    assert caught.value.hint.startswith("Restore the old region eu-west-1 and run `tfdriver destroy` first")


def test_a_record_without_a_region_is_accepted_and_updated(tmp_path):
    state_account.note_location(tmp_path, Location(A.id, False))
    put_state(tmp_path, FOO.arn)
    check(tmp_path)
    state_account.note_location(tmp_path, Location(A.id, False, A.region))
    assert json.loads((tmp_path / ".tfdriver/place.json").read_text())["region"] == "us-west-2"
