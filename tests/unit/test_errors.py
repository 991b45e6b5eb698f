"""The codes of errors."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from tfdriver.errors import Code

ROOT = Path(__file__).parents[2]


def test_every_code_is_documented_and_used():
    documented = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/errors.md").read_text(), re.MULTILINE)
    source = "".join(path.read_text() for path in (ROOT / "tfdriver").rglob("*.py") if path.name != "errors.py")

    assert documented == sorted(get_args(Code))
    assert [code for code in documented if f'"{code}"' not in source] == []
