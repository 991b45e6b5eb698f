"""I1, I2, I4, I5 and I6 as checks of what a run left behind. (I3 is the next run's end, see `cell`.)"""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.faults import processes
from tests.faults.contents import BAR, FOO, A, Contents, bystanders, ours
from tests.faults.scene import Ended, Scene
from tests.faults.trustlog import loosened
from tfdriver.iam import trust

_IDS = {"aws_iam_role": "name", "aws_dynamodb_table": "name", "aws_iam_role_policy": "id"}


def check_log(scene: Scene) -> None:
    """I1: nothing in the log of calls made a trust wider."""
    assert loosened(scene.world.calls(), FOO, BAR) == []


def check_others(scene: Scene, now: Contents) -> None:
    """I5: what is not ours is as it was."""
    assert bystanders(now) == bystanders(scene.started)


def check_said(ended: Ended, now: Contents, *, blind: bool = False) -> None:
    """I4: a run that could still speak says that a broad trust is in force, and exits 3, exactly if one is.

    blind: AWS did not let the run see, so that it may warn of what might be.
    """
    if ended.code < 0:
        return
    broad = broad_now(now)
    unseen = blind and "AWS does not show what is in force now" in ended.text
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
    """Whether AWS shows a broad trust in force."""
    role = now.get((A, "role", "foo_bar"))
    found = trust.read_trust(role["trust"]) if role else None
    return found is not None and found.broad and not found.expired(datetime.now(UTC))


def edited_by_hand(now: Contents) -> bool:
    """Whether the trusting role trusts its own account, which no run of tfdriver makes it do."""
    role = now.get((A, "role", "foo_bar"))
    found = trust.read_trust(role["trust"]) if role else None
    return found is not None and "arn:aws:iam::111111111111:root" in found.principals


def check_quiet(scene: Scene) -> None:
    """I6: no process is left, private files are private, and no secret is anywhere but in the credentials file."""
    assert processes.outlived(scene.home, seconds=60) == []
    for path in _files(scene.world.project / "compositions"):
        if why := _not_private(path):
            raise AssertionError(f"{path.relative_to(scene.world.project)}: {why}")
    check_secrets(scene)


def check_secrets(scene: Scene) -> None:
    """No secret is in any file: those of the project, what the runs said, the log of calls."""
    said = [path for path in scene.folder.iterdir() if path.name.startswith(("stdout", "stderr"))]
    for path in (*_files(scene.world.project), *_files(scene.home), *said):
        if path.is_file() and path.name != "filler":
            data = path.read_bytes()
            for what, secret in scene.secrets().items():
                assert secret.encode() not in data, f"{what} secret is in {path.name}"


def check_states(scene: Scene, now: Contents) -> None:
    """I2: the states can be read, and between them list everything of ours that exists."""
    assert strays(scene, now) == []


def strays(scene: Scene, now: Contents) -> list[str]:
    """Return what is ours in AWS and in no state, sorted. A state that cannot be read lists nothing."""
    return sorted(f"{kind} {name}" for kind, name in set(_there(now)) - _listed(scene.world.project))


def unreadable(scene: Scene) -> list[str]:
    """Return the compositions whose state file cannot be read."""
    paths = sorted((scene.world.project / "compositions").glob("*/terraform.tfstate"))
    return [path.parent.name for path in paths if _state(path) is None]


def _there(now: Contents) -> Iterator[tuple[str, str]]:
    for (_, kind, name), what in ours(now).items():
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
    """Everything in a folder but the provider, which is a link to where it is installed."""
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
