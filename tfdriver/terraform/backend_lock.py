"""The lock on a state in S3: its holder, and whether a killed Terraform of this folder left it.

Source: hashicorp/terraform, `internal/backend/remote-state/s3/client.go`.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from tfdriver.aws.calls import AwsError, Calls
from tfdriver.spec.model import Account
from tfdriver.terraform.backend import Backend
from tfdriver.terraform.events import Event, parse_line
from tfdriver.terraform.runner import RUN_FOLDER
from tfdriver.terraform.state_lock import StateLock, parse_description

_LOGS = ("plan.jsonl", "apply.jsonl", "destroy.jsonl")


def read_lock(backend: Backend, account: Account, aws: Calls) -> StateLock | None:
    """Return the lock on a state in S3, None if it is not locked. account: the composition's.

    Also None for another backend and for a lock that cannot be read: Terraform reports these when it takes the lock.
    """
    bucket, key, profile, region = (backend.arguments.get(name) for name in ("bucket", "key", "profile", "region"))
    if backend.kind != "s3" or not (bucket and key and profile and region):
        return None
    owner = replace(account, profile=profile, region=region)
    try:
        text = aws.call(owner, "s3", lambda s3: s3.get_object(Bucket=bucket, Key=f"{key}.tflock")["Body"].read())
    except AwsError:
        return None
    return parse_description(text)


def is_left(lock: StateLock, folder: Path) -> bool:
    """Whether a Terraform that tfdriver ran in this folder took the lock. It has ended if we hold the project's lock.

    Its log proves that: Terraform took its lock after it started and before its first event of a resource. Another
    lock has a time in between only if it was released before.
    """
    if lock.host != socket.gethostname():
        return False
    return any(start <= lock.since <= locked for start, locked in _times_of_locks(folder))


def _times_of_locks(folder: Path) -> Iterator[tuple[datetime, datetime]]:
    """Yield, for each Terraform command whose log has it, the times between which it took the lock."""
    for name in _LOGS:
        events = list(_events(folder / RUN_FOLDER / name))
        locked = [event for event in events if event.address]
        if locked:
            try:
                yield datetime.fromisoformat(events[0].at), datetime.fromisoformat(locked[0].at)
            except ValueError:
                continue


def _events(log: Path) -> Iterator[Event]:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    yield from filter(None, map(parse_line, lines))
