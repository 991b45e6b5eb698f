"""Graphs of who trusts whom. All texts in a graph went through `printable`. Pure; no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


class EdgeState(StrEnum):
    """The state of a trust, as printed on its edge."""

    UNKNOWN = "state unknown"
    ABSENT = "absent"
    BROAD = "broad, guarded"
    UNGUARDED = "broad, no guard"
    EXPIRED = "broad, expired"
    EXACT = "exact"
    CHANGED = "changed"
    ORPHANED = "orphaned"
    UNMANAGED = "unmanaged"
    UNREADABLE = "unreadable"


MEANING = {
    EdgeState.UNKNOWN: "AWS was not asked; `tfdriver graph --live` asks it",
    EdgeState.ABSENT: "not trusted yet",
    EdgeState.BROAD: "the account is trusted; until the deadline, only these role names may assume the trusting role",
    EdgeState.UNGUARDED: "the account is trusted; whoever has permission there may assume the trusting role",
    EdgeState.EXPIRED: "the account was trusted; the deadline has passed",
    EdgeState.EXACT: "only this role may assume the trusting role",
    EdgeState.CHANGED: "this role is trusted, but the spec has changed since the trust policy was applied",
    EdgeState.ORPHANED: "trusts a role that was deleted; nobody may assume the trusting role",
    EdgeState.UNMANAGED: "neither the spec nor Terraform's state explains the trust policy",
    EdgeState.UNREADABLE: "AWS did not return the trust policy",
}


@dataclass(frozen=True)
class Node:
    """A role. key: its key in the spec; exists: False if it is known not to exist."""

    key: str
    name: str
    arn: str
    exists: bool = True


@dataclass(frozen=True)
class Box:
    """An account with its roles on one side. key: unique in the graph; account: its name in the spec.

    open: if a trust in force names the account itself, its state: UNGUARDED if any is, else BROAD; None otherwise.
    """

    key: str
    account: str
    account_id: str
    region: str
    roles: tuple[Node, ...]
    open: EdgeState | None = None


@dataclass(frozen=True)
class Edge:
    """A trust. source: key of a trusted role, or of a trusted account's box if `whole`; target: key of a trusting role.

    detail: more about the state, or ''.
    """

    source: str
    target: str
    state: EdgeState
    detail: str = ""
    whole: bool = False

    @property
    def label(self) -> str:
        """The state and the detail on one line."""
        return f"{self.state}: {self.detail}" if self.detail else str(self.state)


@dataclass(frozen=True)
class Graph:
    """One picture, of a project or of one of its phases. caption: one sentence without a full stop."""

    title: str
    caption: str
    trusted: tuple[Box, ...]
    trusting: tuple[Box, ...]
    edges: tuple[Edge, ...]

    @property
    def nodes(self) -> dict[str, Node]:
        """All roles by key."""
        return {role.key: role for box in (*self.trusted, *self.trusting) for role in box.roles}

    def source_name(self, edge: Edge) -> str:
        """Return who is trusted by an edge, in words: `all of account_b` or `role bar in account_b`."""
        for box in self.trusted:
            if edge.whole and box.key == edge.source:
                return f"all of {box.account}"
            for role in box.roles:
                if role.key == edge.source and not edge.whole:
                    return f"role {role.name} in {box.account}"
        raise KeyError(edge.source)

    def sentence(self, edge: Edge) -> str:
        """Return an edge as a sentence without a full stop."""
        box = next(b for b in self.trusting if any(r.key == edge.target for r in b.roles))
        role = f"role {self.nodes[edge.target].name} in {box.account}"
        return f"{role} trusts {self.source_name(edge)} ({edge.label})"


def printable(text: str) -> str:
    """Return `text` with nonprintable characters (control, bidirectional, lone surrogates) replaced.

    XML cannot contain most of them, and a terminal would interpret them.
    """
    return "".join(char if char.isprintable() else REPLACEMENT for char in text)
