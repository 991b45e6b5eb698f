"""The help text of `--faults` matches the file format."""

from __future__ import annotations

import textwrap

import pytest
import yaml

from tfdriver.errors import TfdriverError
from tfdriver.sandbox.faults import _KEYS, _KINDS, FORMAT, load_faults


def test_the_help_text_contains_every_key_and_its_examples_are_valid(tmp_path):
    _, example, _, others, _ = FORMAT.split("\n\n")
    (rule,) = yaml.safe_load(textwrap.dedent(example))["faults"]
    lines = [line.split("    ")[0].strip() for line in others.splitlines()]
    kinds = [yaml.safe_load(line) for line in lines if line.count(": ") and not line.startswith("with")]

    assert set(rule) == _KEYS | {"error"}
    assert {key for kind in kinds for key in kind} == set(_KINDS) - {"error"}
    path = tmp_path / "faults.yaml"
    path.write_text(yaml.safe_dump({"faults": [rule, *({"call": "iam:*"} | kind for kind in kinds)]}))
    load_faults(path)


def test_the_error_for_an_invalid_file_names_the_command_for_help(tmp_path):
    path = tmp_path / "faults.yaml"
    path.write_text("- call: iam:*")

    with pytest.raises(TfdriverError, match="tfdriver sandbox -h"):
        load_faults(path)
