"""A botocore session that parses the AWS configuration files only if they changed.

botocore parses them three times for each session. With 1,000 profiles, that takes 80 ms and 1 MB per session, and a run
needs several sessions for each account.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import botocore.session
from botocore.configloader import raw_config_parse
from botocore.credentials import ConfigProvider, SharedCredentialProvider, SSOProvider

_Profiles = Mapping[str, Any]
# A file that was changed less than a second ago may change again without another time of change.
_RECENT = 1_000_000_000  # nanoseconds

# The profiles parsed last, by paths, with the versions of the files. Entries are replaced whole, safe for threads.
_parsed: dict[tuple[str, ...], tuple[tuple[object, ...], _Profiles]] = {}


class ProfileSession(botocore.session.Session):  # type: ignore[misc]  # botocore has no types
    """A session for a profile. Its credentials and settings are those of the files when it is created."""

    _all_profiles: _Profiles | None = None

    @property
    def full_config(self) -> _Profiles:
        """The profiles of both files. Raises botocore's errors."""
        if self._all_profiles is None:
            files = [self.get_config_variable(name) for name in ("config_file", "credentials_file")]
            self._all_profiles = _parse_changed(files, lambda: super(ProfileSession, self).full_config)
        return self._all_profiles

    def prefer_keys(self) -> None:
        """Let the session prefer the profile's access keys to SSO and to a program, as Terraform's provider does.

        It reads them from the parsed credentials file, then from the other file. Raises botocore's errors.
        """
        resolver = self.get_component("credential_provider")
        file = self.get_config_variable("credentials_file")
        parse = partial(_parse_changed, [file], lambda: raw_config_parse(file))
        shared = SharedCredentialProvider(file, self.profile, ini_parser=lambda _: parse())
        for provider in (shared, resolver.get_provider(ConfigProvider.METHOD)):
            resolver.remove(provider.METHOD)
            resolver.insert_before(SSOProvider.METHOD, provider)


def _parse_changed(files: list[str], parse: Callable[[], _Profiles]) -> _Profiles:
    """Return what `parse` returned for these files, if they are unchanged. Calls it otherwise."""
    versions = tuple(map(_version, files))
    before = _parsed.get(tuple(files))
    if before and before[0] == versions:
        return before[1]
    found = parse()
    if not any(version and version[0] > time.time_ns() - _RECENT for version in versions):
        _parsed[tuple(files)] = versions, found
    return found


def _version(file: str) -> tuple[int, ...] | None:
    """Return what changes whenever a file changes, its time of change first; None without the file."""
    try:
        found = Path(os.path.expandvars(file)).expanduser().stat()
    except (OSError, RuntimeError):  # RuntimeError: no home folder
        return None
    return max(found.st_mtime_ns, found.st_ctime_ns), found.st_size, found.st_ino, found.st_dev
