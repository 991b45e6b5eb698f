"""`tfdriver schema`: its argument."""

from __future__ import annotations

import click

from tfdriver.cli import json_schema
from tfdriver.cli.printer import Output


@click.command()
@click.argument("name", type=click.Choice(sorted(json_schema.NAMES)), metavar="NAME")
def schema(name: str) -> None:
    """Print a JSON Schema: of tfdriver.yaml or of --json output.

    NAME is spec for tfdriver.yaml, a command, or run for the common schema of up, tighten and destroy.

    \b
    Example:
      tfdriver schema verify
    """
    Output().document(json_schema.schema(name))
