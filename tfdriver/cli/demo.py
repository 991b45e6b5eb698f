"""`tfdriver demo`: its options and its text."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from rich.markup import escape
from rich.table import Table

from tfdriver.cli import demo_story
from tfdriver.cli.demo_story import DemoResult
from tfdriver.cli.options import file_type, json_option
from tfdriver.cli.printer import Output
from tfdriver.cli.session import tools_for


@click.command()
@click.option("--record", type=file_type(), help="Write the output to this file too, as an SVG.")
@json_option
def demo(record: Path | None, as_json: bool) -> None:
    """Run the three phases in a local AWS; needs no AWS account.

    It creates a project in a temporary folder and runs the three phases. After each phase, an administrator who is
    not trusted tries to assume the trusting role. Then it destroys everything.

    \b
    Example:
      tfdriver demo
    """
    output = Output(as_json=as_json, record=record is not None)
    with demo_story.sandboxed_project(os.environ) as project, output.progress() as progress:
        result = demo_story.demo(project, tools_for(progress), sys.argv[0])
    output.result("demo", result, print_demo)
    if record:
        output.save_recording(record, "tfdriver demo")


def print_demo(value: DemoResult, output: Output) -> None:
    """Print a table of the phases and the next steps."""
    table = Table("after", "s", "trust policy", "administrator", "namesake")
    for s in value.steps:
        table.add_row(s.phase, f"{s.seconds:.0f}", escape(s.trust_policy), s.administrator, s.namesake or "")
    output.out.print(table)
    output.out.print(f"Destroyed everything in both accounts. The demo took {value.seconds:.0f} s.")
    output.out.print("To start a project of your own and open a shell with a local AWS, run:")
    for command in value.next_steps:
        output.out.print(f"  {escape(command)}")
