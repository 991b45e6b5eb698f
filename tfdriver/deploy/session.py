"""Opens a project for one command: everything that must hold before anything is written or applied.

In this order, each stopping the command: a good spec (and no dangerous policy, where that is asked for), a Terraform
that is new enough, a folder to write into, nobody else at work here, compositions on disk that are ours, with states of
this place, each profile in the account the spec says, and what AWS shows of every role.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tfdriver.aws.account_access import ReachableAws, account_access
from tfdriver.aws.calls import Caller
from tfdriver.aws.client import Aws, known_regions, profile_region, takes_keys_from_environment
from tfdriver.aws.identity import check_identities, used_accounts
from tfdriver.aws.observe import Observation
from tfdriver.clock import Clock
from tfdriver.deploy.access_analyzer import analyze
from tfdriver.deploy.open_trust import (
    STOPPED,
    reporting_open_trusts,
    reporting_open_trusts_if_refused,
    with_open_trusts,
)
from tfdriver.deploy.overview import Overview, overview
from tfdriver.deploy.ownership import States, listed_elsewhere
from tfdriver.deploy.phases import Driver, DriverAws, RunScope
from tfdriver.errors import TfdriverError
from tfdriver.iam.lint import refuse_errors
from tfdriver.iam.lint_modules import lint_project
from tfdriver.iam.phase_trusts import refuse_long_trusts
from tfdriver.interrupts import InterruptedRunError, Interrupts, stopped_by
from tfdriver.project import git_check
from tfdriver.project.lock import locked
from tfdriver.project.state_account import is_local
from tfdriver.project.timeline import Timeline
from tfdriver.project.workspace import Workspace
from tfdriver.redaction import environment_secrets
from tfdriver.spec.compositions import Composition
from tfdriver.spec.load import load_spec
from tfdriver.spec.model import Spec
from tfdriver.spec.spec_file import permission_warning
from tfdriver.terraform.environment import LOG_PATH, ignored, terraform_environment
from tfdriver.terraform.program import Program, check_version, find_program
from tfdriver.terraform.progress import Progress
from tfdriver.terraform.provider_installation import PLACES, cli_config, searched_mirror
from tfdriver.terraform.remote_state import Pull, pulling
from tfdriver.terraform.runner import Settings
from tfdriver.terraform.state import State
from tfdriver.terraform.state_lock import wait_for_local
from tfdriver.waiting import Waiting

_CHANGING = ("up", "tighten", "destroy")
_ROOM_NEEDED = 20_000_000  # bytes: states, logs and rendered files of a run, with a wide margin


@dataclass(frozen=True)
class Options:
    """What a user may set for a run. timeout: seconds per Terraform command; lock_timeout: seconds to wait.

    lint: whether to look for dangerous policies and for states in git first; errors stop, warnings are told.
    access_analyzer: whether to ask IAM Access Analyzer too; adopt: whether to take resources with this project's tags
    into states that do not list them.
    """

    project: Path
    timeout: float | None = None
    lock_timeout: float = 0
    lint: bool = False
    access_analyzer: bool = False
    adopt: bool = False


@dataclass(frozen=True)
class Tools:
    """The outside world, as the commands use it.

    hide: takes the credentials out of a text; mirrors: folders below which a mirror of the AWS provider is searched.
    """

    environ: Mapping[str, str]
    progress: Progress
    interrupts: Interrupts
    aws: DriverAws
    clock: Clock
    hide: Callable[[str], str] = str
    mirrors: tuple[Path, ...] = PLACES


def real_tools(environ: Mapping[str, str], progress: Progress, interrupts: Interrupts) -> Tools:
    """Return the tools that reach the real world."""
    aws = Aws(environment_secrets(environ))
    return Tools(environ, progress, interrupts, aws, Clock(), aws.hide)


@dataclass(frozen=True)
class FoundTerraform:
    """The Terraform of a run. environment: its whole environment; private: a folder of this run alone."""

    program: Program
    version: str
    environment: Mapping[str, str]
    private: Path

    def settings(self, tools: Tools, options: Options, keep_open: tuple[int, ...] = ()) -> Settings:
        """Return what the Terraform commands of this run share. keep_open: descriptors that they inherit."""
        return Settings(
            self.program,
            self.environment,
            tools.interrupts,
            keep_open,
            options.timeout,
            options.lock_timeout,
            tools.hide,
        )


@dataclass(frozen=True)
class Session:
    """An opened project.

    settings: what its Terraform commands share; callers: who we are, by account name; seen, states: what AWS showed
    and what the compositions' states listed when it was opened; pull: reads states from their backends.
    """

    spec: Spec
    workspace: Workspace
    driver: Driver
    terraform: FoundTerraform
    settings: Settings
    callers: Mapping[str, Caller]
    seen: Observation
    states: States
    tools: Tools
    pull: Pull

    def read_state(self, composition: Composition) -> State | None:
        """Return the state of a composition as it is now. Raises TfdriverError where it cannot be read."""
        return self.workspace.state(composition, self.pull)

    def overview(self, action: str) -> Overview:
        """Return what a person is shown before `action` (`up`, `tighten`, `destroy`), or of `plan`."""
        return overview(
            action,
            self.spec,
            self.callers,
            self.seen,
            self.workspace.compositions,
            self.driver.now(),
            terraform=f"{self.terraform.version} ({self.terraform.program.name})",
            endpoint=self.tools.environ.get("AWS_ENDPOINT_URL", ""),
        )

    @contextmanager
    def at_work(self, stopped: str = STOPPED) -> Iterator[Driver]:
        """Change things inside the `with` block: interrupted politely, loud when it fails half way.

        stopped: what to say where it was interrupted and left nothing open.
        """
        with self.tools.interrupts.listening(), reporting_open_trusts(self.driver, self.seen, stopped):
            yield self.driver


def read_spec(project: Path, note: Callable[[str], None] = lambda _: None) -> Spec:
    """Return the project's checked spec. note: receives a warning about the file's mode. Raises TfdriverError."""
    spec = load_spec(project, regions=known_regions, profile_region=profile_region, checks=(refuse_long_trusts,))
    if warning := permission_warning(spec.root):
        note(f"warning: {warning}")
    return spec


@contextmanager
def find_terraform(spec: Spec, tools: Tools) -> Iterator[FoundTerraform]:
    """Give Terraform inside the `with` block; say which variables it does not get, and which mirror was found for it.

    Raises TfdriverError if there is none that is new enough.
    """
    with tempfile.TemporaryDirectory(prefix="tfdriver-") as private:
        program = find_program(tools.environ)
        if mirror := searched_mirror(tools.environ, tools.mirrors):
            tools.progress.note(f"the AWS provider comes from {mirror}, a mirror found by searching")
        config = cli_config(tools.environ, Path(private), tools.mirrors)
        with_keys = any(takes_keys_from_environment(account.profile) for account in used_accounts(spec))
        environment = terraform_environment(tools.environ, config, with_keys=with_keys)
        dropped = ignored(tools.environ, environment)
        if dropped:
            tools.progress.note(f"warning: not passed on to Terraform: {', '.join(dropped)}")
        if LOG_PATH in environment:  # Terraform runs in the compositions' folders
            environment[LOG_PATH] = str(Path(environment[LOG_PATH]).absolute())
        yield FoundTerraform(program, check_version(program, environment), environment, Path(private))


@contextmanager
def open_session(command: str, options: Options, tools: Tools) -> Iterator[Session]:
    """Give the opened project inside the `with` block.

    command: which it is; `tighten` needs the credentials of the trusting side only. Raises OpenTrustError in place of
    any TfdriverError while a broad trust is in force, be it raised inside the block.
    """
    with ExitStack() as stack:
        spec: Spec | None = None
        try:
            spec = read_spec(options.project, tools.progress.note)
            session = _opened(stack, command, spec, options, tools)
        except (Exception, KeyboardInterrupt) as error:
            stopped = _expected(error)
            reported = with_open_trusts(stopped, options.project, spec, tools.aws, tools.clock.now())
            if reported is stopped:
                raise
            raise reported from error
        with reporting_open_trusts_if_refused(session.driver, session.seen):
            if options.access_analyzer:
                found = analyze(spec, session.seen, tools.aws, session.driver.now())
                refuse_errors(found, tools.progress.note)
            yield session


def _expected(error: BaseException) -> TfdriverError:
    match error:
        case TfdriverError():
            return error
        case KeyboardInterrupt():
            return InterruptedRunError(stopped_by(error))
    return TfdriverError(f"unexpected {type(error).__name__}: {error}", code="internal_error")


def _opened(stack: ExitStack, command: str, spec: Spec, options: Options, tools: Tools) -> Session:
    """Open a project until the stack is closed."""
    if options.lint:
        refuse_errors(lint_project(spec), tools.progress.note)
    found = stack.enter_context(find_terraform(spec, tools))
    workspace, descriptor = _locked_workspace(stack, command, spec, options, tools)
    trusting = {role.account.name for role in spec.trusting}
    accounts = [a for a in used_accounts(spec) if command != "tighten" or a.name in trusting]
    callers = check_identities(spec, tools.aws, accounts)
    settings = found.settings(tools, options, (descriptor,))
    looks = ReachableAws(tools.aws, account_access(spec, tools.aws, callers))
    for half in (half for half in looks.accounts.values() if half.problem):
        tools.progress.note(f"warning: {half.account} is not seen: {half.problem}")
    pull = pulling(settings, found.private, looks.accounts)
    states = workspace.states(pull)
    workspace.check_place(states)
    scope = RunScope(
        accounts=tuple(accounts),
        looks=looks,
        states=lambda compositions: workspace.states(pull, compositions),
        interrupted=workspace.interrupted(states),
        adopt=options.adopt,
        others=listed_elsewhere(workspace.compositions, states),
    )
    arns = {name: caller.arn for name, caller in callers.items()}
    timeline = Timeline(workspace.timeline, arns, tools.progress.note)
    driver = Driver(workspace, tools.aws, settings, tools.progress, timeline, tools.clock, scope)
    seen = driver.observe()
    if command in _CHANGING:
        driver.record(seen)
    return Session(spec, workspace, driver, found, settings, callers, seen, states, tools, pull)


def _locked_workspace(
    stack: ExitStack, command: str, spec: Spec, options: Options, tools: Tools
) -> tuple[Workspace, int]:
    """Return the project's checked workspace and the descriptor of its lock, held until the stack is closed."""
    _check_folder(spec.root)
    waiting = Waiting(options.lock_timeout, tell=lambda what: tools.progress.note(f"waits: {what}"))
    descriptor = stack.enter_context(locked(spec.root, command, waiting))
    workspace = Workspace(spec, is_local(tools.environ))
    for composition in workspace.kept_here:  # whose Terraform may have been started by hand
        wait_for_local(workspace.path(composition), waiting)
    workspace.check()
    workspace.check_migrated()
    workspace.check_place()
    if options.lint and (said := git_check.warning(map(workspace.path, workspace.kept_here), spec.root, tools.environ)):
        tools.progress.note(f"warning: {said}")
    return workspace, descriptor


def _check_folder(root: Path) -> None:
    for folder in (root, root / "compositions"):
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise TfdriverError(
                "the folder is not writable",
                code="not_writable",
                where=str(folder),
                hint="Give yourself write permission",
            )
    if shutil.disk_usage(root).free < _ROOM_NEEDED:
        hint = "Free at least 20 MB: Terraform must be able to save its state"
        raise TfdriverError("the disk is full", code="disk_full", where=str(root), hint=hint)
