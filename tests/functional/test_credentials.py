"""Credentials that change while a project is open: whom identity is asked of, and as whom all else is asked."""

from __future__ import annotations

import os
from collections.abc import Mapping
from configparser import RawConfigParser
from pathlib import Path

import pytest

from tests.unit.builders import A, B
from tfdriver.aws import Aws
from tfdriver.decide import LiveRole

GONE = {"aws_access_key_id": "AKIAGONE", "aws_secret_access_key": "gone"}


def credentials() -> RawConfigParser:
    found = RawConfigParser()
    assert found.read(os.environ["AWS_SHARED_CREDENTIALS_FILE"])
    return found


@pytest.fixture
def log_in(accounts):
    """Gives account_a's profile other keys."""

    def log_in(keys: Mapping[str, str]) -> None:
        changed = credentials()
        changed["account_a"] = dict(keys)
        with Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).open("w") as file:
            changed.write(file)

    return log_in


def test_who_a_profile_is_is_asked_with_its_credentials_of_this_moment(log_in):
    aws = Aws()
    assert aws.caller(A).account_id == A.id
    log_in(credentials()["account_b"])
    assert aws.caller(A).account_id == B.id


def test_credentials_of_another_account_are_used_for_nothing_else(log_in):
    aws = Aws()
    aws.caller(A)
    log_in(credentials()["account_b"])
    aws.caller(A)
    assert isinstance(aws.look(A, "foo_bar"), LiveRole)


def test_new_credentials_of_the_same_account_are_used_from_then_on(log_in):
    aws = Aws()
    good = dict(credentials()["account_a"])
    log_in(GONE)
    assert not isinstance(aws.look(A, "foo_bar"), LiveRole)
    log_in(good)
    aws.caller(A)
    assert isinstance(aws.look(A, "foo_bar"), LiveRole)
