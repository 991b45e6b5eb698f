"""The example's two accounts in a sandbox, with roles created by boto3, which is faster than Terraform."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.world import Lines, new_project
from tfdriver.aws.client import Aws, new_session
from tfdriver.clock import Clock
from tfdriver.deploy.session import Options, Tools, read_spec
from tfdriver.inspect.explain import Explanation, explain
from tfdriver.interrupts import Interrupts
from tfdriver.sandbox.start import start

FOO = "arn:aws:iam::111111111111:role/foo_bar"
BAR = "arn:aws:iam::222222222222:role/bar"
LAMBDA = {
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
}


class Accounts:
    """The example's two accounts with their roles; `ask` runs explain."""

    def __init__(self, project) -> None:
        self.options = Options(project)
        self.a = new_session("account_a").client("iam")
        self.b = new_session("account_b").client("iam")
        self.make_bar(may(FOO))
        self.a.create_role(RoleName="foo_bar", AssumeRolePolicyDocument=json.dumps(trust(BAR)))

    def make_bar(self, *statements: dict[str, Any]) -> None:
        document = json.dumps(LAMBDA | {"Version": "2012-10-17"})
        self.b.create_role(RoleName="bar", AssumeRolePolicyDocument=document)
        body = json.dumps({"Version": "2012-10-17", "Statement": list(statements)})
        arn = self.b.create_policy(PolicyName="bar_permissions", PolicyDocument=body)["Policy"]["Arn"]
        self.b.attach_role_policy(RoleName="bar", PolicyArn=arn)

    def delete_bar(self) -> None:
        arn = "arn:aws:iam::222222222222:policy/bar_permissions"
        for name in self.b.list_role_policies(RoleName="bar")["PolicyNames"]:
            self.b.delete_role_policy(RoleName="bar", PolicyName=name)
        self.b.detach_role_policy(RoleName="bar", PolicyArn=arn)
        self.b.delete_policy(PolicyArn=arn)
        self.b.delete_role(RoleName="bar")

    def set_trust(self, document: dict[str, Any]) -> None:
        self.a.update_assume_role_policy(RoleName="foo_bar", PolicyDocument=json.dumps(document))

    def tools(self) -> Tools:
        return Tools({}, Lines(), Interrupts(), Aws(), Clock())

    def ask(self, text: str = "foo_bar") -> Explanation:
        return explain(text, self.options, self.tools())


def may(resource: str, effect: str = "Allow") -> dict[str, Any]:
    return {"Effect": effect, "Action": "sts:AssumeRole", "Resource": resource}


def trust(principal: str, **condition: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Principal": {"AWS": principal}, "Action": "sts:AssumeRole"}
    return {"Version": "2012-10-17", "Statement": [statement | ({"Condition": condition} if condition else {})]}


@pytest.fixture
def accounts(tmp_path, monkeypatch) -> Iterator[Accounts]:
    new_project(tmp_path / "foo-bar")
    with start(list(read_spec(tmp_path / "foo-bar").accounts.values())) as sandbox:
        for name in sandbox.unset:
            monkeypatch.delenv(name, raising=False)
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        yield Accounts(tmp_path / "foo-bar")
