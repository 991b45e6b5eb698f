"""The log of API calls, as CloudTrail would keep it: one JSON object per line, appended, file mode 0600.

Fields of a line, all of them always there:

time        when the call came in, UTC, e.g. `2026-03-01T12:00:00.123Z`
request_id  the id that the answer carried
caller      ARN of the user or session; `*.amazonaws.com` for a service; '' if the credentials were no good
account     the caller's account id, '' if not known
caller_id   unique id of the caller, of a session `AROA...:NAME`; '' if not known
service     IAM prefix, e.g. `sts`
action      operation, e.g. `AssumeRole`
resource    ARN of what it acted on, `*` for none
needs       what the caller must be allowed: `{action, resource, facts}` each; none for what anybody may do
region      region of the call
source      `127.0.0.1`, or the service that made the call by itself, e.g. `events.amazonaws.com`
user_agent  what the client calls itself
allowed     whether the caller was allowed to
reason      why not, in AWS's words; '' if allowed
status      HTTP status of the answer; null if the connection was dropped
error       AWS's error code; '' if none
message     AWS's error message; '' if none
fault       what was injected, e.g. `drop before`; '' if nothing
trust_policy  the document given to iam:CreateRole or iam:UpdateAssumeRolePolicy, as text; '' for every other call

There is never a credential, another part of a request's body, or a response's body in it.
"""

from __future__ import annotations

import json
import os
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.sandbox.required_actions import RequiredAction

_REMEMBERED = 10_000  # entries


@dataclass(frozen=True)
class Entry:
    """One line of the log; see the module's docstring."""

    time: str
    request_id: str
    caller: str = ""
    account: str = ""
    caller_id: str = ""
    service: str = ""
    action: str = ""
    resource: str = "*"
    needs: tuple[RequiredAction, ...] = ()
    region: str = ""
    source: str = "127.0.0.1"
    user_agent: str = ""
    allowed: bool = True
    reason: str = ""
    status: int | None = None
    error: str = ""
    message: str = ""
    fault: str = ""
    trust_policy: str = ""


class CallLog:
    """Where entries go: the file, if there is one, and memory for the latest. Safe to use from several threads."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._latest: deque[Entry] = deque(maxlen=_REMEMBERED)

    def latest(self) -> tuple[Entry, ...]:
        """Return the latest entries, oldest first."""
        with self._lock:
            return tuple(self._latest)

    def write(self, entry: Entry) -> None:
        """Append an entry as one line, in one write, so that readers and a crash never see half of one."""
        with self._lock:
            self._latest.append(entry)
            if self._descriptor is not None:
                os.write(self._descriptor, json.dumps(asdict(entry)).encode() + b"\n")


@contextmanager
def opened(path: Path | None) -> Iterator[CallLog]:
    """Open the log for appending, or one that keeps nothing if path is None. Raises TfdriverError."""
    if path is None:
        yield CallLog()
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise TfdriverError(
            f"cannot write the call log: {error.strerror}", where=str(path), hint="Give --log another file."
        ) from error
    try:
        yield CallLog(descriptor)
    finally:
        os.close(descriptor)
