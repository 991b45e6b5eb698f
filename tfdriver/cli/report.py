"""`tfdriver report`: its options and its text."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import click
from rich.markup import escape

from tfdriver.cli.options import GlobalOptions, file_type, json_option
from tfdriver.cli.printer import Output
from tfdriver.cli.session import cloudtrail_reader, tools_for
from tfdriver.deploy.session import Options, open_session
from tfdriver.inspect import status as status_command
from tfdriver.inspect.report import write as report_command
from tfdriver.inspect.report.write import Reported
from tfdriver.verify import verify as verify_command


@click.command()
@click.option(
    "-o",
    "--output",
    "file",
    type=file_type(),
    default="report.html",
    show_default=True,
    help="Write it there.",
)
@click.option("--verify", is_flag=True, help="Also verify by real calls, as `tfdriver verify` does.")
@click.option("--who", is_flag=True, help="Also look into CloudTrail for who used a role while it was open.")
@json_option
@click.pass_obj
def report(options: GlobalOptions, file: Path, verify: bool, who: bool, as_json: bool) -> int:
    """Write a page for the security team: who trusts whom.

    It also says since when, and proven how. The page needs nothing from elsewhere, and holds no external ids. Exits 1
    if --verify does not pass.

    \b
    Example:
      tfdriver report --verify --who -o report.html
    """
    output = Output(as_json=as_json)
    verified = None
    with output.progress() as progress:
        tools, chosen = tools_for(progress), Options(options.project)
        if verify:
            with open_session("report", chosen, tools) as session:
                verified = verify_command.verify(session)
        sight = status_command.view_project(chosen, tools)
        found = status_command.status(sight, who=partial(cloudtrail_reader, tools.aws) if who else None)
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        written = report_command.report(sight, found, tools.aws, file, verified, endpoint)
    output.result("report", written, print_report, written.exit_code)
    return written.exit_code


def print_report(value: Reported, output: Output) -> None:
    """Print what the command returned."""
    if value.verified:
        output.out.print(f"verified: {escape(value.verified)}")
    for account in value.unseen:
        output.err.print(f"[yellow]warning:[/yellow] {escape(account)} was not seen")
    output.out.print(f"wrote {escape(value.file)}")
