"""Reads states from a backend: `terraform state pull` in a private folder with only the rendered backend block.

It ignores a composition's `.terraform`, installs no AWS provider, takes no lock and writes nothing into the project.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tfdriver.aws.account_access import AccountAccess
from tfdriver.errors import TfdriverError
from tfdriver.files import private_folder
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.backend import Backend
from tfdriver.terraform.runner import Root, Settings
from tfdriver.terraform.state import BrokenStateError, State, parse_state

# Returns a composition's state from its backend, None if it has none. Raises TfdriverError.
Pull = Callable[[Composition, Backend], State | None]


def backend_root(folder: Path, backend: Backend, settings: Settings) -> Root:
    """Return Terraform in a private folder with only a backend block, initialized. Raises TerraformError."""
    root = Root(folder, settings)
    if not root.initialised:
        private_folder(folder)
        (folder / "backend.tf").write_text(backend.configuration, encoding="utf-8")
        root.init_backend()
    return root


def pulling(settings: Settings, private: Path, accounts: Mapping[str, AccountAccess]) -> Pull:
    """Return a function that reads states from backends.

    private: a folder of this run only; accounts: by name. The function raises for an account without access.
    """

    def pull(composition: Composition, backend: Backend) -> State | None:
        folder = private / f"state-{composition.name}"
        where = f"the state of {composition.name} in backend {backend.kind}"
        if accounts[composition.account.name].problem:
            raise TfdriverError(f"no access to {composition.account.name}", code="unreadable_state", where=where)
        try:
            text = backend_root(folder, backend, settings).pull_state()
            return parse_state(text, where) if text.strip() else None
        except BrokenStateError as error:
            raise TfdriverError("is not a valid Terraform state", code="unreadable_state", where=where) from error
        except TfdriverError as error:
            hint = error.hint or "Check the backend block in the templates; use absolute paths for files in it"
            raise TfdriverError(error.what, code=error.code, where=where, hint=hint) from error

    return pull
