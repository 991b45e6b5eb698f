"""Writes graphs in Graphviz's language. Pure; no I/O.

Source: Graphviz's documentation, "DOT Language" (quoted strings) and "escString" (backslashes in labels).
"""

from __future__ import annotations

from collections.abc import Sequence

from tfdriver.inspect.graph.model import Box, Edge, Graph
from tfdriver.inspect.graph.style import STYLES

_HEAD = (
    "digraph tfdriver {",
    "  rankdir=LR; compound=true; labelloc=t; nodesep=0.4; ranksep=2.2;",
    '  graph [fontname="sans-serif" bgcolor="transparent"];',
    '  node [fontname="monospace" shape=box style="rounded,filled" fillcolor="white"];',
    '  edge [fontname="sans-serif" fontsize=10];',
)


def dot(graphs: Sequence[Graph]) -> str:
    """Return one directed graph. Several graphs become its clusters, from top to bottom."""
    lines = list(_HEAD)
    if len(graphs) == 1:
        lines += [f"  label={dot_quoted(graphs[0].title)};", *_graph(graphs[0], "")]
    else:
        # With rankdir=LR, Graphviz stacks unconnected clusters from the bottom up.
        for number, graph in reversed(list(enumerate(graphs, 1))):
            lines += [f"  subgraph cluster_p{number} {{", f"    label={dot_quoted(graph.title)};"]
            lines += ["  " + line for line in _graph(graph, f"p{number}_")] + ["  }"]
    return "\n".join([*lines, "}"]) + "\n"


def dot_quoted(text: str) -> str:
    """Return `text` as a quoted string in which Graphviz finds no escapes and no HTML entities."""
    return '"' + text.replace("&", "&amp;").replace("\\", "\\\\").replace('"', '\\"') + '"'


def _graph(graph: Graph, prefix: str) -> list[str]:
    ids: dict[tuple[str, str], str] = {}
    lines: list[str] = []
    for letter, boxes in (("t", graph.trusted), ("a", graph.trusting)):
        for number, box in enumerate(boxes, 1):
            lines += _box(box, f"{prefix}{letter}{number}", letter, ids)
    clusters = {box.key: f"{prefix}t{number}" for number, box in enumerate(graph.trusted, 1)}
    return [*lines, *(_edge(edge, ids, clusters) for edge in graph.edges)]


def _box(box: Box, name: str, letter: str, ids: dict[tuple[str, str], str]) -> list[str]:
    whole = ", trusted as a whole" if box.open else ""
    style = "rounded,dashed,bold" if box.open else "rounded"
    label = dot_quoted(f"{box.account} ({box.account_id}){whole}")
    lines = [f"  subgraph cluster_{name} {{", f'    label={label}; style="{style}";']
    for number, role in enumerate(box.roles, 1):
        ids[letter, role.key] = f"{name}_r{number}"
        missing = "" if role.exists else ' style="rounded,dashed"'
        lines.append(f"    {name}_r{number} [label={dot_quoted(role.name)} tooltip={dot_quoted(role.arn)}{missing}];")
    return [*lines, "  }"]


def _edge(edge: Edge, ids: dict[tuple[str, str], str], clusters: dict[str, str]) -> str:
    """Return an edge. From a whole account, it starts at the first role and is cut at the border (`ltail`)."""
    style = STYLES[edge.state]
    attributes = f'style="{style.dot}" color="{style.light}" penwidth={style.width:g}'
    target = ids["a", edge.target]
    if not edge.whole:
        source = ids["t", edge.source]
        return f"  {source} -> {target} [label={dot_quoted(edge.label)} {attributes}];"
    name = clusters[edge.source]
    return f"  {name}_r1 -> {target} [label={dot_quoted(edge.label)} ltail=cluster_{name} {attributes}];"
