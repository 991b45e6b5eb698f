"""What unquoted text in YAML means. Pure; no I/O.

YAML 1.1's null and bools, as PyYAML and most tools read them; numbers only where YAML 1.1 and 1.2 agree. All else is
text: dates, `1:30` (a number of seconds to YAML 1.1), `1_000`.
"""

from __future__ import annotations

import math
import re

from tfdriver.spec.names import Reason
from tfdriver.spec.words import shown

_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLS = {
    word: value
    for value, words in ((True, ("yes", "true", "on")), (False, ("no", "false", "off")))
    for base in words
    for word in (base, base.capitalize(), base.upper())
}
_LEADING_ZERO = re.compile(r"[-+]?0[0-9]+")
_NUMBER = re.compile(r"[-+]?([0-9]+|0x[0-9a-fA-F]+|([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?)")
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAX_DIGITS = 100


def plain_value(text: str) -> bool | int | float | str | Reason | None:
    """Return what unquoted `text` means, or why nobody can tell."""
    if text in _NULLS:
        return None
    if text in _BOOLS:
        return _BOOLS[text]
    if _NOT_FINITE.fullmatch(text):
        return Reason(f"{text} is a number that JSON cannot hold", f'Quote it if it is text: "{text}"')
    return _number(text) if _NUMBER.fullmatch(text) else text


def _number(text: str) -> int | float | Reason:
    if len(text) > _MAX_DIGITS:
        return Reason(f"a number of {len(text)} characters", "Quote it if it is text")
    if _LEADING_ZERO.fullmatch(text):
        return Reason(f"{text} is a number to YAML, which loses its first zero", f"Quote it: {shown(text)}")
    if "x" in text:
        return int(text, 16)
    if "." not in text:
        return int(text)
    number = float(text)
    return number if math.isfinite(number) else Reason(f"{text} is too large for a number", "Quote it if it is text")
