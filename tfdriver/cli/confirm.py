"""Confirmation on the terminal before anything is changed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import click
from rich.markup import escape

from tfdriver.cli.printer import PHASES, Output
from tfdriver.deploy.overview import Overview
from tfdriver.errors import TfdriverError


def confirmation(output: Output, yes: bool) -> Callable[[Overview], None]:
    """Return a function that asks for confirmation. Raises TfdriverError without --yes and without a terminal."""
    if not yes and not sys.stdin.isatty():
        raise TfdriverError(
            "there is no terminal to ask for confirmation", code="confirmation_required", hint="Add --yes"
        )

    def confirm(overview: Overview) -> None:
        print_overview(overview, output)
        if not yes:
            _ask(overview.question)

    return confirm


def deletion_confirmation(output: Output) -> Callable[[Sequence[str]], None]:
    """Return a function that asks before Terraform deletes resources. resources: one line of text for each."""

    def confirm(resources: Sequence[str]) -> None:
        output.err.print("[bold yellow]Terraform would delete these resources and their data:[/bold yellow]")
        for resource in resources:
            output.err.print(f"  {escape(resource)}")
        _ask("Delete them?")

    return confirm


def print_overview(overview: Overview, output: Output) -> None:
    """Print the accounts, the roles and their trust in each phase, on stderr."""
    console = output.err
    action = f"{overview.action} with Terraform {overview.terraform}"
    console.print(f"[bold]{escape(overview.project)}[/bold]: {escape(action)}")
    if overview.endpoint:
        console.print(f"[yellow]AWS_ENDPOINT_URL is set: AWS is {escape(overview.endpoint)}[/yellow]")
    for account in overview.accounts:
        console.print(f"  {account.name} = {account.id}, {account.region}, as {escape(account.caller)}")
    for role in overview.roles:
        console.print(f"  role {role.role} in {role.account}: {escape(role.now)}")
        for phase, trusted in role.phases.items():
            created = "created, " if phase == role.created else ""
            console.print(f"    after {PHASES[phase]}: {created}trusts {escape(trusted)}")
    console.print(f"  compositions: {', '.join(overview.compositions)}")


def _ask(question: str) -> None:
    try:
        confirmed = click.confirm(question, err=True)
    except click.Abort:
        sys.stderr.write("\n")  # the terminal echoes ^C after the question
        confirmed = False
    if not confirmed:
        raise TfdriverError("not confirmed", code="not_confirmed", hint="No changes made.")
