"""explain in the sandbox: break the example and check the explanation."""

from __future__ import annotations

import json

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.functional.accounts import BAR, FOO, may, trust
from tfdriver.deploy.session import Options
from tfdriver.errors import TfdriverError


def test_an_exact_trust_needs_no_change(accounts):
    found = accounts.ask()
    (pair,) = found.pairs

    assert pair.allowed is True
    assert found.change.startswith("Nothing: both policies allow the call")
    assert found.pairs == accounts.ask(BAR).pairs == accounts.ask("bar").pairs


def test_a_role_with_accounts_is_found_by_its_key_in_one_account(accounts):
    spec = accounts.options.project / "tfdriver.yaml"
    text = spec.read_text().replace("account: account_a", 'accounts: "*_a"', 1)
    spec.write_text(text)
    accounts.set_trust(trust("arn:aws:iam::222222222222:root"))

    found = accounts.ask("foo_bar@account_a")

    assert found.pairs == accounts.ask("foo_bar").pairs == accounts.ask("bar").pairs
    with pytest.raises(TfdriverError, match="one of these roles: foo_bar@account_a, bar"):
        accounts.ask("foo_bar@account_b")


def test_a_recreated_trusted_role_needs_tighten(accounts):
    accounts.delete_bar()
    accounts.make_bar(may(FOO))

    found = accounts.ask()

    assert "the id of a role that was deleted" in found.pairs[0].trust.words
    assert found.change == "Run `tfdriver tighten`"


def test_a_policy_for_another_role_is_reported(accounts):
    accounts.delete_bar()
    accounts.make_bar(may(FOO + "_old"))
    accounts.set_trust(trust(BAR))

    found = accounts.ask()

    assert (
        f"its policy bar_permissions allows sts:AssumeRole on {FOO}_old instead of {FOO}"
        in found.pairs[0].permissions.words
    )
    assert found.change == "Run `tfdriver up`"


def test_an_inline_deny_is_named(accounts):
    body = json.dumps({"Version": "2012-10-17", "Statement": [may("*", "Deny")]})
    accounts.b.put_role_policy(RoleName="bar", PolicyName="quarantine", PolicyDocument=body)

    assert "Remove that Deny from policy quarantine of role bar" in accounts.ask().change


def test_an_expired_trust_needs_tighten(accounts):
    condition = {"ArnEquals": {"aws:PrincipalArn": BAR}, "DateLessThan": {"aws:CurrentTime": "2020-01-01T00:00:00Z"}}
    accounts.set_trust(trust("arn:aws:iam::222222222222:root", **condition))

    found = accounts.ask()

    assert "the deadline has passed" in found.pairs[0].trust.words
    assert found.change == "Run `tfdriver tighten`"


def test_a_broad_trust_that_allows_the_call_needs_tighten(accounts):
    condition = {"ArnEquals": {"aws:PrincipalArn": BAR}, "DateLessThan": {"aws:CurrentTime": "2100-01-01T00:00:00Z"}}
    accounts.set_trust(trust("arn:aws:iam::222222222222:root", **condition))

    found = accounts.ask()

    assert found.pairs[0].allowed is True
    assert found.change.endswith("the trust is broad, until 2100-01-01 00:00:00 UTC. Run `tfdriver tighten`")


def test_a_different_external_id_is_reported(accounts):
    accounts.set_trust(trust(BAR, StringEquals={"sts:ExternalId": "their-id"}))
    assert (
        "the external id differs: role foo_bar in account_a requires their-id, the spec has none"
        in accounts.ask().pairs[0].trust.words
    )


def test_a_caller_that_is_not_trusted_is_reported(accounts):
    with pytest.raises(ClientError) as refused:
        boto3.Session(profile_name="account_b").client("sts").assume_role(RoleArn=FOO, RoleSessionName="intruder")
    found = accounts.ask(str(refused.value))
    assert found.words == (
        "The role's trust policy does not trust the caller",
        "the spec does not let role foo_bar in account_a trust arn:aws:iam::222222222222:user/admin, only role bar in "
        "account_b",
    )
    assert found.change.startswith("If the caller needs access, add its role to roles.foo_bar.trusts")
    assert found.pairs == ()


def message(reason: str = "", *, action: str = "sts:AssumeRole", resource: str = FOO, caller: str = "bar/x") -> str:
    who = f"arn:aws:sts::222222222222:assumed-role/{caller}"
    if caller.startswith("foo_bar"):
        who = who.replace("2" * 12, "1" * 12)
    return f"User: {who} is not authorized to perform: {action} on resource: {resource} {reason}".rstrip()


def test_a_refusal_by_an_unreadable_policy_is_explained_from_its_text(accounts):
    found = accounts.ask(message("with an explicit deny in a service control policy"))

    assert found.pairs[0].allowed is True
    assert found.change.startswith("Ask the administrators of that organization")


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        (
            "because no role trust policy allows the sts:AssumeRole action",
            "Look at the trust policy of role foo_bar in account_a.",
        ),
        ("because no identity-based policy allows the sts:AssumeRole action", "Look at the permissions policies of"),
        (
            "because no permissions boundary allows the sts:AssumeRole action",
            "No permissions boundary is set on role bar in account_b now",
        ),
        ("", "Both policies allow the call now. Try again"),
    ],
)
def test_an_outdated_refusal_is_explained_with_the_policy_that_aws_named(accounts, reason, words):
    found = accounts.ask(message(reason))

    assert found.change.startswith(words)
    assert ("external id" in found.change) is ("trust" in reason)
    assert "organization" not in found.change


def test_a_function_with_an_old_external_id_is_reported(accounts):
    """The spec has no external id any more. The trusted composition was applied with one."""
    folder = accounts.options.project / "compositions/account_b"
    folder.mkdir(parents=True, exist_ok=True)

    def write_state(applied):
        state = {"version": 4, "resources": [], "outputs": {"applied": {"value": applied}}}
        (folder / "terraform.tfstate").write_text(json.dumps(state))

    write_state({"roles_to_assume": {"bar": [{"role": "foo_bar", "external_id": "old-id"}]}})
    rendered = {"roles_to_assume": {"bar": [{"role": "foo_bar", "external_id": "planned-id"}]}}
    (folder / "terraform.tfvars.json").write_text(json.dumps(rendered))
    refused = accounts.ask(message("because no role trust policy allows the sts:AssumeRole action"))
    assert refused.words[-1] == (
        "role bar in account_b sends external id old-id to role foo_bar in account_a, as compositions/account_b was "
        "last applied; the spec has no external id"
    )
    assert refused.change == "Run `tfdriver up` to update the external id that the process sends"
    assert accounts.ask().change == refused.change
    by_boundary = accounts.ask(message("because no permissions boundary allows the sts:AssumeRole action"))
    assert by_boundary.change.startswith("No permissions boundary is set on role bar in account_b now")
    for other in (None, [], {"digest": "x"}, {"roles_to_assume": {}}, {"roles_to_assume": {"bar": [None]}}):
        write_state(other)
        assert accounts.ask().words == ()
    (folder / "terraform.tfstate").write_text("{")
    assert accounts.ask().words == ()


def test_the_message_decides_if_both_policies_refuse(accounts):
    accounts.delete_bar()
    accounts.make_bar(may(FOO + "_old"))
    by_trust = accounts.ask(message("because no role trust policy allows the sts:AssumeRole action"))

    by_identity = accounts.ask(message("because no identity-based policy allows the sts:AssumeRole action"))

    assert (by_trust.change, by_identity.change) == ("Run `tfdriver tighten`", "Run `tfdriver up`")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (message(action="dynamodb:GetItem", resource="table", caller="foo_bar/x"), "so sts:AssumeRole was allowed"),
        (message(action="dynamodb:PutItem", resource="table"), "It must first assume the role in the other account"),
        (message(resource=FOO + "x"), "foo_barx is not a role of foo-bar"),
    ],
)
def test_other_refusals_are_explained_from_their_text(accounts, text, words):
    found = accounts.ask(text)

    assert words in found.words[-1]
    assert found.pairs == ()


def test_session_tags_need_a_line_in_the_spec_and_the_permission(accounts):
    refused = message(action="sts:TagSession")
    without = accounts.ask(refused)
    spec = accounts.options.project / "tfdriver.yaml"
    spec.write_text(spec.read_text().replace("    trusts: [bar]", "    trusts: [bar]\n    session_tags: true"))

    with_tags = accounts.ask(refused)

    assert without.words[-1] == (
        "roles.foo_bar has no `session_tags: true`, so the trust policy of role foo_bar in account_a does not allow "
        "sts:TagSession"
    )
    assert without.change.startswith("Add `session_tags: true` to roles.foo_bar, run `tfdriver up` and allow")
    assert with_tags.change.startswith(f"Allow sts:TagSession on {FOO} in the caller's permissions, too")
    denied = accounts.ask(message("with an explicit deny in a service control policy", action="sts:TagSession"))
    assert denied.change.startswith("Ask the administrators of that organization")


@pytest.mark.parametrize(("profile", "allowed"), [("account_a", None), ("account_b", None)])
def test_an_unreadable_account_is_reported(accounts, monkeypatch, tmp_path, profile, allowed):
    credentials = (tmp_path / "one").resolve()
    body = boto3.Session()._session.full_config["profiles"][profile]
    lines = "\n".join(f"{k} = {v}" for k, v in body.items())
    credentials.write_text(f"[{profile}]\n{lines}\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(credentials))
    found = accounts.ask()

    (unseen,) = found.unseen

    assert profile not in unseen
    assert found.pairs[0].allowed is allowed


def test_without_credentials_the_message_alone_is_explained(accounts, monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    text = message("because no identity-based policy allows the sts:AssumeRole action")
    found = accounts.ask(text)
    assert [u.partition(":")[0] for u in found.unseen] == ["account_a", "account_b"]
    assert found.change == f"In account 222222222222: allow sts:AssumeRole on exactly {FOO} in the caller's permissions"
    accounts.options = Options(tmp_path)
    alone = accounts.ask(text)
    assert alone.change == found.change
    assert "there is no such file" in alone.unseen[0]


def test_other_texts_are_refused(accounts, tmp_path):
    with pytest.raises(TfdriverError) as caught:
        accounts.ask("foo_baz")
    assert caught.value.code == "bad_usage"
    assert caught.value.hint.endswith("foo_bar, bar")

    accounts.options = Options(tmp_path)
    with pytest.raises(TfdriverError) as caught:
        accounts.ask("foo_bar")
    assert caught.value.code == "spec_not_found"


def test_calls_by_and_to_roles_that_exist_elsewhere_are_explained(accounts):
    scan, hub = "arn:aws:iam::333333333333:role/scan", "arn:aws:iam::444444444444:role/hub"
    spec = accounts.options.project / "tfdriver.yaml"
    text = spec.read_text().replace("trusts: [bar]", f'trusts: [bar, "{scan}"]')
    spec.write_text(text.rstrip() + f'\n    assumes: ["{hub}"]\n')
    by = f"User: {scan.replace('iam', 'sts').replace('role', 'assumed-role')}/s is not authorized to perform: "
    by += f"sts:AssumeRole on resource: {FOO}"
    to = "User: arn:aws:sts::222222222222:assumed-role/bar/s is not authorized to perform: sts:AssumeRole on resource: "

    called, calling, both = accounts.ask(by), accounts.ask(to + hub), accounts.ask("bar")

    assert f"Ask the owner of {scan} to allow sts:AssumeRole on {FOO}" in called.change
    assert "Ask the owner of account 444444444444 to trust arn:aws:iam::222222222222:role/bar" in calling.change
    assert both.words == (
        "role bar in account_b may assume role hub in account 444444444444, whose trust policy is its owner's",
    )
    assert len(both.pairs) == 1
