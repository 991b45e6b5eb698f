"""Finds a filesystem mirror of the AWS provider, and writes the Terraform CLI configuration that uses it.

Source: Terraform's documentation, "CLI Configuration", Provider Installation (implied local mirror directories).
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tfdriver.errors import TfdriverError

PROVIDER = "registry.terraform.io/hashicorp/aws"
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
        if not (Path(named) / PROVIDER).is_dir():
            raise TfdriverError(
                f"there is no {PROVIDER} in {named}",
                where="TFDRIVER_PLUGIN_DIR",
                hint="Name a folder made by `terraform providers mirror`, or unset the variable",
            )
        return Path(named).absolute()
    return next((folder for place in places for folder in _subfolders(place) if (folder / PROVIDER).is_dir()), None)


def implied(environ: Mapping[str, str]) -> bool:
    """Whether one of Terraform's implied mirror directories has the AWS provider."""
    home = Path(environ.get("HOME", "/nonexistent"))
    data = Path(environ.get("XDG_DATA_HOME") or home / ".local/share")
    system = [Path("/usr/local/share"), Path("/usr/share")]
    if sys.platform == "darwin":
        system.append(home / "Library/Application Support/io.terraform")
    folders = [home / ".terraform.d/plugins", data / "terraform/plugins", *(s / "terraform/plugins" for s in system)]
    return any((folder / PROVIDER).is_dir() for folder in folders)


def cli_config(environ: Mapping[str, str], folder: Path, places: tuple[Path, ...] = _PLACES) -> Path | None:
    """Return the CLI configuration file that Terraform is to use, or None for its default.

    An existing one of the user is left alone. Otherwise, where a mirror was found that Terraform would not find by
    itself, one that names the mirror for the AWS provider is written into `folder`.
    """
    own = existing_cli_config(environ)
    if own is not None and not environ.get("TFDRIVER_PLUGIN_DIR"):
        return own
    mirror = None if implied(environ) and not environ.get("TFDRIVER_PLUGIN_DIR") else find_mirror(environ, places)
    if mirror is None:
        return None
    path = folder / "terraform.rc"
    path.touch(mode=0o600)
    path.write_text(_configuration(mirror), encoding="utf-8")
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


def _configuration(mirror: Path) -> str:
    quoted = json.dumps(str(mirror)).replace("${", "$${").replace("%{", "%%{")
    return (
        "provider_installation {\n"
        f'  filesystem_mirror {{\n    path    = {quoted}\n    include = ["{PROVIDER}"]\n  }}\n'
        f'  direct {{\n    exclude = ["{PROVIDER}"]\n  }}\n'
        "}\n"
    )


def _subfolders(place: Path) -> Iterator[Path]:
    try:
        yield from sorted(entry for entry in place.iterdir() if entry.is_dir())
    except OSError:
        return
