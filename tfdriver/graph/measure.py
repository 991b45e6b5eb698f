"""How wide text is, without a font: safe estimates, so that text never leaves its box. Pure; no I/O.

The widths are DejaVu Sans Bold's or more, as parts of the font size: as wide as any font that a browser takes for
`system-ui` or `sans-serif`. Regular weight is narrower; monospaced fonts are 0.6 to 0.62 wide per character.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

ELLIPSIS = "…"

_NARROW = {**dict.fromkeys("ijlI.,:;'|! ", 0.40), **dict.fromkeys("ftr()[]/-", 0.50), "`": 0.5}
_WIDE = {**dict.fromkeys("mMW%@", 1.11), "w": 0.93, **dict.fromkeys("GOQNDUH&", 0.86), **dict.fromkeys("+=<>~^", 0.84)}
_LOWER, _UPPER, _OTHER = 0.72, 0.80, 1.30
_REGULAR = 0.92


@dataclass(frozen=True)
class Font:
    """A way to write. size: in pixels."""

    size: float
    mono: bool = False
    bold: bool = False

    def width(self, text: str) -> float:
        """Return how wide `text` is at most, in pixels."""
        weight = 1 if self.bold or self.mono else _REGULAR
        return sum(_advance(char, self.mono) for char in text) * self.size * weight

    def shorten(self, text: str, room: float) -> str:
        """Return `text`, or as much of it as fits into `room` pixels with an ellipsis at its end."""
        if self.width(text) <= room:
            return text
        while text and self.width(text + ELLIPSIS) > room:
            text = text[:-1]
        return text + ELLIPSIS

    def wrap(self, text: str, room: float, most: int = 99) -> list[str]:
        """Return `text` in at most `most` lines of `room` pixels, broken at spaces; what is too long is cut."""
        lines: list[str] = []
        words = text.split()
        while words and len(lines) < most:
            line = words.pop(0)
            while words and self.width(f"{line} {words[0]}") <= room:
                line += f" {words.pop(0)}"
            lines.append(line)
        if words:
            lines[-1] += f" {' '.join(words)}"
        return [self.shorten(line, room) for line in lines]


def _advance(char: str, mono: bool) -> float:
    if char.isascii():
        usual = _UPPER if char.isupper() else _LOWER
        return 0.62 if mono else _NARROW.get(char) or _WIDE.get(char, usual)
    if unicodedata.combining(char):
        return 0.0
    return 1.0 if char == ELLIPSIS else _OTHER
