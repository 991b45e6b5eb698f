"""`tfdriver policy` from offline plans: its notes, its size, and bad usage."""

from __future__ import annotations

import pytest

from tests.fakes.world import Stage
from tests.unit.inspect.operator_policy.plans import resource
from tfdriver.deploy.session import Options
from tfdriver.errors import TfdriverError
from tfdriver.inspect.operator_policy.statements import Purpose
from tfdriver.inspect.policy import AccountPolicy, policy
from tfdriver.terraform.offline_plan import MOCKED_DOCUMENT


def plan(stage: Stage, *resources) -> None:
    """Let the offline plan of account_a have these resources."""
    stage.world.change(lambda w: w.update(offline={"account_a": {"resource_changes": list(resources)}}))


def queues(number: int, name: str = "a-rather-long-name-of-queue-number-"):
    return [resource(f"aws_sqs_queue.q{n}", {"name": f"{name}{n:04}"}, role="foo_bar") for n in range(number)]


def of_account_a(stage: Stage, purpose: Purpose = Purpose.ALL) -> AccountPolicy:
    (account,) = policy(Options(stage.project), stage.tools, purpose, "account_a").accounts
    return account


def test_the_policy_for_one_command_is_shorter(stage):
    plan(stage, *queues(3))
    lengths = {purpose: sum(of_account_a(stage, purpose).characters) for purpose in Purpose}
    assert max(lengths[Purpose.VERIFY], lengths[Purpose.DESTROY]) < lengths[Purpose.UP] < lengths[Purpose.ALL]


def test_unknown_permissions_are_noted(stage):
    plan(stage, resource('aws_vpc.v["[x]"]', role="foo_bar"))
    address = 'module.foo_bar.aws_vpc.v["[x]"]'
    assert of_account_a(stage).notes == (
        f"{address}: the permissions for this type are not known; add them to the policy",
    )


def test_what_up_would_refuse_in_a_module_is_reported(stage):
    open_to_all = (
        '{"Statement": [{"Effect": "Allow", "Principal": {"AWS": "222222222222"}, "Action": "sts:AssumeRole"}]}'
    )
    role = {"name": "foo_bar", "path": "/", "assume_role_policy": open_to_all}
    plan(stage, resource("aws_iam_role.this", role, role="foo_bar"))

    of_account_a(stage)

    (said,) = (line for line in stage.progress.said if line.startswith("error: "))
    assert "it plans IAM role foo_bar whose trust policy trusts all of account 222222222222" in said

    plan(stage, resource("aws_iam_role.this", role | {"name": "other"}, role="foo_bar"))
    of_account_a(stage)
    assert "it creates IAM role other with path /; the spec says name foo_bar" in stage.progress.said[-2]


def test_a_trust_policy_from_a_data_source_is_left_to_plan(stage):
    role = {"name": "foo_bar", "path": "/", "assume_role_policy": MOCKED_DOCUMENT}
    plan(stage, resource("aws_iam_role.this", role, role="foo_bar"))

    of_account_a(stage)

    assert not [line for line in stage.progress.said if line.startswith("error: ")]


def test_a_long_policy_is_split_into_documents(stage):
    plan(stage, *queues(120))
    account = of_account_a(stage)
    assert len(account.documents) == len(account.characters) == 2
    assert max(account.characters) <= 6144


def test_more_policies_than_can_be_attached_are_noted(stage):
    plan(stage, *queues(700, "long-" * 14))
    assert "a user or role takes 10, unless AWS allows you more" in of_account_a(stage).notes[-1]


def test_nothing_is_written_into_the_project(stage):
    before = sorted(stage.project.rglob("*"))
    of_account_a(stage)
    assert sorted(stage.project.rglob("*")) == before


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ("acount_a", "the spec has no account 'acount_a'. Did you mean account_a?"),
        ("", "the spec has no account ''"),
        ("spare", "account spare has no roles. Its operator needs no permissions"),
    ],
)
def test_bad_usage_is_reported(stage, account, words):
    spec = stage.project / "tfdriver.yaml"
    spare = 'accounts:\n  spare: {id: "333333333333", region: us-west-2}\n'
    spec.write_text(spec.read_text().replace("accounts:\n", spare))

    with pytest.raises(TfdriverError) as caught:
        policy(Options(stage.project), stage.tools, Purpose.ALL, account)

    assert words in str(caught.value)
