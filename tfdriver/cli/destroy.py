"""`tfdriver destroy`: its options."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from tfdriver.cli.confirm import confirm_unlock, confirmation
from tfdriver.cli.options import (
    GlobalOptions,
    adopt_option,
    json_option,
    keep_going_option,
    lock_timeout_option,
    parallelism_option,
    report_file_option,
    selection_options,
    timeout_option,
    yes_option,
)
from tfdriver.cli.printer import Output
from tfdriver.cli.run_text import print_run
from tfdriver.cli.session import opened_session
from tfdriver.deploy.destroy import destroy as run_destroy
from tfdriver.deploy.run_result import done_so_far
from tfdriver.deploy.session import Options
from tfdriver.project.selection import Selection


@click.command()
@yes_option
@adopt_option
@selection_options
@json_option
@report_file_option
@parallelism_option
@keep_going_option
@timeout_option
@lock_timeout_option
@click.pass_obj
def destroy(
    options: GlobalOptions,
    yes: bool,
    adopt: bool,
    selection: Selection,
    as_json: bool,
    report_file: Path | None,
    parallelism: int,
    keep_going: bool,
    timeout: float | None,
    lock_timeout: float | None,
) -> int:
    """Destroy the trusted side, then the trusting side.

    \b
    Example:
      tfdriver destroy
    """
    output = options.output = Output(as_json=as_json, report=report_file)
    confirm = confirmation(output, yes)
    settings = Options(
        options.project,
        timeout,
        lock_timeout or 0,
        adopt=adopt,
        parallelism=parallelism,
        selection=selection,
        confirm_unlock=confirm_unlock(yes),
    )
    with opened_session("destroy", settings, output) as session:
        output.done = partial(done_so_far, session.driver)
        done = run_destroy(session, confirm, keep_going=keep_going)
    output.result("destroy", done, print_run, done.exit_code)
    return done.exit_code
