"""Whether `terraform init` must run again in a composition.

`init` hashes the provider's 700 MB, which takes a second. After a successful init, a digest of all that its result
depends on is kept. While the digest is the same, init is left out.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.files import write_whole
from tfdriver.terraform.backend import RECORD
from tfdriver.terraform.installed_provider import LOCK_FILE, installed_provider
from tfdriver.terraform.used_types import MODULES, configuration_files

_PACKAGES = ".terraform/providers/*/*/*/*/*"  # host, namespace, name, version, platform
_BINARIES = f"{_PACKAGES}/*"
_UNKNOWN = (OSError, ValueError, LookupError, TypeError)


def is_initialized(folder: Path, record: Path, argv: Sequence[str], environment: Mapping[str, str]) -> bool:
    """Whether all that `terraform init` depends on is as it was when `keep_initialized` was called.

    folder: the composition's; record: the file with the digest; argv, environment: Terraform's.
    """
    try:
        return record.read_text(encoding="utf-8") == _digest(folder, argv, environment)
    except _UNKNOWN:
        return False


def keep_initialized(folder: Path, record: Path, argv: Sequence[str], environment: Mapping[str, str]) -> None:
    """Keep the digest after a successful init. If that fails, the next run only takes longer."""
    with suppress(*_UNKNOWN, TfdriverError):
        write_whole(record, _digest(folder, argv, environment).encode(), mode=0o600)


def copy_initialized(source: Path, folder: Path) -> None:
    """Take over the lock file, the modules and links to the providers of a composition, so that `init` is quick.

    source: the composition's folder, which may be missing; folder: a copy of it.
    """
    with suppress(OSError):
        shutil.copyfile(source / LOCK_FILE, folder / LOCK_FILE)
        for package in source.glob(_PACKAGES):
            link = folder / package.relative_to(source)
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(package.resolve())
        shutil.copytree(source / MODULES.parent, folder / MODULES.parent, symlinks=True)


def _digest(folder: Path, argv: Sequence[str], environment: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(list(_inputs(folder, argv, environment))).encode()).hexdigest()


def _inputs(folder: Path, argv: Sequence[str], environment: Mapping[str, str]) -> Iterator[Sequence[object]]:
    if installed_provider(folder) is None:
        raise ValueError("the provider is not installed as expected")
    yield ("argv", *argv, *_identity(Path(shutil.which(argv[0]) or argv[0])))
    cli_config = environment.get("TF_CLI_CONFIG_FILE")  # its path differs from run to run
    yield ("cli", _content(Path(cli_config)) if cli_config else "", environment.get("TF_PLUGIN_CACHE_DIR"))
    for path in sorted((*configuration_files(folder), folder / LOCK_FILE, folder / MODULES, folder / RECORD)):
        yield ("file", str(path), _content(path))
    for path in sorted(folder.glob(_BINARIES)):
        yield ("binary", str(path), *_identity(path))


def _content(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _identity(path: Path) -> tuple[int, ...]:
    """Return what changes whenever a file changes."""
    found = path.stat()
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino, found.st_dev
