"""State files that a crash left: what is wrong with them, whether it can be put right, and putting it right.

Terraform cuts and rewrites a local state in place (hashicorp/terraform#34266), so a crash can leave it empty or cut
off; where it could not write it at all, it leaves `errored.tfstate`. Nothing found is thrown away: what is replaced is
kept in the run folder.
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
    """Refuse a composition's folder whose state `repair_state` and `push_errored` cannot put right. Writes nothing.

    Raises TfdriverError for a state that is no plain file, cannot be read or written, is of a version that is not
    known or of another lineage than the last run's; and for an `errored.tfstate` that does not fit it.
    """
    path = folder / STATE
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise TfdriverError("the state is not a plain file", where=str(path), hint="Put the state back in its place")
    if path.exists() and not os.access(path, os.R_OK | os.W_OK):
        raise TfdriverError("the state cannot be read and written", where=str(path), hint="Give yourself permission")
    _check_lineage(folder)
    is_broken(folder)  # raises for a version that is not known
    _must_push(folder)


def is_broken(folder: Path) -> bool:
    """Whether the local state is empty or cut off. Raises TfdriverError for a version that is not known."""
    try:
        read_state(folder)
    except BrokenStateError:
        return True
    return False


def known_state(folder: Path) -> State | None:
    """Return the local state of a composition, or the copy that `repair_state` would put in the place of a broken one.

    None if there is neither. Raises TfdriverError for a state that cannot be read.
    """
    try:
        return read_state(folder)
    except BrokenStateError:
        copy = _newest_copy(folder)
        return _good(folder / copy) if copy else None


def repair_state(folder: Path, now: datetime) -> str:
    """Put the newest good copy in the place of a broken state; return what was done, in a sentence, or ''.

    now: UTC. The broken file is kept in the run folder. What was created since the copy is for the next apply to find,
    which is why the last apply's log is emptied: see `unfinished`.
    """
    if not is_broken(folder):
        return ""
    path = folder / STATE
    private_folder(folder / RUN_FOLDER)
    write_whole(folder / RUN_FOLDER / APPLY_LOG, b"", mode=0o600)
    aside = folder / RUN_FOLDER / f"{STATE}.broken-{now:%Y%m%dT%H%M%SZ}"
    write_whole(aside, path.read_bytes(), mode=0o600)
    said = f"{folder.parent.name}/{folder.name}/{STATE} was empty or cut off and is kept as {aside.relative_to(folder)}"
    copy = _newest_copy(folder)
    if copy is None:
        path.unlink()
        return f"{said}; there is no good copy, so what exists is looked up in AWS"
    write_whole(path, (folder / copy).read_bytes(), mode=0o600)
    return f"{said}; put {copy} back, and what was created since is looked up in AWS"


def push_errored(folder: Path, push: Callable[[str], None], now: datetime) -> str:
    """Take up the state that Terraform could not save; return what was done, in a sentence, or ''.

    push: does `terraform state push` of a file of that name. The file is kept in the run folder. Raises as
    `check_state_file`.
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
    done = "was pushed into the state" if must_push else "is in the state already"
    return f"{folder.parent.name}/{folder.name}/{ERRORED} {done} and is kept as {aside.relative_to(folder)}"


def unfinished(folder: Path) -> bool:
    """Whether the last apply here did not come to its end, so that AWS may hold more than the state lists.

    One that failed only because resources exist already has created nothing that its state does not list.
    """
    try:
        lines = (folder / RUN_FOLDER / APPLY_LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return False
    said = outcome((event for line in lines if (event := parse_line(line))), "apply")
    return said.changes is None and not existing_addresses(said.errors)


def keep(folder: Path) -> None:
    """Keep a copy of the state as it is before a run."""
    state, kept = folder / STATE, folder / _KEPT
    private_folder(kept.parent)
    if state.is_file():
        write_whole(kept, state.read_bytes(), mode=0o600)
    elif kept.exists():
        # A state that is begun anew has another lineage; the copy is not one of it, but may be all there is.
        kept.rename(kept.with_name(f"{STATE}.former"))


def _good(path: Path) -> State | None:
    try:
        return read_state_file(path)
    except (BrokenStateError, TfdriverError):
        return None


def _newest_copy(folder: Path) -> Path | None:
    found = [(state.serial, copy) for copy in _COPIES if (state := _good(folder / copy))]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def _check_lineage(folder: Path) -> None:
    state, before = _good(folder / STATE), _good(folder / _KEPT)
    if state and before and state.lineage != before.lineage:
        raise TfdriverError(
            "this state is of another lineage than the one of the last run here: it was replaced",
            where=str(folder / STATE),
            hint=f"Put the right one back (the last run's copy is {_KEPT} there); or, if this is it, delete that copy",
        )


def _must_push(folder: Path) -> bool | None:
    """Return whether `errored.tfstate` is to be pushed; None if there is none. Raises TfdriverError if it may not be.

    Source of the rules: Terraform's documentation, "Command: state push".
    """
    path = folder / ERRORED
    if not path.exists() or not path.stat().st_size:
        return None
    hint = f"Compare it with {STATE} (`terraform show`); keep the one that is right there, move the other away"
    try:
        errored = read_state_file(path)
    except BrokenStateError as error:
        raise TfdriverError("Terraform left this state, and it is cut off", where=str(path), hint=hint) from error
    state = _good(folder / STATE)
    if state is None or errored is None or state.serial < errored.serial:
        if state and errored and state.lineage != errored.lineage:
            said = "Terraform left this state, and it is of another lineage than the one in use"
            raise TfdriverError(said, where=str(path), hint=hint)
        return True
    if state == errored:
        return False
    raise TfdriverError("Terraform left this state, and the one in use is no older", where=str(path), hint=hint)
