"""Configuration files are parsed again only if they changed."""

from __future__ import annotations

import os
import time
from pathlib import Path

import botocore.configloader
import pytest

from tfdriver.aws import profile_session
from tfdriver.aws.client import new_session, profile_region

KEYS = "[p]\naws_access_key_id = AKIA0123456789ABCDEF\naws_secret_access_key = {}\n"


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with both files, which were written a minute ago."""
    monkeypatch.setattr(profile_session, "_parsed", {})
    for variable, name, text in (
        ("AWS_CONFIG_FILE", "config", "[profile p]\nregion = eu-west-1\n"),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", KEYS.format("first")),
    ):
        monkeypatch.setenv(variable, str(tmp_path / name))
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(time, "time_ns", lambda: time.monotonic_ns() + 2**62)
    return tmp_path


def parses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that gets the path of each file that is parsed."""
    parsed: list[str] = []
    original = botocore.configloader.raw_config_parse

    def parse(path: str, *arguments: object) -> object:
        parsed.append(path)
        return original(path, *arguments)

    for module in (botocore.configloader, profile_session):
        monkeypatch.setattr(module, "raw_config_parse", parse)
    return parsed


def secret() -> str:
    return new_session("p").get_credentials().secret_key


def test_unchanged_files_are_parsed_once(files, monkeypatch):
    secret()
    parsed = parses(monkeypatch)

    assert (secret(), profile_region("p")) == ("first", "eu-west-1")
    assert parsed == []


def test_changed_files_are_parsed_again(files):
    secret()
    profile_region("p")
    (files / "credentials").write_text(KEYS.format("other"))
    (files / "config").write_text("[profile p]\nregion = eu-west-3\n")

    assert (secret(), profile_region("p")) == ("other", "eu-west-3")


def test_a_file_that_was_just_written_is_parsed_again(files, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(files / "credentials"))
    path = files / "credentials"
    path.write_text(KEYS.format("first"))
    stat = path.stat()
    secret()
    path.write_text(KEYS.format("other"))
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))

    assert secret() == "other"
