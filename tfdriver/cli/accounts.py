"""`tfdriver accounts`: its options and its text."""

from __future__ import annotations

import json

import click

from tfdriver.cli.options import json_option
from tfdriver.cli.printer import Output
from tfdriver.cli.session import caller_of, tools_for
from tfdriver.inspect.accounts import AccountEntry, OrganizationAccounts, organization_accounts


@click.command()
@click.option("--from-organization", is_flag=True, help="Read the accounts from AWS Organizations.")
@click.option("--profile", envvar="AWS_PROFILE", default="default", help="The AWS profile to read them with.")
@click.option("--profile-pattern", default="", help="The profile of each account, with {name} and {id}.")
@click.option("--region", default="", help="The region of each account; default: left out.")
@json_option
def accounts(from_organization: bool, profile: str, profile_pattern: str, region: str, as_json: bool) -> None:
    """Print entries of `accounts:` for tfdriver.yaml.

    The entries are those of the organization's active accounts. The other accounts are named on stderr.

    \b
    Example:
      tfdriver accounts --from-organization --profile-pattern 'admin-{id}'
    """
    if not from_organization:
        raise click.UsageError("Missing option '--from-organization': accounts can be read from there only.")
    output = Output(as_json=as_json)
    with output.progress() as progress:
        aws = tools_for(progress).aws
        found = organization_accounts(aws, caller_of(profile), profile_pattern, region)
    output.result("accounts", found, print_accounts)


def print_accounts(value: OrganizationAccounts, output: Output) -> None:
    """Print the entries as YAML on stdout, the accounts that are left out on stderr."""
    for one in value.left_out:
        output.note(f"left out: {one.id} {one.name} ({one.state})")
    output.write("\n".join(["accounts:", *map(_line, value.entries)]) + "\n")


def _line(entry: AccountEntry) -> str:
    fields = {"id": entry.id, "profile": entry.profile, "region": entry.region}
    written = [f"{name}: {json.dumps(text, ensure_ascii=False)}" for name, text in fields.items() if text]
    return f"  {entry.key}: {{{', '.join(written)}}}"
