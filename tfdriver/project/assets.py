"""The templates and modules that ship with tfdriver."""

from __future__ import annotations

from pathlib import Path

from tfdriver.errors import TfdriverError

_PACKAGE = Path(__file__).resolve().parents[1]


def templates() -> Path:
    """Return the folder of the shipped Jinja templates. Raises TfdriverError if it is missing."""
    return _asset("templates")


def modules() -> Path:
    """Return the folder of the shipped Terraform modules. Raises TfdriverError if it is missing."""
    return _asset("modules")


def _asset(name: str) -> Path:
    # Inside the package in a wheel, beside the package in a checkout or an editable install.
    for folder in (_PACKAGE / "_assets" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise TfdriverError(
        f"the folder {name} of this installation is missing",
        code="broken_installation",
        where=str(_PACKAGE),
        hint="Reinstall tfdriver",
    )
