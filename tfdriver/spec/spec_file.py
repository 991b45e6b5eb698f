"""Finds and reads tfdriver.yaml. Refuses a symlink out of the project and anything that is not a regular file."""

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
            hint = f"Pass the folder itself: -C {real}"
            raise TfdriverError("the project folder is a symlink", code="invalid_spec", where=where, hint=hint)
        if not real.is_dir():
            raise TfdriverError(
                "is a file, not a project folder", code="invalid_spec", where=where, hint="Pass the folder with -C"
            )
        return real
    except FileNotFoundError as error:
        hint = "Pass -C an existing folder, or create one with `tfdriver init DIR`"
        raise TfdriverError("there is no such folder", code="spec_not_found", where=where, hint=hint) from error
    except (OSError, RuntimeError, ValueError) as error:
        what = f"the project folder cannot be read: {_reason(error)}"
        raise TfdriverError(
            what, code="invalid_spec", where=where, hint="Pass -C a folder that you can read"
        ) from error


def read_spec_file(root: Path) -> bytes:
    """Return the content of the project's tfdriver.yaml, at most MAX_BYTES + 1 bytes of it.

    root: the project folder, resolved. Raises TfdriverError if the file is missing, unreadable, not a regular file, or
    a symlink that points outside the project.
    """
    path = root / FILE_NAME
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to(root):
            hint = "Copy the file into the project"
            raise TfdriverError(
                "is a symlink that points outside the project", code="invalid_spec", where=FILE_NAME, hint=hint
            )
        with open(real, "rb", opener=_open_nonblocking) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise TfdriverError(
                    "is not a regular file", code="invalid_spec", where=FILE_NAME, hint="Replace it with a text file"
                )
            return file.read(MAX_BYTES + 1)
    except FileNotFoundError as error:
        raise _missing(path) from error
    except IsADirectoryError as error:
        hint = "Remove it and run `tfdriver init`"
        raise TfdriverError("is a folder, not a file", code="invalid_spec", where=FILE_NAME, hint=hint) from error
    except (OSError, RuntimeError) as error:
        hint = "Grant yourself read permission"
        raise TfdriverError(
            f"cannot be read: {_reason(error)}", code="invalid_spec", where=str(path), hint=hint
        ) from error


def permission_warning(root: Path) -> str:
    """Return a warning if every user of this machine can write to the project's tfdriver.yaml, else ''."""
    if not (root / FILE_NAME).stat().st_mode & stat.S_IWOTH:
        return ""
    return f"every user of this machine can write to {FILE_NAME}. Run `chmod o-w {FILE_NAME}` and check its content"


def _open_nonblocking(path: str, flags: int) -> int:
    """Open a file. A pipe is opened without waiting for a writer."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW)


def _missing(path: Path) -> TfdriverError:
    if path.is_symlink():
        return TfdriverError(
            "is a broken symlink", code="invalid_spec", where=str(path), hint="Replace it with the file itself"
        )
    misnamed = sorted(file.name for file in path.parent.iterdir() if file.name.lower() in (FILE_NAME, "tfdriver.yml"))
    parent = next((folder for folder in path.parent.parents if (folder / FILE_NAME).is_file()), None)
    hint = "Run `tfdriver init` to create an example, or pass another folder with -C"
    if misnamed:
        hint = f"Rename {misnamed[0]} to {FILE_NAME}"
    elif parent:
        hint = f"Run tfdriver in {parent}, which has one, or pass that folder with -C"
    return TfdriverError("there is no such file", code="spec_not_found", where=str(path), hint=hint)


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error)
