"""States that a backend keeps, pulled by a Terraform that is a line of Python."""

from __future__ import annotations

import json
import stat
import sys
from pathlib import Path

import pytest

from tests.unit.builders import FOO, A
from tfdriver.aws.account_access import AccountAccess
from tfdriver.errors import TfdriverError
from tfdriver.interrupts import Interrupts
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform.backend import Backend
from tfdriver.terraform.program import Program
from tfdriver.terraform.remote_state import pulling
from tfdriver.terraform.runner import Settings
from tfdriver.terraform.state import State

COMPOSITION = Composition("account_a", "foo-bar", A, Side.TRUSTING, (FOO,))
BACKEND = Backend("s3", text='  backend "s3" {}')
STATE = {"version": 4, "lineage": "l", "serial": 3, "outputs": {"x": {"value": 1}}}
WHERE = "the state of account_a in backend s3"


def pull(folder: Path, code: str, timeout: float | None = None, problem: str = "") -> State | None:
    """Pull by a program; the credentials of this test are the word `secret`."""
    program = Program((sys.executable, "-c", f"import json, os, sys, time\n{code}"), "terraform")
    environment = {"MARK": "x"}
    hide = {"hide": lambda text: text.replace("secret", "***")}
    settings = Settings(program, environment, Interrupts(), timeout=timeout, **hide)
    accounts = {"account_a": AccountAccess("account_a", A.id, problem=problem)}
    return pulling(settings, folder, accounts)(COMPOSITION, BACKEND)


def test_a_state_is_pulled_in_a_private_folder_that_has_the_backend_alone(tmp_path: Path):
    note = tmp_path / "calls"
    code = f"""
print(json.dumps({STATE}) if sys.argv[1] == "state" else "")
open({str(note)!r}, "a").write(json.dumps([sys.argv[1:], os.getcwd(), os.listdir(), os.environ.get("MARK")]) + "\\n")
"""
    found = pull(tmp_path, code)

    assert found is not None
    assert (found.serial, found.outputs) == (3, {"x": 1})
    folder = tmp_path / "state-account_a"
    init, state = (json.loads(line) for line in note.read_text().splitlines())
    assert init == [["init", "-input=false", "-no-color"], str(folder), ["backend.tf"], "x"]
    assert state[0] == ["state", "pull"]
    assert (folder / "backend.tf").read_text() == 'terraform {\n  backend "s3" {}\n}\n'
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_backend_without_a_state_has_none(tmp_path: Path):
    assert pull(tmp_path, "") is None


@pytest.mark.parametrize(
    ("code", "timeout", "words"),
    [
        ("sys.exit('no\\ncredentials secret')", None, r"cannot set up the backend: no credentials \*\*\*"),
        ("sys.argv[1] == 'state' and sys.exit('denied')", None, "cannot pull the state: denied"),
        ("time.sleep(60)", 0.1, "no answer in 0.1 s"),
        ("print('{')", None, "is not a state that Terraform can read"),
        ("print('{\"version\": 9}')", None, "state version 9 is not known"),
    ],
)
def test_a_state_that_cannot_be_read_says_why(tmp_path: Path, code: str, timeout: float | None, words: str):
    with pytest.raises(TfdriverError, match=words) as caught:
        pull(tmp_path, code, timeout)
    assert caught.value.where == WHERE
    assert "secret" not in str(caught.value)


def test_an_account_that_cannot_be_seen_is_not_asked(tmp_path: Path):
    with pytest.raises(TfdriverError, match="account_a is not seen"):
        pull(tmp_path, "raise SystemExit('asked')", problem="expired")
