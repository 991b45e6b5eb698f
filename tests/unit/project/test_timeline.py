"""The timeline: from Terraform's events and from AWS, also with a truncated last line."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.builders import BAR, FOO, A
from tfdriver.iam import trust
from tfdriver.iam.trust_state import LiveRole, TrustState, Unreadable, classify
from tfdriver.project.timeline import Timeline, exposures, read_timeline
from tfdriver.project.trust_changes import TrustChange, missing_change
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform.events import parse_line

T0 = datetime(2026, 1, 2, tzinfo=UTC)
COMPOSITION = Composition("account_a", "p", A, Side.TRUSTING, (FOO,))
BROAD = trust.document(trust.broad(FOO, [BAR], T0))
EXACT = trust.document(trust.exact([BAR]))


def done(seconds, action="create", name="foo_bar", kind="aws_iam_role"):
    """Yield the events of one change as Terraform 1.11 sends them: a delete names the role only at its start."""
    resource = {"addr": "module.foo_bar.aws_iam_role.this", "resource_type": kind}
    hook, named = {"resource": resource, "action": action}, {"id_key": "id", "id_value": name}
    at = (T0 + timedelta(seconds=seconds)).isoformat()
    for type_, unnamed in (("apply_start", "create"), ("apply_complete", "delete")):
        body = hook if action == unnamed else hook | named
        event = parse_line(json.dumps({"type": type_, "@timestamp": at, "hook": body}))
        assert event
        yield event


def planned(policy, before=None):
    """A plan that writes a trust policy, None for one known only after the apply."""
    after = {"assume_role_policy": json.dumps(policy)} if policy else {}
    change = {"before": {"assume_role_policy": json.dumps(before)} if before else None, "after": after}
    role = {"address": "module.foo_bar.aws_iam_role.this", "type": "aws_iam_role", "change": change}
    return {"resource_changes": [role, {"address": "x", "type": "aws_dynamodb_table", "change": {"before": None}}]}


def record(path, *steps):
    timeline = Timeline(path, {"account_a": "arn:aws:iam::111111111111:user/admin"}, pytest.fail)
    for policy, events in steps:
        on_event = timeline.watch(COMPOSITION, planned(policy))
        for event in events:
            on_event(event)
    return timeline.changes()


def test_an_exposure_lasts_from_the_broad_trust_to_the_exact_one(tmp_path):
    changes = record(tmp_path / "t", (BROAD, done(0)), (EXACT, done(9.4, "update")))
    (window,) = exposures(changes, T0 + timedelta(hours=5))
    assert (window.seconds, window.guarded, window.opened) == (9.4, True, T0)
    assert str(window).startswith(
        "role foo_bar in account_a was open, guarded, from 2026-01-02 00:00:00 UTC for 9.4 s: account 222222222222"
    )
    assert [c.kind for c in changes] == ["broad", "exact"]
    assert changes[0].by.endswith("user/admin")
    assert (tmp_path / "t").stat().st_mode & 0o777 == 0o600


def test_an_open_exposure_ends_at_its_deadline(tmp_path):
    changes = record(tmp_path / "t", (BROAD, done(0)))
    (during,) = exposures(changes, T0 + timedelta(minutes=5))
    (after,) = exposures(changes, T0 + timedelta(hours=5))
    assert (during.closed, during.seconds) == (None, 300)
    assert (after.closed, after.seconds) == (T0 + timedelta(hours=1), 3600)


def test_an_update_that_keeps_the_trust_policy_is_not_recorded(tmp_path):
    timeline = Timeline(tmp_path / "t", {}, pytest.fail)
    for event in done(0, "update"):
        timeline.watch(COMPOSITION, planned(EXACT, EXACT))(event)

    assert timeline.changes() == []


def test_the_planned_policy_is_recorded_whatever_the_module_was_given(tmp_path):
    open_to_all = {"Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}]}

    changes = record(tmp_path / "t", (open_to_all, done(0)), (None, done(1, "update")), (BROAD, done(2, "update")))

    assert [c.kind for c in changes] == ["other", "other", "broad"]


def test_deleting_the_role_ends_its_exposure(tmp_path):
    changes = record(tmp_path / "t", (BROAD, done(0)), (EXACT, done(60, "delete")))
    assert [c.kind for c in changes] == ["broad", "gone"]
    assert exposures(changes, T0 + timedelta(hours=5))[0].seconds == 60


def test_other_resources_and_roles_are_not_recorded(tmp_path):
    path = tmp_path / "t"
    assert record(path, (BROAD, done(0, kind="aws_dynamodb_table")), (BROAD, done(0, name="other"))) == []
    assert not path.exists()


LINE = {"at": "2026-01-02T00:00:00+00:00", "role": "foo_bar", "account": "account_a", "kind": "broad"}


@pytest.mark.parametrize(
    "line",
    [
        *(LINE | {"at": at} for at in ("", 5, "yesterday", "2026-01-02T00:00:00")),
        *(LINE | {"role": role} for role in ([], None, {})),
        LINE | {"until": "x"},
        LINE | {"guarded": "no"},
        [LINE],
        "broad",
    ],
    ids=str,
)
def test_an_invalid_line_is_skipped(tmp_path, line):
    (tmp_path / "t").write_text(json.dumps(line) + "\n" + "[" * 100_000 + "\n" + json.dumps(LINE) + "\n")
    assert read_timeline(tmp_path / "t") == [TrustChange(**LINE)]


def test_control_characters_in_a_line_are_escaped(tmp_path):
    (tmp_path / "t").write_text(json.dumps(LINE | {"trusted": "\x1b[2Jeverybody"}))
    assert read_timeline(tmp_path / "t")[0].trusted == "\\x1b[2Jeverybody"


def test_every_truncated_last_line_is_skipped(tmp_path):
    path = tmp_path / "t"
    first, second = record(path, (BROAD, done(0)), (EXACT, done(9)))
    whole = path.read_bytes()
    start = whole.index(b"\n") + 1
    for end in range(start, len(whole)):
        path.write_bytes(whole[:end])
        assert read_timeline(path)[:1] == [first]
        assert record(path, (EXACT, done(9)))[-1] == second


@pytest.mark.parametrize("at", ["", "yesterday", "2026-01-02T00:00:00"])
def test_a_line_with_an_invalid_time_is_skipped(tmp_path, at):
    (tmp_path / "t").write_text(json.dumps({"at": at, "role": "foo_bar", "account": "account_a", "kind": "broad"}))
    assert read_timeline(tmp_path / "t") == []


NOW, CREATED = T0 + timedelta(minutes=30), T0 - timedelta(seconds=1)
WANTED = trust.broad(FOO, [BAR], T0)
LATER = trust.broad(FOO, [BAR], NOW)


def shown(found, created=CREATED) -> TrustState:
    """Return the state of a role in AWS. found: its trust or policy, None for a missing role, or Unreadable."""
    policy = trust.document(found) if isinstance(found, trust.Trust) else found
    live = LiveRole(FOO.arn, "AROAFOO", policy, {}, created) if isinstance(policy, dict) else policy
    return classify(FOO, [BAR], live, {BAR.arn: "AROABAR"})


def line(kind, found=None, at=T0) -> TrustChange:
    there = missing_change(None, shown(found), NOW) if found else TrustChange("", "", "", "")
    return TrustChange(at.isoformat(), "foo_bar", "account_a", kind, there.trusted, there.until)


@pytest.mark.parametrize(
    ("newest", "state", "kind", "at"),
    [
        pytest.param(None, shown(WANTED), "broad", CREATED, id="created by a killed run"),
        pytest.param(None, shown(WANTED, None), "broad", NOW, id="unknown creation"),
        pytest.param(None, shown(WANTED, NOW + timedelta(1)), "broad", NOW, id="created in the future"),
        pytest.param(line("exact"), shown(WANTED), "broad", NOW, id="widened by another program"),
        pytest.param(line("exact"), shown(WANTED, T0 + timedelta(seconds=9)), "broad", T0 + timedelta(seconds=9)),
        pytest.param(line("gone"), shown(WANTED, T0 + timedelta(seconds=9)), "broad", T0 + timedelta(seconds=9)),
        pytest.param(line("broad", WANTED), shown(LATER), "broad", NOW, id="open with a later deadline"),
        pytest.param(line("broad", WANTED), shown(trust.exact([BAR])), "exact", NOW),
        pytest.param(line("broad", WANTED), shown(None), "gone", NOW),
        pytest.param(line("exact"), shown(None), "gone", NOW),
    ],
)
def test_a_change_in_aws_without_a_line_is_missing(newest, state, kind, at):
    found = missing_change(newest, state, NOW)
    assert found
    assert (found.kind, found.at, found.seen, found.by) == (kind, at.isoformat(), True, "")
    assert missing_change(found, state, NOW + timedelta(minutes=1)) is None


@pytest.mark.parametrize(
    ("newest", "state"),
    [
        (None, shown(trust.exact([BAR]))),
        (None, shown(None)),
        (None, shown(Unreadable("no"))),
        (line("broad", WANTED), shown(WANTED)),
        (line("broad", WANTED), shown(Unreadable("no"))),
        (line("broad", WANTED), shown({"Statement": []})),
        (line("exact"), shown(trust.exact([BAR]))),
        (line("exact"), shown(trust.Trust(frozenset({"AROADEAD"})))),
        (line("gone"), shown(None)),
    ],
)
def test_a_recorded_or_unknown_change_is_not_missing(newest, state):
    assert missing_change(newest, state, NOW) is None


def test_only_an_open_window_has_a_deadline(tmp_path):
    opened, closed = record(tmp_path / "t", (BROAD, done(0)), (EXACT, done(9)))

    (still_open,) = exposures([opened], T0 + timedelta(minutes=1))
    (over,) = exposures([opened, closed], T0 + timedelta(minutes=1))
    (expired,) = exposures([opened], T0 + timedelta(hours=2))

    assert still_open.until == T0 + timedelta(hours=1)
    assert (over.until, expired.until) == (None, None)
    assert "until" not in f"{over} {expired}"


def test_an_exposure_read_from_aws_is_marked():
    opened = missing_change(None, shown(WANTED), NOW)
    closed = missing_change(opened, shown(trust.exact([BAR])), NOW)
    (window,) = exposures([opened, closed], NOW)
    assert (window.opened, window.closed, window.seen) == (CREATED, NOW, True)
    assert "UTC for 1801.0 s, approximately: account 222222222222" in str(window)
    applied = TrustChange(NOW.isoformat(), "foo_bar", "account_a", "exact")
    assert exposures([opened, applied], NOW)[0].seen
    (window,) = exposures([line("broad", WANTED), applied], NOW)
    assert (window.seen, "approximately" in str(window)) == (False, False)


def test_an_exposure_that_ended_at_its_deadline_is_exact(tmp_path):
    (opened,) = record(tmp_path / "t", (BROAD, done(0)))
    late = T0 + timedelta(hours=5)
    (window,) = exposures([opened, missing_change(opened, shown(trust.exact([BAR])), late)], late)
    assert (window.closed, window.seen) == (T0 + timedelta(hours=1), False)


def test_an_unwritable_file_causes_one_warning(tmp_path):
    warnings = []
    timeline = Timeline(tmp_path, {}, warnings.append)
    timeline.record_missing([shown(WANTED)], NOW)
    for event in [*done(0), *done(9, "update")]:
        timeline.watch(COMPOSITION, planned(BROAD))(event)
    assert timeline.changes() == []
    (warning,) = warnings
    assert warning.startswith("warning: the timeline cannot be read: [Errno 21] Is a directory")


def test_compositions_that_are_applied_at_once_are_all_recorded(tmp_path):
    timeline = Timeline(tmp_path / "timeline.jsonl", {}, print)

    def apply(_number):
        on_event = timeline.watch(COMPOSITION, planned(EXACT))
        for event in done(1):
            on_event(event)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(apply, range(64)))

    assert len(timeline.changes()) == len((tmp_path / "timeline.jsonl").read_text().splitlines()) == 64
