"""Summaries of a composition's state and lock file."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from tests.unit.builders import BAR, FOO, spec
from tfdriver.iam.trust_state import Unreadable
from tfdriver.inspect.composition_status import CompositionStatus, describe
from tfdriver.spec.compositions import compositions
from tfdriver.terraform.state import State

LOCK = """provider "registry.terraform.io/hashicorp/null" {
  version = "3.2.1"
}

provider "registry.opentofu.org/hashicorp/aws" {
  version     = "5.100.0"
  constraints = ">= 5.0.0, < 7.0.0"
}
"""


(COMPOSITION, _) = compositions(spec(FOO, BAR))


def status(*fields: Any, **more: Any) -> CompositionStatus:
    return CompositionStatus("account_a", "account_a", "trusting", *fields, **more)


def state(*modes: str) -> State:
    resources = tuple({"mode": mode, "instances": [{}, {}]} for mode in modes)
    return State("lineage", 1, resources, {"terraform_version": "1.11.4"})


def test_an_applied_composition_has_a_time_and_versions(tmp_path):
    (tmp_path / ".terraform.lock.hcl").write_text(LOCK)
    file = tmp_path / "terraform.tfstate"
    file.write_text("")
    os.utime(file, (0, 86400))

    found = describe(COMPOSITION, state("managed", "data"), tmp_path, file)

    assert found == status(True, 2, datetime(1970, 1, 2, tzinfo=UTC), "1.11.4", "5.100.0")


def test_a_state_in_a_backend_has_no_time(tmp_path):
    assert describe(COMPOSITION, state("managed"), tmp_path, None) == status(True, 2, None, "1.11.4")


def test_a_state_with_only_data_sources_is_not_applied(tmp_path):
    assert describe(COMPOSITION, state("data"), tmp_path, None).applied is False


def test_a_composition_without_a_state_is_not_applied(tmp_path):
    assert describe(COMPOSITION, None, tmp_path / "missing", tmp_path / "missing/terraform.tfstate") == status(False)


def test_an_unreadable_state_is_reported(tmp_path):
    assert describe(COMPOSITION, Unreadable("access denied"), tmp_path, None) == status(None, problem="access denied")
