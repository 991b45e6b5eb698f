"""The invariants I1, I2, I4, I5 and I6 as checks after a run. `cell.converge` checks I3."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults import processes
from tests.faults.contents import BAR, FOO, A, Contents, bystanders, managed
from tests.faults.scene import Ended, Scene
from tests.faults.trustlog import loosened
from tfdriver.iam import trust

_IDS = {"aws_iam_role": "name", "aws_dynamodb_table": "name", "aws_iam_role_policy": "id"}


def check_log(scene: Scene) -> None:
    """I1: no call in the log widened a trust policy."""
    assert loosened(scene.world.calls(), FOO, BAR) == []


def check_bystanders(scene: Scene, now: Contents) -> None:
    """I5: unmanaged resources are unchanged."""
    assert bystanders(now) == bystanders(scene.started)


def check_open_trust_reported(ended: Ended, now: Contents, *, blind: bool = False) -> None:
    """I4: a run that was not killed exits with 3 and reports the open trust, if and only if there is one.

    blind: AWS refused the calls of the run, so it may report a trust that may be in force.
    """
    if ended.code < 0:
        return
    broad = broad_now(now)
    unseen = blind and "Trust policies that cannot be read now" in ended.text
    assert ended.code in (0, 1, 3), ended.text
    assert (ended.code == 3) == broad or unseen, f"exit {ended.code}, broad: {broad}: {ended.text}"
    if ended.code == 3:
        words = "now: role foo_bar in account_a may trust" if unseen else "orce now: role foo_bar in account_a trusts"
        edited = "all of account 111111111111"
        whom = edited if edited_by_hand(now) else "account 222222222222, only as role/bar, until"
        assert f"{words} {whom}" in ended.text, ended.text
    if ended.code == 3:
        assert "tfdriver up" in ended.text or "tfdriver tighten" in ended.text, ended.text
        assert "tfdriver destroy" in ended.text, ended.text
    if ended.code == 1:
        assert re.search(r"error\[\w+\]: ", ended.text), "it failed without a message"
    assert "bug" not in ended.text, ended.text


def broad_now(now: Contents) -> bool:
    """Whether a broad trust is in force."""
    role = now.get((A, "role", "foo_bar"))
    found = trust.read_trust(role["trust"]) if role else None
    return found is not None and found.broad and not found.expired(datetime.now(UTC))


def edited_by_hand(now: Contents) -> bool:
    """Whether the trusting role trusts its own account; tfdriver never writes that."""
    role = now.get((A, "role", "foo_bar"))
    found = trust.read_trust(role["trust"]) if role else None
    return found is not None and "arn:aws:iam::111111111111:root" in found.principals


def check_processes_and_files(scene: Scene) -> None:
    """I6: no process is left, private files are private, and no secret is anywhere but in the credentials file."""
    left = processes.wait_for_end(scene.home, seconds=60)
    assert not left, f"still running: {left}"
    for path in _files(scene.world.project / "compositions"):
        if why := _not_private(path):
            raise AssertionError(f"{path.relative_to(scene.world.project)}: {why}")
    check_secrets(scene)


def check_secrets(scene: Scene) -> None:
    """No secret is in a file of the project, in the output of a run or in the log of calls."""
    output = [path for path in scene.folder.iterdir() if path.name.startswith(("stdout", "stderr"))]
    for path in (*_files(scene.world.project), *_files(scene.home), *output):
        if path.is_file() and path.name != "filler":
            data = path.read_bytes()
            for what, secret in scene.secrets().items():
                assert secret.encode() not in data, f"{what} secret is in {path.name}"


def check_states(scene: Scene, now: Contents) -> None:
    """I2: every managed resource is in a state, and every state can be read."""
    missing = orphaned(scene, now)
    assert not missing, f"missing from state: {missing}"


def orphaned(scene: Scene, now: Contents) -> list[str]:
    """Return the managed resources that are missing from state, sorted. An unreadable state counts as empty."""
    return sorted(f"{kind} {name}" for kind, name in set(_existing(now)) - _listed(scene.world.project))


def unreadable(scene: Scene) -> list[str]:
    """Return the compositions whose state file cannot be read."""
    paths = sorted((scene.world.project / "compositions").glob("*/terraform.tfstate"))
    return [path.parent.name for path in paths if _state(path) is None]


def _existing(now: Contents) -> Iterator[tuple[str, str]]:
    for (_, kind, name), what in managed(now).items():
        yield ("aws_iam_role" if kind == "role" else "aws_dynamodb_table"), name
        for policy in what.get("inline", ()):
            yield "aws_iam_role_policy", f"{name}:{policy}"


def _listed(project: Path) -> set[tuple[str, str]]:
    return {
        (resource["type"], instance["attributes"][_IDS[resource["type"]]])
        for path in (project / "compositions").glob("*/terraform.tfstate")
        for resource in (_state(path) or {}).get("resources", ())
        for instance in resource["instances"]
        if resource["mode"] == "managed"
    }


def _state(path: Path) -> Mapping[str, Any] | None:
    try:
        found: Mapping[str, Any] = json.loads(path.read_text())
        return found
    except ValueError:
        return None


def _files(folder: Path) -> Iterator[Path]:
    """Everything in a folder except the provider, which is a symlink."""
    for path in folder.rglob("*") if folder.exists() else ():
        if not path.is_symlink():
            yield path


def _not_private(path: Path) -> str:
    private = path.name.startswith(("terraform.tfstate", "errored.tfstate")) or path.name.endswith(".tfvars.json")
    mode = stat.S_IMODE(path.stat().st_mode)
    if path.is_dir():
        return "" if path.name != ".tfdriver" or mode in (0o700, 0o500) else f"folder mode {mode:o}"
    if (private or ".tfdriver" in path.parts) and ".terraform" not in path.parts and mode != 0o600:
        return f"mode {mode:o}"
    return ""
