"""Writes graphs in Mermaid's language, which code hosts render. Pure; no I/O.

Source: Mermaid's documentation, "Flowcharts - Basic Syntax" (subgraphs, entity codes, styling links).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tfdriver.inspect.graph.model import Box, Graph
from tfdriver.inspect.graph.style import STYLES

_RISKY = re.compile(r"[^\w ,.:/+=@()-]", re.ASCII)


def mermaid(graphs: Sequence[Graph]) -> str:
    """Return one flowchart. Several graphs become its subgraphs, from top to bottom."""
    lines = ["flowchart LR" if len(graphs) == 1 else "flowchart TB"]
    links: list[str] = []
    order = [f"p{number} ~~~ p{number + 1}" for number in range(1, len(graphs))]  # invisible links
    for number, graph in enumerate(graphs, 1):
        if len(graphs) == 1:
            lines += _indented(_graph(graph, "", links))
        else:
            lines += [f'  subgraph p{number}["{_escape(graph.title)}"]', "    direction LR"]
            lines += _indented(_graph(graph, f"p{number}_", links), "    ")
            lines.append("  end")
    return "\n".join([*lines, *_indented([*order, *links])]) + "\n"


def _graph(graph: Graph, prefix: str, links: list[str]) -> list[str]:
    """Return the lines of one graph. Appends the style of each edge to `links`, by its number in the flowchart."""
    ids: dict[tuple[str, str], str] = {}
    lines: list[str] = []
    for letter, boxes in (("t", graph.trusted), ("a", graph.trusting)):
        for number, box in enumerate(boxes, 1):
            lines += _box(box, f"{prefix}{letter}{number}", letter, ids)
    for edge in graph.edges:
        source, target = ids["whole" if edge.whole else "t", edge.source], ids["a", edge.target]
        lines.append(f'{source} -->|"{_escape(edge.label)}"| {target}')
        style = STYLES[edge.state]
        dash = f",stroke-dasharray:{style.dash}" if style.dash else ""
        links.append(f"linkStyle {len(links)} stroke:{style.both},stroke-width:{style.width:g}px{dash}")
    return lines


def _box(box: Box, name: str, letter: str, ids: dict[tuple[str, str], str]) -> list[str]:
    if letter == "t":
        ids["whole", box.key] = name
    note = ", trusted as a whole" if box.open else ""
    lines = [f'subgraph {name}["{_escape(f"{box.account} ({box.account_id}){note}")}"]']
    for number, role in enumerate(box.roles, 1):
        ids[letter, role.key] = f"{name}_r{number}"
        missing = "" if role.exists else "<br/>does not exist"
        lines.append(f'  {name}_r{number}["{_escape(role.name)}{missing}"]')
    return [*lines, "end", *([f"style {name} stroke-dasharray:8 4,stroke-width:2px"] if box.open else [])]


def _escape(text: str) -> str:
    """Return `text` with the special characters of Mermaid and HTML as entity codes (`#34;` is a quote)."""
    return _RISKY.sub(lambda found: f"#{ord(found[0])};", text)


def _indented(lines: Sequence[str], by: str = "  ") -> list[str]:
    return [by + line for line in lines]
