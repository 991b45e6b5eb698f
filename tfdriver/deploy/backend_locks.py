"""Locks on states in S3, before a run: waits for them, and removes those of killed runs of this folder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tfdriver.aws.account_access import AccountAccess
from tfdriver.aws.calls import Calls
from tfdriver.concurrency import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.backend import Backend
from tfdriver.terraform.backend_lock import is_left, read_lock
from tfdriver.terraform.remote_state import backend_root
from tfdriver.terraform.runner import Settings
from tfdriver.terraform.state_lock import StateLock, backend_hint
from tfdriver.waiting import Waiting


@dataclass(frozen=True)
class HeldLock:
    """A lock on a composition's state. left: whether a killed run of this folder took it."""

    composition: Composition
    backend: Backend
    lock: StateLock
    left: bool

    def __str__(self) -> str:
        by = ", by a run of this folder that was killed" if self.left else ""
        return f"compositions/{self.composition.name}: {self.lock}{by}"


# Shows the locks of killed runs and asks whether to remove them. Raises TfdriverError if the user does not agree.
ConfirmUnlock = Callable[[Sequence[HeldLock]], None]


def held_locks(workspace: Workspace, aws: Calls, accounts: Mapping[str, AccountAccess]) -> tuple[HeldLock, ...]:
    """Return the locks on the states in S3, also where a state was before it moves.

    accounts: by name; those without access are left out. `left` is right only while we hold the project's lock.
    """
    places = [
        (composition, backend)
        for composition in workspace.compositions
        if not accounts[composition.account.name].problem
        for backend in (workspace.backends[composition.name], workspace.former_backend(composition))
        if backend
    ]
    locks = side_by_side(lambda place: read_lock(place[1], place[0].account, aws), places)
    return tuple(
        HeldLock(composition, backend, lock, is_left(lock, workspace.path(composition)))
        for (composition, backend), lock in zip(places, locks, strict=True)
        if lock
    )


def wait_until_unlocked(
    look: Callable[[], Sequence[HeldLock]], folder: Callable[[Composition], Path], waiting: Waiting
) -> None:
    """Wait until no state in S3 is locked.

    look: returns the locks, without those that it has removed; folder: returns a composition's folder. Raises
    TfdriverError, naming the holder, for a lock that is still held when the time of `waiting` is over.
    """

    def locked() -> TfdriverError | None:
        held = next(iter(look()), None)
        if held is None:
            return None
        hint = backend_hint(held.lock, folder(held.composition), held.backend)
        if held.left:
            hint = "Run `tfdriver up`, `tfdriver tighten` or `tfdriver destroy`, which removes this lock"
        return TfdriverError(str(held), code="state_locked", hint=hint)

    waiting.until_none(locked)


def remove_locks(locks: Iterable[HeldLock], settings: Settings, private: Path, note: Callable[[str], None]) -> None:
    """Remove locks. private: a folder of this run only; note: prints a line. Raises TerraformError."""
    for number, held in enumerate(locks):
        backend_root(private / f"unlock-{held.composition.name}-{number}", held.backend, settings).unlock(held.lock.id)
        note(f"  {held}; removed this lock")
