"""Finds the AWS provider that `terraform init` installed in a composition, and checks it against the lock file.

Source: Terraform's documentation, "Dependency Lock File"; the folders below `.terraform/providers` are those of a
filesystem mirror in its unpacked layout ("CLI Configuration", Provider Installation).
"""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path

from tfdriver.spec import hcl_reader
from tfdriver.terraform.provider_installation import PROVIDERS

LOCK_FILE = ".terraform.lock.hcl"
_VERSION = re.compile(r"(\d{1,4})\.\d{1,4}\.\d{1,4}")
_MAJOR_VERSIONS = (5, 6)  # their protocol is the one that the proxy reads


@dataclass(frozen=True)
class InstalledProvider:
    """An installed AWS provider. address: e.g. `registry.terraform.io/hashicorp/aws`; binary: its program.

    cache_name: the same for the same provider only: made of its version and the hashes in the lock file.
    """

    address: str
    binary: Path
    cache_name: str


def installed_provider(folder: Path) -> InstalledProvider | None:
    """Return the AWS provider of an initialized composition, None if anything about it is not as expected."""
    try:
        locked = [block for block in _locked(folder) if block.labels[0] in PROVIDERS]
    except (OSError, UnicodeDecodeError, hcl_reader.HclSyntaxError):
        return None
    if len(locked) != 1:
        return None
    address, arguments = locked[0].labels[0], locked[0].body.arguments
    version = arguments["version"].text if "version" in arguments else ""
    hashes = sorted(part.text for part in arguments["hashes"].parts) if "hashes" in arguments else []
    matched = _VERSION.fullmatch(version)
    if not matched or int(matched[1]) not in _MAJOR_VERSIONS or not hashes:
        return None
    binaries = [
        path
        for path in (folder / ".terraform/providers" / address / version).glob(f"*/terraform-provider-aws_v{version}*")
        if path.is_file() and os.access(path, os.X_OK)
    ]
    if len(binaries) != 1:
        return None
    digest = hashlib.sha256("\n".join((address, *hashes)).encode()).hexdigest()[:32]
    return InstalledProvider(address, binaries[0].absolute(), f"aws-{version}-{digest}.schema")


def locked_providers(folder: Path) -> list[str]:
    """Return the addresses of all providers of an initialized composition. Raises OSError or ValueError."""
    if not (folder / LOCK_FILE).exists():
        return []  # none has to be installed
    try:
        return [block.labels[0] for block in _locked(folder)]
    except hcl_reader.HclSyntaxError as error:
        raise ValueError(str(error)) from error


def _locked(folder: Path) -> list[hcl_reader.Block]:
    body = hcl_reader.read_blocks((folder / LOCK_FILE).read_text(encoding="utf-8"))
    return [block for block in body.blocks if block.type == "provider"]
