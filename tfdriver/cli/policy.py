"""`tfdriver policy`: its options and its text."""

from __future__ import annotations

import json

import click
from rich.markup import escape

from tfdriver.cli.options import GlobalOptions, json_option
from tfdriver.cli.printer import Output
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
    help="What the operator is to run; up includes the verify at its end.",
)
@click.option("--account", metavar="NAME", help="Only that account's: exactly one document, if one is enough.")
@click.option("--access-analyzer", is_flag=True, help="Also what --access-analyzer of plan and up takes.")
@json_option
@click.pass_obj
def policy(options: GlobalOptions, purpose: str, account: str | None, access_analyzer: bool, as_json: bool) -> None:
    """Print the IAM policies that the operator needs, and no more.

    One or more for each account. Looks at the spec and the modules only: asks AWS nothing. What cannot be told from
    them is said on stderr.

    \b
    Example:
      tfdriver policy --account account_a > a.json
      aws iam create-policy --policy-name tfdriver --policy-document file://a.json
    """
    output, chosen = Output(as_json=as_json), Purpose(purpose)
    found = operator_policy(options.project, chosen, account, access_analyzer=access_analyzer, note=output.note)
    output.result("policy", found, print_policy)


def print_policy(value: OperatorPolicies, output: Output) -> None:
    """Print what the command returned."""
    for account in value.accounts:
        for number, document in enumerate(account.documents, start=1):
            which = f" ({number} of {len(account.documents)})" if len(account.documents) > 1 else ""
            length = f"{account.characters[number - 1]:,} of {value.limit:,} characters"
            output.err.print(f"[bold]{account.account}[/bold] = {account.account_id}{which}: {length}")
            output.write(json.dumps(document, indent=2) + "\n")
        for note in account.notes:
            output.err.print(f"[yellow]note:[/yellow] {escape(note)}")
