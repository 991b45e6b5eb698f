"""Writes graphs as text for a terminal. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tfdriver.inspect.graph.model import Box, Graph, Node

_Branch = tuple[str, Sequence["_Branch"]]

_MIDDLE, _LAST, _BAR, _BLANK = "├── ", "└── ", "│   ", "    "


def tree(graphs: Iterable[Graph]) -> str:
    """Return the graphs as text, below each other."""
    return "\n\n".join(map(_one, graphs)) + "\n"


def _one(graph: Graph) -> str:
    accounts: dict[str, tuple[Box, dict[str, _Branch]]] = {}
    for box in (*graph.trusting, *graph.trusted):
        first, before = accounts.get(box.account, (box, {}))
        branches = {role.key: _branch(graph, role) for role in box.roles}
        accounts[box.account] = (box if box.open else first, before | branches)
    text = [graph.title, graph.caption]
    for box, branches in accounts.values():
        whole = ", trusted as a whole" if box.open else ""
        text += ["", f"{box.account} ({box.account_id}, {box.region}){whole}", *_drawn(list(branches.values()))]
    return "\n".join(text)


def _branch(graph: Graph, role: Node) -> _Branch:
    edges = [edge for edge in graph.edges if edge.target == role.key]
    name = role.name if role.exists else f"{role.name} (does not exist)"
    if not edges:
        return name, ()
    return f"{name} trusts", [(f"{graph.source_name(edge)} [{edge.label}]", ()) for edge in edges]


def _drawn(branches: Sequence[_Branch]) -> list[str]:
    text = []
    for number, (label, below) in enumerate(branches, 1):
        end = number == len(branches)
        text.append((_LAST if end else _MIDDLE) + label)
        text += [(_BLANK if end else _BAR) + line for line in _drawn(below)]
    return text
