"""What help says of the faults' file is what is read."""

from __future__ import annotations

import textwrap

import pytest
import yaml

from tfdriver.errors import TfdriverError
from tfdriver.sandbox.faults import _KEYS, _KINDS, FORMAT, load_faults


def test_every_key_is_in_the_help_and_what_is_there_can_be_read(tmp_path):
    _, example, _, others, _ = FORMAT.split("\n\n")
    (rule,) = yaml.safe_load(textwrap.dedent(example))["faults"]
    assert set(rule) == _KEYS | {"error"}
    lines = [line.split("    ")[0].strip() for line in others.splitlines()]
    kinds = [yaml.safe_load(line) for line in lines if line.count(": ") and not line.startswith("with")]
    assert {kind for found in kinds for kind in found} == set(_KINDS) - {"error"}
    path = tmp_path / "faults.yaml"
    path.write_text(yaml.safe_dump({"faults": [rule, *({"call": "iam:*"} | kind for kind in kinds)]}))
    load_faults(path)


def test_a_bad_file_says_where_it_is_described(tmp_path):
    path = tmp_path / "faults.yaml"
    path.write_text("- call: iam:*")
    with pytest.raises(TfdriverError, match="tfdriver sandbox -h"):
        load_faults(path)
