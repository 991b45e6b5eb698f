"""Repairing broken states, without losing a file."""

from __future__ import annotations

import json
import os
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.unit.builders import DEEP
from tfdriver.errors import TfdriverError
from tfdriver.project import crash_recovery
from tfdriver.terraform import state

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ASIDE = ".tfdriver/terraform.tfstate.broken-20260102T030405Z"
ROLE = {"mode": "managed", "type": "aws_iam_role", "instances": [{"attributes": {"arn": "arn:aws:iam::1:role/r"}}]}


def body(serial: int = 1, lineage: str = "l", resources: tuple = (ROLE,)) -> str:
    return json.dumps({"version": 4, "serial": serial, "lineage": lineage, "resources": list(resources)})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "compositions" / "account_a"
    (path / ".tfdriver").mkdir(parents=True)
    return path


def put(folder: Path, **files: str) -> None:
    names = {"state": "terraform.tfstate", "before": ".tfdriver/terraform.tfstate.before"}
    names |= {"backup": "terraform.tfstate.backup", "errored": "errored.tfstate"}
    for name, text in files.items():
        (folder / names[name]).write_text(text)


def text(folder: Path, name: str = "terraform.tfstate") -> str:
    return (folder / name).read_text()


@pytest.mark.parametrize("valid", [body(), ""])
def test_a_valid_or_missing_state_is_not_changed(folder, valid):
    if valid:
        put(folder, state=valid)
    crash_recovery.check_state_file(folder)
    assert crash_recovery.repair_state(folder, NOW) == ""
    assert (folder / "terraform.tfstate").exists() == bool(valid)
    assert not crash_recovery.unfinished(folder)


def test_every_truncated_state_is_broken(folder):
    for length in range(len(body())):
        put(folder, state=body()[:length])
        assert crash_recovery.is_broken(folder), length
    put(folder, state=body())
    assert not crash_recovery.is_broken(folder)


@pytest.mark.parametrize(
    "content", ["[]", "null", "4", '"x"', '{"serial": 1}', '{"version": 4, "serial": "x"}', '{"version": 4.0}', DEEP]
)
def test_invalid_content_is_broken(folder, content):
    put(folder, state=content)
    assert crash_recovery.is_broken(folder)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_state_that_terraform_cannot_decode_is_broken_and_repaired(folder, encoding):
    put(folder, before=body(3))
    (folder / "terraform.tfstate").write_bytes(body(4).encode(encoding))
    crash_recovery.check_state_file(folder)
    assert crash_recovery.repair_state(folder, NOW)
    assert text(folder) == body(3)


@pytest.mark.parametrize(
    ("copies", "chosen"),
    [
        ({"before": body(3), "backup": body(2)}, "before"),
        ({"before": body(2), "backup": body(3)}, "backup"),
        ({"before": "", "backup": body(1)}, "backup"),
        ({"before": body(1), "backup": body(9)[:-1]}, "before"),
        ({"before": '{"version": 9, "serial": 9}', "backup": body(1)}, "backup"),
    ],
)
def test_the_newest_valid_copy_is_restored(folder, copies, chosen):
    put(folder, state="{", **copies)
    crash_recovery.check_state_file(folder)
    note = crash_recovery.repair_state(folder, NOW)
    assert text(folder) == copies[chosen]
    assert text(folder, ASIDE) == "{"
    assert stat.S_IMODE((folder / ASIDE).stat().st_mode) == 0o600
    assert ASIDE in note
    assert crash_recovery.unfinished(folder)
    assert crash_recovery.repair_state(folder, NOW) == ""


def test_without_a_valid_copy_the_broken_state_is_removed(folder):
    put(folder, state="", before="", backup="{")
    assert "looking up the resources in AWS" in crash_recovery.repair_state(folder, NOW)
    assert not (folder / "terraform.tfstate").exists()
    assert text(folder, ASIDE) == ""
    assert crash_recovery.unfinished(folder)


def test_a_killed_repair_is_repeated(folder):
    put(folder, state="{", before=body(3))
    (folder / ASIDE).write_text("{")
    (folder / ".tfdriver/apply.jsonl").write_text("")
    crash_recovery.repair_state(folder, NOW)
    assert text(folder) == body(3)


def test_the_known_state_of_a_broken_one_is_the_copy_that_a_repair_restores(folder):
    put(folder, state=body(4))
    assert crash_recovery.known_state(folder).serial == 4
    put(folder, state="{", before=body(3), backup=body(2))
    assert crash_recovery.known_state(folder).serial == 3
    put(folder, state="{", before="", backup="")
    assert crash_recovery.known_state(folder) is None
    assert crash_recovery.known_state(folder / "missing") is None


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"state": '{"version": 5}'}, "version 5 is unknown"),
        ({"state": body(2, "other"), "before": body(1)}, "another lineage than the last run's"),
        ({"state": body(2), "errored": body(3, "other")}, "another lineage than the one in use"),
        ({"state": body(2), "errored": body(1)}, "the current state is not older"),
        ({"state": body(2), "errored": body(2, resources=())}, "the current state is not older"),
        ({"state": body(2), "errored": "{"}, "which is truncated"),
    ],
)
def test_a_state_that_cannot_be_repaired_is_refused_and_not_changed(folder, files, message):
    put(folder, **files)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(TfdriverError, match=message):
        crash_recovery.check_state_file(folder)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_state_that_is_a_symlink_or_a_folder_is_refused(folder):
    (folder / "terraform.tfstate").symlink_to("elsewhere")
    with pytest.raises(TfdriverError, match="not a plain file"):
        crash_recovery.check_state_file(folder)
    (folder / "terraform.tfstate").unlink()
    (folder / "terraform.tfstate").mkdir()
    with pytest.raises(TfdriverError, match="not a plain file"):
        crash_recovery.check_state_file(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root can write every file")
def test_a_state_that_cannot_be_written_is_refused(folder):
    put(folder, state=body())
    (folder / "terraform.tfstate").chmod(0o400)
    with pytest.raises(TfdriverError, match="no permission to read and write"):
        crash_recovery.check_state_file(folder)


@pytest.mark.parametrize(("state", "pushed"), [(body(1), True), (None, True), ("", True), (body(2), False)])
def test_an_errored_state_is_pushed_and_kept(folder, state, pushed):
    put(folder, errored=body(2), **({} if state is None else {"state": state}))
    crash_recovery.check_state_file(folder)
    calls: list[str] = []

    note = crash_recovery.push_errored(folder, calls.append, NOW)

    assert calls == ["errored.tfstate"] * pushed
    assert not (folder / "errored.tfstate").exists()
    kept = folder / ".tfdriver/errored.tfstate.pushed-20260102T030405Z"
    assert kept.read_text() == body(2)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert kept.name in note
    assert crash_recovery.push_errored(folder, calls.append, NOW) == ""


def test_an_empty_errored_state_is_ignored(folder):
    put(folder, state=body(), errored="")
    crash_recovery.check_state_file(folder)
    assert crash_recovery.push_errored(folder, pytest.fail, NOW) == ""


def line(operation: str) -> str:
    changes = {"add": 1, "change": 0, "import": 0, "remove": 0, "operation": operation}
    return json.dumps({"type": "change_summary", "@message": "", "changes": changes}) + "\n"


@pytest.mark.parametrize(
    ("log", "unfinished"),
    [
        (None, False),
        ("", True),
        (line("plan"), True),
        (line("plan") + line("apply"), False),
        (line("apply")[:-9], True),
    ],
)
def test_an_apply_is_finished_if_its_log_has_a_summary(folder, log, unfinished):
    if log is not None:
        (folder / ".tfdriver/apply.jsonl").write_text(log)
    assert crash_recovery.unfinished(folder) is unfinished


def test_the_copy_is_private_and_one_of_another_lineage_is_kept(folder):
    put(folder, state=body(1))
    crash_recovery.keep(folder)
    kept = folder / ".tfdriver/terraform.tfstate.before"
    assert (kept.read_text(), stat.S_IMODE(kept.stat().st_mode)) == (body(1), 0o600)

    (folder / "terraform.tfstate").unlink()
    crash_recovery.keep(folder)
    put(folder, state=body(1, "new"))
    crash_recovery.check_state_file(folder)
    crash_recovery.keep(folder)

    assert kept.read_text() == body(1, "new")
    assert text(folder, ".tfdriver/terraform.tfstate.former") == body(1)


def test_only_managed_roles_of_a_state_are_listed(folder):
    data = ROLE | {"mode": "data", "instances": [{"attributes": {"arn": "read"}}]}
    put(folder, state=body(resources=(ROLE, data, {"mode": "managed", "type": "aws_iam_role"})))
    found = state.read_state(folder)
    assert found is not None
    assert [role.arn for role in found.roles()] == ["arn:aws:iam::1:role/r"]
