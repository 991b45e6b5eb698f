"""`tfdriver ci`: its subcommands, their options and their text."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from tfdriver.cli.options import GlobalOptions, file_type
from tfdriver.cli.printer import Output
from tfdriver.deploy.session import read_spec
from tfdriver.project.ci import FILES, MOST_SHARDS, WorkflowSettings, aws_config, write_workflow


@click.group()
def ci() -> None:
    """Write a workflow for GitHub or GitLab.

    It comments the plan on pull requests, runs `up` in three jobs of several shards each on the main branch, and looks
    for drift at night. Jobs have no keys: they assume a role of each account with an OIDC token.

    \b
    Example:
      tfdriver ci github
    """


def _workflow_command(system: str, name: str) -> click.Command:
    @click.option(
        "--shards",
        type=click.IntRange(1, MOST_SHARDS),
        help="The most jobs of a phase; default: one for 50 compositions.",
    )
    @click.option(
        "--role-name", default=WorkflowSettings.role, show_default=True, help="The role of the jobs that run `up`."
    )
    @click.option(
        "--plan-role-name",
        default=WorkflowSettings.plan_role,
        show_default=True,
        help="The role of the jobs that only read.",
    )
    @click.option("--branch", default=WorkflowSettings.branch, show_default=True, help="The branch that is deployed.")
    @click.option("--force", is_flag=True, help="Replace the file if it exists.")
    @click.pass_obj
    def write(
        options: GlobalOptions, shards: int | None, role_name: str, plan_role_name: str, branch: str, force: bool
    ) -> None:
        output = Output()
        settings = WorkflowSettings(shards or 0, role_name, plan_role_name, branch, force)
        written = write_workflow(read_spec(options.project, output.note), system, settings)
        output.out.print(f"wrote {escape(str(written.file))}")
        output.out.print("[bold]Next[/bold]")
        for number, step in enumerate(written.next_steps, start=1):
            output.out.print(f"  {number}. {escape(step)}")

    write.__doc__ = f"""Write {FILES[system]} for {name}.

    \b
    Example:
      tfdriver ci {system} --shards 3
    """
    return click.command(system)(write)


ci.add_command(_workflow_command("github", "GitHub Actions"))
ci.add_command(_workflow_command("gitlab", "GitLab CI/CD"))


@ci.command()
@click.option(
    "--role-name", default=WorkflowSettings.role, show_default=True, help="The role to assume in each account."
)
@click.option("--token-file", type=file_type(), required=True, help="The file of the OIDC token.")
@click.pass_obj
def profiles(options: GlobalOptions, role_name: str, token_file: Path) -> None:
    """Print an AWS configuration for a job.

    Each profile of tfdriver.yaml assumes a role of its account with an OIDC token.

    \b
    Example:
      tfdriver ci profiles --token-file token > config
    """
    output = Output()
    output.write(aws_config(read_spec(options.project, output.note), role_name, token_file))
