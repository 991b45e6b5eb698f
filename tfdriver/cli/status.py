"""`tfdriver status`: its options and its text."""

from __future__ import annotations

from contextlib import nullcontext
from functools import partial
from itertools import zip_longest

import click
from rich.markup import escape

from tfdriver.cli.options import GlobalOptions, json_option, timeout_option
from tfdriver.cli.printer import Output
from tfdriver.cli.session import cloudtrail_reader, tools_for
from tfdriver.deploy.session import Options
from tfdriver.iam import wording
from tfdriver.inspect import status as status_command
from tfdriver.inspect.composition_status import CompositionStatus
from tfdriver.inspect.drift import drift_reader
from tfdriver.inspect.status import Status


@click.command()
@click.option("--drift", is_flag=True, help="Also let Terraform look for changes made outside it.")
@click.option("--who", is_flag=True, help="Also look into CloudTrail for who used a role while it was open.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if anything is not exact, not applied or drifted.")
@json_option
@timeout_option
@click.pass_obj
def status(
    options: GlobalOptions, drift: bool, who: bool, detailed_exitcode: bool, as_json: bool, timeout: float | None
) -> int:
    """Show what is deployed and who is trusted.

    The trusting side's credentials are enough. Exits 0, or 1 if it cannot be seen whom a role trusts. With
    --detailed-exitcode: 2 if anything seen is not as `up` leaves it, else 1 if anything could not be seen.

    \b
    Example:
      tfdriver status --detailed-exitcode
    """
    output = Output(as_json=as_json)
    with output.progress() as progress:
        tools, settings = tools_for(progress), Options(options.project, timeout)
        with drift_reader(settings, tools) if drift else nullcontext() as look_for_drift:
            looker = partial(cloudtrail_reader, tools.aws) if who else None
            found = status_command.status(status_command.view_project(settings, tools), look_for_drift, looker)
    code = found.exit_code(detailed=detailed_exitcode)
    output.result("status", found, print_status, code)
    return code


def print_status(value: Status, output: Output) -> None:
    """Print what the command returned."""
    output.out.print(f"[bold]{escape(value.project)}[/bold] on {wording.moment(value.at)}")
    for half in value.accounts:
        seen = f"as {half.caller}" if half.caller else f"not seen: {half.problem}"
        output.out.print(f"  {half.account} = {half.id}, {escape(seen)}")
    for pair in value.pairs:
        output.out.print(escape(str(pair)))
    for composition in value.compositions:
        output.out.print(escape(_composition(composition)))
    if value.exposures:
        output.out.print("[bold]Exposures[/bold]: when a whole account was trusted")
    for exposure, uses in zip_longest(value.exposures, value.uses or ()):
        output.out.print(f"  {escape(str(exposure))}")
        if uses:
            output.out.print(f"    {escape(str(uses))}")
            for use in uses.calls:
                output.out.print(f"      {escape(str(use))}")
    if value.advice:
        output.out.print(f"[bold]Next:[/bold] {escape(value.advice)}.")


def _composition(found: CompositionStatus) -> str:
    applied = {True: f"applied, {found.resources} resources", False: "not applied", None: found.problem}
    parts = [f"compositions/{found.name}: {applied[found.applied]}"]
    if found.last_apply:
        parts.append(f"last on {wording.moment(found.last_apply)} by Terraform {found.terraform}")
    if found.provider:
        parts.append(f"aws {found.provider}")
    if found.current is False:
        parts.append("not what tfdriver.yaml makes of it now")
    if found.applied is not None and found.problem:
        parts.append(found.problem)
    if found.drift is not None:
        drifted = ", ".join(found.drift.drifted)
        parts.append(found.drift.problem or (f"drifted: {drifted}" if drifted else "no drift"))
    return "; ".join(parts)
