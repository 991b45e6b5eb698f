"""A graph as text for a terminal. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tfdriver.graph.model import Box, Graph, Node

_Branch = tuple[str, Sequence["_Branch"]]

_UNICODE = ("├── ", "└── ", "│   ", "    ")
_ASCII = ("|-- ", "`-- ", "|   ", "    ")


def tree(graphs: Iterable[Graph], *, unicode: bool = True) -> str:
    """Return the graphs as text, below each other. unicode: False draws the lines in ASCII."""
    lines = _UNICODE if unicode else _ASCII
    return "\n\n".join(_one(graph, lines) for graph in graphs) + "\n"


def _one(graph: Graph, lines: tuple[str, ...]) -> str:
    accounts: dict[str, tuple[Box, list[_Branch]]] = {}
    for box in (*graph.trusting, *graph.trusted):
        branches = [_branch(graph, role) for role in box.roles]
        first, before = accounts.get(box.account, (box, []))
        accounts[box.account] = (box if box.open else first, [*before, *branches])
    text = [graph.title, graph.caption]
    for box, branches in accounts.values():
        whole = ", trusted as a whole" if box.open else ""
        text += ["", f"{box.account} ({box.account_id}, {box.region}){whole}", *_drawn(branches, lines)]
    return "\n".join(text)


def _branch(graph: Graph, role: Node) -> _Branch:
    edges = [edge for edge in graph.edges if edge.target == role.key]
    name = role.name if role.exists else f"{role.name} (does not exist)"
    if not edges:
        return name, ()
    return f"{name} trusts", [(f"{graph.source_name(edge)} [{edge.label}]", ()) for edge in edges]


def _drawn(branches: Sequence[_Branch], lines: tuple[str, ...]) -> list[str]:
    middle, last, bar, blank = lines
    text = []
    for number, (label, below) in enumerate(branches, 1):
        end = number == len(branches)
        text.append((last if end else middle) + label)
        text += [(blank if end else bar) + line for line in _drawn(below, lines)]
    return text
