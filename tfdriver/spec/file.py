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
        real = root.resolve(strict=True)
        if root.is_symlink():
            hint = f"Name the folder itself: -C {real}"
            raise TfdriverError("the project folder is a symlink", where=where, hint=hint)
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
        if not real.is_relative_to(root):
            hint = "Copy the file into the project"
            raise TfdriverError("is a symlink that leads out of the project", where=FILE_NAME, hint=hint)
        with open(real, "rb", opener=_open_at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise TfdriverError("is not a plain file", where=FILE_NAME, hint="Put a file of text there")
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise _missing(path) from error
    except IsADirectoryError as error:
        hint = "Take it away and run `tfdriver init`"
        raise TfdriverError("is a folder, not a file", where=FILE_NAME, hint=hint) from error
    except (OSError, RuntimeError) as error:
        raise TfdriverError(f"cannot be read: {_words(error)}", where=str(path), hint="Give yourself access") from error


def permission_warning(root: Path) -> str:
    """Return what to warn of where every user of this machine may change the project's tfdriver.yaml, or ''."""
    if not (root / FILE_NAME).stat().st_mode & stat.S_IWOTH:
        return ""
    return f"every user of this machine may change {FILE_NAME}. Run `chmod o-w {FILE_NAME}`, and check what it contains"


def _open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting for a writer, should it be a pipe."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _missing(path: Path) -> TfdriverError:
    if path.is_symlink():
        return TfdriverError("is a symlink to nothing", where=str(path), hint="Put the file itself there")
    near = sorted(found.name for found in path.parent.iterdir() if found.name.lower() in (FILE_NAME, "tfdriver.yml"))
    above = next((folder for folder in path.parent.parents if (folder / FILE_NAME).is_file()), None)
    hint = "`tfdriver init` writes an example; -C names another folder"
    if near:
        hint = f"Rename {near[0]} to {FILE_NAME}"
    elif above:
        hint = f"There is one in {above}: go there, or name it with -C"
    return TfdriverError("there is no such file", where=str(path), hint=hint)


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
