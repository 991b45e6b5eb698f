"""Access Analyzer is called by the real client, in the sandbox."""

from __future__ import annotations

import json

import boto3
import pytest

from tfdriver.aws.client import Aws
from tfdriver.aws.observe import observe
from tfdriver.clock import Clock
from tfdriver.deploy.access_analyzer import analyze
from tfdriver.deploy.session import read_spec
from tfdriver.errors import TfdriverError


def findings_of(accounts):
    spec = read_spec(accounts.options.project)
    return analyze(spec, observe(spec, Aws()), Aws(), Clock().now())


def test_the_trust_policies_of_the_example_have_no_findings(accounts):
    assert findings_of(accounts) == []
    accounts.a.delete_role(RoleName="foo_bar")
    assert findings_of(accounts) == []


def test_an_operator_without_the_permission_is_refused(accounts, tmp_path, monkeypatch):
    user = boto3.Session(profile_name="account_a").client("iam")
    user.create_user(UserName="reader")
    allowed = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "iam:GetRole", "Resource": "*"}]}
    user.put_user_policy(UserName="reader", PolicyName="read", PolicyDocument=json.dumps(allowed))
    key = user.create_access_key(UserName="reader")["AccessKey"]
    keys = (key["AccessKeyId"], key["SecretAccessKey"])
    lines = [
        f"[{p}]\naws_access_key_id = {keys[0]}\naws_secret_access_key = {keys[1]}" for p in ("account_a", "account_b")
    ]
    (tmp_path / "keys").write_text("\n".join(lines))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "keys"))

    with pytest.raises(TfdriverError, match=r"not authorized to perform: access-analyzer:.*tfdriver policy"):
        findings_of(accounts)
