"""`tfdriver policy` is enough for the whole story, and nothing in it is too much.

One real run with operators who have these policies and nothing else; then its calls, as the sandbox logged them, are
decided again by the policies with a statement, or an action, taken away.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import World, make_world
from tfdriver.iam.conditions import RequestContext
from tfdriver.iam.evaluator import AccessRequest, Permissions, authorize
from tfdriver.project.init import init

pytestmark = [pytest.mark.integration, pytest.mark.xdist_group("operators")]  # one story for all tests here

ACCOUNTS = {"account_a": "111111111111", "account_b": "222222222222"}
Document = dict[str, Any]

# What AWS asks for and the sandbox does not; see resource_types.py and verify/intruder.py.
ONLY_AWS_ASKS = {("account_b", "lambda:ListTags"), ("account_b", "iam:SimulatePrincipalPolicy")}
# What this story does not get to: each would take a run of its own.
NOT_IN_THE_STORY = {
    "dynamodb:UntagResource": "a module takes a tag away",
    "events:UntagResource": "as above",
    "iam:UntagPolicy": "as above",
    "iam:UntagRole": "as above",
    "lambda:UntagResource": "as above",
    "logs:UntagResource": "as above",
    "account_b iam:GetRolePolicy": "verify finds an inline policy that somebody added",
    "iam:UpdateRoleDescription": "a module changes a role's description",
    "logs:DeleteRetentionPolicy": "logs are to be kept for ever",
    "account_b iam:UpdateAssumeRolePolicy": "a module changes who may run as a trusted role",
}


@dataclass
class Operators:
    """A world whose commands run as operators. documents: what they have, by account."""

    world: World
    documents: Mapping[str, Document]
    environ: Mapping[str, str]

    def run(self, *arguments: str) -> Any:
        return self.world.tfdriver(*arguments, **self.environ)

    def give(self, account: str, document: Document) -> None:
        """Let the account's operator have this policy and nothing else."""
        iam, arn = self.world.client("iam", account), f"arn:aws:iam::{ACCOUNTS[account]}:policy/operator"
        if any(p["Arn"] == arn for p in iam.list_policies(Scope="Local")["Policies"]):
            iam.detach_user_policy(UserName="operator", PolicyArn=arn)
            iam.delete_policy(PolicyArn=arn)
        iam.create_policy(PolicyName="operator", PolicyDocument=json.dumps(document))
        iam.attach_user_policy(UserName="operator", PolicyArn=arn)

    def calls(self) -> list[dict[str, Any]]:
        """The calls they made and were allowed to make, as the sandbox logged them."""
        return [c for c in self.world.calls() if c["caller"].endswith(":user/operator") and allowed(c)]


def allowed(call: dict[str, Any]) -> bool:
    """Whether the operator's own policy allowed it; a trust policy may have refused it all the same."""
    return call["allowed"] or call["action"] == "AssumeRole"


def printed(world: World, account: str, *options: str) -> Document:
    return json.loads(world.tfdriver("policy", *options, "--account", account).stdout)


def without(document: Document, sid: str) -> Document:
    return {**document, "Statement": [s for s in document["Statement"] if s["Sid"] != sid]}


def make_operators(world: World, folder: Path) -> Operators:
    credentials = folder / "operators"
    documents = {account: printed(world, account, "--access-analyzer") for account in ACCOUNTS}
    operators = Operators(world, documents, {"AWS_SHARED_CREDENTIALS_FILE": str(credentials)})
    lines = []
    for account in ACCOUNTS:
        iam = world.client("iam", account)
        iam.create_user(UserName="operator")
        operators.give(account, operators.documents[account])
        key = iam.create_access_key(UserName="operator")["AccessKey"]
        lines += [f"[{account}]", f"aws_access_key_id = {key['AccessKeyId']}"]
        lines += [f"aws_secret_access_key = {key['SecretAccessKey']}"]
    credentials.write_text("\n".join(lines))
    return operators


def change(project: Path) -> None:
    """Change something of every resource that can be changed in place; the names, and so the policies, stay."""
    spec = project / "tfdriver.yaml"
    text = spec.read_text().replace("read_capacity: 5", "read_capacity: 6")
    spec.write_text(text.replace("log_retention_days: 14", "log_retention_days: 30, schedule: rate(2 minutes)"))
    handler = project / "modules/team_b_bar_app/lambda/handler.py"
    handler.write_text(handler.read_text() + "\n# changed\n")
    for module, old, new in (
        ("team_a_foo_ddb", '["dynamodb:PutItem"]', '["dynamodb:PutItem", "dynamodb:UpdateItem"]'),
        ("team_b_bar_app", '"logs:PutLogEvents"]', '"logs:PutLogEvents", "logs:DescribeLogStreams"]'),
        ("team_b_bar_app", "= 30", "= 20"),
    ):
        main = project / "modules" / module / "main.tf"
        assert old in main.read_text()
        main.write_text(main.read_text().replace(old, new))


@dataclass
class Story:
    """What came of it. refused: what was said with a statement taken away, by its Sid; calls: the operators' own."""

    documents: Mapping[str, Document]
    done: Mapping[str, Any]
    refused: Mapping[str, Any]
    calls: list[dict[str, Any]]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """The whole story, told once. At two points a statement is taken away from the operator of account_b."""
    folder = tmp_path_factory.mktemp("operators")
    project = folder / "foo-bar"
    init(project)
    spec = project / "tfdriver.yaml"
    text = spec.read_text().replace("trusts: [bar]", "trusts: [bar]\n    path: /owners/")
    spec.write_text(text + "    path: /team/\n    variables: {log_retention_days: 14}\n")
    done, refused = {}, {}
    for world in make_world(project, folder):
        operators = make_operators(world, folder)
        everything = operators.documents["account_b"]

        operators.give("account_b", without(everything, "PassRolesToLambda"))
        refused["PassRolesToLambda"] = operators.run("up", "--yes")
        operators.give("account_b", everything)
        done["up"] = operators.run("up", "--yes", "--access-analyzer")

        operators.give("account_b", without(everything, "TryTrustingRoles"))
        refused["TryTrustingRoles"] = operators.run("verify", "--timeout", "2s")
        operators.give("account_b", everything)

        for account in ACCOUNTS:
            operators.give(account, printed(world, account, "--for", "verify"))
        done["verify"] = operators.run("verify")
        for account in ACCOUNTS:
            operators.give(account, operators.documents[account])

        change(project)
        done["up again"] = operators.run("up", "--yes", "--no-verify")
        done["revoke"] = operators.run("tighten", "--yes", "--revoke-sessions")
        done["destroy"] = operators.run("destroy", "--yes")
        assert world.client("iam", "account_b").list_roles()["Roles"] == []
        calls = operators.calls()
    return Story(operators.documents, done, refused, calls)


def test_the_policies_are_enough(story: Story) -> None:
    for name, run in story.done.items():
        assert run.returncode == 0, f"{name}: {run.stdout}{run.stderr}"
    assert {call["account"] for call in story.calls} == set(ACCOUNTS.values())
    unheeded = [need for call in story.calls for need in call["needs"] if not decides(story.documents, call, need)]
    assert unheeded == []


def test_without_a_statement_the_run_says_what_is_missing(story: Story) -> None:
    up, verify = story.refused["PassRolesToLambda"], story.refused["TryTrustingRoles"]
    # The role exists before the function, but phase 3 may not have begun when the function is refused.
    assert up.returncode == (3 if "In force now: role foo_bar" in up.stderr else 1)
    bar = "arn:aws:iam::222222222222:role/team/bar"
    assert f"is not authorized to perform: iam:PassRole on resource: {bar}" in up.stderr
    assert verify.returncode == 1
    assert "10 passed, 1 inconclusive" in verify.stdout
    assert "identity-based policy refused the call, so the trust policy was not tested" in verify.stdout


@pytest.mark.parametrize("account", ACCOUNTS)
def test_no_statement_can_be_taken_away(story: Story, account: str) -> None:
    document = story.documents[account]
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert len(sids) >= 5
    superfluous = [sid for sid in sids if not refuses(story, account, without(document, sid))]
    assert superfluous == []


@pytest.mark.parametrize("account", ACCOUNTS)
def test_no_action_and_no_resource_can_be_taken_away(story: Story, account: str) -> None:
    superfluous = [
        f"{before['Sid']} {element}: {text}"
        for number, before in enumerate(story.documents[account]["Statement"])
        for element in ("Action", "Resource")
        for text in before[element]
        if not {text, f"{account} {text}"} & set(NOT_IN_THE_STORY)
        and not refuses(story, account, less(story.documents[account], number, element, text))
    ]
    # Who the operator is, a user or a role, the spec does not know.
    assert superfluous == (
        ["AskAboutOneself Resource: arn:aws:iam::222222222222:role/*"] if account == "account_b" else []
    )


def less(document: Document, number: int, element: str, text: str) -> Document:
    """The document without one text in a list of its statements."""
    found = deepcopy(document)
    found["Statement"][number][element].remove(text)
    return found


def refuses(story: Story, account: str, document: Document) -> bool:
    """Whether any call of the story, or what AWS would ask besides, is refused if the account has this document."""
    documents = {**story.documents, account: document}
    besides = [
        ({"account": ACCOUNTS[there], "caller": "operator"}, {"action": action, "resource": resource, "facts": {}})
        for there, action in ONLY_AWS_ASKS
        for resource in (
            f"arn:aws:iam::{ACCOUNTS[there]}:user/operator",
            f"arn:aws:lambda:us-west-2:{ACCOUNTS[there]}:function:bar",
        )
        if action.startswith(resource.split(":")[2])
    ]
    asked = [(call, need) for call in story.calls for need in call["needs"]]
    return any(not decides(documents, call, need) for call, need in [*asked, *besides])


def decides(documents: Mapping[str, Document], call: Mapping[str, Any], need: Mapping[str, Any]) -> bool:
    """Whether the documents allow the operator of the call's account what it needs."""
    (account,) = (name for name, number in ACCOUNTS.items() if number == call["account"])
    request = AccessRequest(need["action"], need["resource"], RequestContext(need["facts"]))
    return authorize(Permissions((documents[account],)), request).allowed
