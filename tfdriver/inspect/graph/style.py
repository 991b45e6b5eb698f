"""The colours of each state, and a line style that differs without colour. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from tfdriver.inspect.graph.model import EdgeState


@dataclass(frozen=True)
class Style:
    """The style of a state.

    light, dark: colours with a contrast of at least 4.5:1 on a light or dark background; both: one with 3:1 on either;
    dash: SVG's stroke-dasharray, '' for a solid line; width: of the line in pixels; dot: Graphviz's style.
    """

    light: str
    dark: str
    both: str
    dash: str
    width: float
    dot: str


STYLES = {
    EdgeState.UNKNOWN: Style("#0550ae", "#79c0ff", "#2f81f7", "7 4", 1.75, "dashed"),
    EdgeState.ABSENT: Style("#57606a", "#9ea7b3", "#7d8590", "2 5", 1.5, "dotted"),
    EdgeState.BROAD: Style("#8a5300", "#e3b341", "#b07c00", "12 4", 3, "dashed,bold"),
    EdgeState.UNGUARDED: Style("#b42318", "#ff7b72", "#e5484d", "", 4.5, "bold"),
    EdgeState.EXPIRED: Style("#6b5a00", "#cdb96a", "#93812a", "12 4 2 4", 1.75, "dashed"),
    EdgeState.EXACT: Style("#116329", "#56d364", "#2b9a47", "", 2, "solid"),
    EdgeState.CHANGED: Style("#0f6674", "#56c8d8", "#1f8fa0", "9 3", 2.5, "dashed"),
    EdgeState.ORPHANED: Style("#6639ba", "#d2a8ff", "#986ee2", "4 4", 2.5, "dashed"),
    EdgeState.UNMANAGED: Style("#a40e4c", "#ff9bce", "#d14d8a", "10 3 2 3 2 3", 3, "dashed,bold"),
    EdgeState.UNREADABLE: Style("#4d4d4d", "#c0c0c0", "#838383", "1 4", 3, "dotted,bold"),
}
