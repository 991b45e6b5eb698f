"""Option types, options that several commands share, and the options before the command."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any

import click

from tfdriver.cli.printer import Output
from tfdriver.concurrency import default_parallelism
from tfdriver.project.selection import Selection, Shard, parse_shard
from tfdriver.spec.duration import parse_duration


class Duration(click.ParamType[float]):
    """A duration such as `90s`, `5m` or `1h30m`, up to 24 hours. shortest: the minimum in seconds."""

    name = "duration"

    def __init__(self, shortest: int = 1) -> None:
        self._shortest = shortest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        with suppress(ValueError):
            seconds = parse_duration(str(value)).total_seconds()
            if self._shortest <= seconds <= 86400:
                return seconds
        what = f"{value!r} is not a duration like 90s, 5m or 1h30m, from {self._shortest}s to 24h"
        raise click.BadParameter(what, ctx, param)


class ShardOption(click.ParamType[Shard]):
    """A shard such as `2/3`."""

    name = "shard"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """Return the shard."""
        try:
            return parse_shard(str(value))
        except ValueError as error:
            raise click.BadParameter(str(error), ctx, param) from error


class NamedPath(click.Path):
    """A file or folder. An empty name is an error: an unset shell variable must not mean the current folder."""

    def __init__(self, hint: str, **checks: bool) -> None:
        super().__init__(path_type=Path, **checks)
        self._hint = hint

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; refuse an empty name."""
        if not str(value).strip():
            self.fail(f"the name is empty; {self._hint}", param, ctx)
        return super().convert(value, param, ctx)


def folder_type() -> NamedPath:
    """Return the type of an option or argument that names a folder."""
    return NamedPath("omit it for the current folder")


def file_type(*, exists: bool = False) -> NamedPath:
    """Return the type of an option that names a file. exists: whether it must."""
    return NamedPath("add a name or omit the option", dir_okay=False, exists=exists)


@dataclass
class GlobalOptions:
    """The options before the command.

    arguments: the whole command line, without the sandbox's command; command: its name, '' until it is parsed; output:
    of a command that changes something, once it has one.
    """

    arguments: Sequence[str] = ()
    project: Path = Path()
    verbose: int = 0
    command: str = ""
    output: Output | None = None


def selection_options(command: Any) -> Any:
    """Add `--only`, `--exclude` and `--shard` to a command, as its parameter `selection`."""

    @wraps(command)
    def with_selection(
        *arguments: Any, only: tuple[str, ...], exclude: tuple[str, ...], shard: Shard | None, **others: Any
    ) -> Any:
        return command(*arguments, selection=Selection(only, exclude, shard), **others)

    what = "name or pattern, e.g. 'prod_*'; repeatable."
    for option in (
        click.option(
            "--shard", metavar="I/N", type=ShardOption(), help="Cover this share of the compositions, e.g. 2/3."
        ),
        click.option("--exclude", metavar="ACCOUNT", multiple=True, help=f"Leave out this account: {what}"),
        click.option("--only", metavar="ACCOUNT", multiple=True, help=f"Cover only this account: {what}"),
    ):
        option(with_selection)
    return with_selection


json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
yes_option = click.option("--yes", "--auto-approve", "yes", is_flag=True, help="Do not ask.")
timeout_option = click.option("--timeout", type=Duration(), help="Longest time for one Terraform command, e.g. 10m.")
access_analyzer_option = click.option(
    "--access-analyzer",
    is_flag=True,
    help="Check the trust policies with IAM Access Analyzer.",
)
overwrite_option = click.option(
    "--overwrite",
    is_flag=True,
    help="Replace an unmanaged trust policy by the one of the spec.",
)
adopt_option = click.option(
    "--adopt",
    is_flag=True,
    help="Import resources of this project that exist in AWS and are missing from Terraform's state.",
)
parallelism_option = click.option(
    "--parallelism",
    type=click.IntRange(min=1),
    default=default_parallelism,
    help="How many compositions are worked on at once; default: 2 per processor, at least 4.",
)
keep_going_option = click.option(
    "--keep-going", is_flag=True, help="After an error, go on with the compositions that do not depend on it."
)
report_file_option = click.option(
    "--report-file", type=file_type(), help="Write the JSON of --json to this file too, also if the run fails."
)
lock_timeout_option = click.option(
    "--lock-timeout", type=Duration(0), default=None, help="How long to wait for another run."
)
