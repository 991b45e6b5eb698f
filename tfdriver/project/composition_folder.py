"""A composition's folder on disk: checking, writing and removing it.

The files themselves show whether tfdriver generated them: by the digest in their first line
(`generated_header`), or for a zip, if `lambda_zip` would create the same bytes.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.files import UNFINISHED, private_folder, sync_folder, write_whole
from tfdriver.project import generated_header, lambda_zip, outputs_file

# Terraform and OpenTofu load all of these, including override files and `*.auto.tfvars`.
_LOADED = (".tf", ".tf.json", ".tofu", ".tofu.json", ".tfvars", ".tfvars.json")
_VALUES = ".tfvars.json"
_TERRAFORM_FILES = (".terraform", ".terraform.lock.hcl", ".terraform.tfstate.lock.info")
_RUN_FOLDER = ".tfdriver"
# Folders into which Terraform and tfdriver write. (`.terraform/providers` contains links into a mirror.)
_WRITTEN = (_RUN_FOLDER, ".terraform", ".terraform/modules")


def check_folder(path: Path, expected_names: Collection[str]) -> None:
    """Refuse a composition's folder whose files would be lost or loaded by mistake. Writes nothing.

    path: the folder, which may be missing; expected_names: the files to be written. Raises TfdriverError for an edited
    generated file, for a file that Terraform would load and tfdriver did not write, and for a symlink or special file.
    """
    for inner in _WRITTEN:
        _entries(path / inner)
    for entry in _entries(path):
        name = entry.name
        if name not in expected_names and not name.endswith(_LOADED):
            continue
        if not entry.is_file():
            raise TfdriverError("is not a plain file", code="unsafe_path", where=str(entry), hint="Move it away")
        data = _read(entry)
        if _is_generated(name, data):
            continue
        if generated_header.stamped(data) or name.endswith(".zip"):
            raise TfdriverError(
                "this generated file was edited, and writing it again would lose the edit",
                code="edited_file",
                where=str(entry),
                hint="Move the change to tfdriver.yaml, templates/ or modules/, then delete the file and run again",
            )
        raise TfdriverError(
            "Terraform would load this file, which tfdriver did not write",
            code="unmanaged_file",
            where=str(entry),
            hint="Move its content to templates/ or modules/, then delete it",
        )


def check_parent(path: Path) -> None:
    """Refuse symlinks in the folder of all compositions, and a folder that all users can write to.

    path: the folder, which may be missing. Raises TfdriverError.
    """
    for folder in (path, path / _RUN_FOLDER):
        _entries(folder)
        if folder.exists() and folder.stat().st_mode & 0o002:
            hint = f"Run `chmod o-w {shlex.quote(str(folder))}`"
            raise TfdriverError("all users can write to this folder", code="unsafe_path", where=str(folder), hint=hint)


def write_folder(path: Path, files: Mapping[str, str | bytes]) -> list[str]:
    """Write generated files and delete those of an earlier run; return the changed names, sorted.

    files: content by file name; a file with the same content is not written. The folder and files of values are
    private. Raises TfdriverError as `check_folder`, or if a file cannot be written.
    """
    check_folder(path, files.keys())
    private_folder(path)
    stale = [entry for entry in _entries(path) if entry.name not in files and _is_generated_file(entry)]
    changed = [name for name, content in files.items() if _write_file(path / name, content)]
    for entry in stale:
        entry.unlink()
    if stale:
        sync_folder(path)
    return sorted([*changed, *(entry.name for entry in stale)])


def remove(path: Path) -> list[str]:
    """Clean up a folder whose resources are destroyed; return the names of remaining files, sorted.

    Deletes unedited generated files, Terraform's working files, state and backups, the run folder, and the folder
    itself if it is empty then. Raises TfdriverError for a symlink before it deletes anything.
    """
    deletable = [entry for entry in _entries(path) if _is_working_file(entry) or _is_generated_file(entry)]
    try:
        for entry in deletable:
            if entry.is_dir():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    except OSError as error:
        raise TfdriverError(
            f"cannot be deleted: {error.strerror}", code="io_error", where=str(error.filename or path)
        ) from error
    remaining = sorted(entry.name for entry in _entries(path))
    if path.is_dir() and not remaining:
        path.rmdir()
    return remaining


def _entries(path: Path) -> list[Path]:
    """Return the entries of a folder, sorted; [] if it is missing. Raises TfdriverError for a symlink."""
    for parent in (path.parent, path):
        if parent.is_symlink() or (parent.exists() and not parent.is_dir()):
            raise TfdriverError("is not a plain folder", code="unsafe_path", where=str(parent), hint="Move it away")
    try:
        entries = sorted(path.iterdir()) if path.exists() else []
    except OSError as error:
        raise TfdriverError(f"cannot read this folder: {error.strerror}", code="io_error", where=str(path)) from error
    for entry in entries:
        if entry.is_symlink():
            raise TfdriverError(
                "symlinks are not allowed here", code="unsafe_path", where=str(entry), hint="Move it away"
            )
        if not entry.is_file() and not entry.is_dir():
            raise TfdriverError(
                "is neither a file nor a folder", code="unsafe_path", where=str(entry), hint="Move it away"
            )
    return entries


def _is_generated(name: str, data: bytes) -> bool:
    return lambda_zip.is_generated_zip(data) if name.endswith(".zip") else generated_header.intact(data)


def _is_generated_file(entry: Path) -> bool:
    candidate = entry.name.endswith((*_LOADED, ".zip")) and entry.is_file()
    return candidate and _is_generated(entry.name, _read(entry))


def _is_working_file(entry: Path) -> bool:
    name = entry.name
    if name in (*_TERRAFORM_FILES, _RUN_FOLDER, outputs_file.FILE):
        return True
    # The folder `terraform.tfstate.d` contains the states of other workspaces.
    state = name.startswith("terraform.tfstate") and entry.is_file()
    return state or (name.startswith(".") and name.endswith(UNFINISHED) and entry.is_file())


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TfdriverError(f"cannot be read: {error.strerror}", code="io_error", where=str(path)) from error


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
