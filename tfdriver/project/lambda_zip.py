"""The zip of a Lambda function's code: the same bytes for the same code, on any machine, at any time."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tfdriver.errors import TfdriverError

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
# Readable by all, as Lambda asks; executable, as the `bootstrap` of a custom runtime must be.
_MODE = 0o100755


def zip_folder(folder: Path) -> bytes:
    """Return the zip of all files below `folder`, without `__pycache__`.

    Raises TfdriverError if the folder is missing or empty, or holds a symlink (it could lead anywhere).
    """
    try:
        contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(folder)}
    except OSError as error:
        raise TfdriverError(f"cannot read the code: {error.strerror}", where=error.filename or str(folder)) from error
    if not contents:
        hint = "Put the function's code there"
        raise TfdriverError("there is no code in this folder", where=str(folder), hint=hint)
    return _zip(contents)


def made_here(data: bytes) -> bool:
    """Whether `data` is a zip as `zip_folder` makes them; one that somebody edited or made by other means is not."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _zip({name: archive.read(name) for name in archive.namelist()}) == data
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return False


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise TfdriverError("there is no such folder", where=str(folder))
    paths = [path for path in folder.rglob("*") if "__pycache__" not in path.relative_to(folder).parts]
    for path in [folder, *paths]:
        if path.is_symlink():
            raise TfdriverError(
                "code to package may not hold symlinks", where=str(path), hint="Put the file itself there"
            )
    return [path for path in paths if path.is_file()]


def _zip(contents: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(contents):
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system = _UNIX
            entry.external_attr = _MODE << 16
            archive.writestr(entry, contents[name])
    return buffer.getvalue()
