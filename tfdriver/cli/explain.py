"""`tfdriver explain`: its options and its text."""

from __future__ import annotations

import sys

import click
from rich.markup import escape

from tfdriver.cli.options import GlobalOptions, json_option
from tfdriver.cli.printer import Output
from tfdriver.cli.session import tools_for
from tfdriver.deploy.session import Options
from tfdriver.errors import TfdriverError
from tfdriver.inspect.explain import Explanation
from tfdriver.inspect.explain import explain as explain_refusal

_LONGEST_ERROR = 100_000  # bytes


@click.command()
@click.argument("error_or_role")
@json_option
@click.pass_obj
def explain(options: GlobalOptions, error_or_role: str, as_json: bool) -> None:
    """Explain why AssumeRole was refused, and what to change.

    ERROR_OR_ROLE is AWS's message in quotes, `-` for stdin, or the name or ARN of a role in tfdriver.yaml.

    \b
    Examples:
      tfdriver explain foo_bar
      aws sts assume-role ... 2>&1 | tfdriver explain -
    """
    output = Output(as_json=as_json)
    piped = error_or_role == "-"
    text = sys.stdin.buffer.read(_LONGEST_ERROR).decode("utf-8", "replace") if piped else error_or_role
    if piped and not text.strip():
        hint = "The AWS CLI prints errors on stderr. Pipe both streams: `2>&1 | tfdriver explain -`"
        raise TfdriverError("stdin is empty", code="bad_usage", hint=hint)
    with output.progress() as progress:
        tools = tools_for(progress)
        found = explain_refusal(text, Options(options.project), tools)
    output.result("explain", found, print_explain)


def print_explain(value: Explanation, output: Output) -> None:
    """Print the explanation, both policies of each pair, and what to change."""
    for sentence in value.words:
        output.out.print(escape(sentence) + ".")
    for pair in value.pairs:
        answer = {True: "allowed", False: "refused", None: "unknown"}[pair.allowed]
        trusted = f"role {pair.trusted} in {pair.trusted_account}"
        trusting = f"role {pair.trusting} in {pair.trusting_account}"
        output.out.print(f"{escape(f'{trusted} -> {trusting}')}: [bold]{answer}[/bold]")
        output.out.print(f"  permissions: {escape(pair.permissions.words)}")
        output.out.print(f"  trust: {escape(pair.trust.words)}")
    for unseen in value.unseen:
        output.out.print(f"not read: {escape(unseen)}")
    output.out.print(f"[bold]To change:[/bold] {escape(value.change)}.")
