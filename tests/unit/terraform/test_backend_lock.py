"""The lock on a state in S3: reading it, and the proof that a killed Terraform of the folder left it."""

from __future__ import annotations

import io
import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.unit.builders import A
from tfdriver.aws.calls import AwsError
from tfdriver.spec.model import Account
from tfdriver.terraform.backend import Backend
from tfdriver.terraform.backend_lock import is_left, read_lock
from tfdriver.terraform.state_lock import StateLock

ARGUMENTS = {"bucket": "b", "key": "k", "profile": "ops", "region": "eu-west-1"}
TAKEN = datetime(2026, 1, 2, 0, 0, 5, 400_000, tzinfo=UTC)
HERE = f"ops@{socket.gethostname()}"


@dataclass
class OneObject:
    """S3 with one object, and the accounts and names of the calls."""

    text: str
    error: str = ""
    calls: list[Any] = field(default_factory=list)

    def call(self, account: Account, service: str, ask: Callable[[Any], Any]) -> Any:
        self.calls.append((account.profile, account.region, service))
        if self.error:
            raise AwsError("no", aws_code=self.error)
        return ask(self)

    def get_object(self, **names: str) -> dict[str, Any]:
        self.calls.append(names)
        return {"Body": io.BytesIO(self.text.encode())}


def test_the_lock_is_read_with_the_profile_and_region_of_the_backend():
    info = {"ID": "1", "Operation": "OperationTypePlan", "Who": "ops@ci-7", "Created": "2026-01-02T00:00:05.4Z"}
    s3 = OneObject(json.dumps(info))

    assert read_lock(Backend("s3", arguments=ARGUMENTS), A, s3) == StateLock("1", "ops@ci-7", "plan", TAKEN)
    assert s3.calls == [("ops", "eu-west-1", "s3"), {"Bucket": "b", "Key": "k.tflock"}]


@pytest.mark.parametrize(
    ("backend", "s3"),
    [
        (Backend("s3", arguments=ARGUMENTS), OneObject("", "NoSuchKey")),
        (Backend("s3", arguments=ARGUMENTS), OneObject("", "AccessDenied")),
        (Backend("s3", arguments=ARGUMENTS), OneObject("[]")),
        (Backend("s3", arguments={"bucket": "b", "key": "k"}), OneObject("{}")),
        (Backend("gcs", arguments=ARGUMENTS), OneObject("{}")),
        (Backend(), OneObject("{}")),
    ],
)
def test_a_lock_that_cannot_be_read_is_left_to_terraform(backend: Backend, s3: OneObject):
    assert read_lock(backend, A, s3) is None


def log(folder: Path, name: str, started: datetime, first: datetime | None) -> None:
    events: list[dict[str, Any]] = [{"@timestamp": f"{started:%Y-%m-%dT%H:%M:%S.%fZ}", "type": "version"}]
    if first:
        hook = {"resource": {"addr": "aws_iam_role.this"}}
        events.append({"@timestamp": f"{first:%Y-%m-%dT%H:%M:%S.%fZ}", "type": "apply_start", "hook": hook})
    (folder / ".tfdriver").mkdir(exist_ok=True)
    (folder / ".tfdriver" / name).write_text("".join(json.dumps(event) + "\n" for event in events) + '{"cut')


BEFORE, AFTER = TAKEN - timedelta(seconds=0.1), TAKEN + timedelta(seconds=0.1)


@pytest.mark.parametrize(
    ("who", "name", "started", "first", "left"),
    [
        (HERE, "apply.jsonl", BEFORE, AFTER, True),
        (HERE, "destroy.jsonl", BEFORE, AFTER, True),
        (HERE, "plan.jsonl", BEFORE, AFTER, True),
        (HERE, "init.jsonl", BEFORE, AFTER, False),
        (HERE, "apply.jsonl", BEFORE, None, False),  # it may have waited for the lock
        (HERE, "apply.jsonl", BEFORE - timedelta(hours=1), BEFORE, False),
        (HERE, "apply.jsonl", AFTER, AFTER + timedelta(hours=1), False),
        ("ops@elsewhere", "apply.jsonl", BEFORE, AFTER, False),
    ],
)
def test_a_lock_is_left_here_if_a_log_shows_when_it_was_taken(
    tmp_path: Path, who: str, name: str, started: datetime, first: datetime | None, left: bool
):
    log(tmp_path, name, started, first)
    assert is_left(StateLock("1", who, "apply", TAKEN), tmp_path) is left


def test_without_logs_no_lock_is_left_here(tmp_path: Path):
    assert is_left(StateLock("1", HERE, "apply", TAKEN), tmp_path) is False
