"""`tfdriver up`: its options."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from tfdriver.cli.confirm import asking, confirm_unlock, confirmation
from tfdriver.cli.options import (
    GlobalOptions,
    access_analyzer_option,
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
from tfdriver.deploy.up import up as run_up
from tfdriver.iam.trust_state import Phase
from tfdriver.project.selection import Selection
from tfdriver.verify.verify import verify_run


@click.command()
@yes_option
@click.option("--phase", type=click.Choice([phase.value for phase in Phase]), help="Run only this phase.")
@click.option("--no-tighten", is_flag=True, help="Stop after phase 2, with the broad trust in force (exit code 3).")
@click.option("--no-verify", is_flag=True, help="Skip the verification at the end.")
@overwrite_option
@adopt_option
@access_analyzer_option
@selection_options
@json_option
@report_file_option
@parallelism_option
@keep_going_option
@timeout_option
@lock_timeout_option
@click.pass_obj
def up(
    options: GlobalOptions,
    yes: bool,
    phase: str | None,
    no_tighten: bool,
    no_verify: bool,
    overwrite: bool,
    adopt: bool,
    access_analyzer: bool,
    selection: Selection,
    as_json: bool,
    report_file: Path | None,
    parallelism: int,
    keep_going: bool,
    timeout: float | None,
    lock_timeout: float | None,
) -> int:
    """Run the three phases, then verify.

    Phase 1 creates trusting roles with a broad trust, one for each trusted role that does not exist. Phase 2 creates
    the trusted roles. Phase 3 makes the trust exact, and creates the remaining trusting roles.

    \b
    Example:
      tfdriver up --yes
    """
    output = options.output = Output(as_json=as_json, report=report_file)
    if phase and no_tighten:
        raise click.UsageError("--no-tighten cannot be combined with --phase")
    confirm, ask = confirmation(output, yes), asking(yes)
    prove = None if no_verify else verify_run
    settings = Options(
        options.project,
        timeout,
        lock_timeout or 0,
        lint=True,
        access_analyzer=access_analyzer,
        adopt=adopt,
        parallelism=parallelism,
        selection=selection,
        confirm_moves=lambda moves: ask(list(map(str, moves)), "Move the states? A copy of each is kept."),
        confirm_unlock=confirm_unlock(yes),
    )
    with opened_session("up", settings, output) as session:
        output.done = partial(done_so_far, session.driver)
        done = run_up(
            session,
            confirm,
            phase=Phase(phase) if phase else None,
            tighten=not no_tighten,
            overwrite=overwrite,
            prove=prove,
            keep_going=keep_going,
        )
    output.result("up", done, print_run, done.exit_code)
    return done.exit_code
