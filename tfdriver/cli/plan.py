"""`tfdriver plan`: its options and its text."""

from __future__ import annotations

import click

from tfdriver.cli.options import (
    GlobalOptions,
    access_analyzer_option,
    adopt_option,
    json_option,
    lock_timeout_option,
    overwrite_option,
    parallelism_option,
    selection_options,
    timeout_option,
)
from tfdriver.cli.plan_text import print_overview, print_planned
from tfdriver.cli.printer import Output
from tfdriver.cli.session import opened_session
from tfdriver.deploy.plan import plan as plan_phases
from tfdriver.deploy.plan_view import Planned
from tfdriver.deploy.session import Options
from tfdriver.errors import Exit
from tfdriver.project.selection import Selection


@click.command()
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there are changes, as terraform plan does.")
@overwrite_option
@adopt_option
@access_analyzer_option
@selection_options
@json_option
@parallelism_option
@timeout_option
@lock_timeout_option
@click.pass_obj
def plan(
    options: GlobalOptions,
    detailed_exitcode: bool,
    overwrite: bool,
    adopt: bool,
    access_analyzer: bool,
    selection: Selection,
    as_json: bool,
    parallelism: int,
    timeout: float | None,
    lock_timeout: float | None,
) -> int:
    """Print what each phase would change.

    \b
    Example:
      tfdriver plan --detailed-exitcode
    """
    output = Output(as_json=as_json)
    settings = Options(
        options.project,
        timeout,
        lock_timeout or 0,
        lint=True,
        access_analyzer=access_analyzer,
        adopt=adopt,
        parallelism=parallelism,
        selection=selection,
    )
    with opened_session("plan", settings, output) as session:
        planned = plan_phases(session, overwrite=overwrite)
    code = Exit.DIFFERENCES if detailed_exitcode and planned.differences else Exit.DONE
    if not as_json:
        print_overview(planned.overview, output)
    output.result("plan", planned, print_plan, code)
    return code


def print_plan(value: Planned, output: Output) -> None:
    """Print the changes of each phase and composition."""
    print_planned(value, output.out)
