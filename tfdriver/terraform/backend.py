"""The backend of a composition, from its Terraform files. Pure but for `of_folder`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath

from tfdriver.errors import TfdriverError
from tfdriver.spec.hcl_reader import Block, Expression, HclSyntaxError, read_blocks
from tfdriver.terraform.state import FILE

LOCAL = "local"
_MENTIONED = re.compile(r"\b(backend|cloud)\b")


@dataclass(frozen=True)
class Backend:
    """A backend. kind: e.g. `s3`, `cloud`; path: of a local state, relative to the folder; text: its block, or ''."""

    kind: str = LOCAL
    path: str = FILE
    text: str = ""

    @property
    def remote(self) -> bool:
        """Whether only Terraform can read the state."""
        return self.kind != LOCAL

    @property
    def beside(self) -> bool:
        """Whether the state is `terraform.tfstate` in the composition's folder, Terraform's default."""
        return (self.kind, self.path) == (LOCAL, FILE)

    @property
    def configuration(self) -> str:
        """A Terraform configuration with only this backend."""
        return f"terraform {{\n{self.text}\n}}\n"


def find_backend(files: Mapping[str, str | bytes]) -> Backend:
    """Return the backend of a composition. files: content by file name.

    Raises TfdriverError for a file that mentions a backend and has invalid syntax.
    """
    texts = ((name, text) for name, text in files.items() if name.endswith(".tf") and isinstance(text, str))
    return next((found for name, text in texts for found in _backends(name, text)), Backend())


def of_folder(folder: Path) -> Backend:
    """Return the backend of a composition's folder, which may be missing."""
    try:
        return find_backend({path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.tf"))})
    except (OSError, ValueError, TfdriverError):
        return Backend()


def _backends(name: str, text: str) -> Iterator[Backend]:
    if not _MENTIONED.search(text):
        return
    try:
        roots = [block for block in read_blocks(text).blocks if block.type == "terraform"]
    except HclSyntaxError as error:
        where, hint = f"{name}:{error.line}", "Fix the template that this file is rendered from, in templates/"
        raise TfdriverError(
            f"is not valid Terraform: {error.what}", code="invalid_template", where=where, hint=hint
        ) from error
    for block in (inner for root in roots for inner in root.body.blocks):
        if block.type == "cloud" or (block.type == "backend" and block.labels):
            lines = "\n".join(text.split("\n")[block.line - 1 : block.end])
            yield Backend(block.labels[0] if block.labels else "cloud", _path(block), lines)


def _path(block: Block) -> str:
    match block.body.arguments.get("path"):
        case Expression("string", path) if path:
            return normpath(path)
    return FILE
