"""The command line: options in, one value printed, an exit code out. The only module that imports click."""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import click

from tfdriver import __version__
from tfdriver.aws.account_access import AccountAccess
from tfdriver.aws.calls import Calls
from tfdriver.aws.client import Aws, known_regions
from tfdriver.clean import clean
from tfdriver.cli import demo as demo_command
from tfdriver.cli import sandbox as sandbox_command
from tfdriver.cli.logs import log_to_stderr
from tfdriver.cli.output import Output
from tfdriver.cli.schema import published as schema_command
from tfdriver.clock import Clock
from tfdriver.deploy import destroy as destroy_command
from tfdriver.deploy import plan as plan_command
from tfdriver.deploy import render as render_command
from tfdriver.deploy import tighten as tighten_command
from tfdriver.deploy import up as up_command
from tfdriver.deploy.overview import Overview
from tfdriver.deploy.session import Options, Session, Tools, open_session, real_tools
from tfdriver.errors import Exit, TfdriverError
from tfdriver.inspect import explain as explain_command
from tfdriver.inspect import policy as policy_command
from tfdriver.inspect import status as status_command
from tfdriver.inspect.drift import drift_reader
from tfdriver.inspect.exposure import CloudTrailReader
from tfdriver.inspect.graph import draw as graph_command
from tfdriver.inspect.operator_policy.statements import Purpose
from tfdriver.inspect.report import write as report_command
from tfdriver.interrupts import Interrupts, stopped_by
from tfdriver.project import init as init_command
from tfdriver.redact import environment_secrets, hide
from tfdriver.sandbox.faults import FORMAT
from tfdriver.spec.model import Spec
from tfdriver.terraform.progress import Progress
from tfdriver.verify import verify as verify_command

_LONGEST_ERROR = 100_000  # bytes
_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


class _Seconds(click.ParamType[float]):
    """A duration like `90s`, `5m`, `1h`, or plain seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        text = str(value)
        factor = {"s": 1, "m": 60, "h": 3600}.get(text[-1:], 0)
        number = text[:-1] if factor else text
        if not (number.isascii() and number.isdigit()) or not 0 < int(number) * (factor or 1) <= 86400:
            self.fail(f"{text!r} is not a duration like 90s, 5m or 1h, up to 24h", param, ctx)
        return float(int(number) * (factor or 1))


class _Named(click.Path):
    """A file or folder that is named: an empty name, of a variable that is not set, must not mean this folder."""

    def __init__(self, instead: str, **checks: bool) -> None:
        super().__init__(path_type=Path, **checks)
        self._instead = instead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not str(value).strip():
            self.fail(f"the name is empty; {self._instead}", param, ctx)
        return super().convert(value, param, ctx)


def _folder() -> _Named:
    return _Named("leave it out for the folder you are in")


def _file(*, exists: bool = False) -> _Named:
    return _Named("give one, or leave the option out", dir_okay=False, exists=exists)


@dataclass
class _Global:
    """What was given before the command, and which command it is, as far as that could be told yet.

    arguments: the whole command line, without the command of a sandbox.
    """

    arguments: Sequence[str] = ()
    project: Path = Path()
    verbose: int = 0
    command: str = ""


class _Group(click.Group):
    """Names the nearest command when one is misspelt, and lists commands in the order in which people meet them."""

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
        ctx.ensure_object(_Global).command = found[0] or ""
        return found


@click.group(cls=_Group, context_settings=_CONTEXT)
@click.version_option(__version__, "--version")
@click.option("-C", "--project", type=_folder(), default=".", help="The folder of tfdriver.yaml.")
@click.option(
    "-v", "--verbose", count=True, help="Log what is run and how long it takes; -vv: also AWS calls, tracebacks."
)
@click.pass_obj
def cli(options: _Global, project: Path, verbose: int) -> None:
    """Connect two AWS accounts: generate and drive Terraform for IAM roles that name each other.

    \b
    Try it without an AWS account:
      tfdriver demo
    Start a project of your own:
      tfdriver init my-project
    """
    options.project, options.verbose = project, verbose
    log_to_stderr(verbose)


_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object on stdout.")
_YES = click.option("--yes", "--auto-approve", "yes", is_flag=True, help="Do not ask.")
_TIMEOUT = click.option("--timeout", type=_Seconds(), help="Longest time for one Terraform command, e.g. 10m.")
_ANALYZER = click.option(
    "--access-analyzer",
    is_flag=True,
    help="Also ask IAM Access Analyzer about the trusts (AWS charges).",
)
_OVERWRITE = click.option(
    "--overwrite",
    is_flag=True,
    help="Also replace a trust policy that is not as tfdriver wrote it, or as the spec says.",
)
_ADOPT = click.option(
    "--adopt",
    is_flag=True,
    help="Import existing resources that have this project's tags into a state that does not list them.",
)
_LOCK = click.option("--lock-timeout", type=_Seconds(), default=None, help="How long to wait for another run.")


@cli.command()
@click.argument("directory", type=_folder(), default=".")
@_JSON
@click.pass_obj
def init(options: _Global, directory: Path, as_json: bool) -> None:
    """Scaffold a project: tfdriver.yaml and the example's modules.

    \b
    Example:
      tfdriver init my-project
    """
    Output(as_json=as_json).result("init", init_command.init(options.project / directory))


@cli.command()
@_JSON
@click.pass_obj
def render(options: _Global, as_json: bool) -> None:
    """Write the compositions; apply nothing, ask AWS nothing.

    \b
    Example:
      tfdriver -C my-project render
    """
    Output(as_json=as_json).result("render", render_command.render(options.project, Clock().now()))


@cli.command()
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if there are changes, as terraform plan does.")
@_OVERWRITE
@_ADOPT
@_ANALYZER
@_JSON
@_TIMEOUT
@_LOCK
@click.pass_obj
def plan(
    options: _Global,
    detailed_exitcode: bool,
    overwrite: bool,
    adopt: bool,
    access_analyzer: bool,
    as_json: bool,
    timeout: float | None,
    lock_timeout: float | None,
) -> int:
    """Show what each phase would change.

    \b
    Example:
      tfdriver plan --detailed-exitcode
    """
    output = Output(as_json=as_json)
    settings = Options(
        options.project, timeout, lock_timeout or 0, lint=True, access_analyzer=access_analyzer, adopt=adopt
    )
    with _session("plan", settings, output) as session:
        planned = plan_command.plan(session, overwrite=overwrite)
    code = Exit.DIFFERENCES if detailed_exitcode and planned.differences else Exit.DONE
    if not as_json:
        output.overview(planned.overview)
    output.result("plan", planned, code)
    return code


@cli.command()
@_YES
@click.option("--no-tighten", is_flag=True, help="Stop after phase 2, with the broad trust in force (exit code 3).")
@click.option("--no-verify", is_flag=True, help="Do not verify at the end, as `tfdriver verify` does.")
@_OVERWRITE
@_ADOPT
@_ANALYZER
@_JSON
@_TIMEOUT
@_LOCK
@click.pass_obj
def up(
    options: _Global,
    yes: bool,
    no_tighten: bool,
    no_verify: bool,
    overwrite: bool,
    adopt: bool,
    access_analyzer: bool,
    as_json: bool,
    timeout: float | None,
    lock_timeout: float | None,
) -> int:
    """Connect the accounts: the three phases, then verify.

    Phase 1 creates the trusting roles with a broad trust, phase 2 the trusted side, phase 3 makes the trust exact.

    \b
    Example:
      tfdriver up --yes
    """
    output = Output(as_json=as_json)
    confirm = _confirmation(output, yes)
    prove = None if no_verify else verify_command.verify_applied
    settings = Options(
        options.project, timeout, lock_timeout or 0, lint=True, access_analyzer=access_analyzer, adopt=adopt
    )
    with _session("up", settings, output) as session:
        done = up_command.up(
            session,
            confirm,
            tighten=not no_tighten,
            overwrite=overwrite,
            give_up=None if yes else _giving_up(output),
            prove=prove,
        )
    output.result("up", done, done.exit_code)
    return done.exit_code


@cli.command()
@_YES
@_OVERWRITE
@_ADOPT
@click.option("--revoke-sessions", is_flag=True, help="Also end the sessions that were handed out so far.")
@_JSON
@_TIMEOUT
@_LOCK
@click.pass_obj
def tighten(
    options: _Global,
    yes: bool,
    overwrite: bool,
    adopt: bool,
    revoke_sessions: bool,
    as_json: bool,
    timeout: float | None,
    lock_timeout: float | None,
) -> int:
    """Run phase 3 alone: trust exactly the trusted roles.

    The credentials of the trusting side are enough. Sessions handed out while the trust was broad live on for up to an
    hour; --revoke-sessions ends them. The policy that does so is removed by the first `up` or `tighten` after they
    would have ended by themselves.

    \b
    Example:
      tfdriver tighten --yes
    """
    output = Output(as_json=as_json)
    confirm = _confirmation(output, yes)
    settings = Options(options.project, timeout, lock_timeout or 0, adopt=adopt)
    with _session("tighten", settings, output) as session:
        done = tighten_command.tighten(
            session,
            confirm,
            overwrite=overwrite,
            revoke_sessions=revoke_sessions,
            give_up=None if yes else _giving_up(output),
        )
    output.result("tighten", done, done.exit_code)
    return done.exit_code


@cli.command()
@click.option("--timeout", type=_Seconds(), default="2m", help="How long to wait for what is expected, e.g. 30s.")
@click.option("--keep-items", is_flag=True, help="Leave the probe's items in the tables.")
@click.option("--strict", is_flag=True, help="Also fail if anything could not be probed.")
@_JSON
@_LOCK
@click.pass_obj
def verify(
    options: _Global, timeout: float, keep_items: bool, strict: bool, as_json: bool, lock_timeout: float | None
) -> int:
    """Prove by real calls who gets access and who does not.

    Exits 0 only if everything that was expected was seen. Changes nothing but the probe's items, which it removes.

    \b
    Example:
      tfdriver verify --timeout 30s
    """
    output = Output(as_json=as_json)
    with _session("verify", Options(options.project, lock_timeout=lock_timeout or 0), output) as session:
        verified = verify_command.verify(session, timeout=timeout, keep_items=keep_items, strict=strict)
    output.result("verify", verified, verified.exit_code)
    return verified.exit_code


@cli.command()
@_YES
@_ADOPT
@_JSON
@_TIMEOUT
@_LOCK
@click.pass_obj
def destroy(
    options: _Global, yes: bool, adopt: bool, as_json: bool, timeout: float | None, lock_timeout: float | None
) -> int:
    """Destroy the trusted side, then the trusting side.

    \b
    Example:
      tfdriver destroy
    """
    output = Output(as_json=as_json)
    confirm = _confirmation(output, yes)
    settings = Options(options.project, timeout, lock_timeout or 0, adopt=adopt)
    with _session("destroy", settings, output) as session:
        done = destroy_command.destroy(session, confirm)
    output.result("destroy", done, done.exit_code)
    return done.exit_code


@cli.command()
@click.option("--drift", is_flag=True, help="Also let Terraform look for changes made outside it.")
@click.option("--who", is_flag=True, help="Also look into CloudTrail for who used a role while it was open.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if anything is not exact, not applied or drifted.")
@_JSON
@_TIMEOUT
@click.pass_obj
def status(
    options: _Global, drift: bool, who: bool, detailed_exitcode: bool, as_json: bool, timeout: float | None
) -> int:
    """Show what is deployed and who is trusted.

    The trusting side's credentials are enough. Exits 0, or 1 if it cannot be seen whom a role trusts. With
    --detailed-exitcode: 2 if anything seen is not as `up` leaves it, else 1 if anything could not be seen.

    \b
    Example:
      tfdriver status --detailed-exitcode
    """
    output = Output(as_json=as_json)
    with output.progress() as progress:
        tools, settings = _tools(progress), Options(options.project, timeout)
        with drift_reader(settings, tools) if drift else nullcontext() as look_for_drift:
            looker = partial(_looker, tools.aws) if who else None
            found = status_command.status(status_command.view_project(settings, tools), look_for_drift, looker)
    code = found.exit_code(detailed=detailed_exitcode)
    output.result("status", found, code)
    return code


@cli.command()
@click.option(
    "-o",
    "--output",
    "file",
    type=_file(),
    default="report.html",
    show_default=True,
    help="Write it there.",
)
@click.option("--verify", is_flag=True, help="Also verify by real calls, as `tfdriver verify` does.")
@click.option("--who", is_flag=True, help="Also look into CloudTrail for who used a role while it was open.")
@_JSON
@click.pass_obj
def report(options: _Global, file: Path, verify: bool, who: bool, as_json: bool) -> int:
    """Write a page for the security team: who trusts whom.

    It also says since when, and proven how. The page needs nothing from elsewhere, and holds no external ids. Exits 1
    if --verify does not pass.

    \b
    Example:
      tfdriver report --verify --who -o report.html
    """
    output = Output(as_json=as_json)
    verified = None
    with output.progress() as progress:
        tools, chosen = _tools(progress), Options(options.project)
        if verify:
            with open_session("report", chosen, tools) as session:
                verified = verify_command.verify(session)
        sight = status_command.view_project(chosen, tools)
        found = status_command.status(sight, who=partial(_looker, tools.aws) if who else None)
        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        written = report_command.report(sight, found, tools.aws, file, verified, endpoint)
    output.result("report", written, written.exit_code)
    return written.exit_code


@cli.command()
@click.option(
    "--for",
    "purpose",
    type=click.Choice([str(purpose) for purpose in Purpose]),
    default="all",
    show_default=True,
    help="What the operator is to run; up includes the verify at its end.",
)
@click.option("--account", metavar="NAME", help="Only that account's: exactly one document, if one is enough.")
@click.option("--access-analyzer", is_flag=True, help="Also what --access-analyzer of plan and up takes.")
@_JSON
@click.pass_obj
def policy(options: _Global, purpose: str, account: str | None, access_analyzer: bool, as_json: bool) -> None:
    """Print the IAM policies that the operator needs, and no more.

    One or more for each account. Looks at the spec and the modules only: asks AWS nothing. What cannot be told from
    them is said on stderr.

    \b
    Example:
      tfdriver policy --account account_a > a.json
      aws iam create-policy --policy-name tfdriver --policy-document file://a.json
    """
    found = policy_command.policy(options.project, Purpose(purpose), account, access_analyzer=access_analyzer)
    Output(as_json=as_json).result("policy", found)


@cli.command()
@click.argument("error_or_role")
@_JSON
@click.pass_obj
def explain(options: _Global, error_or_role: str, as_json: bool) -> None:
    """Say why AssumeRole was refused, and the one thing to change.

    ERROR_OR_ROLE is AWS's message in quotes, `-` for standard input, or a role of the spec (name or ARN).

    \b
    Examples:
      tfdriver explain foo_bar
      aws sts assume-role ... 2>&1 | tfdriver explain -
    """
    output = Output(as_json=as_json)
    piped = error_or_role == "-"
    text = sys.stdin.buffer.read(_LONGEST_ERROR).decode("utf-8", "replace") if piped else error_or_role
    if piped and not text.strip():
        hint = "AWS's commands tell errors on standard error: pipe both, with `2>&1 | tfdriver explain -`"
        raise TfdriverError("nothing came in on standard input", hint=hint)
    with output.progress() as progress:
        tools = _tools(progress)
        found = explain_command.explain(text, Options(options.project), tools)
    output.result("explain", found)


@cli.command()
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in graph_command.Format]),
    default="tree",
    show_default=True,
    help="What to draw it as; SVG needs no other program.",
)
@click.option("-o", "--output", "file", type=_file(), help="Write it there.")
@click.option("--phases", is_flag=True, help="What is trusted after each of the three phases, side by side.")
@click.option("--live", is_flag=True, help="Ask AWS what is trusted now, instead of reading the spec only.")
@_JSON
@click.pass_obj
def graph(options: _Global, form: str, file: Path | None, phases: bool, live: bool, as_json: bool) -> None:
    """Draw who trusts whom; asks AWS only with --live.

    \b
    Example:
      tfdriver graph --format svg --phases -o graph.svg
    """
    if phases and live:
        raise click.UsageError("--phases shows what `up` would do, --live what is there: give one of them")
    drawn = graph_command.draw_graph(
        options.project,
        graph_command.Format(form),
        Clock().now(),
        three_phases=phases,
        live=Aws(environment_secrets(os.environ)) if live else None,
    )
    Output(as_json=as_json).result("graph", graph_command.write_graph(drawn, file) if file else drawn)


@cli.command(
    context_settings={"allow_interspersed_args": False},
    epilog="\n\n".join(f"\b\n{paragraph}" for paragraph in FORMAT.split("\n\n")),
)
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
@click.option("--log", type=_file(), help="Write a line per API call there.")
@click.option("--faults", type=_file(exists=True), help="Which calls go wrong; see below.")
@click.option("--fire", metavar="RULE", help="Inside a sandbox: fire the schedule of an event rule now.")
@click.option("--json", "as_json", is_flag=True, help="Print what --fire set off as one JSON object on stdout.")
@click.pass_obj
def sandbox(
    options: _Global, command: tuple[str, ...], log: Path | None, faults: Path | None, fire: str | None, as_json: bool
) -> int:
    """Run a command (default: a shell) against a local AWS.

    It has the accounts of tfdriver.yaml, and is gone, with everything in it, when the command ends.

    \b
    Examples:
      tfdriver sandbox
      tfdriver sandbox -- tfdriver up --yes
    """
    if fire and (command or log or faults):
        raise click.UsageError(
            "--fire works in the sandbox that this is in, and goes with no command and no other option"
        )
    if as_json and not fire:
        raise click.UsageError("--json goes with --fire; the options of a command come after it")
    if fire:
        fired = sandbox_command.fire(fire, os.environ)
        Output(as_json=as_json).result("sandbox", fired, fired.exit_code)
        return fired.exit_code
    return sandbox_command.sandbox(options.project, command, os.environ, log=log, faults=faults)


@cli.command()
@click.argument("name", type=click.Choice(sorted(schema_command.NAMES)), metavar="NAME")
def schema(name: str) -> None:
    """Print the JSON Schema of a command's --json, or of the spec.

    NAME is spec, for tfdriver.yaml, or a command; run is what up, tighten and destroy have in common.

    \b
    Example:
      tfdriver schema verify
    """
    Output().document(schema_command.schema(name))


@cli.command()
@_JSON
def demo(as_json: bool) -> None:
    """Tell the whole story in a local AWS; needs no AWS account.

    It scaffolds a project in a temporary folder and takes it through the three phases; after each, an intruder tries to
    get in. Then it destroys everything.

    \b
    Example:
      tfdriver demo
    """
    output = Output(as_json=as_json)
    with demo_command.stage(os.environ) as project, output.progress() as progress:
        tools = _tools(progress)
        told = demo_command.demo(project, tools)
    output.result("demo", told)


@contextmanager
def _session(command: str, options: Options, output: Output) -> Iterator[Session]:
    with output.progress() as progress, open_session(command, options, _tools(progress)) as session:
        yield session


def _tools(progress: Progress) -> Tools:
    return real_tools(os.environ, progress, Interrupts())


def _looker(aws: Calls, spec: Spec, seen: Mapping[str, AccountAccess]) -> CloudTrailReader:
    return CloudTrailReader(aws, spec, seen, known_regions())


def _confirmation(output: Output, yes: bool) -> Callable[[Overview], None]:
    """Return how to ask; refuse at once where nobody can answer."""
    if not yes and not sys.stdin.isatty():
        raise TfdriverError("there is no terminal to ask on", hint="Give --yes to go on without asking")

    def ask(view: Overview) -> None:
        output.overview(view)
        if not yes:
            _ask(view.question)

    return ask


def _giving_up(output: Output) -> Callable[[Sequence[str]], None]:
    """Return how to ask about what would be deleted."""

    def ask(losses: Sequence[str]) -> None:
        output.losses(losses)
        _ask("Let Terraform delete that?")

    return ask


def _ask(question: str) -> None:
    try:
        confirmed = click.confirm(question, err=True)
    except click.Abort:
        sys.stderr.write("\n")  # the terminal shows ^C in the line of the question
        confirmed = False
    if not confirmed:
        raise TfdriverError("not confirmed; nothing was changed")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: the one place where failures become messages and exit codes."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run(arguments))


def run(arguments: list[str]) -> int:
    """Run one command line and return its exit code, having printed its result or its failure."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    options = _Global(own)
    try:
        return int(cli.main(arguments, prog_name="tfdriver", standalone_mode=False, obj=options) or 0)
    except click.exceptions.NoArgsIsHelpError as error:
        error.show()
        return Exit.FAILED
    except Exception as error:
        failure = _failure(error)
        if options.verbose > 1:
            sys.stderr.write(clean(hide(traceback.format_exc(), environment_secrets(os.environ))))
    except KeyboardInterrupt as interrupt:
        failure = TfdriverError(stopped_by(interrupt))
    Output(as_json="--json" in own).error(options.command, failure)
    return int(failure.exit_code)


def _misplaced(error: click.NoSuchOption) -> str:
    """Return where to put an option that was given on the wrong side of the command, '' for any other mistake."""
    if error.ctx is None:
        return ""
    name, command = error.option_name, error.ctx.info_name
    if error.ctx.parent is not None:
        option = _options(cli).get(name)
        value = "" if option is None or option.is_flag or option.count else " ..."
        return f"It comes before the command: `tfdriver {name}{value} {command}`" if option else ""
    taking = [found for found in cli.commands if name in _options(cli.commands[found])]
    named = [found for found in taking if found in error.ctx.ensure_object(_Global).arguments]
    return f"It comes after the command: `tfdriver {(named or taking)[0]} {name}`" if taking else ""


def _options(command: click.Command) -> dict[str, click.Option]:
    return {text: option for option in command.params if isinstance(option, click.Option) for text in option.opts}


def _failure(error: Exception) -> TfdriverError:
    """Return what to tell the user of an exception; one that is not expected is a bug of ours and says so."""
    match error:
        case TfdriverError():
            return error
        case click.UsageError():
            if isinstance(error, click.NoSuchOption) and (hint := _misplaced(error)):
                return TfdriverError(f"no option {error.option_name} here", hint=hint)
            hint = f"Try `{error.ctx.command_path} -h`" if error.ctx else ""
            return TfdriverError(error.format_message().rstrip("."), hint=hint)
        case click.ClickException():
            return TfdriverError(error.format_message().rstrip("."))
        case click.Abort():  # click's word for Ctrl-C
            return TfdriverError(stopped_by(error.__cause__))
        case OSError():
            return TfdriverError(error.strerror or str(error), where=str(error.filename or ""))
        case _:
            hint = "This is a bug in tfdriver: please report it, with what `-vv` shows"
            return TfdriverError(f"unexpected {type(error).__name__}: {error}", hint=hint)
