"""Finds a filesystem mirror of the AWS provider and writes a CLI configuration for it.

Source: Terraform's documentation, "CLI Configuration", Provider Installation (implied local mirror directories).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.terraform import hcl_writer

# Addresses of hashicorp/aws in Terraform and OpenTofu, each a folder in a mirror.
PROVIDERS = ("registry.terraform.io/hashicorp/aws", "registry.opentofu.org/hashicorp/aws")
PLACES = (Path("/opt"), Path("/usr/share"), Path("/usr/local/share"))


def existing_cli_config(environ: Mapping[str, str]) -> Path | None:
    """Return the user's CLI configuration file, or None. A TF_CLI_CONFIG_FILE that is missing is ignored."""
    named = environ.get("TF_CLI_CONFIG_FILE")
    if named and Path(named).is_file():
        return Path(named).absolute()
    default = Path(environ.get("HOME", "/nonexistent")) / ".terraformrc"
    return default if default.is_file() else None


def find_mirror(environ: Mapping[str, str], places: tuple[Path, ...] = PLACES) -> Path | None:
    """Return the folder of a mirror with the AWS provider, or None.

    Order: `TFDRIVER_PLUGIN_DIR`, folders directly below `places`. Terraform itself searches its implied mirror
    directories. Raises TfdriverError if TFDRIVER_PLUGIN_DIR does not contain the AWS provider.
    """
    named = environ.get("TFDRIVER_PLUGIN_DIR")
    if named:
        if not _providers_in(Path(named)):
            raise TfdriverError(
                f"{named} contains neither {' nor '.join(PROVIDERS)}",
                code="no_provider_mirror",
                where="TFDRIVER_PLUGIN_DIR",
                hint="Name a folder made by `terraform providers mirror` (or by `tofu`), or unset the variable",
            )
        return Path(named).absolute()
    return next((folder for place in places for folder in _subfolders(place) if _providers_in(folder)), None)


def searched_mirror(environ: Mapping[str, str], places: tuple[Path, ...] = PLACES) -> Path | None:
    """Return the mirror that `cli_config` uses though nobody named it, None if it uses none or one that is named."""
    if environ.get("TFDRIVER_PLUGIN_DIR") or existing_cli_config(environ) or implied(environ):
        return None
    return find_mirror(environ, places)


def implied(environ: Mapping[str, str]) -> bool:
    """Whether one of Terraform's implied mirror directories contains the AWS provider."""
    home = Path(environ.get("HOME", "/nonexistent"))
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    system = [Path("/usr/local/share"), Path("/usr/share")]
    if sys.platform == "darwin":
        system.append(home / "Library/Application Support/io.terraform")
    folders = [home / ".terraform.d/plugins", data / "terraform/plugins", *(s / "terraform/plugins" for s in system)]
    return any(_providers_in(folder) for folder in folders)


def cli_config(environ: Mapping[str, str], folder: Path, places: tuple[Path, ...] = PLACES) -> Path | None:
    """Return the CLI configuration file for Terraform, or None for its default.

    The user's own file is used unchanged. Otherwise, for a mirror that Terraform would not find itself, a file is
    written into `folder`. A mirror in TFDRIVER_PLUGIN_DIR replaces the registry; a mirror found by searching replaces
    it only for the providers that it contains.
    """
    named = environ.get("TFDRIVER_PLUGIN_DIR")
    mirror = find_mirror(environ, places) if named else searched_mirror(environ, places)
    if mirror is None:
        return existing_cli_config(environ)
    path = folder / "terraform.rc"
    path.touch(mode=0o600)
    path.write_text(_configuration(mirror, PROVIDERS if named else _providers_in(mirror)), encoding="utf-8")
    return path


def shares_cache(environment: Mapping[str, str]) -> bool:
    """Whether Terraform uses a plugin cache, which two inits in parallel may damage (hashicorp/terraform#31964)."""
    if environment.get("TF_PLUGIN_CACHE_DIR"):
        return True
    try:
        config = Path(environment["TF_CLI_CONFIG_FILE"]).read_text(encoding="utf-8", errors="replace")
    except (KeyError, OSError):
        return False
    return re.search(r'^\s*"?plugin_cache_dir\b', config, re.MULTILINE) is not None


def _providers_in(folder: Path) -> tuple[str, ...]:
    """Return those of PROVIDERS that a mirror contains."""
    return tuple(provider for provider in PROVIDERS if (folder / provider).is_dir())


def _configuration(mirror: Path, providers: Sequence[str]) -> str:
    names = json.dumps(providers)
    return (
        "provider_installation {\n"
        f"  filesystem_mirror {{\n    path    = {hcl_writer.quoted(str(mirror))}\n    include = {names}\n  }}\n"
        f"  direct {{\n    exclude = {names}\n  }}\n"
        "}\n"
    )


def _subfolders(place: Path) -> Iterator[Path]:
    try:
        yield from sorted(entry for entry in place.iterdir() if entry.is_dir())
    except OSError:
        return
