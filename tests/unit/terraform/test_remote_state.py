"""Pulling a state from a backend, with a line of Python as Terraform."""

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
from tfdriver.terraform.provider_installation import PROVIDERS
from tfdriver.terraform.remote_state import pulling
from tfdriver.terraform.runner import Settings
from tfdriver.terraform.state import State

COMPOSITION = Composition("account_a", "foo-bar", A, Side.TRUSTING, (FOO,))
BACKEND = Backend("s3", text='  backend "s3" {}')
STATE = {"version": 4, "lineage": "l", "serial": 3, "outputs": {"x": {"value": 1}}}
WHERE = "the state of account_a in backend s3"


def pull(folder: Path, code: str, timeout: float | None = None, problem: str = "") -> State | None:
    """Pull a state with Python code as Terraform; the word `secret` stands for the credentials."""
    program = Program((sys.executable, "-c", f"import json, os, sys, time\n{code}"), "terraform")
    environment = {"MARK": "x"}
    hide = {"hide": lambda text: text.replace("secret", "***")}
    settings = Settings(program, environment, Interrupts(), timeout=timeout, **hide)
    accounts = {"account_a": AccountAccess("account_a", A.id, problem=problem)}
    return pulling(settings, folder, accounts)(COMPOSITION, BACKEND)


def test_a_state_is_pulled_in_a_private_folder_with_only_the_backend_block(tmp_path: Path):
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


def test_init_does_not_install_the_aws_provider_though_the_state_names_it(tmp_path: Path):
    note = tmp_path / "left out"

    pull(tmp_path, f"'init' in sys.argv and open({str(note)!r}, 'w').write(os.environ['TF_REATTACH_PROVIDERS'])")

    assert set(json.loads(note.read_text())) == set(PROVIDERS)


def test_an_empty_backend_has_no_state(tmp_path: Path):
    assert pull(tmp_path, "") is None


@pytest.mark.parametrize(
    ("code", "timeout", "message"),
    [
        ("sys.exit('no\\ncredentials secret')", None, r"cannot initialize the backend: no credentials \*\*\*"),
        ("sys.argv[1] == 'state' and sys.exit('denied')", None, "cannot pull the state: denied"),
        ("time.sleep(60)", 0.1, "timed out after 0.1 s"),
        ("print('{')", None, "is not a valid Terraform state"),
        ("print('{\"version\": 9}')", None, "state version 9 is unknown"),
    ],
)
def test_an_unreadable_state_is_reported_with_its_cause(tmp_path: Path, code: str, timeout: float | None, message: str):
    with pytest.raises(TfdriverError, match=message) as caught:
        pull(tmp_path, code, timeout)
    assert caught.value.where == WHERE
    assert "secret" not in str(caught.value)


def test_nothing_is_pulled_without_access_to_the_account(tmp_path: Path):
    with pytest.raises(TfdriverError, match="no access to account_a"):
        pull(tmp_path, "raise SystemExit('ran')", problem="expired")
