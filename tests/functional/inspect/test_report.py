"""The report of a project in a fake world, with readable and unreadable accounts."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from tests.fakes.world import Stage
from tests.functional.inspect.test_status import set_trust
from tests.unit.inspect.report.cases import checks
from tfdriver.cli.json_schema import schema
from tfdriver.cli.printer import Output
from tfdriver.deploy.session import Options, Tools
from tfdriver.deploy.verify_result import CheckStatus
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam import trust
from tfdriver.inspect.report.write import Reported, report
from tfdriver.inspect.status import status, view_project

SECRET = "their-very-own-id"


class Iam:
    """A fake IAM client and its `Calls`, for a role with one attached and one inline policy."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses

    def call(self, account: Any, service: str, ask: Any) -> Any:
        assert service == "iam"
        if account.name == self.refuses:
            raise TfdriverError("ListAttachedRolePolicies was refused", code="aws_call_failed", where=account.name)
        self.account = account
        return ask(self)

    def get_paginator(self, name: str) -> Any:
        self.asked = name
        return self

    def paginate(self, **_: Any) -> Any:
        if self.asked == "list_role_policies":
            return [{"PolicyNames": ["by-hand"]}]
        return [{"AttachedPolicies": [{"PolicyArn": "arn:aws:iam::1:policy/p"}]}]

    def get_role(self, **_: Any) -> Any:
        return {"Role": {"PermissionsBoundary": {"PermissionsBoundaryArn": "arn:aws:iam::1:policy/limit"}}}

    def get_policy(self, **asked: Any) -> Any:
        return {"Policy": {"PolicyName": asked["PolicyArn"].rpartition("/")[2], "DefaultVersionId": "v7"}}

    def get_policy_version(self, **asked: Any) -> Any:
        assert asked["VersionId"] == "v7"
        return {"PolicyVersion": {"Document": {"Statement": [{"Sid": "Managed"}]}}}

    def get_role_policy(self, **_: Any) -> Any:
        return {"PolicyDocument": "%7B%22Statement%22%3A%5B%7B%22Sid%22%3A%22Inline%22%7D%5D%7D"}


def write(stage: Stage, aws: Iam | None = None, verified=None, endpoint="") -> tuple[Reported, str]:
    tools = Tools(stage.environ, stage.progress, stage.interrupts, stage.aws, stage.time.clock())
    view = view_project(Options(stage.project), tools)
    file = stage.project.parent / "report.html"
    written = report(view, status(view), aws or Iam(), file, verified, endpoint)
    return written, file.read_text()


def test_after_up_the_report_has_every_policy(stage):
    stage.after_up()
    written, text = write(stage)
    assert (written.exit_code, written.verified, written.unseen) == (Exit.DONE, "", ())
    for words in (
        "Inline permissions policy: by-hand",
        "Permissions policy: p",
        "Permissions boundary: limit",
        "exact",
    ):
        assert words in text
    assert text.count("&#34;Managed&#34;") == 4
    assert text.count("&#34;Inline&#34;") == 2
    assert "Not from AWS" not in text


def test_another_endpoint_is_reported_without_its_password(stage):
    _, text = write(stage, endpoint="http://me:password@127.0.0.1:5000/x")

    assert "AWS_ENDPOINT_URL was set to <code>http://127.0.0.1:5000</code>" in text
    assert "password" not in text


def test_before_the_first_up_missing_roles_are_reported(stage):
    _, text = write(stage)

    assert text.count("The role does not exist.") == 2
    assert "role foo_bar in account_a does not exist. Run `tfdriver up`." in text


def test_external_ids_are_masked(stage):
    stage.after_up()
    theirs = trust.document(trust.Trust(frozenset({"arn:aws:iam::222222222222:role/bar"}), external_id=SECRET))
    set_trust(stage, theirs)

    _, text = write(stage)

    assert SECRET not in text
    assert "unmanaged" in text
    assert "sts:ExternalId" in text


def test_an_unreadable_account_is_reported(stage):
    stage.after_up()
    stage.aws.callers = {"account_b": "999999999999"}

    written, text = write(stage)

    assert written.unseen == ("account_b",)
    assert "account_b cannot be read." in text


def test_unreadable_permissions_do_not_hide_the_trust_policy(stage):
    stage.after_up()
    _, text = write(stage, Iam(refuses="account_a"))

    assert "ListAttachedRolePolicies was refused." in text
    assert "who may assume it" in text


@pytest.mark.parametrize(("verdict", "code"), [(CheckStatus.PASSED, Exit.DONE), (CheckStatus.FAILED, Exit.FAILED)])
def test_the_exit_code_is_that_of_verify(stage, verdict, code):
    written, text = write(stage, verified=checks(verdict))

    assert (written.exit_code, written.verified) == (code, "1 checks")
    assert "request-1" in text


def test_a_report_that_cannot_be_written_is_an_error(stage):
    tools = Tools(stage.environ, stage.progress, stage.interrupts, stage.aws, stage.time.clock())
    view = view_project(Options(stage.project), tools)

    file = stage.project / "none" / "report.html"
    with pytest.raises(TfdriverError) as caught:
        report(view, status(view), Iam(), file)
    assert (caught.value.code, caught.value.where) == ("io_error", str(file))


def test_the_json_of_report_and_status_matches_its_schema(stage, capsys):
    stage.after_up()
    written, _ = write(stage)
    tools = Tools(stage.environ, stage.progress, stage.interrupts, stage.aws, stage.time.clock())
    for name, value in (("report", written), ("status", status(view_project(Options(stage.project), tools)))):
        capsys.readouterr()
        Output(as_json=True).result(name, value, print)
        jsonschema.validate(json.loads(capsys.readouterr().out), schema(name))
