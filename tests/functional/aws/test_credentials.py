"""Credentials that change during a command: which of them tfdriver uses."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from configparser import RawConfigParser
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.functional.inspect.test_who import record
from tests.unit.builders import A, B
from tfdriver.aws.client import Aws
from tfdriver.cli import main
from tfdriver.iam.trust_state import LiveRole
from tfdriver.inspect.status import status, view_project

GONE = {"aws_access_key_id": "AKIAGONE", "aws_secret_access_key": "gone"}


def credentials() -> RawConfigParser:
    found = RawConfigParser()
    assert found.read(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
    return found


@pytest.fixture
def log_in(accounts):
    """Writes other keys for a profile."""

    def log_in(keys: Mapping[str, str], profile: str = "account_a") -> None:
        changed = credentials()
        changed[profile] = dict(keys)
        with Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).open("w") as file:
            changed.write(file)

    return log_in


def test_caller_reads_the_credentials_again(log_in):
    aws = Aws()
    assert aws.caller(A).account_id == A.id
    log_in(credentials()["account_b"])
    assert aws.caller(A).account_id == B.id


def test_each_call_is_logged_once_with_its_profile(accounts, caplog):
    caplog.set_level(logging.DEBUG, "tfdriver.aws.client")
    aws = Aws()

    aws.caller(A)
    aws.caller(B)

    logged = [message.partition(":")[0] for message in caplog.messages]
    assert logged == [f"sts GetCallerIdentity, profile {account.profile}" for account in (A, B)]


def test_credentials_of_another_account_are_not_used_for_other_calls(log_in):
    aws = Aws()
    aws.caller(A)

    log_in(credentials()["account_b"])
    aws.caller(A)

    assert isinstance(aws.read_role(A, "foo_bar"), LiveRole)


def test_new_credentials_of_the_same_account_are_used_for_other_calls(log_in):
    aws = Aws()
    good = dict(credentials()["account_a"])
    log_in(GONE)
    assert not isinstance(aws.read_role(A, "foo_bar"), LiveRole)
    log_in(good)
    aws.caller(A)
    assert isinstance(aws.read_role(A, "foo_bar"), LiveRole)


@pytest.mark.parametrize(
    ("command", "profile", "other"),
    [
        ("status --who", "account_a", "account_b"),
        ("report --who -o report.html", "account_a", "account_b"),
        ("explain foo_bar", "account_b", "account_a"),
    ],
)
def test_commands_use_the_credentials_whose_account_was_checked(
    accounts, log_in, tmp_path, monkeypatch, command, profile, other
):
    """On its second run, the profile's program prints the keys of another account."""
    monkeypatch.chdir(tmp_path)
    record(accounts, datetime.now(UTC), "broad")
    for name, whose in (("now", profile), ("later", other)):
        keys = credentials()[whose]
        output = {"AccessKeyId": keys["aws_access_key_id"], "SecretAccessKey": keys["aws_secret_access_key"]}
        (tmp_path / name).write_text(json.dumps({"Version": 1, **output}))
    program = tmp_path / "log-in"
    program.write_text("#!/bin/sh\ncat now\ncp later now\necho >> asked\n")
    program.chmod(0o700)
    log_in({"credential_process": str(program)}, profile)

    assert main.run(["-C", str(accounts.options.project), *command.split()]) == 0
    assert (tmp_path / "asked").read_text() == "\n"


@pytest.mark.parametrize("process", ["/nowhere/log-in", "echo Please log in first"])
def test_status_continues_if_the_program_of_one_profile_fails(accounts, log_in, process):
    log_in({"credential_process": process})

    found = status(view_project(accounts.options, accounts.tools()))

    account_a, account_b = found.accounts
    assert "Check the profile's credential_process" in account_a.problem
    assert account_b.problem == ""
    assert found.pairs[0].trusted_exists
