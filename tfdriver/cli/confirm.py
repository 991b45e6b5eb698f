"""Asking before anything is changed, on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import click
from rich.markup import escape

from tfdriver.cli.printer import PHASES, Output
from tfdriver.deploy.overview import Overview
from tfdriver.errors import TfdriverError


def confirmation(output: Output, yes: bool) -> Callable[[Overview], None]:
    """Return how to ask; refuse at once where nobody can answer."""
    if not yes and not sys.stdin.isatty():
        raise TfdriverError(
            "there is no terminal to ask on", code="confirmation_required", hint="Give --yes to go on without asking"
        )

    def ask(view: Overview) -> None:
        print_overview(view, output)
        if not yes:
            _ask(view.question)

    return ask


def deletion_confirmation(output: Output) -> Callable[[Sequence[str]], None]:
    """Return how to ask about what would be deleted."""

    def ask(losses: Sequence[str]) -> None:
        _print_losses(losses, output)
        _ask("Let Terraform delete that?")

    return ask


def print_overview(view: Overview, output: Output) -> None:
    """Show who is who and what will be trusted, on stderr."""
    console = output.err
    console.print(f"[bold]{escape(view.project)}[/bold]: {view.action} with Terraform {escape(view.terraform)}")
    if view.endpoint:
        console.print(f"[yellow]AWS_ENDPOINT_URL is set: AWS is {escape(view.endpoint)}[/yellow]")
    for account in view.accounts:
        console.print(f"  {account.name} = {account.id}, {account.region}, as {escape(account.caller)}")
    for role in view.roles:
        console.print(f"  role {role.role} in {role.account}: {escape(role.now)}")
        for phase, words in role.phases.items():
            console.print(f"    after {PHASES[phase]}: trusts {escape(words)}")
    console.print(f"  compositions: {', '.join(view.compositions)}")


def _print_losses(losses: Sequence[str], output: Output) -> None:
    """Show what would be deleted, on stderr."""
    output.err.print("[bold yellow]what was made would be deleted, with what is in it:[/bold yellow]")
    for loss in losses:
        output.err.print(f"  {escape(loss)}")


def _ask(question: str) -> None:
    try:
        confirmed = click.confirm(question, err=True)
    except click.Abort:
        sys.stderr.write("\n")  # the terminal shows ^C in the line of the question
        confirmed = False
    if not confirmed:
        raise TfdriverError("not confirmed", code="not_confirmed", hint="No changes made")
