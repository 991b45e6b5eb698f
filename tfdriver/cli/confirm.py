"""Confirmation on the terminal before anything is changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import click

from tfdriver.cli.plan_text import print_overview, print_planned
from tfdriver.cli.printer import Output
from tfdriver.deploy.backend_locks import ConfirmUnlock
from tfdriver.deploy.plan_view import Planned
from tfdriver.errors import TfdriverError


def confirmation(output: Output, yes: bool) -> Callable[[Planned], bool]:
    """Return a `preview.Confirm`. Raises TfdriverError without --yes and without a terminal.

    It prints everything that is planned, and asks once, unless nothing is to be done.
    """
    _refuse_without_terminal(yes)

    def confirm(planned: Planned) -> bool:
        print_overview(planned.overview, output)
        print_planned(planned, output.err)
        if planned.question and not yes:
            _ask(planned.question)
        return not yes

    return confirm


def asking(yes: bool) -> Callable[[Sequence[str], str], None]:
    """Return a function that prints lines and asks a question unless `yes`.

    Raises TfdriverError without `yes` and without a terminal; the function raises it if the answer is no.
    """
    _refuse_without_terminal(yes)

    def ask(lines: Sequence[str], question: str) -> None:
        click.echo("\n".join(f"  {line}" for line in lines), err=True)
        if not yes:
            _ask(question)

    return ask


def confirm_unlock(yes: bool) -> ConfirmUnlock:
    """Return a function that asks whether to remove the locks of killed runs. Raises as `asking`."""
    ask = asking(yes)
    return lambda locks: ask(list(map(str, locks)), "Remove the locks? Terraform takes new ones.")


def _refuse_without_terminal(yes: bool) -> None:
    if not yes and not sys.stdin.isatty():
        raise TfdriverError(
            "there is no terminal to ask for confirmation", code="confirmation_required", hint="Add --yes"
        )


def _ask(question: str) -> None:
    try:
        confirmed = click.confirm(question, err=True)
    except click.Abort:
        sys.stderr.write("\n")  # the terminal echoes ^C after the question
        confirmed = False
    if not confirmed:
        raise TfdriverError("not confirmed", code="not_confirmed", hint="No changes made.")
