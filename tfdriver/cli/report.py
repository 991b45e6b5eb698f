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
    help="File to write.",
)
@click.option("--verify", is_flag=True, help="Verify first, as `tfdriver verify` does.")
@click.option("--who", is_flag=True, help="Look up in CloudTrail who used a role while its trust was broad.")
@json_option
@click.pass_obj
def report(options: GlobalOptions, file: Path, verify: bool, who: bool, as_json: bool) -> int:
    """Write one HTML page for the security team.

    The page lists who trusts whom, since when, and the results of --verify. It is self-contained and has no external
    ids. Exits 1 if --verify fails.

    \b
    Example:
      tfdriver report --verify --who -o report.html
    """
    output = Output(as_json=as_json)
    verified = None
    with output.progress() as progress:
        tools, settings = tools_for(progress), Options(options.project)
        if verify:
            with open_session("report", settings, tools) as session:
                verified = verify_command.verify(session)
        view = status_command.view_project(settings, tools)
        found = status_command.status(view, cloudtrail=partial(cloudtrail_reader, tools.aws) if who else None)
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        written = report_command.report(view, found, tools.aws, file, verified, endpoint)
    output.result("report", written, print_report, written.exit_code)
    return written.exit_code


def print_report(value: Reported, output: Output) -> None:
    """Print the file, the result of the verification, and accounts that could not be read."""
    if value.verified:
        output.out.print(f"verified: {escape(value.verified)}")
    for account in value.unseen:
        output.err.print(f"[yellow]warning:[/yellow] {escape(account)} could not be read")
    output.out.print(f"wrote {escape(value.file)}")
