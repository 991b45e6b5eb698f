"""Opens a project for one command, and checks it before anything is written or applied.

The checks, in order: the spec (and its policies, if asked for), Terraform's version, the folder's permissions, the
project lock, the compositions' files and states, and each profile's account. Then every role is read from AWS.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from tfdriver.aws.account_access import AccountAccess, ReachableAws, account_access
from tfdriver.aws.calls import Caller
from tfdriver.aws.client import Aws, known_regions, profile_region, takes_keys_from_environment
from tfdriver.aws.identity import check_identities
from tfdriver.aws.observe import Observation
from tfdriver.clock import Clock
from tfdriver.concurrency import default_parallelism
from tfdriver.deploy.access_analyzer import analyze
from tfdriver.deploy.backend_locks import ConfirmUnlock, HeldLock, held_locks, remove_locks, wait_until_unlocked
from tfdriver.deploy.move_state import ConfirmMoves, find_moves, move_states, refuse_unmoved
from tfdriver.deploy.open_trust import (
    STOPPED,
    reporting_open_trusts,
    reporting_open_trusts_if_refused,
    with_open_trusts,
)
from tfdriver.deploy.overview import Overview, overview
from tfdriver.deploy.ownership import States, applied_trusts, listed_elsewhere
from tfdriver.deploy.phases import Driver, DriverAws, RunScope, make_driver
from tfdriver.deploy.work import phase_one
from tfdriver.errors import TfdriverError
from tfdriver.iam.lint import lint_spec, refuse_errors
from tfdriver.iam.phase_trusts import refuse_long_policies
from tfdriver.iam.trust_state import Phase, Unseen
from tfdriver.interrupts import InterruptedRunError, Interrupts, stopped_by
from tfdriver.project import git_check
from tfdriver.project.lock import locked
from tfdriver.project.outputs_file import unseen_roles
from tfdriver.project.selection import Selection
from tfdriver.project.state_account import is_local
from tfdriver.project.timeline import Timeline
from tfdriver.project.workspace import Workspace
from tfdriver.redaction import environment_secrets
from tfdriver.spec.compositions import Composition
from tfdriver.spec.load import load_accounts, load_spec
from tfdriver.spec.model import Account, Spec
from tfdriver.spec.spec_file import permission_warning
from tfdriver.terraform.environment import LOG_PATH, git_environment, ignored, terraform_environment
from tfdriver.terraform.program import Program, check_version, find_program
from tfdriver.terraform.progress import Progress
from tfdriver.terraform.provider_hosts import ProviderHosts, proxy_wanted
from tfdriver.terraform.provider_installation import PLACES, cli_config, searched_mirror
from tfdriver.terraform.remote_state import Pull, pulling
from tfdriver.terraform.runner import Settings
from tfdriver.terraform.shared_provider import SharedProvider
from tfdriver.terraform.state import State
from tfdriver.terraform.state_lock import wait_for_local
from tfdriver.waiting import Waiting

_SHORTEST_WAIT = 30.0  # seconds: another run may begin during this one, and lock a state while it plans
_CHANGING = ("up", "tighten", "destroy")
_DECIDING = ("plan", "up")  # what phase 1 creates, which depends on the roles of other shards, too
_CREATING = ("plan", "up", "tighten")  # what they write depends on the roles of other accounts
_BYTES_NEEDED = 20_000_000  # for states, logs and rendered files of a run, with a wide margin


@dataclass(frozen=True)
class Options:
    """A user's options for a run. timeout: seconds per Terraform command; lock_timeout: seconds to wait for locks.

    lint: whether to check for dangerous policies and for states in git; errors stop the run, warnings are printed.
    access_analyzer: whether to call IAM Access Analyzer, too; adopt: whether to adopt orphaned resources.
    parallelism: how many compositions are worked on at once; confirm_moves: asks before states are moved to another
    backend, None to refuse; confirm_unlock: asks before the locks of killed runs are removed, None to refuse;
    selection: what the run covers.
    """

    project: Path
    timeout: float | None = None
    lock_timeout: float = 0
    lint: bool = False
    access_analyzer: bool = False
    adopt: bool = False
    parallelism: int = field(default_factory=default_parallelism)
    confirm_moves: ConfirmMoves | None = None
    confirm_unlock: ConfirmUnlock | None = None
    selection: Selection = field(default_factory=Selection)


@dataclass(frozen=True)
class Tools:
    """The outside world of the commands.

    hide: removes credentials from a text; mirrors: folders to search for a mirror of the AWS provider.
    """

    environ: Mapping[str, str]
    progress: Progress
    interrupts: Interrupts
    aws: DriverAws
    clock: Clock
    hide: Callable[[str], str] = str
    mirrors: tuple[Path, ...] = PLACES


def real_tools(environ: Mapping[str, str], progress: Progress, interrupts: Interrupts) -> Tools:
    """Return the tools for the real world."""
    aws = Aws(environment_secrets(environ))
    return Tools(environ, progress, interrupts, aws, Clock(), aws.hide)


@dataclass(frozen=True)
class FoundTerraform:
    """The Terraform of a run.

    environment: its whole environment; private: a folder of this run only; for_git, hosts, shared: see
    `runner.Settings`.
    """

    program: Program
    version: str
    environment: Mapping[str, str]
    for_git: Mapping[str, str]
    private: Path
    hosts: ProviderHosts | None
    shared: SharedProvider = field(default_factory=SharedProvider)

    def settings(self, tools: Tools, options: Options, keep_open: tuple[int, ...] = ()) -> Settings:
        """Return the settings of this run's Terraform commands. keep_open: descriptors that they inherit."""
        return Settings(
            program=self.program,
            environment=self.environment,
            for_git=self.for_git,
            interrupts=tools.interrupts,
            keep_open=keep_open,
            timeout=options.timeout,
            lock_timeout=max(options.lock_timeout, _SHORTEST_WAIT),
            hide=tools.hide,
            hosts=self.hosts,
            shared=self.shared,
            parallelism=options.parallelism,
        )


@dataclass(frozen=True)
class Session:
    """An opened project.

    settings: of its Terraform commands; callers: each profile's user or role, by account name, in the accounts of the
    run's compositions; accounts: the access to those that were read, by name; observed, states: the roles in AWS and
    the compositions' states when it was opened; pull: reads states from their backends.
    """

    spec: Spec
    workspace: Workspace
    driver: Driver
    terraform: FoundTerraform
    settings: Settings
    callers: Mapping[str, Caller]
    accounts: Mapping[str, AccountAccess]
    observed: Observation
    states: States
    tools: Tools
    pull: Pull

    def read_state(self, composition: Composition) -> State | None:
        """Return the current state of a composition. Raises TfdriverError for an unreadable one."""
        return self.workspace.state(composition, self.pull)

    def overview(self, action: str, phase: Phase | None = None) -> Overview:
        """Return the overview to print before `action` (`up`, `tighten`, `destroy`) or for `plan`.

        phase: the only one that `up` runs, None for all.
        """
        others = (c for c in self.workspace.of_all_shards if c not in self.workspace.compositions)
        first = phase_one(self.spec, self.workspace.of_all_shards, self.observed)
        return overview(
            action,
            self.spec,
            self.callers,
            self.observed,
            self.workspace.compositions,
            self.driver.now(),
            first.in_phase(phase),
            phase=phase,
            elsewhere=frozenset(role.key for composition in others for role in composition.roles),
            terraform=f"{self.terraform.version} ({self.terraform.program.name})",
            endpoint=self.tools.environ.get("AWS_ENDPOINT_URL", ""),
        )

    @contextmanager
    def run(self, stopped: str = STOPPED) -> Iterator[Driver]:
        """Provide the driver inside the `with` block: signals are counted, errors report open trusts.

        stopped: see `reporting_open_trusts`.
        """
        with self.tools.interrupts.listening(), reporting_open_trusts(self.driver, self.observed, stopped):
            yield self.driver


def read_spec(project: Path, note: Callable[[str], None] = lambda _: None) -> Spec:
    """Return the project's checked spec. note: receives a warning about the file's mode. Raises TfdriverError."""
    spec = load_spec(project, regions=known_regions, profile_region=profile_region, checks=(refuse_long_policies,))
    if warning := permission_warning(spec.root):
        note(f"warning: {warning}")
    for account in spec.accounts.values():
        if account.region not in known_regions():
            note(f"warning: accounts.{account.name}: the installed botocore does not know region {account.region}")
    return spec


def read_accounts(project: Path) -> dict[str, Account]:
    """Return the accounts of the project's spec, by key, whatever its roles are. Raises TfdriverError."""
    return load_accounts(project, regions=known_regions, profile_region=profile_region)


@contextmanager
def find_terraform(accounts: Collection[Account], tools: Tools, parallelism: int) -> Iterator[FoundTerraform]:
    """Provide Terraform inside the `with` block; report a mirror found by searching and the variables not passed on.

    accounts: whose credentials Terraform uses; parallelism: how many providers may stay in memory between two
    commands. Raises TfdriverError without a usable Terraform.
    """
    with tempfile.TemporaryDirectory(prefix="tfdriver-") as private:
        program = find_program(tools.environ)
        if mirror := searched_mirror(tools.environ, tools.mirrors):
            tools.progress.note(f"the AWS provider comes from {mirror}, a mirror found by searching")
        config = cli_config(tools.environ, Path(private), tools.mirrors)
        with_keys = any(takes_keys_from_environment(account.profile) for account in accounts)
        environment = terraform_environment(tools.environ, config, with_keys=with_keys)
        for_git = git_environment(tools.environ)
        dropped = ignored(tools.environ, environment | for_git)
        if accounts and dropped:
            tools.progress.note(f"warning: not passed on to Terraform: {', '.join(dropped)}")
        if LOG_PATH in environment:  # Terraform runs in the compositions' folders
            environment[LOG_PATH] = str(Path(environment[LOG_PATH]).absolute())
        version = check_version(program, environment)
        hosts = ProviderHosts(environment, parallelism, tools.progress.note) if proxy_wanted(tools.environ) else None
        try:
            yield FoundTerraform(program, version, environment, for_git, Path(private), hosts)
        finally:
            if hosts:
                hosts.close()


@contextmanager
def open_session(command: str, options: Options, tools: Tools) -> Iterator[Session]:
    """Provide the opened project inside the `with` block.

    command: its name; `tighten` needs only the credentials of the trusting side. Raises OpenTrustError in place of any
    TfdriverError while a broad trust is in force, also for an error from inside the block.
    """
    with _with_options(options.selection), ExitStack() as stack:
        workspace: Workspace | None = None
        try:
            workspace = run_workspace(read_spec(options.project, tools.progress.note), options, tools)
            session = _opened(stack, command, workspace, options, tools)
        except (Exception, KeyboardInterrupt) as error:
            stopped = _as_tfdriver_error(error)
            reported = with_open_trusts(stopped, options.project, workspace, tools.aws, tools.clock.now())
            if reported is stopped:
                raise
            raise reported from error
        with reporting_open_trusts_if_refused(session.driver, session.observed):
            if options.access_analyzer:
                findings = analyze(session.spec, session.observed, tools.aws, session.driver.now())
                refuse_errors(findings, tools.progress.note)
            yield session


@contextmanager
def _with_options(selection: Selection) -> Iterator[None]:
    """Add the options that choose the accounts to the commands that an error proposes."""
    try:
        yield
    except TfdriverError as error:
        error.hint = selection.in_commands(error.hint)
        raise


def _as_tfdriver_error(error: BaseException) -> TfdriverError:
    match error:
        case TfdriverError():
            return error
        case KeyboardInterrupt():
            return InterruptedRunError(stopped_by(error))
    return TfdriverError(f"unexpected {type(error).__name__}: {error}", code="internal_error")


def run_workspace(spec: Spec, options: Options, tools: Tools) -> Workspace:
    """Return the compositions that a run covers; report an empty shard. Raises TfdriverError for a bad selection."""
    selection = options.selection
    workspace = Workspace(spec, is_local(tools.environ), selection.accounts(spec), selection.shard)
    if not workspace.compositions:
        count = len(workspace.of_all_shards)
        tools.progress.note(f"nothing in this shard: none of {count} compositions is in shard {selection.shard}")
    return workspace


def _opened(stack: ExitStack, command: str, workspace: Workspace, options: Options, tools: Tools) -> Session:
    """Open a project until the stack is closed."""
    spec, accounts = workspace.spec, workspace.own_accounts
    if options.lint:
        refuse_errors(lint_spec(spec), tools.progress.note)
    unseen = unseen_roles(spec, workspace.accounts or (), tolerant=command not in _CREATING)
    found = stack.enter_context(find_terraform(accounts, tools, options.parallelism))
    descriptor = _lock(stack, command, workspace, options, tools)
    settings = found.settings(tools, options, (descriptor,))
    trusting = {role.account.name for role in spec.trusting}
    needed = [a for a in accounts if command != "tighten" or a.name in trusting]
    callers = check_identities(spec, tools.aws, needed)
    reader = _role_reader(workspace, callers, unseen, tools)
    if command in (*_CHANGING, "plan"):
        _wait_for_backends(workspace, reader, settings, found.private, options, tools)
    _move_states(workspace, settings, found.private, options, tools)
    pull = pulling(settings, found.private, reader.accounts)
    states = workspace.states(pull, options.parallelism)
    workspace.check_place(states)
    arns = {name: caller.arn for name, caller in callers.items()}
    scope = replace(_scope(workspace, reader, pull, states, options), callers=arns)
    timeline = Timeline(workspace.timeline, arns, tools.progress.note)
    driver = make_driver(workspace, tools.aws, settings, tools.progress, timeline, tools.clock, scope)
    stack.callback(driver.plans.discard)
    observed = driver.roles.observe_related() if command in _DECIDING else driver.observe()
    if command in _CHANGING:
        driver.record(observed)
    return Session(
        spec=spec,
        workspace=workspace,
        driver=driver,
        terraform=found,
        settings=settings,
        callers=callers,
        accounts=reader.accounts,
        observed=observed,
        states=states,
        tools=tools,
        pull=pull,
    )


def _scope(workspace: Workspace, reader: ReachableAws, pull: Pull, states: States, options: Options) -> RunScope:
    return RunScope(
        reader=reader,
        states=lambda compositions: workspace.states(pull, options.parallelism, compositions),
        interrupted=workspace.interrupted(states),
        adopt=options.adopt,
        others=listed_elsewhere(workspace.compositions, states),
        applied=applied_trusts(states),
        selection=options.selection,
    )


def _wait_for_backends(
    workspace: Workspace, reader: ReachableAws, settings: Settings, private: Path, options: Options, tools: Tools
) -> None:
    """Wait until no state in S3 is locked; remove the locks of killed runs of this folder, if the user agrees."""

    def look() -> Sequence[HeldLock]:
        held = held_locks(workspace, tools.aws, reader.accounts)
        left = [one for one in held if one.left]
        if not left or options.confirm_unlock is None:
            return held
        options.confirm_unlock(left)
        remove_locks(left, settings, private, tools.progress.note)
        return [one for one in held if not one.left]

    wait_until_unlocked(look, workspace.path, _waiting(options, tools))


def _waiting(options: Options, tools: Tools) -> Waiting:
    def tell(what: str) -> None:
        if options.lock_timeout:
            tools.progress.note(f"waiting: {what}")

    return Waiting(options.lock_timeout, tell=tell)


def _move_states(workspace: Workspace, settings: Settings, private: Path, options: Options, tools: Tools) -> None:
    if moves := find_moves(workspace):
        if options.confirm_moves is None:
            refuse_unmoved(moves)
        else:
            options.confirm_moves(moves)
            move_states(moves, workspace, settings, private, tools.clock.now(), tools.progress.note)


def _role_reader(
    workspace: Workspace, callers: Mapping[str, Caller], unseen: Mapping[tuple[str, str], Unseen], tools: Tools
) -> ReachableAws:
    accesses = account_access(workspace.spec, tools.aws, callers, workspace.accounts, workspace.first_accounts)
    reader = ReachableAws(tools.aws, accesses, unseen)
    for access in reader.accounts.values():
        if access.problem and access.selected:
            tools.progress.note(f"warning: no access to {access.account}: {access.problem}")
    return reader


def _lock(stack: ExitStack, command: str, workspace: Workspace, options: Options, tools: Tools) -> int:
    """Check the workspace. Return the descriptor of the project lock, held until the stack is closed."""
    root = workspace.spec.root
    _check_folder(root)
    waiting = _waiting(options, tools)
    descriptor = stack.enter_context(locked(root, command, waiting))
    for composition in workspace.kept_here:  # plain Terraform may have been started by hand
        wait_for_local(workspace.path(composition), waiting)
    workspace.check()
    workspace.check_place()
    if options.lint:
        folders = map(workspace.path, workspace.kept_here)
        if warning := git_check.warning(folders, root, tools.environ):
            tools.progress.note(f"warning: {warning}")
    return descriptor


def _check_folder(root: Path) -> None:
    for folder in (root, root / "compositions"):
        if folder.exists() and not os.access(folder, os.W_OK | os.X_OK):
            raise TfdriverError(
                "the folder is not writable",
                code="not_writable",
                where=str(folder),
                hint="Give yourself write permission",
            )
    if shutil.disk_usage(root).free < _BYTES_NEEDED:
        hint = "Free at least 20 MB: Terraform must be able to save its state"
        raise TfdriverError("the disk is full", code="disk_full", where=str(root), hint=hint)
