"""The zip of a Lambda function: reproducible, with the folder's own files only."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from tfdriver.errors import TfdriverError
from tfdriver.project.lambda_zip import is_generated_zip, zip_folder


def code(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")
    return folder


def test_the_same_code_gives_the_same_bytes(tmp_path: Path) -> None:
    first = code(tmp_path / "a", "b.py", "a.py", "pkg/é.py")
    second = code(tmp_path / "b", "pkg/é.py", "a.py", "b.py", "__pycache__/a.cpython-313.pyc", "pkg/__pycache__/x.pyc")
    os.utime(second / "a.py", (1, 1))
    (second / "b.py").chmod(0o700)

    assert zip_folder(first) == zip_folder(second)
    with zipfile.ZipFile(io.BytesIO(zip_folder(second))) as archive:
        assert archive.namelist() == ["a.py", "b.py", "pkg/é.py"]
        assert archive.read("pkg/é.py") == "# pkg/é.py\n".encode()
        assert {i.compress_type for i in archive.infolist()} == {zipfile.ZIP_STORED}
        assert {i.external_attr >> 16 & 0o777 for i in archive.infolist()} == {0o755}


def test_other_code_gives_other_bytes(tmp_path: Path) -> None:
    folder = code(tmp_path, "a.py")
    before = zip_folder(folder)
    (folder / "a.py").write_text("# other")
    assert zip_folder(folder) != before


@pytest.mark.parametrize("link", ["inside.py", "sub"])
def test_symlinks_are_refused(tmp_path: Path, link: str) -> None:
    folder = code(tmp_path / "lambda", "a.py")
    (folder / link).symlink_to("/etc" if link == "sub" else "/etc/passwd")
    with pytest.raises(TfdriverError, match=f"{link}: symlinks are not allowed"):
        zip_folder(folder)


def test_a_folder_that_is_a_symlink_missing_or_empty_is_refused(tmp_path: Path) -> None:
    code(tmp_path / "real", "a.py")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "empty" / "__pycache__").mkdir(parents=True)
    for name, message in {"link": "symlinks", "missing": "does not exist", "empty": "no code"}.items():
        with pytest.raises(TfdriverError, match=message):
            zip_folder(tmp_path / name)


def test_only_generated_zips_are_recognized(tmp_path: Path) -> None:
    generated = zip_folder(code(tmp_path, "a.py"))
    other = io.BytesIO()
    with zipfile.ZipFile(other, "w") as archive:
        archive.write(tmp_path / "a.py", "a.py")
    assert is_generated_zip(generated)
    for data in (other.getvalue(), generated + b"x", generated[:-1], generated.replace(b"# a", b"# b"), b"", b"PK"):
        assert not is_generated_zip(data)
