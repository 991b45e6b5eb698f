"""The group of all commands; turns exceptions into messages and exit codes."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

import click

from tfdriver import __version__
from tfdriver.cli.accounts import accounts
from tfdriver.cli.adopt import adopt
from tfdriver.cli.bootstrap import bootstrap
from tfdriver.cli.ci import ci
from tfdriver.cli.demo import demo
from tfdriver.cli.destroy import destroy
from tfdriver.cli.explain import explain
from tfdriver.cli.graph import graph
from tfdriver.cli.init import init
from tfdriver.cli.logs import log_to_stderr
from tfdriver.cli.options import GlobalOptions, folder_type
from tfdriver.cli.plan import plan
from tfdriver.cli.policy import policy
from tfdriver.cli.printer import Output
from tfdriver.cli.render import render
from tfdriver.cli.report import report
from tfdriver.cli.sandbox import sandbox
from tfdriver.cli.schema import schema
from tfdriver.cli.status import status
from tfdriver.cli.tighten import tighten
from tfdriver.cli.up import up
from tfdriver.cli.verify import verify
from tfdriver.errors import Exit, TfdriverError
from tfdriver.interrupts import stopped_by
from tfdriver.redaction import clean, environment_secrets, hide

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Group(click.Group):
    """Suggests the nearest command for a misspelt one, and lists commands in the order of their registration."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        near = difflib.get_close_matches(name.lower(), self.list_commands(ctx), n=1)
        if name not in self.commands and near and not name.startswith("-"):
            ctx.fail(f"No such command {name!r}. Did you mean {near[0]!r}?")
        found = super().resolve_command(ctx, args)
        ctx.ensure_object(GlobalOptions).command = found[0] or ""
        return found


@click.group(cls=_Group, context_settings=_CONTEXT)
@click.version_option(__version__, "--version")
@click.option("-C", "--project", type=folder_type(), default=".", help="The folder of tfdriver.yaml.")
@click.option(
    "-v", "--verbose", count=True, help="Log what is run and how long it takes; -vv adds AWS calls and tracebacks."
)
@click.pass_obj
def cli(options: GlobalOptions, project: Path, verbose: int) -> None:
    """Set up cross-account IAM access with Terraform.

    \b
    Try it without an AWS account:
      tfdriver demo
    Start a project of your own:
      tfdriver init my-project
    """
    options.project, options.verbose = project, verbose
    log_to_stderr(verbose)


for _command in (
    init,
    accounts,
    bootstrap,
    render,
    plan,
    up,
    tighten,
    verify,
    destroy,
    status,
    report,
    policy,
    ci,
    adopt,
    explain,
    graph,
    sandbox,
    schema,
    demo,
):
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit."""
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Run one command line, print its result or error, and return its exit code."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments  # without the sandbox's command
    options = GlobalOptions(own)
    try:
        return int(cli.main(arguments, prog_name="tfdriver", standalone_mode=False, obj=options) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return Exit.DONE
    except Exception as error:
        failure = _failure(error)
        if options.verbose > 1:
            sys.stderr.write(clean(hide(traceback.format_exc(), environment_secrets(os.environ))))
    except KeyboardInterrupt as interrupt:
        failure = TfdriverError(stopped_by(interrupt), code="interrupted")
    (options.output or Output(as_json="--json" in own)).error(options.command, failure)
    return int(failure.exit_code)


def _misplaced(error: click.NoSuchOption) -> str:
    """Return a hint for an option on the wrong side of the command, or ''."""
    if error.ctx is None:
        return ""
    name, command = error.option_name, error.ctx.command_path.partition(" ")[2]
    if error.ctx.parent is not None:
        option = _options(cli).get(name)
        value = "" if option is None or option.is_flag or option.count else " ..."
        return f"Put it before the command: `tfdriver {name}{value} {command}`" if option else ""
    accepting = [c for c in cli.commands if name in _options(cli.commands[c])]
    given = [c for c in accepting if c in error.ctx.ensure_object(GlobalOptions).arguments]
    return f"Put it after the command: `tfdriver {(given or accepting)[0]} {name}`" if accepting else ""


def _options(command: click.Command) -> dict[str, click.Option]:
    return {text: option for option in command.params if isinstance(option, click.Option) for text in option.opts}


def _failure(error: Exception) -> TfdriverError:
    """Return the error to report for an exception. An unexpected one is reported as a bug."""
    match error:
        case TfdriverError():
            return error
        case click.UsageError():
            if isinstance(error, click.NoSuchOption) and (hint := _misplaced(error)):
                return TfdriverError(f"option {error.option_name} is in the wrong place", code="bad_usage", hint=hint)
            hint = f"Try `{error.ctx.command_path} -h`" if error.ctx else ""
            return TfdriverError(error.format_message().rstrip("."), code="bad_usage", hint=hint)
        case click.ClickException():
            return TfdriverError(error.format_message().rstrip("."), code="bad_usage")
        case click.Abort():  # raised by click for Ctrl-C
            return TfdriverError(stopped_by(error.__cause__), code="interrupted")
        case OSError():
            return TfdriverError(error.strerror or str(error), code="io_error", where=str(error.filename or ""))
        case _:
            hint = "This is a bug in tfdriver. Report it with the output of `-vv`"
            return TfdriverError(f"unexpected {type(error).__name__}: {error}", code="internal_error", hint=hint)
