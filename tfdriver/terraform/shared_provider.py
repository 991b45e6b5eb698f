"""Installs the AWS provider in a composition as `terraform init` has installed it in another one of the same run.

`init` hashes the provider's 700 MB, once or twice in each composition. After the first one, the other compositions need
that no more if they require the same providers: `init` leaves out a provider that TF_REATTACH_PROVIDERS names, and a
link to the verified folder and the same lock file take its place.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.files import write_whole
from tfdriver.spec import hcl_reader
from tfdriver.terraform.installed_provider import LOCK_FILE, InstalledProvider, installed_provider
from tfdriver.terraform.used_types import configuration_files

_UNKNOWN = (OSError, ValueError, LookupError, TypeError, hcl_reader.HclSyntaxError, TfdriverError)


@dataclass(frozen=True)
class _Installation:
    """A composition's provider. place: its folder, relative to the composition's; target: what `place` links to.

    lock: the text of the lock file; required: see `_required`.
    """

    provider: InstalledProvider
    place: Path
    target: Path
    lock: str
    required: frozenset[str]


def left_out(*addresses: str) -> dict[str, str]:
    """Return variables with which `init` does not install these providers."""
    address = {"Network": "unix", "String": "/nonexistent"}
    unused = {"Protocol": "grpc", "ProtocolVersion": 5, "Pid": 1, "Test": True, "Addr": address}
    return {"TF_REATTACH_PROVIDERS": json.dumps(dict.fromkeys(addresses, unused))}


class SharedProvider:
    """The AWS provider of a run, once a first composition has been initialized."""

    def __init__(self) -> None:
        self._found: _Installation | None = None

    def offer(self, folder: Path) -> None:
        """Remember the provider of an initialized composition, if it is a link to a mirror or to a plugin cache."""
        if self._found is None:
            try:
                self._found = _installation(folder)
            except _UNKNOWN:
                return

    @property
    def init_environment(self) -> Mapping[str, str] | None:
        """The variables with which `init` leaves out the provider, None if no provider can be shared yet."""
        return left_out(self._found.provider.address) if self._found else None

    def install(self, folder: Path) -> bool:
        """Install the provider in a composition for which `init` has left it out; return whether that was possible.

        It is not if the composition requires other providers or versions, or has another lock file.
        """
        found = self._found
        try:
            if found is None or _required(folder) != found.required:
                return False
            lock, place = folder / LOCK_FILE, folder / found.place
            if lock.exists() and lock.read_text(encoding="utf-8") != found.lock:
                return False
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.is_symlink():
                place.unlink()
            place.symlink_to(found.target)
            write_whole(lock, found.lock.encode())
            installed = installed_provider(folder)
            return installed is not None and installed.cache_name == found.provider.cache_name
        except _UNKNOWN:
            return False


def _installation(folder: Path) -> _Installation | None:
    provider = installed_provider(folder)
    if provider is None or not provider.binary.parent.is_symlink():
        return None
    return _Installation(
        provider=provider,
        place=provider.binary.parent.relative_to(folder.absolute()),
        target=provider.binary.parent.readlink(),
        lock=(folder / LOCK_FILE).read_text(encoding="utf-8"),
        required=_required(folder),
    )


def _required(folder: Path) -> frozenset[str]:
    """Return the text of each `required_providers` block of a composition and its installed modules.

    Raises ValueError for JSON configuration, and as `hcl_reader.read_blocks`.
    """
    return frozenset(block for path in configuration_files(folder) for block in _required_in(path))


def _required_in(path: Path) -> Iterator[str]:
    if path.suffix == ".json":
        raise ValueError(f"{path} is not in Terraform's native syntax")
    text = path.read_text(encoding="utf-8")
    for block in hcl_reader.read_blocks(text).blocks:
        for inner in block.body.blocks:
            if block.type == "terraform" and inner.type == "required_providers":
                yield " ".join(" ".join(text.splitlines()[inner.line - 1 : inner.end]).split())
