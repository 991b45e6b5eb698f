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
        """Return `text`, or as much of its beginning and its end as fits into `room` pixels around an ellipsis.

        What tells names apart is often at their ends: those of one project begin alike.
        """
        kept, cut = len(text), text
        while kept and self.width(cut) > room:
            kept -= 1
            cut = text[: kept - kept // 2] + ELLIPSIS + text[len(text) - kept // 2 :]
        return cut

    def wrap(self, text: str, room: float, most: int = 99) -> list[str]:
        """Return `text` in at most `most` lines of `room` pixels, broken at spaces; a word that is too long is cut in
        its middle, and what does not fit into the last line at its end.
        """
        lines: list[str] = []
        words = text.split()
        while words and len(lines) < most:
            line = words.pop(0)
            while words and self.width(f"{line} {words[0]}") <= room:
                line += f" {words.pop(0)}"
            lines.append(self.shorten(line, room))
        if words:
            lines[-1] = self._clip(f"{lines[-1]} {words[0]}", room)
        return lines

    def _clip(self, text: str, room: float) -> str:
        while text and self.width(text + ELLIPSIS) > room:
            text = text[:-1]
        return text + ELLIPSIS


def _advance(char: str, mono: bool) -> float:
    if char.isascii():
        usual = _UPPER if char.isupper() else _LOWER
        return 0.62 if mono else _NARROW.get(char) or _WIDE.get(char, usual)
    if unicodedata.combining(char):
        return 0.0
    return 1.0 if char == ELLIPSIS else _OTHER
