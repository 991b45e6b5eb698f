"""Access Analyzer is asked in the right way: the real client, against the sandbox."""

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


def ask(accounts):
    spec = read_spec(accounts.options.project)
    return analyze(spec, observe(spec, Aws()), Aws(), Clock().now())


def test_nothing_is_found_in_what_we_write(accounts):
    assert ask(accounts) == []
    accounts.a.delete_role(RoleName="foo_bar")
    assert ask(accounts) == []


def test_an_operator_who_may_not_ask(accounts, tmp_path, monkeypatch):
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
        ask(accounts)
