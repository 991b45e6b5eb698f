"""`tfdriver tighten`: its options."""

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
    overwrite_option,
    parallelism_option,
    report_file_option,
    selection_options,
    timeout_option,
    yes_option,
)
from tfdriver.cli.printer import Output
from tfdriver.cli.run_text import print_run
from tfdriver.cli.session import opened_session
from tfdriver.deploy.run_result import done_so_far
from tfdriver.deploy.session import Options
from tfdriver.deploy.tighten import tighten as run_tighten
from tfdriver.project.selection import Selection


@click.command()
@yes_option
@overwrite_option
@adopt_option
@click.option("--revoke-sessions", is_flag=True, help="Revoke sessions that were issued before now.")
@selection_options
@json_option
@report_file_option
@parallelism_option
@keep_going_option
@timeout_option
@lock_timeout_option
@click.pass_obj
def tighten(
    options: GlobalOptions,
    yes: bool,
    overwrite: bool,
    adopt: bool,
    revoke_sessions: bool,
    selection: Selection,
    as_json: bool,
    report_file: Path | None,
    parallelism: int,
    keep_going: bool,
    timeout: float | None,
    lock_timeout: float | None,
) -> int:
    """Run phase 3 only: trust exactly the trusted roles.

    It needs the trusting side's credentials only. Sessions that were issued while the trust was broad stay valid until
    they expire; --revoke-sessions revokes them with an IAM policy. The first `up` or `tighten` after their longest
    duration removes that policy.

    \b
    Example:
      tfdriver tighten --yes
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
    with opened_session("tighten", settings, output) as session:
        output.done = partial(done_so_far, session.driver)
        done = run_tighten(
            session,
            confirm,
            overwrite=overwrite,
            revoke_sessions=revoke_sessions,
            keep_going=keep_going,
        )
    output.result("tighten", done, print_run, done.exit_code)
    return done.exit_code
