"""Repairs state files after a crash.

Terraform truncates and rewrites a local state in place (hashicorp/terraform#34266), so a crash can leave the state
empty or truncated. If Terraform cannot write the state, it writes `errored.tfstate`. Every replaced file is kept in the
run folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.files import private_folder, write_whole
from tfdriver.project.orphans import existing_addresses
from tfdriver.terraform.events import outcome, parse_line
from tfdriver.terraform.runner import APPLY_LOG, RUN_FOLDER
from tfdriver.terraform.state import FILE as STATE
from tfdriver.terraform.state import BrokenStateError, State, read_state, read_state_file

ERRORED = "errored.tfstate"
_KEPT = Path(RUN_FOLDER) / f"{STATE}.before"
_COPIES = (_KEPT, Path(f"{STATE}.backup"))


def check_state_file(folder: Path) -> None:
    """Refuse a composition whose state `repair_state` and `push_errored` cannot repair. Writes nothing.

    Raises TfdriverError for a state that is not a plain file, is not readable and writable, has an unknown version or
    another lineage than the last run's; and for an `errored.tfstate` that does not match it.
    """
    path = folder / STATE
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise TfdriverError(
            "the state is not a plain file", code="broken_state", where=str(path), hint="Restore the state file"
        )
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise TfdriverError(
            "no permission to read and write the state",
            code="broken_state",
            where=str(path),
            hint="Make the file readable and writable",
        )
    _check_lineage(folder)
    is_broken(folder)  # raises for an unknown version
    _must_push(folder)


def is_broken(folder: Path) -> bool:
    """Whether the local state is empty or truncated. Raises TfdriverError for an unknown version."""
    try:
        read_state(folder)
    except BrokenStateError:
        return True
    return False


def known_state(folder: Path) -> State | None:
    """Return the local state of a composition, or the copy that `repair_state` would restore; None without both.

    Raises TfdriverError for an unreadable state.
    """
    try:
        return read_state(folder)
    except BrokenStateError:
        copy = _newest_copy(folder)
        return _valid_state(folder / copy) if copy else None


def repair_state(folder: Path, now: datetime) -> str:
    """Replace a broken state by the newest valid copy; return a note, or ''. now: UTC.

    The broken file is kept in the run folder. The last apply's log is emptied, so that the next apply looks for
    resources missing from the copy: see `unfinished`.
    """
    if not is_broken(folder):
        return ""
    path = folder / STATE
    private_folder(folder / RUN_FOLDER)
    write_whole(folder / RUN_FOLDER / APPLY_LOG, b"", mode=0o600)
    aside = folder / RUN_FOLDER / f"{STATE}.broken-{now:%Y%m%dT%H%M%SZ}"
    write_whole(aside, path.read_bytes(), mode=0o600)
    place = f"{folder.parent.name}/{folder.name}/{STATE}"
    note = f"{place} was empty or truncated and is kept as {aside.relative_to(folder)}"
    copy = _newest_copy(folder)
    if copy is None:
        path.unlink()
        return f"{note}; no valid copy exists, looking up the resources in AWS"
    write_whole(path, (folder / copy).read_bytes(), mode=0o600)
    return f"{note}; restored {copy}, looking up newer resources in AWS"


def push_errored(folder: Path, push: Callable[[str], None], now: datetime) -> str:
    """Push the state that Terraform could not save; return a note, or ''. now: UTC.

    push: runs `terraform state push` for a file name. The file is kept in the run folder. Raises as `check_state_file`.
    """
    path = folder / ERRORED
    must_push = _must_push(folder)
    if must_push is None:
        return ""
    if must_push:
        push(ERRORED)
    private_folder(folder / RUN_FOLDER)
    aside = folder / RUN_FOLDER / f"{ERRORED}.pushed-{now:%Y%m%dT%H%M%SZ}"
    path.chmod(0o600)
    path.rename(aside)
    result = "was pushed to the state" if must_push else "matches the state"
    return f"{folder.parent.name}/{folder.name}/{ERRORED} {result} and is kept as {aside.relative_to(folder)}"


def unfinished(folder: Path) -> bool:
    """Whether the last apply was interrupted, so that resources may be missing from the state.

    An apply that failed only because resources already exist counts as finished.
    """
    try:
        lines = (folder / RUN_FOLDER / APPLY_LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return False
    result = outcome((event for line in lines if (event := parse_line(line))), "apply")
    return result.changes is None and not existing_addresses(result.errors)


def keep(folder: Path) -> None:
    """Keep a copy of the state before a run."""
    state, kept = folder / STATE, folder / _KEPT
    private_folder(kept.parent)
    if state.is_file():
        write_whole(kept, state.read_bytes(), mode=0o600)
    elif kept.exists():
        # A new state will have another lineage; the copy of the former one may be the only one.
        kept.rename(kept.with_name(f"{STATE}.former"))


def _valid_state(path: Path) -> State | None:
    try:
        return read_state_file(path)
    except (BrokenStateError, TfdriverError):
        return None


def _newest_copy(folder: Path) -> Path | None:
    found = [(state.serial, copy) for copy in _COPIES if (state := _valid_state(folder / copy))]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _check_lineage(folder: Path) -> None:
    state, before = _valid_state(folder / STATE), _valid_state(folder / _KEPT)
    if state and before and state.lineage != before.lineage:
        raise TfdriverError(
            "this state has another lineage than the last run's, so it was replaced",
            code="broken_state",
            where=str(folder / STATE),
            hint=f"Restore the right state (the last run's copy is {_KEPT}), or delete that copy if this one is right",
        )


def _must_push(folder: Path) -> bool | None:
    """Return whether to push `errored.tfstate`, None without one. Raises TfdriverError if it must not be pushed.

    Source of the rules: Terraform's documentation, "Command: state push".
    """
    path = folder / ERRORED
    if not path.exists() or not path.stat().st_size:
        return None
    hint = f"Compare it with {STATE} by `terraform show`, then move the wrong one away"
    try:
        errored = read_state_file(path)
    except BrokenStateError as error:
        raise TfdriverError(
            "Terraform left this state, which is truncated", code="broken_state", where=str(path), hint=hint
        ) from error
    state = _valid_state(folder / STATE)
    if state is None or errored is None or state.serial < errored.serial:
        if state and errored and state.lineage != errored.lineage:
            what = "Terraform left this state, which has another lineage than the one in use"
            raise TfdriverError(what, code="broken_state", where=str(path), hint=hint)
        return True
    if state == errored:
        return False
    raise TfdriverError(
        "Terraform saved this state when it was interrupted, but the current state is not older",
        code="broken_state",
        where=str(path),
        hint=hint,
    )
