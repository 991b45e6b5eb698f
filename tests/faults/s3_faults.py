"""The faults of states in S3, and of moving states there and back: how each is injected, reported and undone."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.faults import processes
from tests.faults.scene import Run, Scene
from tests.integration.conftest import World

TITLE = "With states in S3"
A, B = "111111111111", "222222222222"
PLACES = {"account_a": f"our-states-{A}", "account_b": f"our-states-{B}"}
_LOCK = {"ID": "1", "Operation": "OperationTypeApply", "Who": "ops@ci-7", "Version": "1.11.4"}
_WRITE = {"call": "s3:PutObject", "account": A, "agent": "Terraform"}
_KMS = "User is not authorized to perform kms:Decrypt because no resource-based policy allows it"


def s3(world: World, account: str = "account_a") -> Any:
    """A client of an account's bucket."""
    return world.client("s3", account)


def read_object(world: World, account: str = "account_a") -> bytes:
    """The state of a composition."""
    found: bytes = s3(world, account).get_object(Bucket=PLACES[account], Key=account)["Body"].read()
    return found


def write_object(world: World, text: bytes, account: str = "account_a", suffix: str = "") -> None:
    """Write the state of a composition, or its lock."""
    s3(world, account).put_object(Bucket=PLACES[account], Key=account + suffix, Body=text)


def create_bucket(world: World, account: str = "account_a", owner: str = "") -> None:
    """Create a composition's bucket. owner: by default its account."""
    place = {"LocationConstraint": "us-west-2"}
    s3(world, owner or account).create_bucket(Bucket=PLACES[account], CreateBucketConfiguration=place)


def delete_bucket(world: World, owner: str = "account_a") -> None:
    """Delete the bucket of account_a with all it has."""
    bucket = PLACES["account_a"]
    for found in s3(world, owner).list_objects_v2(Bucket=bucket).get("Contents", ()):
        s3(world, owner).delete_object(Bucket=bucket, Key=found["Key"])
    s3(world, owner).delete_bucket(Bucket=bucket)


def _nothing(_: Scene, _run: Run | None) -> None:
    """Do nothing: the sandbox injects the fault."""


@dataclass(frozen=True)
class S3Fault:
    """A fault of a run of `up`. start: `exact` or `new`; rule: for the sandbox.

    act: called before the run, or with the run while the sandbox holds its CreateRole in account_a (`held`); undo:
    ends the fault; code: exit code; words: of the message; nothing_written: whether the run must not write to AWS.
    """

    title: str
    start: str
    words: str
    code: int = 1
    rule: Mapping[str, Any] = field(default_factory=dict)
    act: Callable[[Scene, Run | None], None] = _nothing
    undo: Callable[[Scene], None] = lambda _: None
    held: bool = False
    nothing_written: bool = True


def _error(status: int, code: str, message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"status": status, "code": code, "message": message}, **more}


def _replace(change: Callable[[dict[str, Any]], dict[str, Any] | bytes]) -> Callable[[Scene, Run | None], None]:
    """Return an act that keeps the state of account_a in a file and replaces it."""

    def act(scene: Scene, _: Run | None) -> None:
        text = read_object(scene.world)
        scene.file("kept").write_bytes(text)
        new = change(json.loads(text))
        write_object(scene.world, new if isinstance(new, bytes) else json.dumps(new).encode())

    return act


def _restore(scene: Scene) -> None:
    write_object(scene.world, scene.file("kept").read_bytes())


def _bucket_gone(scene: Scene, run: Run | None) -> None:
    if run is None:
        scene.file("kept").write_bytes(read_object(scene.world))
    delete_bucket(scene.world)


def _bucket_back(scene: Scene) -> None:
    create_bucket(scene.world)
    if scene.file("kept").exists():
        _restore(scene)


def _bucket_of_another_account(scene: Scene, _: Run | None) -> None:
    _bucket_gone(scene, None)
    create_bucket(scene.world, owner="account_b")


def _bucket_owned_again(scene: Scene) -> None:
    delete_bucket(scene.world, "account_b")
    _bucket_back(scene)


def _state_of_another(scene: Scene, _: Run | None) -> None:
    scene.file("kept").write_bytes(read_object(scene.world))
    write_object(scene.world, read_object(scene.world, "account_b"))


def _without_role(state: dict[str, Any]) -> dict[str, Any]:
    """An older version, from before the role was created."""
    resources = [r for r in state["resources"] if not r["type"].startswith("aws_iam_role")]
    return state | {"serial": state["serial"] - 1, "resources": resources}


def _lock(scene: Scene, _: Run | None) -> None:
    info = _LOCK | {"Created": "2026-01-02T03:04:05.678Z", "Path": "p", "Info": ""}
    write_object(scene.world, json.dumps(info).encode(), suffix=".tflock")


def _broken_lock(scene: Scene, _: Run | None) -> None:
    write_object(scene.world, b"{", suffix=".tflock")


def _unlock(scene: Scene, _: Run | None = None) -> None:
    s3(scene.world).delete_object(Bucket=PLACES["account_a"], Key="account_a.tflock")


def _kill(scene: Scene, _: Run | None) -> None:
    pid = processes.find(scene.home, "terraform")
    assert pid
    processes.kill(pid)


_WRITES_FAIL = "Failed to save state|Failed to persist state|Error saving state"
S3_FAULTS = (
    S3Fault("bucket gone", "exact", "NoSuchBucket|does not exist", act=_bucket_gone, undo=_bucket_back),
    S3Fault(
        "access denied", "exact", "StatusCode: 403", rule=_error(403, "AccessDenied", "no", call="s3:*", account=A)
    ),
    S3Fault(
        "bucket of another account",
        "exact",
        "AccessDenied|Forbidden|403",
        act=_bucket_of_another_account,
        undo=_bucket_owned_again,
    ),
    S3Fault(
        "state of another account",
        "exact",
        "lists resources in account 222222222222",
        act=_state_of_another,
        undo=_restore,
    ),
    S3Fault("older version of the state", "exact", "does not list it", act=_replace(_without_role), undo=_restore),
    S3Fault(
        "state with another lineage",
        "exact",
        "exact",
        code=0,
        act=_replace(lambda state: state | {"lineage": "another", "serial": 1}),
    ),
    S3Fault("truncated state", "exact", "", act=_replace(lambda s: json.dumps(s)[:99].encode()), undo=_restore),
    S3Fault("empty state", "exact", "does not list it", act=_replace(lambda _: b""), undo=_restore),
    S3Fault(
        "no permission for the KMS key",
        "exact",
        "kms:Decrypt",
        rule=_error(403, "AccessDenied", _KMS, call="s3:GetObject", account=A),
    ),
    S3Fault("lock of another host", "exact", "is locked by ops@ci-7 since 2026-01-02 03:04:05 UTC", act=_lock),
    S3Fault("unreadable lock", "exact", "lock", act=_broken_lock, undo=_unlock),
    S3Fault("no permission to lock", "exact", "AccessDenied", rule=_error(403, "AccessDenied", "no", **_WRITE)),
    S3Fault(
        "S3 answers 503 twice to the state",
        "new",
        "exact",
        0,
        rule=_error(503, "SlowDown", "slow", times=2, **_WRITE),
        held=True,
        nothing_written=False,
    ),
    S3Fault(
        "S3 answers 500 to each write of the state",
        "new",
        _WRITES_FAIL,
        3,
        rule=_error(500, "InternalError", "sorry", **_WRITE),
        held=True,
        nothing_written=False,
    ),
    S3Fault(
        "no permission to write the state",
        "new",
        _WRITES_FAIL,
        3,
        rule=_error(403, "AccessDenied", "no", **_WRITE),
        held=True,
        nothing_written=False,
    ),
    S3Fault(
        "bucket deleted during the apply",
        "new",
        _WRITES_FAIL,
        3,
        act=_bucket_gone,
        undo=_bucket_back,
        held=True,
        nothing_written=False,
    ),
    S3Fault("lock deleted during the apply", "new", "", 3, act=_unlock, held=True, nothing_written=False),
    S3Fault(
        "Terraform SIGKILL during the apply",
        "new",
        "was killed by signal 9",
        3,
        act=_kill,
        held=True,
        nothing_written=False,
    ),
)
