"""Where the templates and modules that ship with tfdriver are."""

from __future__ import annotations

from pathlib import Path

from tfdriver.errors import TfdriverError

_PACKAGE = Path(__file__).resolve().parents[1]


def templates() -> Path:
    """Return the folder of the shipped Jinja templates. Raises TfdriverError if the installation has none."""
    return _asset("templates")


def modules() -> Path:
    """Return the folder of the shipped Terraform modules. Raises TfdriverError if the installation has none."""
    return _asset("modules")


def _asset(name: str) -> Path:
    # A wheel carries them inside the package; a checkout (or an editable install of one) has them beside it.
    for folder in (_PACKAGE / "_assets" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise TfdriverError(f"this installation of tfdriver has no {name}", where=str(_PACKAGE), hint="Install it again")
