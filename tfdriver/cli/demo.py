"""`tfdriver demo`: its options and its text."""

from __future__ import annotations

import json
import os

import click
from rich.markup import escape
from rich.table import Table

from tfdriver.cli import demo_story
from tfdriver.cli.demo_story import Told
from tfdriver.cli.options import json_option
from tfdriver.cli.output import Output
from tfdriver.cli.tools import tools_for


@click.command()
@json_option
def demo(as_json: bool) -> None:
    """Tell the whole story in a local AWS; needs no AWS account.

    It scaffolds a project in a temporary folder and takes it through the three phases; after each, an intruder tries to
    get in. Then it destroys everything.

    \b
    Example:
      tfdriver demo
    """
    output = Output(as_json=as_json)
    with demo_story.stage(os.environ) as project, output.progress() as progress:
        tools = tools_for(progress)
        told = demo_story.demo(project, tools)
    output.result("demo", told, print_demo)


def print_demo(value: Told, output: Output) -> None:
    """Print what the command returned."""
    table = Table("after", "s", "who is trusted", "the intruder")
    for moment in value.moments:
        table.add_row(moment.phase, f"{moment.seconds:.0f}", escape(moment.trusted), moment.intruder)
    output.out.print(table)
    output.out.print(f"The Lambda function wrote {escape(json.dumps(value.item))}")
    output.out.print(f"Destroyed; nothing is left in either account. {value.seconds:.0f} s in all.")
    output.out.print("To start a project of your own: `tfdriver init my-project`")
