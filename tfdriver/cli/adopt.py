"""`tfdriver adopt`: its options and its text."""

from __future__ import annotations

import click

from tfdriver.cli.options import GlobalOptions, json_option
from tfdriver.cli.printer import Output
from tfdriver.cli.session import tools_for
from tfdriver.deploy.session import Options
from tfdriver.inspect.existing_role import ExistingRole, find_existing_role


@click.command()
@click.argument("account")
@click.argument("role")
@json_option
@click.pass_obj
def adopt(options: GlobalOptions, account: str, role: str, as_json: bool) -> None:
    """Print the lines of tfdriver.yaml for a role that exists.

    ACCOUNT is a key of `accounts:`, ROLE the role's name or ARN. The lines belong under `roles:`. They have the
    statements of the role's trust policy, which tfdriver keeps. A trusting role needs `trusts:` too. The command
    changes nothing.

    \b
    Example:
      tfdriver adopt account_a reader >> tfdriver.yaml
    """
    output = Output(as_json=as_json)
    with output.progress() as progress:
        found = find_existing_role(Options(options.project), tools_for(progress), account, role)
    output.result("adopt", found, print_adopt)


def print_adopt(value: ExistingRole, output: Output) -> None:
    """Print the lines on stdout, and notes on stderr."""
    output.write(value.lines)
    for note in value.notes:
        output.note(f"warning: {note}")
