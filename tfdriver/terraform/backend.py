"""The backend of a composition, from its Terraform files. Pure but for `of_folder`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import normpath

from tfdriver.errors import TfdriverError
from tfdriver.files import read_json
from tfdriver.spec.hcl_reader import Block, Expression, HclSyntaxError, read_blocks
from tfdriver.terraform import hcl_writer
from tfdriver.terraform.state import FILE

LOCAL = "local"
RECORD = Path(".terraform/terraform.tfstate")  # the backend with which Terraform has initialized a folder
_MENTIONED = re.compile(r"\b(backend|cloud)\b")


@dataclass(frozen=True)
class Backend:
    """A backend. kind: e.g. `s3`, `cloud`; path: of a local state, relative to the folder; text: its block, or ''.

    arguments: its plain texts, by name.
    """

    kind: str = LOCAL
    path: str = FILE
    text: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def remote(self) -> bool:
        """Whether only Terraform can read the state."""
        return self.kind != LOCAL

    @property
    def beside(self) -> bool:
        """Whether the state is `terraform.tfstate` in the composition's folder, Terraform's default."""
        return (self.kind, self.path) == (LOCAL, FILE)

    @property
    def place(self) -> str:
        """Where the state is, for people."""
        if self.kind == "s3":
            return f"s3://{self.arguments.get('bucket')}/{self.arguments.get('key')}"
        return f"backend {self.kind}" if self.remote else self.path

    def keeps_the_same(self, other: Backend) -> bool:
        """Whether another backend keeps its state in the same place."""
        if self.kind != other.kind:
            return False
        if self.kind == LOCAL:
            return self.path == other.path
        names = ("bucket", "key") if self.kind == "s3" else self.arguments.keys() & other.arguments.keys()
        return all(self.arguments.get(name) == other.arguments.get(name) for name in names)

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


def recorded_backend(folder: Path) -> Backend | None:
    """Return the backend with which Terraform has initialized a composition's folder, None if there is no record.

    Terraform writes no record for a local state in its default place.
    """
    try:
        found = read_json((folder / RECORD).read_bytes())["backend"]
        kind, config = str(found["type"]), {k: v for k, v in found["config"].items() if v is not None}
        lines = (f"{hcl_writer.identifier(name)} = {hcl_writer.expression(value)}" for name, value in config.items())
        text = "\n".join([f"backend {hcl_writer.quoted(kind)} {{", *lines, "}"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError, TfdriverError):
        return None
    texts = {name: value for name, value in config.items() if isinstance(value, str)}
    return Backend(kind, normpath(texts.get("path", FILE)), text, texts)


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
            texts = _texts(block)
            yield Backend(
                block.labels[0] if block.labels else "cloud", normpath(texts.get("path") or FILE), lines, texts
            )


def _texts(block: Block) -> dict[str, str]:
    """Return the arguments of a block that are plain texts."""
    values = block.body.arguments.items()
    return {name: value.text for name, value in values if isinstance(value, Expression) and value.kind == "string"}
