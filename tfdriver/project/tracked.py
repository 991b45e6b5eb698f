"""Whether git would take in the states beside the compositions: they hold secrets, and a push cannot be taken back."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Mapping
from pathlib import Path

from tfdriver.terraform import state
from tfdriver.terraform.runner import RUN_FOLDER

_STATES = (state.FILE, f"{state.FILE}.backup", f"{RUN_FOLDER}/{state.FILE}.before")
_SECONDS = 10.0


def warning(folders: Iterable[Path], root: Path, environ: Mapping[str, str]) -> str:
    """Return what to say where git does not ignore the states in these folders of compositions, or ''.

    root: the project's folder; environ: ours. Says nothing where there is no git, no work tree, or git does not answer.
    Nothing need exist yet.
    """
    paths = [str(folder.relative_to(root) / name) for folder in folders for name in _STATES]
    ignored = _ignored(paths, root, environ) if paths else None
    if ignored is None or not (seen := [path for path in paths if path not in ignored]):
        return ""
    more = f" and {len(seen) - 1} more" if len(seen) > 1 else ""
    return (
        f"git does not ignore {seen[0]}{more}: states hold secrets. "
        f"Add *.tfstate, *.tfstate.* and {RUN_FOLDER}/ to .gitignore; `git rm --cached` what is in it already"
    )


def _ignored(paths: list[str], root: Path, environ: Mapping[str, str]) -> set[str] | None:
    """Return which of the paths git ignores, None if that can't be told. It ignores nothing that it has already."""
    git = shutil.which("git", path=environ.get("PATH", ""))
    if git is None:
        return None
    # GIT_DIR and the like, as in a hook, name another work tree than the one that this folder is in.
    kept = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    command = [git, "-c", "core.fsmonitor=false", "check-ignore", "-z", "--stdin"]
    said = "\0".join(paths).encode()
    try:
        done = subprocess.run(
            command, cwd=root, env=kept, input=said, capture_output=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return set(done.stdout.decode(errors="replace").split("\0")) if done.returncode in (0, 1) else None
