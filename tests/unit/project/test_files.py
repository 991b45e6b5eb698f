"""Files are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tfdriver.errors import TfdriverError
from tfdriver.files import private_folder, write_whole


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    path = tmp_path / "f"
    write_whole(path, b"one", mode=0o600)
    write_whole(path, b"two", mode=0o600)
    assert path.read_bytes() == b"two"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_symlink_is_replaced_not_followed(tmp_path: Path) -> None:
    (tmp_path / "target").write_text("kept")
    (tmp_path / "f").symlink_to(tmp_path / "target")
    (tmp_path / ".f.new").symlink_to(tmp_path / "target")
    write_whole(tmp_path / "f", b"new")
    assert (tmp_path / "target").read_text() == "kept"
    assert not (tmp_path / "f").is_symlink()


def test_a_failed_write_names_the_file_and_leaves_no_temporary_file(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    with pytest.raises(TfdriverError, match="f: cannot write the file"):
        write_whole(tmp_path / "f", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
    with pytest.raises(TfdriverError, match="cannot write the file: No such file"):
        write_whole(tmp_path / "none" / "f", b"x")


def test_a_private_folder_is_private_for_any_umask_and_former_mode(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir(mode=0o755)
    before = os.umask(0)
    try:
        for name in ("old", "above/new"):
            private_folder(tmp_path / name)
    finally:
        os.umask(before)
    modes = {p.relative_to(tmp_path).as_posix(): p.stat().st_mode & 0o777 for p in tmp_path.rglob("*")}
    assert modes == {"old": 0o700, "above": 0o700, "above/new": 0o700}


def test_a_folder_that_cannot_be_created_is_reported(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    with pytest.raises(TfdriverError, match="cannot create the folder"):
        private_folder(tmp_path / "f/inner")
