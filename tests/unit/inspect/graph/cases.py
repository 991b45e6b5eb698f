"""Specs and observations for the tests of graphs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from tests.unit.builders import BAR, FOO, A, B, role, spec
from tfdriver.aws.observe import Observation
from tfdriver.iam import trust, trust_state
from tfdriver.iam.trust import Trust
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.spec.model import Account, Role, Spec

NOW = datetime(2026, 1, 2, tzinfo=UTC)
DEAD = "AROADEADDEADDEADDEAD"
C = Account("account_c", "333333333333", "account_c", "eu-west-1", "aws")

EXAMPLE = spec(FOO, BAR)

# Every state. account_a is on both sides.
ALL = spec(
    role("absent", A, trusts=("bar",)),
    role("broad", A, trusts=("bar", "baz", "qux")),
    role("unguarded", A, trusts=("bar",), guard=False),
    role("expired", A, trusts=("qux",)),
    role("exact", C, trusts=("bar", "baz")),
    role("changed", C, trusts=("bar",)),
    role("orphaned", C, trusts=("bar",)),
    role("unmanaged", C, trusts=("bar",)),
    role("unreadable", C, trusts=("own",)),
    role("bar", B),
    role("baz", B),
    role("qux", C),
    role("own", A),
)


def observation(of: Spec, policies: dict[str, Trust | Unreadable | None]) -> Observation:
    """Return an observation with these trusts, in which every trusted role exists."""
    return Observation(
        {key: _state(of, of.roles[key], policy) for key, policy in policies.items()},
        {r.key: LiveRole(r.arn, role_id(r), {}, {}) for r in of.trusted},
    )


def role_id(of: Role) -> str:
    return f"AROA{of.key.upper()}"


def _state(of: Spec, trusting: Role, policy: Trust | Unreadable | None) -> trust_state.TrustState:
    wanted = of.trusted_by(trusting)
    live = LiveRole(trusting.arn, "AROAX", trust.document(policy), {}) if isinstance(policy, Trust) else policy
    ids = {r.arn: role_id(r) for r in wanted}
    applied = live.trust_policy if trusting.key == "changed" and isinstance(live, LiveRole) else None
    return trust_state.classify(trusting, wanted, live, ids, applied)


_R = ALL.roles
LIVE = observation(
    ALL,
    {
        "absent": None,
        "broad": trust.broad(_R["broad"], [_R["bar"], _R["qux"]], NOW),
        "unguarded": trust.broad(_R["unguarded"], [_R["bar"]], NOW),
        "expired": trust.broad(_R["expired"], [_R["qux"]], NOW - timedelta(hours=2)),
        "exact": trust.exact([_R["bar"]]),
        "changed": trust.exact([_R["bar"], _R["baz"]]),
        "orphaned": Trust(frozenset({DEAD})),
        "unmanaged": trust.exact([_R["baz"]]),
        "unreadable": Unreadable("no network"),
    },
)
