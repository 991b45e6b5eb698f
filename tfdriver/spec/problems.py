"""Collects the mistakes in a spec. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping

from tfdriver.errors import TfdriverError
from tfdriver.spec.message_text import location
from tfdriver.spec.yaml_reader import Path


class Problems:
    """Mistakes added in any order, to report the first one in the file. lines: line (from 1) by path."""

    def __init__(self, name: str, lines: Mapping[Path, int]) -> None:
        self._name, self._lines = name, lines
        self._found: list[tuple[int, TfdriverError]] = []

    def add(self, path: Path, what: str, hint: str = "") -> None:
        """Add a mistake in the value at `path`."""
        self.add_error(
            path,
            TfdriverError(what, code="invalid_spec", where=location(self._name, self._line(path), path), hint=hint),
        )

    def add_error(self, path: Path, error: TfdriverError) -> None:
        """Add an error caused by the value at `path`."""
        self._found.append((self._line(path), error))

    def raise_first(self) -> None:
        """Raise the problem that comes first in the file, if any."""
        if self._found:
            raise min(self._found, key=lambda problem: problem[0])[1]

    def _line(self, path: Path) -> int:
        """Return the line of the value at `path`, or of the nearest parent with a line."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)
