"""The location of a composition's resources: account, region, and AWS or a local AWS such as the sandbox.

Terraform refreshes a state in the account of its credentials. In another location it drops missing resources from the
state, or mistakes resources of the same name for its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tfdriver.errors import TfdriverError
from tfdriver.files import private_folder, read_json, write_whole
from tfdriver.project.crash_recovery import is_broken
from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Account
from tfdriver.terraform.runner import RUN_FOLDER
from tfdriver.terraform.state import State

FILE = "place.json"
# Endpoint overrides: for all services, or for the two that identify accounts and roles.
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Location:
    """An account's region. account: 12 digits; local: in a local AWS; region: '' if unknown."""

    account: str
    local: bool
    region: str = ""

    def __str__(self) -> str:
        return f"account {self.account}{' of a sandbox' if self.local else ''}"

    def is_elsewhere(self, here: Location) -> bool:
        """Whether a run in `here` cannot find resources in this location."""
        same_region = self.region in ("", here.region)
        return (self.account, self.local) != (here.account, here.local) or not same_region


def place_of(account: Account, *, local: bool) -> Location:
    """Return the location of an account's compositions. local: see `is_local`."""
    return Location(account.id, local, account.region)


def is_local(environ: Mapping[str, str]) -> bool:
    """Whether an AWS endpoint is on this machine, as in a sandbox. environ: the clients'.

    Source: AWS SDKs and Tools Reference Guide, "Service-specific endpoints".
    """
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true":
        return False
    return any(_on_loopback(environ.get(name, "")) for name in _ENDPOINTS)


def _on_loopback(url: str) -> bool:
    try:
        return urlsplit(url).hostname in _LOOPBACK
    except ValueError:
        return False


def note_location(folder: Path, here: Location) -> None:
    """Record a composition's location in its folder, before an apply."""
    path = folder / RUN_FOLDER / FILE
    private_folder(path.parent)
    if _recorded(folder) != here:
        write_whole(path, json.dumps(asdict(here)).encode(), mode=0o600)


def check_location(compositions: Iterable[tuple[Composition, Path, State | None]], *, local: bool) -> None:
    """Refuse compositions whose states list resources in another location. Writes nothing.

    compositions: with their folders and states; local: see `is_local`. Raises TfdriverError.
    """
    found = [
        (composition, _other_location(state, folder, place_of(composition.account, local=local)))
        for composition, folder, state in compositions
    ]
    elsewhere = [(composition, there) for composition, there in found if there is not None]
    if elsewhere:
        raise _refusal(elsewhere, local=local, total=len(found))


def _other_location(state: State | None, folder: Path, here: Location) -> Location | None:
    """Return the location of a state's resources, None if it lists none or they may be `here`."""
    if not (state.managed if state else is_broken(folder)):
        return None
    recorded = _recorded(folder)
    if recorded is not None and recorded.is_elsewhere(here):
        return recorded
    roles = state.roles() if state else ()
    accounts = {account for role in roles for account in role.arn.split(":")[4:5]} - {here.account}
    return Location(min(accounts), recorded.local if recorded else False) if accounts else None


def _recorded(folder: Path) -> Location | None:
    try:
        return Location(**read_json((folder / RUN_FOLDER / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _refusal(elsewhere: list[tuple[Composition, Location]], *, local: bool, total: int) -> TfdriverError:
    """Return an error for the first composition, and all others with the same fix. total: of all compositions."""
    first, there = elsewhere[0]
    here = place_of(first.account, local=local)
    names = [composition.name for composition, other in elsewhere if other.local is there.local]
    folders = " and ".join(f"compositions/{name}" for name in names)
    if there.local and not local:
        stale = "compositions/" if len(names) == total else folders
        hint = f"If that sandbox has ended, delete {stale} and run the same command again"
    elif local and not there.local:
        hint = "In the sandbox, use a copy of the project without its folder compositions/"
    else:
        old = "id" if there.account != here.account else f"region {there.region}"
        hint = f"Restore the old {old} and run `tfdriver destroy` first; if nothing exists there, delete {folders}"
    same_account = (there.account, there.local) == (here.account, here.local)
    old, new = (f"{place}, {place.region}" if same_account else str(place) for place in (there, here))
    return TfdriverError(
        f"the state lists resources in {old}, this run is for {new}: "
        "Terraform would drop them from the state, or mistake resources of the same name for them",
        code="wrong_account",
        where=folders,
        hint=hint,
    )
