"""`tfdriver bootstrap`: its options and its text."""

from __future__ import annotations

from collections.abc import Sequence

import click
from rich.markup import escape

from tfdriver.cli.confirm import asking
from tfdriver.cli.options import GlobalOptions, json_option, yes_option
from tfdriver.cli.printer import Output
from tfdriver.cli.session import tools_for
from tfdriver.deploy.bootstrap import Bootstrapped, BucketResult
from tfdriver.deploy.bootstrap import bootstrap as run_bootstrap
from tfdriver.deploy.session import Options


@click.command()
@yes_option
@json_option
@click.pass_obj
def bootstrap(options: GlobalOptions, yes: bool, as_json: bool) -> None:
    """Create the S3 buckets of the states.

    Each bucket is versioned, encrypted, closed to the public, and refuses access without TLS. What an existing bucket
    lacks is added. No command deletes a bucket.

    \b
    Example:
      tfdriver bootstrap
    """
    output = options.output = Output(as_json=as_json)
    ask = asking(yes)

    def confirm(buckets: Sequence[BucketResult]) -> None:
        ask([str(bucket) for bucket in buckets], "Create the buckets and add what is listed?")

    with output.progress() as progress:
        done = run_bootstrap(Options(options.project), tools_for(progress), confirm)
    output.result("bootstrap", done, print_buckets)


def print_buckets(value: Bootstrapped, output: Output) -> None:
    """Print a line for each bucket."""
    for bucket in value.buckets:
        output.out.print(escape(str(bucket)))
