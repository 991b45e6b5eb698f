"""The competitors, and the commands that each runs for each operation."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.one_root import write_one_root
from tests.benchmarks.projects import BROAD, TRUSTED, trusting, write_project

TFDRIVER = str(Path(sys.executable).with_name("tfdriver"))
OPERATIONS = ("up", "again", "verify", "destroy")
_SCRIPT = str(Path(__file__).with_name("script.sh"))
_APPLY = ("terraform", "apply", "-input=false", "-auto-approve")


@dataclass(frozen=True)
class Competitor:
    """prepare: writes a new folder for a number of trusting accounts; commands: by operation, run in that folder."""

    name: str
    prepare: Callable[[Path, int], None]
    commands: Mapping[str, Sequence[Sequence[str]]]
    environ: Mapping[str, str] = field(default_factory=dict)


def _prepare_script(folder: Path, count: int) -> None:
    write_project(folder, count)
    subprocess.run([TFDRIVER, "-C", str(folder), "render"], check=True, capture_output=True)
    (folder / "broad").mkdir()
    for member in trusting(count):
        values = {"trust_policies": {member.role: BROAD}}
        (folder / "broad" / f"{member.account}.json").write_text(json.dumps(values))
    (folder / "trusting").write_text("".join(f"{member.account}\n" for member in trusting(count)))
    (folder / "trusted").write_text(f"{TRUSTED.account}\n")


# Only the first operation of the one root and of the script includes `terraform init`: a person would not repeat it.
_ONE_ROOT = {
    "up": [("terraform", "init", "-input=false"), _APPLY],
    "again": [_APPLY],
    "destroy": [("terraform", "destroy", "-input=false", "-auto-approve")],
}
_TFDRIVER = {
    "up": [(TFDRIVER, "up", "--yes", "--no-verify")],
    "again": [(TFDRIVER, "up", "--yes", "--no-verify")],
    "verify": [(TFDRIVER, "verify")],
    "destroy": [(TFDRIVER, "destroy", "--yes")],
}
ONE_ROOT = Competitor("one root", write_one_root, _ONE_ROOT)
SCRIPT = Competitor("script", _prepare_script, {o: [("bash", _SCRIPT, o)] for o in OPERATIONS if o != "verify"})
WITH_PROXY = Competitor("tfdriver", write_project, _TFDRIVER)
WITHOUT_PROXY = Competitor("tfdriver, no proxy", write_project, _TFDRIVER, {"TFDRIVER_PROXY": "0"})
COMPETITORS = (ONE_ROOT, SCRIPT, WITH_PROXY, WITHOUT_PROXY)
