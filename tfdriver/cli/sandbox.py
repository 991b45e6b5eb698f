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
@click.option("--log", type=file_type(), help="Write a line per API call there.")
@click.option("--faults", type=file_type(exists=True), help="Which calls go wrong; see below.")
@click.option("--fire", metavar="RULE", help="Inside a sandbox: fire the schedule of an event rule now.")
@click.option("--json", "as_json", is_flag=True, help="Print what --fire set off as one JSON object on stdout.")
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

    The command runs in the project's folder. The local AWS has the accounts of tfdriver.yaml, and is gone, with
    everything in it, when the command ends.

    \b
    Examples:
      tfdriver sandbox
      tfdriver sandbox -- tfdriver up --yes
    """
    if fire and (command or log or faults):
        raise click.UsageError(
            "--fire works in the sandbox that this is in, and goes with no command and no other option"
        )
    if as_json and not fire:
        raise click.UsageError("--json goes with --fire; the options of a command come after it")
    output = Output(as_json=as_json)
    if fire:
        fired = sandbox_run.fire(fire, os.environ)
        output.result("sandbox", fired, print_sandbox, fired.exit_code)
        return fired.exit_code
    return sandbox_run.sandbox(options.project, command, os.environ, output.note, log=log, faults=faults)


def print_sandbox(value: FiredRule, output: Output) -> None:
    """Print what the command returned."""
    for target in value.targets:
        answer = f"answered {json.dumps(target.payload)}"
        done = f"failed: {target.error}" if target.ran else f"did not run: {target.error}"
        output.out.print(escape(f"{named(target.target)} {done if target.error else answer}"))
