"""Revocation times in the values of a composition."""

from __future__ import annotations

from datetime import UTC, datetime

from tests.unit.project.cases import FLEET, FLEET_TRUSTING
from tfdriver.project.tfvars import final, noted_revocations

TIME = "2026-11-27T10:00:00Z"


def test_the_time_of_a_role_with_accounts_is_written_under_its_label_and_read_back():
    times = {"foo_bar@account_a": TIME}

    written = final(FLEET, FLEET_TRUSTING, times)

    assert written["revoke_sessions_before"] == {"foo_bar": TIME}
    assert noted_revocations(FLEET_TRUSTING, written, datetime(2026, 11, 27, 12, tzinfo=UTC)) == times
    assert noted_revocations(FLEET_TRUSTING, written, datetime(2026, 11, 28, 12, tzinfo=UTC)) == {}
