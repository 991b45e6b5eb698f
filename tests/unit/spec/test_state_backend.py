"""`state:`: its checks, and the backend of each composition."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.builders import BAR, FOO, spec
from tests.unit.project.cases import TEMPLATES
from tests.unit.spec.project import GOOD, load, make_project
from tfdriver.errors import TfdriverError
from tfdriver.project.render import render
from tfdriver.spec.compositions import compositions
from tfdriver.spec.model import StateSettings
from tfdriver.terraform.backend import find_backend


def backends(backend: str, **arguments: Any) -> list[dict[str, Any]]:
    """The arguments of the compositions' backends."""
    found = compositions(replace(spec(FOO, BAR), state=StateSettings(backend, arguments)))
    return [dict(composition.state.arguments) for composition in found if composition.state]


def test_a_state_in_s3_is_encrypted_and_locked_with_the_accounts_profile_and_region():
    first, second = backends("s3", bucket="acme-{account_id}")

    assert first == {
        "key": "foo-bar/account_a/terraform.tfstate",
        "region": "us-west-2",
        "profile": "account_a",
        "encrypt": True,
        "use_lockfile": True,
        "bucket": "acme-111111111111",
    }
    assert (second["key"], second["bucket"]) == ("foo-bar/account_b/terraform.tfstate", "acme-222222222222")


def test_arguments_of_the_spec_win_and_placeholders_are_filled_everywhere():
    first, _ = backends("s3", key="{composition}-{account}", encrypt=False, dynamodb_table="t", x={"a": ["{project}"]})

    assert (first["key"], first["encrypt"], first["x"]) == ("account_a-account_a", False, {"a": ["foo-bar"]})
    assert "use_lockfile" not in first


def test_the_backend_is_rendered_and_every_text_in_it_is_quoted():
    hostile = '"\n}\n%{ if true'
    settings = StateSettings("s3", {"bucket": hostile, "assume_role": {"role_arn": hostile, "tags": ["a"]}})
    composition = compositions(replace(spec(FOO, BAR), state=settings))[0]
    text = render(composition, TEMPLATES)["backend.tf"]

    assert text.count(r'"\"\n}\n%%{ if true"') == 2
    assert find_backend({"backend.tf": text}).kind == "s3"


def test_without_state_no_backend_is_rendered():
    assert "backend.tf" not in render(compositions(spec(FOO, BAR))[0], TEMPLATES)


@pytest.mark.parametrize(
    ("state", "where", "message"),
    [
        ("{bucket: b}", "state", "backend is missing"),
        ("{backend: 3}", "state.backend", "must be text"),
        ("{backend: cloud, organization: o}", "state.backend", "does not support yet"),
        ('{backend: "s 3"}', "state.backend", "cannot be a name"),
        ("{backend: s3, bucket: b, access_key: AKIA}", "state.access_key", "is a credential"),
        ('{backend: s3, bucket: "b-{acount_id}"}', "state.bucket", 'no placeholder "{acount_id}".*account_id'),
        ("{backend: s3, bucket: 1.5}", "state.bucket", "must be text"),
        ('{backend: s3, bucket: b, "a b": c}', 'state."a b"', "cannot be a name"),
        ("{backend: s3, bucket: b, key: k}", "state", "store and app would share one state.*{composition}"),
        ("{backend: local, path: ../one.tfstate}", "state", "would share one state"),
        ("{backend: local, path: /states/one.tfstate}", "state", "would share one state"),
    ],
)
def test_a_wrong_state_is_refused(tmp_path: Path, state: str, where: str, message: str):
    with pytest.raises(TfdriverError, match=message) as caught:
        load(make_project(tmp_path, f"{GOOD}state: {state}\n"))

    assert (caught.value.code, caught.value.where.partition(": ")[2]) == ("invalid_spec", where)


def test_states_of_all_compositions_may_be_in_one_bucket(tmp_path: Path):
    found = load(make_project(tmp_path, GOOD + "state: {backend: s3, bucket: acme, profile: shared}\n"))

    assert found.state == StateSettings("s3", {"bucket": "acme", "profile": "shared"})
