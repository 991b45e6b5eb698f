"""`tfdriver graph`: its options and its text."""

from __future__ import annotations

from pathlib import Path

import click
from rich.markup import escape

from tfdriver.cli.options import GlobalOptions, file_type, json_option
from tfdriver.cli.printer import Output
from tfdriver.cli.session import tools_for
from tfdriver.clock import Clock
from tfdriver.inspect.graph import draw as graph_command
from tfdriver.inspect.graph.draw import Drawn


@click.command()
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in graph_command.Format]),
    default="tree",
    show_default=True,
    help="Output format; SVG needs no other program.",
)
@click.option("-o", "--output", "file", type=file_type(), help="File to write.")
@click.option("--phases", is_flag=True, help="Draw the trust after each phase, side by side.")
@click.option("--live", is_flag=True, help="Draw the trust policies that AWS returns now.")
@json_option
@click.pass_obj
def graph(options: GlobalOptions, form: str, file: Path | None, phases: bool, live: bool, as_json: bool) -> None:
    """Draw who may assume which role; calls AWS only with --live.

    \b
    Example:
      tfdriver graph --format svg --phases -o graph.svg
    """
    if phases and live:
        raise click.UsageError("--phases draws the spec and --live draws AWS: use only one of them")
    output = Output(as_json=as_json)
    with output.progress() as progress:
        drawn = graph_command.draw_graph(
            options.project,
            graph_command.Format(form),
            Clock().now(),
            three_phases=phases,
            live=tools_for(progress) if live else None,
            note=output.note,
        )
    output.result("graph", graph_command.write_graph(drawn, file) if file else drawn, print_graph)


def print_graph(value: Drawn, output: Output) -> None:
    """Print the drawing, or the file that it was written to."""
    if value.file:
        output.out.print(f"wrote {escape(value.file)}")
    else:
        output.write(value.text)
