"""The log of API calls, as CloudTrail would record them: one JSON object per line, appended, file mode 0600.

Every line has these fields:

time          time of the request, UTC, e.g. `2026-03-01T12:00:00.123Z`
request_id    request ID in the response
caller        ARN of the user or session; `*.amazonaws.com` for a service; '' for invalid credentials
account       account ID of the caller, '' if unknown
caller_id     unique ID of the caller, `AROA...:NAME` for a session; '' if unknown
service       IAM prefix, e.g. `sts`
action        operation, e.g. `AssumeRole`
resource      ARN of the resource, `*` for none
needs         the required actions, each `{action, resource, facts}`; none if every caller is allowed
region        region of the call
source        `127.0.0.1`, or the service that made the call, e.g. `events.amazonaws.com`
user_agent    user agent of the client
allowed       whether the caller was allowed
reason        why the caller was not allowed, in AWS's words; '' if allowed
status        HTTP status of the response; null if the connection was dropped
error         AWS's error code; '' for none
message       AWS's error message; '' for none
fault         the injected fault, e.g. `drop before`; '' for none
trust_policy  the policy document in iam:CreateRole or iam:UpdateAssumeRolePolicy, as text; '' for all other calls

A line never contains a credential, another part of a request's body, or a response's body.
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

_IN_MEMORY = 10_000  # entries


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
    """Writes entries to a file, if one is open, and keeps the latest in memory. Thread-safe."""

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._latest: deque[Entry] = deque(maxlen=_IN_MEMORY)

    def latest(self) -> tuple[Entry, ...]:
        """Return the latest entries, oldest first."""
        with self._lock:
            return tuple(self._latest)

    def write(self, entry: Entry) -> None:
        """Append an entry as one line, in one write, so that the file never contains an incomplete line."""
        with self._lock:
            self._latest.append(entry)
            if self._descriptor is not None:
                os.write(self._descriptor, json.dumps(asdict(entry)).encode() + b"\n")


@contextmanager
def open_call_log(path: Path | None) -> Iterator[CallLog]:
    """Open the log for appending, or in memory only if path is None. Raises TfdriverError."""
    if path is None:
        yield CallLog()
        return
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise TfdriverError(
            f"cannot write the call log: {error.strerror}",
            code="sandbox_failed",
            where=str(path),
            hint="Give --log another file",
        ) from error
    try:
        yield CallLog(descriptor)
    finally:
        os.close(descriptor)
