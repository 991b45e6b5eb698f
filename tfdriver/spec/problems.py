"""What was found wrong in a spec. Pure; no I/O."""

from __future__ import annotations

from tfdriver.errors import TfdriverError
from tfdriver.spec.document import SpecDocument
from tfdriver.spec.names import Reason
from tfdriver.spec.yaml_reader import Path


class Problems:
    """Collects problems in any order, so that the first one in the file can be told."""

    def __init__(self, document: SpecDocument) -> None:
        self._document = document
        self._found: list[tuple[int, TfdriverError]] = []

    def add(self, path: Path, what: str, hint: str = "") -> None:
        """Note that what stands at `path` is wrong."""
        self.add_error(path, self._document.error(path, what, hint))

    def check(self, path: Path, reason: Reason | None) -> bool:
        """Note the reason, if there is one, and return whether there was none."""
        if reason:
            self.add(path, reason.what, reason.cure)
        return reason is None

    def add_error(self, path: Path, error: TfdriverError) -> None:
        """Note an error that what stands at `path` led to."""
        self._found.append((self._document.line(path), error))

    def raise_first(self) -> None:
        """Raise the problem that comes first in the file, if there is any."""
        if self._found:
            raise min(self._found, key=lambda found: found[0])[1]
