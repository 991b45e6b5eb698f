"""Trust policies that stop a run, with their hints."""

from __future__ import annotations

import pytest

from tests.unit.builders import FOO
from tfdriver.deploy.preflight import refuse_trusts, refused_kinds
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, Unreadable, classify
from tfdriver.iam.wording import OVERWRITE

FOREIGN = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "x"}, "Action": "sts:AssumeRole"}]}


@pytest.mark.parametrize(
    ("live", "hint"),
    [
        (LiveRole(FOO.arn, "AROAFOO", FOREIGN, {}), f"No changes made. {OVERWRITE}"),
        (Unreadable("the clock of this machine is wrong"), "No changes made"),
    ],
)
def test_only_an_unmanaged_trust_is_proposed_to_be_overwritten(live, hint):
    states = {"foo_bar": classify(FOO, [], live, {})}

    with pytest.raises(TfdriverError) as caught:
        refuse_trusts(states, refused_kinds(overwrite=False), "No changes made")

    assert caught.value.hint == hint
