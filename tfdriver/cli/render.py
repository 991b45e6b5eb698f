"""`tfdriver render`: its options and its text."""

from __future__ import annotations

import click

from tfdriver.cli.options import GlobalOptions, json_option
from tfdriver.cli.printer import Output
from tfdriver.clock import Clock
from tfdriver.deploy.render import Rendered
from tfdriver.deploy.render import render as render_project


@click.command()
@json_option
@click.pass_obj
def render(options: GlobalOptions, as_json: bool) -> None:
    """Write the compositions without calling AWS.

    \b
    Example:
      tfdriver -C my-project render
    """
    output = Output(as_json=as_json)
    output.result("render", render_project(options.project, Clock().now(), output.note), print_render)


def print_render(value: Rendered, output: Output) -> None:
    """Print the files that changed in each composition."""
    for name, files in value.files.items():
        output.out.print(f"compositions/{name}: {', '.join(files) if files else 'no changes'}")
