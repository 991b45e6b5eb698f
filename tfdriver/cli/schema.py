"""`tfdriver schema`: its options."""

from __future__ import annotations

import click

from tfdriver.cli import json_schema
from tfdriver.cli.printer import Output


@click.command()
@click.argument("name", type=click.Choice(sorted(json_schema.NAMES)), metavar="NAME")
def schema(name: str) -> None:
    """Print the JSON Schema of a command's --json, or of the spec.

    NAME is spec, for tfdriver.yaml, or a command; run is what up, tighten and destroy have in common.

    \b
    Example:
      tfdriver schema verify
    """
    Output().document(json_schema.schema(name))
