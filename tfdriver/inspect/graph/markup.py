"""Writes escaped SVG elements and the style sheet. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from tfdriver.inspect.graph.coordinates import Rect
from tfdriver.inspect.graph.model import EdgeState
from tfdriver.inspect.graph.style import STYLES

SANS = 'system-ui,-apple-system,"Segoe UI","DejaVu Sans",Verdana,sans-serif'
MONO = 'ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace'

# All rules are scoped by this class: a page may contain several graphs and its own styles.
SCOPE = "tfdriver-graph"

_LIGHT = {"page": "#ffffff", "box": "#f3f5f8", "line": "#8c96a3", "ink": "#1b1f24", "soft": "#4d5661"}
_DARK = {"page": "#0d1117", "box": "#171d26", "line": "#6b7684", "ink": "#e8edf3", "soft": "#a9b3bf"}

_RULES = f"""
.{SCOPE}{{display:block;margin:auto;background:var(--page)}}
.{SCOPE} text{{font-family:{SANS};fill:var(--ink)}}
.{SCOPE} .mono{{font-family:{MONO}}}
.{SCOPE} .bold{{font-weight:600}}
.{SCOPE} .soft{{fill:var(--soft)}}
.{SCOPE} .page{{fill:var(--page)}}
.{SCOPE} .box{{fill:var(--box);stroke:var(--line);stroke-width:1.25}}
.{SCOPE} .open{{stroke:var(--state);stroke-width:2.5;stroke-dasharray:9 5}}
.{SCOPE} .chip{{fill:var(--page);stroke:var(--line);stroke-width:1.25}}
.{SCOPE} .missing{{fill:none;stroke-dasharray:3 3}}
.{SCOPE} .edge{{fill:none;stroke:var(--state)}}
.{SCOPE} .head{{fill:var(--state)}}
.{SCOPE} .pill{{fill:var(--page);stroke:var(--state);stroke-width:1.25}}
.{SCOPE} .state{{fill:var(--state)}}
"""


def element(name: str, attributes: Mapping[str, str | float], *content: str) -> str:
    """Return an element. attributes: unescaped, numbers in pixels; content: markup, of `text` or `element`."""
    written = "".join(f' {key}="{_value(value)}"' for key, value in attributes.items())
    inner = "".join(content)
    return f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>"


def rectangle(rect: Rect, classes: str, radius: float) -> str:
    """Return a rectangle with round corners."""
    place = {"x": rect.x, "y": rect.y, "width": rect.width, "height": rect.height, "rx": radius}
    return element("rect", {"class": classes, **place})


def text(content: str) -> str:
    """Return plain text as markup."""
    return escape(content)


def state_class(state: EdgeState) -> str:
    """Return the class that sets the colour of a state."""
    return f"s-{state.name.lower()}"


def style_sheet() -> str:
    """Return the style element, with light and dark colours."""
    light = _colours(_LIGHT, {state: style.light for state, style in STYLES.items()})
    dark = _colours(_DARK, {state: style.dark for state, style in STYLES.items()})
    lines = "".join(
        f".{SCOPE} .{state_class(state)} .edge{{stroke-width:{line.width:g};stroke-dasharray:{line.dash or 'none'}}}\n"
        for state, line in STYLES.items()
    )
    return f"<style>\n{light}@media (prefers-color-scheme:dark){{\n{dark}}}{_RULES}{lines}</style>"


def _colours(plain: dict[str, str], states: dict[EdgeState, str]) -> str:
    root = f".{SCOPE}{{{';'.join(f'--{name}:{colour}' for name, colour in plain.items())}}}\n"
    return root + "".join(f".{SCOPE} .{state_class(state)}{{--state:{colour}}}\n" for state, colour in states.items())


def _value(value: str | float) -> str:
    if isinstance(value, str):
        return escape(value)
    return f"{value:.1f}".removesuffix(".0")
