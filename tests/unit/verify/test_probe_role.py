"""Calls with the trusted role's credentials, and who assumes the role for them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from tests.unit.builders import BAR, FOO
from tests.unit.verify.answers import Client, error
from tfdriver.verify.attempts import trusted_round
from tfdriver.verify.outcome import OutcomeKind
from tfdriver.verify.probe_role import ProbeRole, is_caller
from tfdriver.verify.probes import CallsProbe, RoleProbe, calls_of

OPERATOR = "arn:aws:iam::222222222222:role/ops/operator"
AS_OPERATOR = "arn:aws:sts::222222222222:assumed-role/operator/me"
ADMIN = "arn:aws:iam::222222222222:user/admin"
WITH_ID = replace(FOO, external_id="the-id")
PROBE = CallsProbe.model_validate(
    {
        "region": "us-west-2",
        "calls": [
            {"action": "s3:ListBucket", "arn": "arn:aws:s3:::b", "expect": "allowed"},
            {"action": "s3:GetObject", "arn": "arn:aws:s3:::b/secret", "expect": "refused"},
        ],
    }
)
CHECKS = trusted_round(WITH_ID, BAR, calls_of(PROBE, FOO.arn))
REFUSED = error("AccessDenied", "not authorized to perform: s3:GetObject", 403)


@dataclass
class Aws:
    """A fake `RoleCalls`. who: the chain of roles whose credentials it has; made: who made which call.

    refuses: the roles that cannot be assumed from a chain; replies: by the last role and the method.
    """

    replies: dict[tuple[str, str], Any] = field(default_factory=dict)
    refuses: tuple[tuple[str, str], ...] = ()
    who: tuple[str, ...] = ("profile",)
    made: list[tuple[str, str]] = field(default_factory=list)

    @property
    def request_id(self) -> str:
        return f"assumed {self.who[-1]}"

    def assume_role(self, _account, role_arn, external_id=None):
        role = role_arn.rpartition("/")[2]
        self.made.append((" > ".join(self.who), f"assume {role} {external_id}"))
        if (self.who[-1], role) in self.refuses or (role == "foo_bar" and external_id != "the-id"):
            raise error("AccessDenied", f"no role trust policy allows {role}", 403)
        return replace(self, who=(*self.who, role))

    def call(self, _account, _service, ask):
        asked: list[tuple[str, dict[str, Any]]] = []
        default = {"ResponseMetadata": {"RequestId": "r-1"}}
        methods = ("get_caller_identity", "list_objects_v2", "get_object")
        replies = {method: self.replies.get((self.who[-1], method), default) for method in methods}
        try:
            return ask(Client(replies, asked))
        finally:
            self.made.append((" > ".join(self.who), asked[0][0]))


def round_of(aws: Aws, caller: str = AS_OPERATOR):
    return ProbeRole(aws, BAR, RoleProbe(probe_by=OPERATOR), caller, WITH_ID)(CHECKS)


AS_WANTED = {("foo_bar", "get_object"): REFUSED, ("bar", "list_objects_v2"): REFUSED}


def test_the_operator_assumes_the_trusted_role_and_from_it_the_trusting_role():
    aws = Aws(AS_WANTED)
    found = round_of(aws)

    assert {check.name: found[check.name].kind for check in CHECKS} == {c.name: c.expected for c in CHECKS}
    assert aws.made[:2] == [("profile", "assume bar None"), ("profile > bar", "assume foo_bar the-id")]
    assert ("profile > bar > foo_bar", "list_objects_v2") in aws.made
    assert ("profile > bar > foo_bar", "get_object") in aws.made
    assert ("profile > bar", "list_objects_v2") in aws.made
    assert ("profile > bar", "get_object") not in aws.made
    assert found["assume"].request_id == "assumed foo_bar"
    assert found["granted s3:ListBucket arn:aws:s3:::b"].request_id == "r-1"


def test_another_caller_first_assumes_the_operators_role():
    aws = Aws(AS_WANTED)
    round_of(aws, caller=ADMIN)
    assert aws.made[:2] == [("profile", "assume operator None"), ("profile > operator", "assume bar None")]


@pytest.mark.parametrize(
    ("refused", "caller", "words"),
    [
        (
            ("profile", "operator"),
            ADMIN,
            f"the operator's identity in account_b could not assume {OPERATOR}: AccessDenied",
        ),
        (("profile", "bar"), AS_OPERATOR, f"{OPERATOR} could not assume role bar in account_b: AccessDenied"),
    ],
)
def test_nothing_is_proved_if_the_operator_is_refused(refused, caller, words):
    found = round_of(Aws(refuses=(refused,)), caller)
    assert {outcome.kind for outcome in found.values()} == {OutcomeKind.UNKNOWN}
    assert found["assume"].message.startswith(words)


def test_calls_as_the_trusting_role_are_unknown_if_it_cannot_be_assumed():
    found = round_of(Aws(AS_WANTED, refuses=(("bar", "foo_bar"),)))

    assert found["assume"].kind is OutcomeKind.DENIED
    granted = found["granted s3:ListBucket arn:aws:s3:::b"]
    assert granted.kind is OutcomeKind.UNKNOWN
    assert granted.message.startswith("sts:AssumeRole failed first: AccessDenied")


@pytest.mark.parametrize(
    ("caller", "arn", "same"),
    [
        (ADMIN, ADMIN, True),
        (ADMIN, OPERATOR, False),
        (AS_OPERATOR, OPERATOR, True),
        (AS_OPERATOR, "arn:aws:iam::222222222222:role/operator", True),
        (AS_OPERATOR, "arn:aws:iam::222222222222:role/an-operator", False),
        (AS_OPERATOR, "arn:aws:iam::333333333333:role/operator", False),
        (AS_OPERATOR, "arn:aws:iam::222222222222:user/operator", False),
    ],
)
def test_a_session_is_its_role_whatever_the_path(caller, arn, same):
    assert is_caller(caller, arn) is same
