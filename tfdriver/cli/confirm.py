"""Confirmation on the terminal before anything is changed."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from tfdriver.cli.plan_text import print_overview, print_planned
from tfdriver.cli.printer import Output
from tfdriver.deploy.move_state import ConfirmMoves, StateMove
from tfdriver.deploy.plan_view import Planned
from tfdriver.errors import TfdriverError


def confirmation(output: Output, yes: bool) -> Callable[[Planned], bool]:
    """Return a `preview.Confirm`. Raises TfdriverError without --yes and without a terminal.

    It prints everything that is planned, and asks once, unless nothing is to be done.
    """
    if not yes and not sys.stdin.isatty():
        raise TfdriverError(
            "there is no terminal to ask for confirmation", code="confirmation_required", hint="Add --yes"
        )

    def confirm(planned: Planned) -> bool:
        print_overview(planned.overview, output)
        print_planned(planned, output.err)
        if planned.question and not yes:
            _ask(planned.question)
        return not yes

    return confirm


def moves_confirmation(yes: bool) -> ConfirmMoves:
    """Return a `move_state.ConfirmMoves`, which prints the moves and asks unless `yes`."""

    def confirm(moves: tuple[StateMove, ...]) -> None:
        click.echo("\n".join(f"  {move}" for move in moves), err=True)
        if not yes:
            _ask(f"Move {len(moves)} state{'s' if len(moves) > 1 else ''}? A copy of each is kept.")

    return confirm


def _ask(question: str) -> None:
    try:
        confirmed = click.confirm(question, err=True)
    except click.Abort:
        sys.stderr.write("\n")  # the terminal echoes ^C after the question
        confirmed = False
    if not confirmed:
        raise TfdriverError("not confirmed", code="not_confirmed", hint="No changes made.")
