"""Converts `module:` to a Terraform module source and to the folder of a local module."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tfdriver.spec.message_text import nearest, quoted
from tfdriver.spec.model import PROJECT
from tfdriver.spec.names import Reason

_BARE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")
_REGISTRY = re.compile(
    r"([A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?/)?[A-Za-z0-9][A-Za-z0-9_-]*(/[A-Za-z0-9][A-Za-z0-9_-]*){2}"
    r"(//[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*)?"
)
_HOST = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+(:[0-9]+)?/.+")
_REMOTE = re.compile(r"(git@|[a-z0-9]+::|(https?|ssh|git|s3|gs|hg)://).+")


@dataclass(frozen=True)
class Source:
    """A module source. text: for `source = ` in a composition; folder: of a module in the project, else None."""

    text: str
    folder: Path | None = None

    @property
    def in_registry(self) -> bool:
        """Whether the module is in a registry, and so has versions."""
        return self.folder is None and _REGISTRY.fullmatch(self.text) is not None


def find_source(module: str, root: Path) -> Source | Reason:
    """Return the source of the module named in a spec, or why it is invalid. root: the project folder, resolved.

    Remote sources are passed to Terraform unchanged. Source: Terraform, "Module Sources".
    """
    if "${" in module or "%{" in module:
        return Reason(f"module {quoted(module)} contains a placeholder", "Write the folder or source itself")
    if any((char.isspace() and char != " ") or not char.isprintable() for char in module) or module != module.strip():
        return Reason(f"module {quoted(module)} has a space or character that no source can have", "Remove it")
    if _BARE.fullmatch(module):
        return _folder(PurePosixPath("modules", module), root)
    if module.startswith(("./", "../")) or module in (".", ".."):
        if "\\" in module or "?" in module:
            what = f"{quoted(module)} contains \\ or ?, which Terraform does not read as part of a folder's name"
            return Reason(what, "Rename the folder")
        normal = os.path.normpath(module)
        if normal.startswith(".."):
            return Reason(f"{quoted(module)} is outside the project", "Move the module into the project")
        return _folder(PurePosixPath(normal), root)
    if module.startswith(("/", "~", "file:")):
        return Reason(f"{quoted(module)} is a path on this machine", "Write a path in the project, e.g. ./modules/x")
    return _remote(module, root)


def _remote(module: str, root: Path) -> Source | Reason:
    try:
        is_folder = (root / module).is_dir()
    except (OSError, ValueError):  # a name that is too long for the file system
        is_folder = False
    if is_folder:
        return Reason(f"{quoted(module)} is a folder, but a local module source begins with ./", f"Write ./{module}")
    if _REGISTRY.fullmatch(module) or _HOST.fullmatch(module) or _REMOTE.fullmatch(module):
        return Source(module)
    return Reason(
        f"{quoted(module)} is neither a folder of modules/ nor a Terraform module source",
        "Write a name, ./a/path, namespace/name/provider, or a URL such as git::https://host/repository.git",
    )


def _folder(relative: PurePosixPath, root: Path) -> Source | Reason:
    folder = root / relative
    try:
        real = folder.resolve(strict=True)
    except (OSError, RuntimeError):
        name = str(relative) if len(str(relative)) < 100 else quoted(str(relative))
        modules = sorted(path.name for path in (root / "modules").glob("*") if path.is_dir())
        hint = (
            nearest(relative.name, modules)
            or "Write it, or copy it from a new project: `tfdriver init DIR` writes modules"
        )
        return Reason(f"there is no module {name}", hint)
    if not real.is_relative_to(root):
        return Reason(f"{relative} is a symlink that points outside the project", "Copy the module into the project")
    if not real.is_dir():
        return Reason(f"{relative} is a file, not a folder", "Name the folder that contains the .tf files")
    return Source(PROJECT + str(relative), folder)
