"""From the spec, and what AWS shows, to graphs. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from tfdriver.aws.observe import Observation
from tfdriver.iam.trust_state import TrustKind
from tfdriver.iam.wording import moment
from tfdriver.inspect.graph.model import Box, Edge, EdgeState, Graph, Node, printable
from tfdriver.inspect.role_pairs import Pair, PairState, pairs
from tfdriver.spec.model import Account, Role, Spec

_SINGLE = {
    PairState.ABSENT: EdgeState.ABSENT,
    PairState.EXACT: EdgeState.EXACT,
    PairState.ORPHANED: EdgeState.ORPHANED,
    PairState.UNMANAGED: EdgeState.UNMANAGED,
    PairState.UNREADABLE: EdgeState.UNREADABLE,
}


def build(spec: Spec, seen: Observation | None, now: datetime) -> Graph:
    """Return the graph of a spec.

    seen: what AWS shows, or None for what the spec says; now: aware, for deadlines.
    """
    if seen is None:
        edges = [_edge(role, trusted, EdgeState.UNKNOWN) for role, trusted in _wanted(spec)]
        return _graph(spec, spec.project, "Who may assume what, according to tfdriver.yaml", edges)
    absent = [key for key, state in seen.states.items() if state.kind is TrustKind.ABSENT]
    absent += [key for key, role in seen.trusted.items() if role is None]
    return _graph(spec, spec.project, f"Who may assume what in AWS on {moment(now)}", _seen(spec, seen, now), absent)


def phases(spec: Spec) -> tuple[Graph, Graph, Graph]:
    """Return what is trusted after each of the three phases of a first `up`: broad, connect, tighten."""
    opened = [edge for role in spec.trusting for edge in _opened(spec, role)]
    exact = [_edge(role, trusted, EdgeState.EXACT) for role, trusted in _wanted(spec)]
    missing = [role.key for role in spec.trusted]
    broad = "The trusted roles do not exist yet, so the trust policies name their accounts"
    guard = ", guarded by a condition on the roles' ARNs" if all(r.guard for r in spec.trusting) else ""
    connect = "The trusted roles exist, and may assume exactly the roles that trust them"
    tighten = "The trust policies name exactly the trusted roles, each bound to its unique id"
    return (
        _graph(spec, "Phase 1: broad", f"{broad}{guard}", opened, missing),
        _graph(spec, "Phase 2: connect", connect, opened),
        _graph(spec, "Phase 3: tighten", tighten, exact),
    )


def duration(span: timedelta) -> str:
    """Return a time span in words: `1 h`, `1 h 30 min`, `45 s`."""
    seconds = int(span.total_seconds())
    parts = {"h": seconds // 3600, "min": seconds % 3600 // 60, "s": seconds % 60}
    return " ".join(f"{number} {unit}" for unit, number in parts.items() if number) or "0 s"


def _wanted(spec: Spec) -> Iterator[tuple[Role, Role]]:
    return ((role, trusted) for role in spec.trusting for trusted in spec.trusted_by(role))


def _graph(spec: Spec, title: str, caption: str, edges: Iterable[Edge], absent: Collection[str] = ()) -> Graph:
    edges = tuple(edges)
    in_force: dict[str, EdgeState] = {
        edge.source: edge.state for edge in edges if edge.whole and edge.state is EdgeState.BROAD
    }
    in_force |= {edge.source: edge.state for edge in edges if edge.whole and edge.state is EdgeState.UNGUARDED}
    trusted = _boxes(spec, spec.trusted, absent, in_force)
    trusting = _boxes(spec, spec.trusting, absent, {})
    return Graph(printable(title), printable(caption), trusted, trusting, edges)


def _boxes(
    spec: Spec, roles: tuple[Role, ...], absent: Collection[str], in_force: Mapping[str, EdgeState]
) -> tuple[Box, ...]:
    boxes = []
    for account in spec.accounts.values():
        nodes = [
            Node(role.key, printable(role.name), printable(role.arn), role.key not in absent)
            for role in roles
            if role.account.name == account.name
        ]
        if nodes:
            name, region = printable(account.name), printable(account.region)
            boxes.append(Box(account.name, name, account.id, region, tuple(nodes), in_force.get(account.name)))
    return tuple(boxes)


def _edge(trusting: Role, trusted: Role, state: EdgeState) -> Edge:
    return Edge(trusted.key, trusting.key, state)


def _whole(trusting: Role, account: Account, state: EdgeState, detail: str) -> Edge:
    return Edge(account.name, trusting.key, state, printable(detail), whole=True)


def _opened(spec: Spec, role: Role) -> Iterator[Edge]:
    """What phase 1 writes for one trusting role."""
    for account, trusted in _by_account(spec.trusted_by(role)):
        if role.guard:
            yield _whole(
                role, account, EdgeState.BROAD, f"for {duration(role.open_for)}, {_only(r.name for r in trusted)}"
            )
        else:
            yield _whole(role, account, EdgeState.UNGUARDED, "")


def _seen(spec: Spec, seen: Observation, now: datetime) -> Iterator[Edge]:
    """What AWS shows: an edge for each pair, but only one for all that are let in with their account."""
    keys = {role.arn: role.key for role in spec.roles.values()}
    let_in: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs(spec, seen, now):
        if pair.state in (PairState.BROAD, PairState.EXPIRED):
            let_in.setdefault((pair.trusted_account, keys[pair.trusting_arn]), []).append(pair)
        else:
            detail = "" if pair.state is PairState.ABSENT else pair.words
            yield Edge(keys[pair.trusted_arn], keys[pair.trusting_arn], _SINGLE[pair.state], printable(detail))
    for (account, trusting), found in let_in.items():
        state, detail = _broad(found)
        yield Edge(account, trusting, state, printable(detail), whole=True)


def _broad(found: list[Pair]) -> tuple[EdgeState, str]:
    """Return the state of a trust in a whole account, and what there is to say of it."""
    first = found[0]
    until = moment(first.until) if first.until else ""
    if first.state is PairState.EXPIRED:
        return EdgeState.EXPIRED, f"since {until}"
    if not first.guarded:
        return EdgeState.UNGUARDED, ""
    only = _only(pair.trusted for pair in found)
    return EdgeState.BROAD, f"until {until}, {only}" if until else only


def _only(names: Iterable[str]) -> str:
    return f"only {', '.join(names)}"


def _by_account(roles: Iterable[Role]) -> list[tuple[Account, list[Role]]]:
    found: dict[str, tuple[Account, list[Role]]] = {}
    for role in roles:
        found.setdefault(role.account.name, (role.account, []))[1].append(role)
    return list(found.values())
