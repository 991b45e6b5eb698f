"""The zip of a Lambda function's code: reproducible, the same bytes for the same code."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from tfdriver.errors import TfdriverError

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
# Lambda requires files that all can read; the `bootstrap` of a custom runtime must be executable.
_MODE = 0o100755


def zip_folder(folder: Path) -> bytes:
    """Return the zip of all files below `folder`, without `__pycache__`.

    Raises TfdriverError if the folder is missing or empty or contains a symlink.
    """
    try:
        contents = {path.relative_to(folder).as_posix(): path.read_bytes() for path in _files(folder)}
    except OSError as error:
        raise TfdriverError(
            f"cannot read the code: {error.strerror}", code="invalid_lambda_code", where=error.filename or str(folder)
        ) from error
    if not contents:
        hint = "Put the function's code there"
        raise TfdriverError("this folder contains no code", code="invalid_lambda_code", where=str(folder), hint=hint)
    return _zip(contents)


def is_generated_zip(data: bytes) -> bool:
    """Whether `zip_folder` created the zip and it was not edited."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _zip({name: archive.read(name) for name in archive.namelist()}) == data
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError):
        return False


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise TfdriverError("this folder does not exist", code="invalid_lambda_code", where=str(folder))
    paths = [path for path in folder.rglob("*") if "__pycache__" not in path.relative_to(folder).parts]
    for path in [folder, *paths]:
        if path.is_symlink():
            hint = "Replace it by a copy of the file"
            raise TfdriverError(
                "symlinks are not allowed in a Lambda package", code="invalid_lambda_code", where=str(path), hint=hint
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
