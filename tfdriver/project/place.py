"""Where the resources of a composition are: in which account, and whether of AWS or of a local one like the sandbox.

Terraform looks for what its state lists wherever its credentials lead, and forgets what it does not find there: applied
or destroyed in another place, a state loses the resources it stood for, or claims others that have the same names.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tfdriver.errors import TfdriverError
from tfdriver.files import private_folder, read_json, write_whole
from tfdriver.project.recover import is_broken
from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Account
from tfdriver.terraform.runner import RUN_FOLDER
from tfdriver.terraform.state import State

FILE = "place.json"
# Where clients ask instead of AWS: for everything, or for what says which account and which roles these are.
_ENDPOINTS = ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS")
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True)
class Location:
    """A region of an account of AWS, or of one of that id in a local AWS. account: 12 digits; region: '' if unknown."""

    account: str
    local: bool
    region: str = ""

    def __str__(self) -> str:
        return f"account {self.account}{' of a sandbox' if self.local else ''}"

    def is_elsewhere(self, here: Location) -> bool:
        """Whether what is in this place is not found from another, `here`."""
        same_region = self.region in ("", here.region)
        return (self.account, self.local) != (here.account, here.local) or not same_region


def place_of(account: Account, *, local: bool) -> Location:
    """Return where an account's compositions are applied. local: as `is_local` says."""
    return Location(account.id, local, account.region)


def is_local(environ: Mapping[str, str]) -> bool:
    """Whether AWS, or a part of it, is one on this machine: a sandbox, which forgets everything when it ends.

    environ: as clients get it. Source: AWS SDKs and tools, "Service-specific endpoints".
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
    """Write down in a composition's folder where it is about to be applied."""
    path = folder / RUN_FOLDER / FILE
    private_folder(path.parent)
    if _noted(folder) != here:
        write_whole(path, json.dumps(asdict(here)).encode(), mode=0o600)


def check_location(compositions: Iterable[tuple[Composition, Path, State | None]], *, local: bool) -> None:
    """Refuse compositions, given with their folders and states, whose states list what is elsewhere. Writes nothing.

    local: as `is_local` says. Raises TfdriverError.
    """
    found = [
        (composition, _there(state, folder, place_of(composition.account, local=local)))
        for composition, folder, state in compositions
    ]
    elsewhere = [(composition, there) for composition, there in found if there is not None]
    if elsewhere:
        raise _refusal(elsewhere, local=local, of=len(found))


def _there(state: State | None, folder: Path, here: Location) -> Location | None:
    """Return where the resources of a state are, None if it has none or they may be here."""
    if not (state.managed if state else is_broken(folder)):
        return None
    noted = _noted(folder)
    if noted is not None and noted.is_elsewhere(here):
        return noted
    roles = state.roles() if state else ()
    accounts = {account for role in roles for account in role.arn.split(":")[4:5]} - {here.account}
    return Location(min(accounts), noted.local if noted else False) if accounts else None


def _noted(folder: Path) -> Location | None:
    try:
        return Location(**read_json((folder / RUN_FOLDER / FILE).read_bytes()))
    except (OSError, ValueError, TypeError):
        return None


def _refusal(elsewhere: list[tuple[Composition, Location]], *, local: bool, of: int) -> TfdriverError:
    """Return what to say: of the first, and of all others that the same is to be done about. of: how many there are."""
    first, there = elsewhere[0]
    here = place_of(first.account, local=local)
    names = [composition.name for composition, other in elsewhere if other.local is there.local]
    folders = " and ".join(f"compositions/{name}" for name in names)
    if there.local and not local:
        left = "compositions/" if len(names) == of else folders
        hint = f"If that sandbox is gone, delete {left}, which is all that is left of it, and run again"
    elif local and not there.local:
        hint = "Work in the sandbox on a copy of the project without its folder compositions/"
    else:
        old = "id" if there.account != here.account else f"region, {there.region},"
        hint = f"Put the old {old} back and run `tfdriver destroy` first; if nothing is left there, delete {folders}"
    return TfdriverError(
        f"the state lists resources in {_words(there, here)}, this run is for {_words(here, there)}: "
        "it would forget them, or take what has the same names for them",
        where=folders,
        hint=hint,
    )


def _words(place: Location, other: Location) -> str:
    """Return a place in words that tell it from the other."""
    same_account = (place.account, place.local) == (other.account, other.local)
    return f"{place}, {place.region}" if same_account else str(place)
