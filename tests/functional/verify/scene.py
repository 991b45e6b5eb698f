"""The example's roles, table and function in the sandbox, created without Terraform."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from tests.functional.sandbox.world import admin
from tests.unit.builders import BAR, FOO, A, B, spec
from tfdriver.aws.client import Aws
from tfdriver.aws.observe import observe
from tfdriver.clock import Clock
from tfdriver.deploy.verify_result import CheckResult, CheckStatus
from tfdriver.iam import trust
from tfdriver.project import assets
from tfdriver.project.lambda_zip import zip_folder
from tfdriver.sandbox.start import Sandbox, start
from tfdriver.spec.model import Role, Spec
from tfdriver.verify.checks import Plan, Scene, run_checks
from tfdriver.waiting import Waiting

EXTERNAL_ID = "the-external-id"
TABLE = "TestTable"
TABLE_ARN = f"arn:aws:dynamodb:us-west-2:{A.id}:table/{TABLE}"
PROBES = {
    "foo_bar": {
        "type": "dynamodb_table",
        "table_name": TABLE,
        "hash_key": "MyPrimaryKey",
        "region": "us-west-2",
        "granted": ["dynamodb:PutItem"],
        "not_granted": ["dynamodb:GetItem", "dynamodb:Scan"],
    },
    "bar": {"type": "lambda", "function_name": "bar", "region": "us-west-2", "attempts": True},
}
LAMBDA_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
}


def allow(action: str, resource: str) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": action, "Resource": resource}]}


PERMISSIONS = {"foo_bar": allow("dynamodb:PutItem", TABLE_ARN), "bar": allow("sts:AssumeRole", FOO.arn)}


@dataclass
class Setup:
    """The running sandbox and the spec. states: Terraform's states; progress: the reported rounds."""

    sandbox: Sandbox
    spec: Spec
    states: dict[str, Any] = field(default_factory=dict)
    progress: list[str] = field(default_factory=list)

    def client(self, service: str, account: str) -> Any:
        """Return a client of an account's administrator."""
        return admin(self.sandbox, self.spec.accounts[account]).client(service)

    @property
    def foo(self) -> Role:
        """The trusting role."""
        return self.spec.roles["foo_bar"]

    def set_trust(self, document: Mapping[str, Any]) -> None:
        self.client("iam", "account_a").update_assume_role_policy(
            RoleName="foo_bar", PolicyDocument=json.dumps(document)
        )

    def tighten(self) -> None:
        self.set_trust(trust.document(trust.exact([BAR], self.foo.external_id)))

    def permit(self, role: Role, document: Mapping[str, Any]) -> None:
        iam = self.client("iam", role.account.name)
        iam.put_role_policy(RoleName=role.name, PolicyName="permissions", PolicyDocument=json.dumps(document))

    def configure(self, external_id: str | None) -> None:
        """Set the external id that the function sends."""
        target = {"role_arn": FOO.arn, "external_id": external_id, "table_name": TABLE, "region": "us-west-2"}
        self.client("lambda", "account_b").update_function_configuration(
            FunctionName="bar", Environment={"Variables": {"TARGETS": json.dumps([target])}}
        )

    def make_table(self) -> None:
        key = "MyPrimaryKey"
        self.client("dynamodb", "account_a").create_table(
            TableName=TABLE,
            KeySchema=[{"AttributeName": key, "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )

    def make_bar(self) -> None:
        document = json.dumps(LAMBDA_TRUST)
        self.client("iam", "account_b").create_role(RoleName="bar", AssumeRolePolicyDocument=document)
        self.permit(BAR, PERMISSIONS["bar"])

    def delete_bar(self) -> None:
        iam = self.client("iam", "account_b")
        iam.delete_role_policy(RoleName="bar", PolicyName="permissions")
        iam.delete_role(RoleName="bar")

    def make_function(self) -> None:
        code = zip_folder(assets.modules() / "team_b_bar_app" / "lambda")
        self.client("lambda", "account_b").create_function(
            FunctionName="bar",
            Role=BAR.arn,
            Runtime="python3.13",
            Handler="handler.handler",
            Timeout=30,
            Code={"ZipFile": code},
        )
        self.configure(self.foo.external_id)

    def items(self) -> int:
        """Return the number of items in the table."""
        return int(self.client("dynamodb", "account_a").scan(TableName=TABLE)["Count"])

    def verify(
        self,
        limit: float = 20.0,
        keep: bool = False,
        plans: Callable[[], Mapping[str, Plan]] = dict,
        roles: frozenset[str] | None = None,
    ) -> tuple[list[CheckResult], tuple[str, ...]]:
        """Run all checks. roles: see `Scene`, all by default."""
        aws = Aws()
        callers = {account.name: aws.caller(account).arn for account in (A, B)}
        # Refusals must last some seconds, so this clock runs four times as fast.
        clock = Clock(monotonic=lambda: 4 * monotonic(), sleep=lambda s: sleep(s / 4))
        scene = Scene(
            spec=self.spec,
            aws=aws,
            callers=callers,
            observation=observe(self.spec, aws),
            roles=roles or frozenset(self.spec.roles),
            states=self.states,
            waiting=Waiting(limit, clock, lambda: None),
            now=clock.now(),
            progress=self,
            plans=plans,
            keep=keep,
        )
        return run_checks(scene)[:2]

    def started(self, name: str, tried: str) -> None:
        self.progress.append(f"{name}: {tried} ...")

    def ended(self, name: str, tried: str, _seconds: float, result: str) -> None:
        self.progress.append(f"{name}: {tried}: {result}")


@contextmanager
def setup(
    monkeypatch: pytest.MonkeyPatch, external_id: str | None = EXTERNAL_ID, faults: Path | None = None
) -> Iterator[Setup]:
    """Yield a sandbox in the state after `up`."""
    foo = replace(FOO, external_id=external_id)
    with start([A, B], faults=faults) as sandbox:
        for name in sandbox.unset:
            monkeypatch.delenv(name, raising=False)
        for name, value in sandbox.environment.items():
            monkeypatch.setenv(name, value)
        made = Setup(sandbox, spec(foo, BAR))
        made.states = {role.key: _state(role) for role in (foo, BAR)}
        made.make_table()
        made.make_bar()
        document = json.dumps(trust.document(trust.exact([BAR], external_id)))
        made.client("iam", "account_a").create_role(RoleName="foo_bar", AssumeRolePolicyDocument=document)
        made.permit(foo, PERMISSIONS["foo_bar"])
        made.make_function()
        yield made


def _state(role: Role) -> dict[str, Any]:
    def managed(kind: str, **attributes: Any) -> dict[str, Any]:
        return {"mode": "managed", "type": kind, "instances": [{"attributes": attributes}]}

    return {
        "version": 4,
        "outputs": {"probes": {"value": {role.key: PROBES[role.key]}}},
        "resources": [
            managed("aws_iam_role", name=role.name, assume_role_policy=json.dumps(LAMBDA_TRUST)),
            managed(
                "aws_iam_role_policy", role=role.name, name="permissions", policy=json.dumps(PERMISSIONS[role.key])
            ),
        ],
    }


def failed(checks: Iterable[CheckResult]) -> dict[str, str]:
    """Return the results of the failed checks, by name."""
    return {f"{c.pair}: {c.name}": c.happened for c in checks if c.verdict is CheckStatus.FAILED}


def verdicts(checks: Iterable[CheckResult]) -> dict[str, CheckStatus]:
    """Return the verdicts of the checks on pairs, by name."""
    return {c.name: c.verdict for c in checks if c.pair.trusting and c.pair.trusted}
