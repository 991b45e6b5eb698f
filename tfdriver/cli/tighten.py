"""`tfdriver tighten`: its options."""

from __future__ import annotations

import click

from tfdriver.cli.confirm import confirmation, deletion_confirmation
from tfdriver.cli.options import (
    GlobalOptions,
    adopt_option,
    json_option,
    lock_timeout_option,
    overwrite_option,
    timeout_option,
    yes_option,
)
from tfdriver.cli.printer import Output
from tfdriver.cli.run_text import print_run
from tfdriver.cli.session import opened_session
from tfdriver.deploy.session import Options
from tfdriver.deploy.tighten import tighten as run_tighten


@click.command()
@yes_option
@overwrite_option
@adopt_option
@click.option("--revoke-sessions", is_flag=True, help="Also end the sessions that were handed out so far.")
@json_option
@timeout_option
@lock_timeout_option
@click.pass_obj
def tighten(
    options: GlobalOptions,
    yes: bool,
    overwrite: bool,
    adopt: bool,
    revoke_sessions: bool,
    as_json: bool,
    timeout: float | None,
    lock_timeout: float | None,
) -> int:
    """Run phase 3 alone: trust exactly the trusted roles.

    The credentials of the trusting side are enough. Sessions handed out while the trust was broad live on for up to an
    hour; --revoke-sessions ends them. The policy that does so is removed by the first `up` or `tighten` after they
    would have ended by themselves.

    \b
    Example:
      tfdriver tighten --yes
    """
    output = Output(as_json=as_json)
    confirm = confirmation(output, yes)
    settings = Options(options.project, timeout, lock_timeout or 0, adopt=adopt)
    with opened_session("tighten", settings, output) as session:
        done = run_tighten(
            session,
            confirm,
            overwrite=overwrite,
            revoke_sessions=revoke_sessions,
            give_up=None if yes else deletion_confirmation(output),
        )
    output.result("tighten", done, print_run, done.exit_code)
    return done.exit_code
