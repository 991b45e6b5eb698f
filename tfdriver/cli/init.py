"""`tfdriver init`: its options and its text."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from tfdriver.cli.options import GlobalOptions, folder_type, json_option
from tfdriver.cli.printer import Output
from tfdriver.project.init import InitResult
from tfdriver.project.init import init as init_project


@click.command()
@click.argument("directory", type=folder_type(), default=".")
@click.option("--bare", is_flag=True, help="Write only tfdriver.yaml, without modules.")
@json_option
@click.pass_obj
def init(options: GlobalOptions, directory: Path, bare: bool, as_json: bool) -> None:
    """Create a project: tfdriver.yaml and modules.

    \b
    Examples:
      tfdriver init my-project
      tfdriver init --bare my-project
    """
    Output(as_json=as_json).result("init", init_project(options.project / directory, bare=bare), print_init)


def print_init(value: InitResult, output: Output) -> None:
    """Print the folder, its contents and the next steps."""
    modules = sorted({Path(file).parts[1] for file in value.files if file.count("/") > 1})
    output.out.print(f"[bold]Created a project in {escape(str(value.root))}[/bold]")
    output.out.print("  tfdriver.yaml  the accounts, the roles, and who trusts whom")
    if modules:
        output.out.print(f"  modules/       the Terraform modules of the roles: {escape(', '.join(modules))}")
    output.out.print("[bold]Next[/bold]")
    for number, step in enumerate(value.next_steps, start=1):
        output.out.print(f"  {number}. {escape(step)}")
