"""Finds a filesystem mirror of the AWS provider, and writes the Terraform CLI configuration that uses it.

Source: Terraform's documentation, "CLI Configuration", Provider Installation (implied local mirror directories).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.terraform import hcl

# What `hashicorp/aws` is to Terraform and what it is to OpenTofu; a mirror has a folder of that name.
PROVIDERS = ("registry.terraform.io/hashicorp/aws", "registry.opentofu.org/hashicorp/aws")
_PLACES = (Path("/opt"), Path("/usr/share"), Path("/usr/local/share"))


def existing_cli_config(environ: Mapping[str, str]) -> Path | None:
    """Return the user's own CLI configuration file if there is one; a variable naming a missing file is unset."""
    named = environ.get("TF_CLI_CONFIG_FILE")
    if named and Path(named).is_file():
        return Path(named).absolute()
    default = Path(environ.get("HOME", "/nonexistent")) / ".terraformrc"
    return default if default.is_file() else None


def find_mirror(environ: Mapping[str, str], places: tuple[Path, ...] = _PLACES) -> Path | None:
    """Return the folder of a mirror that has the AWS provider, or None.

    `TFDRIVER_PLUGIN_DIR` wins; then any folder directly below `places`. Terraform's implied mirror directories are
    not looked at: Terraform does that itself. Raises TfdriverError if TFDRIVER_PLUGIN_DIR holds no AWS provider.
    """
    named = environ.get("TFDRIVER_PLUGIN_DIR")
    if named:
        if not _held(Path(named)):
            raise TfdriverError(
                f"there is no {' and no '.join(PROVIDERS)} in {named}",
                where="TFDRIVER_PLUGIN_DIR",
                hint="Name a folder made by `terraform providers mirror` (or tofu's), or unset the variable",
            )
        return Path(named).absolute()
    return next((folder for place in places for folder in _subfolders(place) if _held(folder)), None)


def implied(environ: Mapping[str, str]) -> bool:
    """Whether one of Terraform's implied mirror directories has the AWS provider."""
    home = Path(environ.get("HOME", "/nonexistent"))
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    system = [Path("/usr/local/share"), Path("/usr/share")]
    if sys.platform == "darwin":
        system.append(home / "Library/Application Support/io.terraform")
    folders = [home / ".terraform.d/plugins", data / "terraform/plugins", *(s / "terraform/plugins" for s in system)]
    return any(_held(folder) for folder in folders)


def cli_config(environ: Mapping[str, str], folder: Path, places: tuple[Path, ...] = _PLACES) -> Path | None:
    """Return the CLI configuration file that Terraform is to use, or None for its default.

    An existing one of the user is left alone. Otherwise, where a mirror was found that Terraform would not find by
    itself, one that names the mirror for the AWS provider is written into `folder`. Beside a mirror that the user named
    no registry is asked; one that was found by chance stands in only for what it has.
    """
    named = environ.get("TFDRIVER_PLUGIN_DIR")
    own = existing_cli_config(environ)
    if own is not None and not named:
        return own
    mirror = None if implied(environ) and not named else find_mirror(environ, places)
    if mirror is None:
        return None
    path = folder / "terraform.rc"
    path.touch(mode=0o600)
    path.write_text(_configuration(mirror, PROVIDERS if named else _held(mirror)), encoding="utf-8")
    return path


def shares_cache(environment: Mapping[str, str]) -> bool:
    """Whether Terraform, in this environment, puts providers into a cache that all its runs share.

    Two inits at once may damage it (hashicorp/terraform#31964).
    """
    if environment.get("TF_PLUGIN_CACHE_DIR"):
        return True
    try:
        config = Path(environment["TF_CLI_CONFIG_FILE"]).read_text(encoding="utf-8", errors="replace")
    except (KeyError, OSError):
        return False
    return re.search(r'^\s*"?plugin_cache_dir\b', config, re.MULTILINE) is not None


def _held(folder: Path) -> tuple[str, ...]:
    """Return those of PROVIDERS that a mirror has."""
    return tuple(provider for provider in PROVIDERS if (folder / provider).is_dir())


def _configuration(mirror: Path, providers: Sequence[str]) -> str:
    names = json.dumps(providers)
    return (
        "provider_installation {\n"
        f"  filesystem_mirror {{\n    path    = {hcl.quoted(str(mirror))}\n    include = {names}\n  }}\n"
        f"  direct {{\n    exclude = {names}\n  }}\n"
        "}\n"
    )


def _subfolders(place: Path) -> Iterator[Path]:
    try:
        yield from sorted(entry for entry in place.iterdir() if entry.is_dir())
    except OSError:
        return
