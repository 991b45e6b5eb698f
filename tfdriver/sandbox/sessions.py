"""Role sessions and their temporary credentials.

A session belongs to the role's unique ID: its credentials are invalid once the role is deleted, even if a new role with
the same name exists.
"""

from __future__ import annotations

import secrets
import string
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tfdriver.sandbox.resources import IamRole

FOREVER = datetime.max.replace(tzinfo=UTC)
_KEY_CHARACTERS = string.ascii_uppercase + "234567"


@dataclass(frozen=True)
class RoleSession:
    """A role session. policy: its session policy, if any; issued, expires: UTC."""

    access_key: str
    secret_key: str
    token: str
    account: str
    partition: str
    role_id: str
    role_name: str
    name: str
    issued: datetime
    expires: datetime
    policy: Any = None

    @property
    def arn(self) -> str:
        """Return the session's ARN, which does not contain the role's path, as in AWS."""
        return f"arn:{self.partition}:sts::{self.account}:assumed-role/{self.role_name}/{self.name}"

    @property
    def id(self) -> str:
        """Return the UserId that GetCallerIdentity returns."""
        return f"{self.role_id}:{self.name}"

    def __repr__(self) -> str:
        return f"RoleSession({self.arn!r})"  # without the credentials


class RoleSessions:
    """The sessions issued so far. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_key: dict[str, RoleSession] = {}
        self._expired_until: dict[str, datetime] = {}

    def issue(self, role: IamRole, name: str, duration: timedelta, policy: Any = None) -> RoleSession:
        """Issue a session of a role. name: of the session."""
        now = datetime.now(UTC)
        session = RoleSession(
            access_key="ASIA" + "".join(secrets.choice(_KEY_CHARACTERS) for _ in range(16)),
            secret_key=secrets.token_urlsafe(30),
            token=secrets.token_urlsafe(96),
            account=role.account,
            partition=role.partition,
            role_id=role.id,
            role_name=role.name,
            name=name,
            issued=now,
            expires=now + duration,
            policy=policy,
        )
        with self._lock:
            self._by_key[session.access_key] = session
        return session

    def find(self, access_key: str) -> RoleSession | None:
        """Return the session of an access key, even an expired session."""
        with self._lock:
            return self._by_key.get(access_key)

    def expire(self, access_key: str, until: datetime) -> None:
        """Treat an access key of a session or user as expired until then, for fault injection."""
        with self._lock:
            self._expired_until[access_key] = until

    def expired(self, access_key: str, now: datetime) -> bool:
        """Return whether an access key has expired."""
        with self._lock:
            session = self._by_key.get(access_key)
            forced = self._expired_until.get(access_key)
        return (session is not None and session.expires <= now) or (forced is not None and now < forced)
