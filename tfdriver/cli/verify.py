"""`tfdriver verify`: its options and its text."""

from __future__ import annotations

import click
from rich.markup import escape

from tfdriver.cli.options import (
    Duration,
    GlobalOptions,
    json_option,
    lock_timeout_option,
    parallelism_option,
    selection_options,
)
from tfdriver.cli.printer import Output
from tfdriver.cli.session import opened_session
from tfdriver.cli.verify_table import check_lines
from tfdriver.deploy.session import Options
from tfdriver.deploy.verify_result import Verified
from tfdriver.project.selection import Selection
from tfdriver.verify.verify import verify as run_verify


@click.command()
@click.option("--timeout", type=Duration(), default="2m", help="How long to wait for the expected result, e.g. 30s.")
@click.option("--keep-items", is_flag=True, help="Leave the items that it writes in the tables.")
@click.option("--strict", is_flag=True, help="Fail if something could not be probed.")
@selection_options
@json_option
@parallelism_option
@lock_timeout_option
@click.pass_obj
def verify(
    options: GlobalOptions,
    timeout: float,
    keep_items: bool,
    strict: bool,
    selection: Selection,
    as_json: bool,
    parallelism: int,
    lock_timeout: float | None,
) -> int:
    """Check by real calls who can use the resource and who cannot.

    Exits 1 if a check fails or is inconclusive, with --strict also if a check was not possible. It writes items to the
    tables and deletes them again.

    \b
    Example:
      tfdriver verify --timeout 30s
    """
    output = Output(as_json=as_json)
    settings = Options(options.project, lock_timeout=lock_timeout or 0, parallelism=parallelism, selection=selection)
    with opened_session("verify", settings, output) as session:
        verified = run_verify(session, timeout=timeout, keep_items=keep_items, strict=strict)
    output.result("verify", verified, print_verify, verified.exit_code)
    return verified.exit_code


def print_verify(value: Verified, output: Output) -> None:
    """Print a line per check, a summary and the changes that were made."""
    for line in check_lines(value):
        output.out.print(line)
    output.out.print(escape(value.summary))
    output.out.print(f"{escape(value.changed)}.")
