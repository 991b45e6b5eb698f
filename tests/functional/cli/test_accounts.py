"""`tfdriver accounts --from-organization`, against Organizations in the sandbox."""

from __future__ import annotations

import json

import jsonschema
import pytest
from moto.organizations import utils

from tests.functional.accounts import Accounts
from tfdriver.aws.client import new_session
from tfdriver.cli import main
from tfdriver.cli.accounts import print_accounts
from tfdriver.cli.json_schema import schema
from tfdriver.cli.printer import Output
from tfdriver.inspect.accounts import AccountEntry, OrganizationAccounts
from tfdriver.spec.document import read_document

ARGUMENTS = ("accounts", "--from-organization", "--profile", "account_a")


@pytest.fixture
def organization(accounts: Accounts, monkeypatch) -> dict[str, str]:
    """An organization of three accounts, one of them closed, listed two at a time: id by name."""
    monkeypatch.setitem(utils.PAGINATION_MODEL["list_accounts"], "limit_default", 2)
    client = new_session("account_a").client("organizations")
    client.create_organization(FeatureSet="ALL")
    names = ("Acme Prod", "dev: one", "Old")
    found = {
        name: client.create_account(AccountName=name, Email="a@example.com")["CreateAccountStatus"]["AccountId"]
        for name in names
    }
    client.close_account(AccountId=found["Old"])
    return found


def test_an_account_id_is_always_quoted(capsys):
    entry = AccountEntry(key="a", id="012345678901", name="a", profile='a: "b"', region="")

    print_accounts(OrganizationAccounts((entry,), ()), Output())

    out = capsys.readouterr().out
    assert out.startswith('accounts:\n  a: {id: "012345678901", ')
    assert read_document("out", out.encode())[0]["accounts"]["a"] == {"id": entry.id, "profile": entry.profile}


def printed(capsys, *arguments: str, exit_code: int = 0) -> tuple[str, str]:
    capsys.readouterr()
    assert main.run([*ARGUMENTS, *arguments]) == exit_code
    return capsys.readouterr()


def test_active_accounts_are_printed_as_yaml_and_the_others_are_named(organization, capsys):
    out, err = printed(capsys)

    entries = read_document("out", out.encode())[0]["accounts"]
    # The first account is the management account, which moto names "master".
    assert list(entries) == ["acme_prod", "dev_one", "master"]
    assert entries["acme_prod"] == {"id": organization["Acme Prod"]}
    assert err == f"left out: {organization['Old']} Old (SUSPENDED)\n"


def test_the_profile_and_the_region_may_be_given(organization, capsys):
    out, _ = printed(capsys, "--profile-pattern", "{name}-{id}", "--region", "eu-west-1")

    number = organization["dev: one"]
    expected = {"id": number, "profile": f"dev: one-{number}", "region": "eu-west-1"}
    assert read_document("out", out.encode())[0]["accounts"]["dev_one"] == expected


def test_json_has_the_names_and_what_is_left_out(organization, capsys):
    found = json.loads(printed(capsys, "--json")[0])

    jsonschema.validate(found, schema("accounts"))
    assert found["result"]["entries"][0]["name"] == "Acme Prod"
    assert found["result"]["left_out"] == [{"id": organization["Old"], "name": "Old", "state": "SUSPENDED"}]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--profile-pattern", "{nam}"], 'error[bad_usage]: --profile-pattern: there is no placeholder "{nam}"'),
        (["--region", "nowhere"], 'error[bad_usage]: --region: there is no region "nowhere"'),
        (["--profile", "other"], "error[profile_not_found]: profile other: the AWS profile does not exist"),
    ],
)
def test_errors_name_the_option_or_the_profile(accounts: Accounts, capsys, arguments, message):
    _, err = printed(capsys, *arguments, exit_code=1)

    assert err.startswith(message)


def test_without_permission_the_profile_to_use_is_proposed(accounts: Accounts, capsys):
    deny = {"Effect": "Deny", "Action": "organizations:*", "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": deny})
    accounts.a.put_user_policy(UserName="admin", PolicyName="no", PolicyDocument=document)

    _, err = printed(capsys, exit_code=1)

    assert err.startswith("error[aws_call_failed]: profile account_a: ListAccounts was refused: AccessDenied")
    assert "management account, or of a delegated administrator" in err


def test_without_a_source_it_is_named(capsys):
    assert main.run(["accounts"]) == 1

    assert "Missing option '--from-organization'" in capsys.readouterr().err


def test_a_name_that_no_profile_can_have_is_refused(accounts: Accounts, capsys):
    client = new_session("account_a").client("organizations")
    client.create_organization(FeatureSet="ALL")
    client.create_account(AccountName="[dev]", Email="a@example.com")

    _, err = printed(capsys, "--profile-pattern", "{name}", exit_code=1)

    assert "cannot be the name of a profile" in err
    assert "Use {id} in the pattern" in err
