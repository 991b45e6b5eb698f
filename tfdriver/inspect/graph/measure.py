"""Estimates the width of text without a font, high enough that text never leaves its box. Pure; no I/O.

Widths are relative to the font size and at least those of DejaVu Sans Bold, the widest font that browsers use for
`system-ui` or `sans-serif`. Regular weight is narrower; monospaced fonts have 0.6 to 0.62 per character.
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
    """A font. size: in pixels."""

    size: float
    mono: bool = False
    bold: bool = False

    def width(self, text: str) -> float:
        """Return the maximal width of `text` in pixels."""
        weight = 1 if self.bold or self.mono else _REGULAR
        return sum(_advance(char, self.mono) for char in text) * self.size * weight

    def shorten(self, text: str, room: float) -> str:
        """Return `text`, or its beginning and end around an ellipsis, in at most `room` pixels.

        Both ends are kept because the names of one project often differ only at the end.
        """
        kept, cut = len(text), text
        while kept and self.width(cut) > room:
            kept -= 1
            cut = text[: kept - kept // 2] + ELLIPSIS + text[len(text) - kept // 2 :]
        return cut

    def wrap(self, text: str, room: float, most: int = 99) -> list[str]:
        """Return `text` in at most `most` lines of `room` pixels, broken at spaces.

        Words that are too long are shortened in the middle; the last line is cut at its end.
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
