"""Warns of states that git does not ignore: they contain secrets, and a push is final."""

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
    """Return a warning if git does not ignore the states in compositions' folders, else ''.

    folders: may be missing; root: the project's; environ: tfdriver's. Returns '' without git or without a work tree.
    """
    paths = [str(folder.relative_to(root) / name) for folder in folders for name in _STATES]
    ignored = _ignored(paths, root, environ) if paths else None
    if ignored is None or not (exposed := [path for path in paths if path not in ignored]):
        return ""
    more = f" and {len(exposed) - 1} more" if len(exposed) > 1 else ""
    return (
        f"git does not ignore {exposed[0]}{more}: states contain secrets. "
        f"Add *.tfstate, *.tfstate.* and {RUN_FOLDER}/ to .gitignore; run `git rm --cached` for files in the index"
    )


def _ignored(paths: list[str], root: Path, environ: Mapping[str, str]) -> set[str] | None:
    """Return the paths that git ignores, None if unknown. Git does not ignore a file in its index."""
    git = shutil.which("git", path=environ.get("PATH", ""))
    if git is None:
        return None
    # In a hook, GIT_DIR and similar variables select another work tree.
    environment = {name: value for name, value in environ.items() if not name.startswith("GIT_")}
    command = [git, "-c", "core.fsmonitor=false", "check-ignore", "-z", "--stdin"]
    try:
        done = subprocess.run(
            command,
            cwd=root,
            env=environment,
            input="\0".join(paths).encode(),
            capture_output=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return set(done.stdout.decode(errors="replace").split("\0")) if done.returncode in (0, 1) else None
