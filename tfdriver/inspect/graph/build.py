"""Builds graphs from the spec and from the trusts observed in AWS. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta

from tfdriver.aws.observe import Observation
from tfdriver.iam.policy_document import account_of
from tfdriver.iam.trust_state import TrustKind
from tfdriver.iam.wording import moment
from tfdriver.inspect.graph.model import Box, Edge, EdgeState, Graph, Node, printable
from tfdriver.inspect.role_pairs import Pair, PairState, pairs
from tfdriver.spec.model import Role, Spec

_SINGLE = {
    PairState.ABSENT: EdgeState.ABSENT,
    PairState.EXACT: EdgeState.EXACT,
    PairState.CHANGED: EdgeState.CHANGED,
    PairState.ORPHANED: EdgeState.ORPHANED,
    PairState.UNMANAGED: EdgeState.UNMANAGED,
    PairState.UNREADABLE: EdgeState.UNREADABLE,
    PairState.ELSEWHERE: EdgeState.UNKNOWN,
}
_ELSEWHERE = "its trust policy is its owner's, and is not read"


def build(spec: Spec, observation: Observation | None, now: datetime) -> Graph:
    """Return the graph of a spec.

    observation: the live trusts, None to draw the spec alone; now: aware, for deadlines.
    """
    if observation is None:
        edges = [Edge(trusted, trusting, EdgeState.UNKNOWN) for trusting, trusted in _wanted(spec)]
        return _graph(spec, spec.project, "Who may assume what, according to tfdriver.yaml", edges)
    absent = [key for key, state in observation.states.items() if state.kind is TrustKind.ABSENT]
    absent += [key for key, role in observation.trusted.items() if role is None]
    edges = list(_live_edges(spec, observation, now))
    return _graph(spec, spec.project, f"Who may assume what in AWS on {moment(now)}", edges, absent)


def phases(spec: Spec) -> tuple[Graph, Graph, Graph]:
    """Return the graphs after each phase of a first `up`: broad, connect, tighten."""
    opened = [edge for role in spec.trusting if not role.existing for edge in _broad_edges(spec, role)]
    exact = [Edge(source, target, EdgeState.EXACT) for target, source in _wanted(spec) if target in spec.roles]
    elsewhere = [
        Edge(role.key, one.arn, EdgeState.UNKNOWN, _ELSEWHERE) for role in spec.trusted for one in role.assumes
    ]
    missing = [role.key for role in spec.trusted if not role.is_trusting and not role.existing]
    broad = "The trusted roles do not exist yet, so the trust policies name their accounts"
    guard = ", guarded by a condition on the roles' ARNs" if all(r.guard for r in spec.trusting) else ""
    connect = "The trusted roles exist, and may assume exactly the roles that trust them"
    tighten = "The trust policies name exactly the trusted roles, each bound to its unique id"
    return (
        _graph(spec, "Phase 1: broad", f"{broad}{guard}", opened, missing),
        _graph(spec, "Phase 2: connect", connect, [*opened, *elsewhere]),
        _graph(spec, "Phase 3: tighten", tighten, [*exact, *elsewhere]),
    )


def duration(span: timedelta) -> str:
    """Return a time span in words: `1 h`, `1 h 30 min`, `45 s`."""
    seconds = int(span.total_seconds())
    parts = {"h": seconds // 3600, "min": seconds % 3600 // 60, "s": seconds % 60}
    return " ".join(f"{number} {unit}" for unit, number in parts.items() if number) or "0 s"


def _wanted(spec: Spec) -> Iterator[tuple[str, str]]:
    """Yield the key, or the ARN, of each trusting role, and of who may assume it."""
    for role in spec.trusting:
        yield from ((role.key, trusted) for trusted in (*role.trusts, *role.trusted_arns))
    for role in spec.trusted:
        yield from ((assumed.arn, role.key) for assumed in role.assumes)


def _graph(spec: Spec, title: str, caption: str, edges: Iterable[Edge], absent: Collection[str] = ()) -> Graph:
    edges = tuple(edges)
    in_force: dict[str, EdgeState] = {
        edge.source: edge.state for edge in edges if edge.whole and edge.state is EdgeState.BROAD
    }
    in_force |= {edge.source: edge.state for edge in edges if edge.whole and edge.state is EdgeState.UNGUARDED}
    trusted = _boxes(spec, spec.trusted, absent, in_force)
    trusted += _elsewhere(spec, (arn for role in spec.trusting for arn in role.trusted_arns))
    trusting = _boxes(spec, spec.trusting, absent, {})
    trusting += _elsewhere(spec, (assumed.arn for role in spec.trusted for assumed in role.assumes))
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


def _elsewhere(spec: Spec, arns: Iterable[str]) -> tuple[Box, ...]:
    """Return the roles and users that exist elsewhere, by account."""
    names = {account.id: account.name for account in spec.accounts.values()}
    nodes: dict[str, dict[str, Node]] = {}
    for arn in arns:
        node = Node(arn, printable(arn.rpartition("/")[2]), printable(arn))
        nodes.setdefault(account_of(arn), {})[arn] = node
    return tuple(
        Box(f"elsewhere {key}", names.get(key, key), key, "elsewhere", tuple(found.values()))
        for key, found in nodes.items()
    )


def _broad_edges(spec: Spec, role: Role) -> Iterator[Edge]:
    """Yield the edges of a trusting role after phase 1."""
    roles: dict[str, list[str]] = {}
    for trusted in spec.trusted_by(role):
        if trusted.existing:  # the trust is exact at once
            return
        roles.setdefault(trusted.account.name, []).append(trusted.name)
    for account, names in roles.items():
        state = EdgeState.BROAD if role.guard else EdgeState.UNGUARDED
        detail = f"for {duration(role.open_for)}, only {', '.join(names)}" if role.guard else ""
        yield Edge(account, role.key, state, printable(detail), whole=True)


def _live_edges(spec: Spec, observation: Observation, now: datetime) -> Iterator[Edge]:
    """Yield one edge per pair, and one per broad trust."""
    keys = {role.arn: role.key for role in spec.roles.values()}
    broad: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs(spec, observation, now):
        if pair.state in (PairState.BROAD, PairState.EXPIRED):
            broad.setdefault((pair.trusted_account, keys[pair.trusting_arn]), []).append(pair)
        else:
            detail = "" if pair.state is PairState.ABSENT else pair.words
            source, target = (keys.get(arn, arn) for arn in (pair.trusted_arn, pair.trusting_arn))
            yield Edge(source, target, _SINGLE[pair.state], printable(detail))
    for (account, trusting), trusted in broad.items():
        state, detail = _broad_label(trusted)
        yield Edge(account, trusting, state, printable(detail), whole=True)


def _broad_label(trusted: list[Pair]) -> tuple[EdgeState, str]:
    """Return state and detail of a broad trust. trusted: the pairs in it."""
    first = trusted[0]
    until = moment(first.until) if first.until else ""
    if first.state is PairState.EXPIRED:
        return EdgeState.EXPIRED, f"since {until}"
    if not first.guarded:
        return EdgeState.UNGUARDED, ""
    only = f"only {', '.join(pair.trusted for pair in trusted)}"
    return EdgeState.BROAD, f"until {until}, {only}" if until else only
