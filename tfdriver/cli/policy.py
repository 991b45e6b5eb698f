"""`tfdriver policy`: its options and its text."""

from __future__ import annotations

import json

import click
from rich.markup import escape

from tfdriver.cli.options import GlobalOptions, json_option
from tfdriver.cli.printer import Output
from tfdriver.cli.session import tools_for
from tfdriver.deploy.session import Options
from tfdriver.inspect.operator_policy.statements import Purpose
from tfdriver.inspect.policy import OperatorPolicies
from tfdriver.inspect.policy import policy as operator_policy


@click.command()
@click.option(
    "--for",
    "purpose",
    type=click.Choice([str(purpose) for purpose in Purpose]),
    default="all",
    show_default=True,
    help="What the operator runs; up includes its verification.",
)
@click.option("--account", metavar="NAME", help="Print the policies of this account only.")
@click.option("--access-analyzer", is_flag=True, help="Include the permissions for --access-analyzer of plan and up.")
@json_option
@click.pass_obj
def policy(options: GlobalOptions, purpose: str, account: str | None, access_analyzer: bool, as_json: bool) -> None:
    """Print the IAM policies that the operator needs.

    They are derived from Terraform plans that need no credentials and do not call AWS. Notes on stderr list names and
    types that are not known.

    \b
    Example:
      tfdriver policy --account account_a > a.json
      aws iam create-policy --policy-name tfdriver --policy-document file://a.json
    """
    output, chosen = Output(as_json=as_json), Purpose(purpose)
    with output.progress() as progress:
        run, tools = Options(project=options.project), tools_for(progress)
        found = operator_policy(run, tools, chosen, account, access_analyzer=access_analyzer)
    output.result("policy", found, print_policy)


def print_policy(value: OperatorPolicies, output: Output) -> None:
    """Print the policies on stdout; their sizes and notes on stderr."""
    for account in value.accounts:
        for number, document in enumerate(account.documents, start=1):
            part = f" ({number} of {len(account.documents)})" if len(account.documents) > 1 else ""
            length = f"{account.characters[number - 1]:,} of {value.limit:,} characters"
            output.err.print(f"[bold]{account.account}[/bold] = {account.account_id}{part}: {length}")
            output.write(json.dumps(document, indent=2) + "\n")
        for note in account.notes:
            output.err.print(f"[yellow]note:[/yellow] {escape(note)}")
