"""Who was trusted when, from Terraform's events, also when a crash cut the last line."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

from tests.unit.builders import BAR, FOO, A
from tfdriver import trust
from tfdriver.compositions import Composition, Side
from tfdriver.events import parse_line
from tfdriver.timeline import Timeline, exposures, read

T0 = datetime(2026, 1, 2, tzinfo=UTC)
COMPOSITION = Composition("account_a", "p", A, Side.TRUSTING, (FOO,))
BROAD = trust.document(trust.broad(FOO, [BAR], T0))
EXACT = trust.document(trust.exact([BAR]))


def done(seconds, action="create", name="foo_bar", kind="aws_iam_role"):
    """The events of one change, as Terraform 1.11 sends them: a delete has the role's name at its start alone."""
    resource = {"addr": "module.foo_bar.aws_iam_role.this", "resource_type": kind}
    hook, named = {"resource": resource, "action": action}, {"id_key": "id", "id_value": name}
    at = (T0 + timedelta(seconds=seconds)).isoformat()
    for type_, unnamed in (("apply_start", "create"), ("apply_complete", "delete")):
        body = hook if action == unnamed else hook | named
        event = parse_line(json.dumps({"type": type_, "@timestamp": at, "hook": body}))
        assert event
        yield event


def record(path, *steps):
    timeline = Timeline(path, {"account_a": "arn:aws:iam::111111111111:user/admin"})
    for policy, events in steps:
        on_event = timeline.watch(COMPOSITION, {"foo_bar": policy})
        for event in events:
            on_event(event)
    return timeline.changes()


def test_a_window_is_from_the_broad_trust_to_the_exact_one(tmp_path):
    changes = record(tmp_path / "t", (BROAD, done(0)), (EXACT, done(9.4, "update")))
    (window,) = exposures(changes, T0 + timedelta(hours=5))
    assert (window.seconds, window.guarded, window.opened) == (9.4, True, T0)
    assert str(window).startswith(
        "role foo_bar in account_a was open, guarded, for 9.4 s: account 222222222222, only as"
    )
    assert [c.kind for c in changes] == ["broad", "exact"]
    assert changes[0].by.endswith("user/admin")
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o600


def test_a_window_that_nobody_closed_ends_at_its_deadline(tmp_path):
    changes = record(tmp_path / "t", (BROAD, done(0)))
    (during,) = exposures(changes, T0 + timedelta(minutes=5))
    (after,) = exposures(changes, T0 + timedelta(hours=5))
    assert (during.closed, during.seconds) == (None, 300)
    assert (after.closed, after.seconds) == (T0 + timedelta(hours=1), 3600)


def test_deleting_the_role_closes_it(tmp_path):
    changes = record(tmp_path / "t", (BROAD, done(0)), (EXACT, done(60, "delete")))
    assert [c.kind for c in changes] == ["broad", "gone"]
    assert exposures(changes, T0 + timedelta(hours=5))[0].seconds == 60


def test_other_resources_and_roles_are_not_recorded(tmp_path):
    path = tmp_path / "t"
    assert record(path, (BROAD, done(0, kind="aws_dynamodb_table")), (BROAD, done(0, name="other"))) == []
    assert not path.exists()


def test_every_cut_of_the_last_line_is_survived(tmp_path):
    path = tmp_path / "t"
    first, second = record(path, (BROAD, done(0)), (EXACT, done(9)))
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        assert read(path)[:1] == [first]
        assert record(path, (EXACT, done(9)))[-1] == second
