"""`tfdriver sandbox`: its options and its text."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
from rich.markup import escape

from tfdriver.cli import sandbox_run
from tfdriver.cli.options import GlobalOptions, file_type
from tfdriver.cli.printer import Output
from tfdriver.cli.sandbox_run import FiredRule
from tfdriver.iam.policy_document import named
from tfdriver.sandbox.faults import FORMAT


@click.command(
    context_settings={"allow_interspersed_args": False},
    epilog="\n\n".join(f"\b\n{paragraph}" for paragraph in FORMAT.split("\n\n")),
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--log", type=file_type(), help="File for a JSON line per API call.")
@click.option("--faults", type=file_type(exists=True), help="File of calls that fail; see below.")
@click.option("--fire", metavar="RULE", help="Inside a sandbox: fire the schedule of an event rule now.")
@click.option("--json", "as_json", is_flag=True, help="Print the result of --fire as one JSON object on stdout.")
@click.pass_obj
def sandbox(
    options: GlobalOptions,
    command: tuple[str, ...],
    log: Path | None,
    faults: Path | None,
    fire: str | None,
    as_json: bool,
) -> int:
    """Run a command (default: a shell) against a local AWS.

    The command runs in the project's folder. The local AWS has the accounts of tfdriver.yaml. It is deleted when the
    command ends.

    \b
    Examples:
      tfdriver sandbox
      tfdriver sandbox -- tfdriver up --yes
    """
    if fire and (command or log or faults):
        raise click.UsageError("--fire cannot be combined with a command, --log or --faults")
    if as_json and not fire:
        raise click.UsageError("--json needs --fire; put the options of a command after the command")
    output = Output(as_json=as_json)
    if fire:
        fired = sandbox_run.fire(fire, os.environ)
        output.result("sandbox", fired, print_sandbox, fired.exit_code)
        return fired.exit_code
    return sandbox_run.sandbox(options.project, command, os.environ, output.note, log=log, faults=faults)


def print_sandbox(value: FiredRule, output: Output) -> None:
    """Print the result of each target that the rule invoked."""
    for target in value.targets:
        result = f"returned {json.dumps(target.payload)}"
        if target.error:
            result = f"{'failed' if target.ran else 'did not run'}: {target.error}"
        output.out.print(escape(f"{named(target.target)} {result}"))
