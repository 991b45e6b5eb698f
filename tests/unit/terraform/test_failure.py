"""Errors that Terraform prints as text, e.g. `terraform init`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tfdriver.terraform.events import TEXT, outcome
from tfdriver.terraform.failure import TerraformError, refuse_failed
from tfdriver.terraform.process import Finished

DOWNLOAD = """
Error: Failed to download module

  on main.tf line 3:
   3: module "foo_bar" {

Could not download module "foo_bar" (main.tf:3) source code from
"git::ssh://git@git.corp.example/mods.git?ref=v1": /usr/bin/git exited with 128:
fatal: Could not read from remote repository.

Please make sure you have the correct access rights
and the repository exists.

"""
WHOLE = (
    'Failed to download module: Could not download module "foo_bar" (main.tf:3) source code from '
    '"git::ssh://git@git.corp.example/mods.git?ref=v1": /usr/bin/git exited with 128: fatal: Could not read from '
    "remote repository. Please make sure you have the correct access rights and the repository exists"
)
BOXED = "".join(f"│ {line}\n" if line else "│\n" for line in DOWNLOAD.strip().splitlines())
WARNING = "Warning: Unable to open CLI configuration file\n\nThe file does not exist.\n\n"


@pytest.mark.parametrize(
    ("stderr", "what"),
    [
        (DOWNLOAD, WHOLE),
        (f"╷\n{BOXED}╵\n", WHOLE),
        (WARNING + DOWNLOAD, WHOLE),
        (DOWNLOAD + WARNING, WHOLE),
        (DOWNLOAD + "Error: Argument definition required\n", f"{WHOLE}.\nAlso Argument definition required"),
        ("Error: no such command\n", "no such command"),
    ],
)
def test_the_reason_is_reported_whole(stderr: str, what: str):
    finished = Finished(code=1, stderr=stderr, interrupted=False, timed_out=False)

    with pytest.raises(TerraformError) as caught:
        refuse_failed("init", Path("/p/compositions/account_a"), finished, outcome((), TEXT), TEXT, None)

    assert caught.value.what == what
    assert caught.value.where == "terraform init in compositions/account_a"


def test_a_wrong_clock_is_named():
    text = (
        "validating provider credentials: api error SignatureDoesNotMatch: Signature expired: 2026 is now earlier than"
    )
    finished = Finished(code=1, stderr=f"Error: {text}\n", interrupted=False, timed_out=False)

    with pytest.raises(TerraformError) as caught:
        refuse_failed("init", Path("/p/compositions/account_a"), finished, outcome((), TEXT), TEXT, None)

    assert caught.value.code == "clock_skew"
    assert caught.value.what == f"the clock of this machine is wrong: {text}"
    assert "The credentials need no change" in caught.value.hint
