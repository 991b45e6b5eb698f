"""Finds the AWS types that a composition names: in its configuration, its modules and its state."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tfdriver.files import read_json

# Any word that may be a type. A word too many costs nothing; for a missing one Terraform fails before any change.
_TYPE = re.compile(rb"\baws_[a-z0-9_]+")
_SUFFIXES = (".tf", ".tf.json", ".tofu", ".tofu.json")
MODULES = Path(".terraform/modules/modules.json")


def named_types(text: bytes) -> frozenset[str]:
    """Return the words of a text that may be types of the AWS provider."""
    return frozenset(word.decode() for word in _TYPE.findall(text))


def configured_types(folder: Path) -> frozenset[str]:
    """Return the types that a composition and its installed modules name. Raises OSError, ValueError or KeyError."""
    return frozenset().union(*(named_types(path.read_bytes()) for path in configuration_files(folder)))


def configuration_files(folder: Path) -> list[Path]:
    """Return the files of a composition and of its installed modules. Raises as `configured_types`."""
    return [path for module in _module_folders(folder) for path in module.iterdir() if path.name.endswith(_SUFFIXES)]


def _module_folders(folder: Path) -> Iterator[Path]:
    """Yield the composition's folder and those of its modules, nested and downloaded ones too."""
    yield folder
    manifest = folder / MODULES
    if manifest.exists():
        installed = read_json(manifest.read_bytes())["Modules"]
        yield from {folder / module["Dir"] for module in installed if module["Dir"] != "."}
