"""Finds and reads the bytes of tfdriver.yaml, refusing what is no place for a spec."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.spec.document import MAX_BYTES

FILE_NAME = "tfdriver.yaml"


def check_root(root: Path) -> Path:
    """Return the project folder as an absolute path without symlinks. Raises TfdriverError if it is not a folder."""
    where = str(root)
    try:
        if root.is_symlink():
            hint = f"Name the folder itself: -C {root.resolve()}"
            raise TfdriverError("the project folder is a symlink", where=where, hint=hint)
        real = root.resolve(strict=True)
        if not real.is_dir():
            raise TfdriverError("is a file, not a project folder", where=where, hint="Give -C the folder it lies in")
        return real
    except FileNotFoundError as error:
        hint = "Give -C an existing folder, or make one: `tfdriver init DIR`"
        raise TfdriverError("there is no such folder", where=where, hint=hint) from error
    except (OSError, RuntimeError, ValueError) as error:
        what = f"the project folder cannot be read: {_words(error)}"
        raise TfdriverError(what, where=where, hint="Give -C a folder that you may read") from error


def read_spec_file(root: Path) -> bytes:
    """Return the content of the project's tfdriver.yaml, at most a byte longer than allowed.

    root: the project folder, resolved. Raises TfdriverError if the file is missing, no plain file, unreadable, or leads
    out of the project.
    """
    path = root / FILE_NAME
    try:
        real = path.resolve(strict=True)
        _check_place(path, real, root)
        # Not to wait for a writer if it became a pipe since.
        descriptor = os.open(real, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW)
        with os.fdopen(descriptor, "rb") as file:
            _check_kind(os.fstat(descriptor))
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise _missing(path) from error
    except (OSError, RuntimeError) as error:
        raise TfdriverError(f"cannot be read: {_words(error)}", where=str(path), hint="Give yourself access") from error


def permission_warning(root: Path) -> str:
    """Return what to warn of where every user of this machine may change the project's tfdriver.yaml, or ''."""
    if not (root / FILE_NAME).stat().st_mode & stat.S_IWOTH:
        return ""
    return f"every user of this machine may change {FILE_NAME}. Run `chmod o-w {FILE_NAME}`, and check what it contains"


def _check_place(path: Path, real: Path, root: Path) -> None:
    if not real.is_relative_to(root):
        hint = "Copy the file into the project"
        raise TfdriverError("is a symlink that leads out of the project", where=FILE_NAME, hint=hint)
    _check_kind(path.stat())


def _check_kind(found: os.stat_result) -> None:
    if stat.S_ISDIR(found.st_mode):
        raise TfdriverError("is a folder, not a file", where=FILE_NAME, hint="Take it away and run `tfdriver init`")
    if not stat.S_ISREG(found.st_mode):
        raise TfdriverError("is not a plain file", where=FILE_NAME, hint="Put a file of text there")


def _missing(path: Path) -> TfdriverError:
    if path.is_symlink():
        return TfdriverError("is a symlink to nothing", where=str(path), hint="Put the file itself there")
    near = sorted(p.name for p in path.parent.glob("[Tt][Ff][Dd]river.y*ml") if p.name != path.name)
    above = next((folder for folder in path.absolute().parents[1:] if (folder / FILE_NAME).is_file()), None)
    hint = "`tfdriver init` writes an example; -C names another folder"
    if above is not None:
        hint = f"There is one in {above}: go there, or name it with -C"
    if near:
        hint = f"Rename {near[0]} to {FILE_NAME}"
    return TfdriverError("there is no such file", where=str(path), hint=hint)


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
