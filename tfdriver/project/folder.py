"""A composition's folder on disk: what is ours there, what is not, writing it and removing it.

What is ours is told from the files alone: their first line carries a digest (`stamp`), a zip must be one that `package`
would make. Nothing is remembered elsewhere, so nothing can disagree.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.files import UNFINISHED, private_folder, sync_folder, write_whole
from tfdriver.project import lambda_zip, stamp

# Terraform and OpenTofu read all of these in a root, override files and `*.auto.tfvars` among them.
_OBEYED = (".tf", ".tf.json", ".tofu", ".tofu.json", ".tfvars", ".tfvars.json")
_VALUES = ".tfvars.json"
_TERRAFORMS_OWN = (".terraform", ".terraform.lock.hcl", ".terraform.tfstate.lock.info")
_RUN_FOLDER = ".tfdriver"
# What Terraform and tfdriver write into by name, below a composition. (Providers are links, into a mirror.)
_WRITTEN_INTO = (_RUN_FOLDER, ".terraform", ".terraform/modules")


def check_folder(path: Path, expected_names: Collection[str]) -> None:
    """Refuse a folder in which something would be lost or obeyed by mistake. Writes nothing.

    path: the composition's folder, which need not exist; expected_names: the files that will be written. Raises
    TfdriverError naming a generated file that was edited, a file that Terraform would obey and tfdriver did not write,
    a symlink, or something that is no file.
    """
    for inner in _WRITTEN_INTO:
        _entries(path / inner)
    for entry in _entries(path):
        name = entry.name
        if name not in expected_names and not name.endswith(_OBEYED):
            continue
        if not entry.is_file():
            raise TfdriverError("is not a plain file", where=str(entry), hint="Move it away")
        data = _read(entry)
        if _ours(name, data):
            continue
        if stamp.stamped(data) or name.endswith(".zip"):
            raise TfdriverError(
                "this generated file was edited, and writing it again would lose that",
                where=str(entry),
                hint="Put the change into tfdriver.yaml, templates/ or modules/, then delete the file and run again",
            )
        raise TfdriverError(
            "Terraform would obey this file, which tfdriver did not write",
            where=str(entry),
            hint="Move it away; what it says belongs into templates/ or modules/",
        )


def check_around(path: Path) -> None:
    """Refuse symlinks beside the compositions: what tfdriver keeps there would be written elsewhere.

    path: the folder of all compositions, which need not exist. Raises TfdriverError; also if anybody could put
    something else in the place of what is there.
    """
    for folder in (path, path / _RUN_FOLDER):
        _entries(folder)
        if folder.exists() and folder.stat().st_mode & 0o002:
            raise TfdriverError(
                "anybody may write there", where=str(folder), hint=f"Run `chmod o-w {shlex.quote(str(folder))}`"
            )


def write_folder(path: Path, files: Mapping[str, str | bytes]) -> list[str]:
    """Make `path` hold exactly these generated files; return the names written or removed, sorted.

    files: content by file name. Only what differs is written, each file whole; generated files of an earlier run that
    are no longer wanted are removed. The folder is private, and so are files of values. Raises TfdriverError as
    `check_folder` does, or if something can't be written.
    """
    check_folder(path, files.keys())
    private_folder(path)
    stale = [e for e in _entries(path) if e.name not in files and _is_ours(e)]
    changed = [name for name, content in files.items() if _write_file(path / name, content)]
    for entry in stale:
        entry.unlink()
    if stale:
        sync_folder(path)
    return sorted([*changed, *(entry.name for entry in stale)])


def is_up_to_date(path: Path, files: Mapping[str, str | bytes]) -> bool:
    """Whether `write_folder` would have nothing to do. Raises TfdriverError for what can't be read."""
    if any(entry.name not in files and _is_ours(entry) for entry in _entries(path)):
        return False
    return all((path / name).exists() and _read(path / name) == _data(content) for name, content in files.items())


def remove(path: Path) -> list[str]:
    """Remove what tfdriver and Terraform left in a folder whose resources are destroyed; return what stays, sorted.

    Deletes unedited generated files, Terraform's working files, its state and its backups, the run folder, and the
    folder itself if that leaves it empty. Raises TfdriverError for a symlink, before anything is deleted.
    """
    doomed = [entry for entry in _entries(path) if _is_left_over(entry) or _is_ours(entry)]
    try:
        for entry in doomed:
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    except OSError as error:
        raise TfdriverError(f"cannot remove it: {error.strerror}", where=str(error.filename or path)) from error
    remaining = sorted(entry.name for entry in _entries(path))
    if path.is_dir() and not remaining:
        path.rmdir()
    return remaining


def _entries(path: Path) -> list[Path]:
    """Return what is in a folder, sorted; nothing if it does not exist. Raises TfdriverError for any symlink."""
    for parent in (path.parent, path):
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            raise TfdriverError("is not a plain folder", where=str(parent), hint="Move it away")
    try:
        entries = sorted(path.iterdir()) if path.exists() else []
    except OSError as error:
        raise TfdriverError(f"cannot read this folder: {error.strerror}", where=str(path)) from error
    for entry in entries:
        if entry.is_symlink():
            raise TfdriverError("there may be no symlinks here", where=str(entry), hint="Move it away")
        if not entry.is_file() and not entry.is_dir():
            raise TfdriverError("is neither a file nor a folder", where=str(entry), hint="Move it away")
    return entries


def _ours(name: str, data: bytes) -> bool:
    return lambda_zip.made_here(data) if name.endswith(".zip") else stamp.intact(data)


def _is_ours(entry: Path) -> bool:
    generated = entry.name.endswith((*_OBEYED, ".zip"))
    return generated and entry.is_file() and _ours(entry.name, _read(entry))


def _is_left_over(entry: Path) -> bool:
    name = entry.name
    if name in (*_TERRAFORMS_OWN, _RUN_FOLDER):
        return True
    # `terraform.tfstate.d`, a folder, holds the states of other workspaces: somebody's resources.
    state = name.startswith("terraform.tfstate") and entry.is_file()
    return state or (name.startswith(".") and name.endswith(UNFINISHED) and entry.is_file())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TfdriverError(f"cannot read it: {error.strerror}", where=str(path)) from error


def _write_file(path: Path, content: str | bytes) -> bool:
    data = _data(content)
    mode = 0o600 if path.name.endswith(_VALUES) else 0o644
    if path.exists() and _read(path) == data:
        path.chmod(path.stat().st_mode & mode)
        return False
    write_whole(path, data, mode)
    return True


def _data(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
