"""Runs Terraform commands in one composition's folder.

Built on python-terraform 0.10.1 for `generate_cmd_string`. The rest is overridden, because (all tried) its constructor
and every successful command parse `terraform.tfstate` and raise for the empty or truncated file of a crash; a misspelt
method runs as a Terraform command; it has no environment, timeout, streaming or interrupt; errors do not raise;
`destroy()` sends `-force`, which Terraform rejects.
"""

from __future__ import annotations

import json
import logging
import shlex
import subprocess
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from python_terraform import IsFlagged, Terraform

from tfdriver.files import hide_in_file, private_folder, read_json, write_whole
from tfdriver.interrupts import Interrupts
from tfdriver.redaction import hide_in_line
from tfdriver.terraform import backend, process
from tfdriver.terraform.environment import LOG_PATH, logs_to_stderr, without_log
from tfdriver.terraform.events import STOPPING, TEXT, Event, TerraformOutcome, follow, outcome, parse_line
from tfdriver.terraform.failure import TerraformError, diagnostic_place, refuse_failed, refuse_hidden_types
from tfdriver.terraform.initialized import is_initialized, keep_initialized
from tfdriver.terraform.program import Program
from tfdriver.terraform.provider_host import ProxyFailedError
from tfdriver.terraform.provider_hosts import ProviderHosts
from tfdriver.terraform.provider_installation import PROVIDERS
from tfdriver.terraform.saved_plan import SavedPlan, digest
from tfdriver.terraform.shared_provider import SharedProvider, left_out
from tfdriver.terraform.state import FILE

_LOG = logging.getLogger(__name__)
RUN_FOLDER = ".tfdriver"
APPLY_LOG = "apply.jsonl"
TERRAFORM_LOG = "terraform.log"  # for TF_LOG, unless TF_LOG_PATH names another file
_QUERY_SECONDS = 120
A = TypeVar("A")


@dataclass(frozen=True)
class Settings:
    """Settings of all Terraform commands of a run. environment: Terraform's whole environment.

    keep_open: descriptors that Terraform inherits (the project lock); timeout: seconds per command, or None;
    lock_timeout: seconds to wait for a state lock; hide: removes credentials from a text; hosts: start the commands
    that use the AWS provider, None to run them without the provider proxy; shared: the provider that compositions
    share, None to install it in each; parallelism: how many compositions are worked on at once; for_git: further
    variables for `init`, which fetches modules; stuck: returns the addresses of resources whose change cannot succeed,
    so that the command is stopped.
    """

    program: Program
    environment: Mapping[str, str]
    interrupts: Interrupts
    keep_open: tuple[int, ...] = ()
    timeout: float | None = None
    lock_timeout: float = 0
    hide: Callable[[str], str] = str
    hosts: ProviderHosts | None = None
    shared: SharedProvider | None = None
    parallelism: int = 2
    for_git: Mapping[str, str] = field(default_factory=dict)
    stuck: Callable[[], Collection[str]] = frozenset


class Root(Terraform):  # type: ignore[misc]  # python-terraform has no types
    """Terraform in one composition's folder. on_event: called with each event as it comes."""

    def __init__(self, folder: Path, settings: Settings, on_event: Callable[[Event], None] = lambda _: None) -> None:
        self._settings = settings
        self._on_event = on_event
        super().__init__(working_dir=str(folder), terraform_bin_path=settings.program.argv[0])

    def read_state_file(self, file_path: str | None = None) -> None:
        """Do nothing: only Terraform reads its state here."""

    def __getattr__(self, item: str) -> Any:
        raise AttributeError(item)

    def argv(self, command: str, **options: Any) -> list[str]:
        """Return the command line of a Terraform command; options as in python-terraform's `cmd`."""
        generated = self.generate_cmd_string(command, input=False, no_color=IsFlagged, **options)
        return [*self._settings.program.argv, *generated[1:]]

    @property
    def _lock_timeout(self) -> str | None:
        """The value of `-lock-timeout`, None to omit the option."""
        seconds = self._settings.lock_timeout
        return f"{seconds:g}s" if seconds else None

    @property
    def initialised(self) -> bool:
        """Whether `init` has run in this folder."""
        return (Path(self.working_dir) / ".terraform").is_dir()

    def init(self, *, backend: bool = True) -> TerraformOutcome:
        """Install provider and modules, unless nothing has changed since the last time. Raises TerraformError.

        backend: whether to initialize the backend. (Terraform 1.7 has no `init -json`.) Terraform moves no state:
        `move_state` does, in a way that can be repeated.
        """
        argv = self.argv("init", **({"reconfigure": IsFlagged} if backend else {"backend": False}))
        if is_initialized(*self._init_inputs):
            done = outcome((), TEXT)
        else:
            done = self._init_shared(argv) or self._init(argv)
            keep_initialized(*self._init_inputs)
        if self._settings.shared:
            self._settings.shared.offer(Path(self.working_dir))
        return done

    def warm_up(self) -> None:
        """Start the composition's provider host, which takes a moment."""
        if self._settings.hosts:
            self._settings.hosts.warm_up(Path(self.working_dir), self._settings.keep_open)

    def init_backend(self) -> None:
        """Initialize a folder that has only a backend block. Raises TerraformError.

        Without the AWS provider, which Terraform would install because a state names it.
        """
        self._output("cannot initialize the backend", "init", "-input=false", "-no-color", more=left_out(*PROVIDERS))

    def plan(self, instead: Mapping[str, Any] | None = None, *, destroy: bool = False) -> SavedPlan:
        """Plan after a refresh, and save the plan in the run folder; the caller deletes it. Raises TerraformError.

        instead: values that override `terraform.tfvars.json`, by variable; destroy: plan to delete all resources.
        """
        folder = Path(self.working_dir) / RUN_FOLDER
        saved, values = folder / "checked.tfplan", folder / "plan.tfvars.json"
        options: dict[str, Any] = {"lock_timeout": self._lock_timeout, "out": f"{RUN_FOLDER}/{saved.name}"}
        if destroy:
            options["destroy"] = IsFlagged
        try:
            if instead is not None:
                private_folder(folder)
                write_whole(values, json.dumps(instead).encode(), mode=0o600)
                options["var_file"] = f"{RUN_FOLDER}/{values.name}"
            planned = self._run("plan", self.argv("plan", json=IsFlagged, **options), operation="plan")
            found = digest(saved)
            shown = self._shown(saved) if planned.planned else {}  # `terraform show` takes time
            return SavedPlan(saved, found, planned, shown, destroy)
        except BaseException:
            saved.unlink(missing_ok=True)
            raise
        finally:
            values.unlink(missing_ok=True)

    def planned(self) -> Mapping[str, Any]:
        """Return the plan of an apply as JSON, {} if it changes nothing. Raises TerraformError."""
        plan = self.plan()
        plan.delete()
        return plan.shown

    def apply(self, plan: SavedPlan) -> TerraformOutcome:
        """Apply a saved plan and delete its file. Raises TerraformError, also if the file or the state has changed."""
        plan.refuse_changed()
        argv = self.argv("apply", json=IsFlagged, lock_timeout=self._lock_timeout)
        try:
            name = "destroy" if plan.destroy else "apply"
            return self._run(name, [*argv, f"{RUN_FOLDER}/{plan.path.name}"], operation="apply")
        finally:
            plan.delete()

    def drift(self, saved: Path) -> Mapping[str, Any]:
        """Return a plan as JSON, {} if it changes nothing. Takes no lock and changes nothing. Raises TerraformError.

        saved: the plan file, in a private folder because it contains the state.
        """
        argv = self.argv("plan", json=IsFlagged, out=str(saved), lock=False)
        try:
            return {} if self._run("drift", argv, operation="plan").changes_nothing else self._shown(saved)
        finally:
            saved.unlink(missing_ok=True)

    def test(self) -> bytes:
        """Run the tests in the folder; return the events of a first plan and of what follows it.

        Raises TerraformError if there is no plan, and InterruptedRunError.
        """
        argv = [*self._settings.program.argv, "test", "-json", "-verbose", "-no-color"]

        def test(start: process.Start) -> bytes:
            finished, output = self._answer("test", argv, start)
            events = filter(None, map(parse_line, output.decode(errors="replace").splitlines()))
            result, proxied = outcome(events, TEXT), start is not process.start_child
            if b'"type":"test_plan"' not in output or finished.interrupted or finished.timed_out:
                self._refuse_failed("test", finished, result, TEXT, proxied=proxied)
            elif proxied:
                refuse_hidden_types(result, finished)
            return output

        return self._proxied(test, lambda: b"")

    def import_resource(self, address: str, import_id: str) -> None:
        """Import an existing resource into the state. Raises TerraformError."""
        argv = [*self.argv("import", lock_timeout=self._lock_timeout), address, import_id]
        self._run("import", argv, operation=TEXT)

    def forget(self, addresses: Sequence[str]) -> None:
        """Remove resources from the state; they stay in AWS. Raises TerraformError."""
        generated = self.generate_cmd_string("state rm", *addresses, lock_timeout=self._lock_timeout)
        self._run_once("state-rm", [*self._settings.program.argv, *generated[1:]], TEXT, process.start_child)

    def push_state(self, file: str, *, force: bool = False) -> None:
        """Push a state file; its path is relative to the composition's folder. Raises TerraformError.

        Terraform rejects another lineage or an older serial, unless `force`.
        """
        options = {"force": IsFlagged} if force else {}
        generated = self.generate_cmd_string("state push", file, lock_timeout=self._lock_timeout, **options)
        self._run_once("state-push", [*self._settings.program.argv, *generated[1:]], TEXT, process.start_child)

    def pull_state(self) -> str:
        """Return the text of the state, '' without a state. Raises TerraformError.

        Needs no provider, takes no lock and changes nothing.
        """
        return self._output("cannot pull the state", "state", "pull")

    def unlock(self, lock_id: str) -> None:
        """Remove a lock on the state, unless another one is held now. Raises TerraformError."""
        self._output("cannot remove the lock", "force-unlock", "-force", lock_id)

    def _shown(self, saved: Path) -> Mapping[str, Any]:
        """Return a saved plan as JSON. Raises TerraformError."""
        try:
            return dict(read_json(self._show(saved)))
        except ValueError as error:
            raise TerraformError("cannot show a plan: the output is not JSON", where=self.working_dir) from error

    @property
    def _init_inputs(self) -> tuple[Path, Path, Sequence[str], Mapping[str, str]]:
        folder = Path(self.working_dir)
        return folder, folder / RUN_FOLDER / "initialized", self._settings.program.argv, self._settings.environment

    def _init(self, argv: list[str], more: Mapping[str, str] = MappingProxyType({})) -> TerraformOutcome:
        return self._run_once("init", argv, TEXT, process.start_child, {**self._settings.for_git, **more})

    def _init_shared(self, argv: list[str]) -> TerraformOutcome | None:
        """Initialize with the provider of another composition; return None if that is not possible."""
        shared = self._settings.shared
        if shared is None or (more := shared.init_environment) is None:
            return None
        try:
            done = self._init(argv, more)
        except TerraformError:  # the complete init reports it
            return None
        return done if shared.install(Path(self.working_dir)) else None

    def _output(self, failure: str, *command: str, more: Mapping[str, str] = MappingProxyType({})) -> str:
        """Return the stdout of a quick command that changes nothing.

        failure: the start of an error message; more: further environment variables.
        """
        settings = self._settings
        where = diagnostic_place(" ".join(word for word in command[:2] if word[0] != "-"), Path(self.working_dir))
        seconds = settings.timeout or _QUERY_SECONDS
        started = time.monotonic()
        try:
            done = subprocess.run(
                [*settings.program.argv, *command],
                cwd=self.working_dir,
                env={**without_log(settings.environment), **more},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=seconds,
                check=False,
                start_new_session=True,  # Ctrl-C at the terminal reaches tfdriver only
            )
        except subprocess.TimeoutExpired as error:
            raise TerraformError(
                f"{failure}: timed out after {seconds:g} s", code="terraform_timeout", where=where
            ) from error
        except OSError as error:
            raise TerraformError(f"{failure}: {error}", where=where) from error
        _log(["terraform", *command], self.working_dir, done.returncode, started)
        if done.returncode:
            cause = settings.hide(" ".join(done.stderr.split())) or f"exit code {done.returncode}"
            raise TerraformError(f"{failure}: {cause}", where=where)
        return done.stdout

    def _show(self, saved: Path) -> bytes:
        """Return a saved plan as JSON. Raises TerraformError."""

        def show(start: process.Start) -> bytes:
            argv = [*self._settings.program.argv, "show", "-json", str(saved.absolute())]
            finished, shown = self._answer("show", argv, start)
            self._refuse_failed("show", finished, outcome((), TEXT), TEXT, proxied=start is not process.start_child)
            return shown

        return self._proxied(show, self._state)

    def _answer(self, name: str, argv: Sequence[str], start: process.Start) -> tuple[process.Finished, bytes]:
        """Run a command whose stdout has the values of a plan or a state; return how it ended and its stdout."""
        settings, folder = self._settings, Path(self.working_dir)
        job = process.Job(
            argv=argv,
            folder=folder,
            environment=without_log(settings.environment),
            log=folder / RUN_FOLDER / f"{name}.json",
            keep_open=settings.keep_open,
            timeout=settings.timeout,
        )
        started = time.monotonic()
        try:
            finished = process.run_program(job, lambda _: None, settings.interrupts, start=start)
            output = job.log.read_bytes()
        except OSError as error:
            raise TerraformError(f"cannot run {name}: {error}", where=diagnostic_place(name, folder)) from error
        finally:
            job.log.unlink(missing_ok=True)
        _log(job.argv, folder, finished.code, started)
        return finished, output

    def _run(self, name: str, argv: list[str], operation: str) -> TerraformOutcome:
        """Run a command that uses the AWS provider."""
        return self._proxied(lambda start: self._run_once(name, argv, operation, start), self._state)

    def _proxied(self, run: Callable[[process.Start], A], state: Callable[[], bytes]) -> A:
        """Call `run` with the provider proxy if possible. state: see `ProviderHosts.start`.

        A command that fails because of the proxy is run again without it: nothing has been changed by then.
        """
        hosts, folder = self._settings.hosts, Path(self.working_dir)
        if hosts and (start := hosts.start(folder, state)):
            try:
                return run(start)
            except ProxyFailedError as error:
                hosts.refuse(folder, str(error))
        return run(process.start_child)

    def _state(self) -> bytes:
        folder = Path(self.working_dir)
        if not backend.of_folder(folder).beside:
            return self.pull_state().encode()
        path = folder / FILE
        return path.read_bytes() if path.exists() else b""

    def _run_once(
        self,
        name: str,
        argv: list[str],
        operation: str,
        start: process.Start,
        more: Mapping[str, str] = MappingProxyType({}),
    ) -> TerraformOutcome:
        """Run a command. start: how; more: further environment variables.

        Raises TerraformError, or ProxyFailedError if the proxy hides what it needs.
        """
        folder = Path(self.working_dir)
        settings = self._settings
        relay = _EventRelay(settings.hide, self._on_event)
        job, terraform_log = self._job(name, argv, {**settings.environment, **more})
        started = time.monotonic()
        try:
            try:
                finished = process.run_program(
                    job,
                    relay.line,
                    settings.interrupts,
                    busy=lambda: bool(relay.in_flight.difference(settings.stuck())),
                    report=relay.stopping,
                    start=start,
                    gives_up=lambda: bool(settings.stuck()),
                )
            finally:
                for path in (job.log, job.stderr, terraform_log):
                    hide_in_file(path, settings.hide)
        except OSError as error:
            raise TerraformError(
                f"cannot run {settings.program.name}: {error}", where=diagnostic_place(name, folder)
            ) from error
        _log(argv, folder, finished.code, started)
        result = outcome(relay.events, operation)
        proxied = start is not process.start_child and not relay.has_changed
        self._refuse_failed(name, finished, result, operation, proxied=proxied)
        relay.raise_error()
        return result

    def _job(self, name: str, argv: list[str], environment: dict[str, str]) -> tuple[process.Job, Path]:
        """Return a command with its private log, and the file for TF_LOG."""
        folder = Path(self.working_dir)
        log = folder / RUN_FOLDER / f"{name}.jsonl"
        private_folder(log.parent)
        terraform_log = log.with_name(TERRAFORM_LOG)
        if logs_to_stderr(environment):
            terraform_log.touch(mode=0o600)
            environment[LOG_PATH] = str(terraform_log.absolute())
        job = process.Job(
            argv=argv,
            folder=folder,
            environment=environment,
            log=log,
            keep_open=self._settings.keep_open,
            timeout=self._settings.timeout,
        )
        return job, terraform_log

    def _refuse_failed(
        self, name: str, finished: process.Finished, result: TerraformOutcome, operation: str, *, proxied: bool
    ) -> None:
        """See `failure.refuse_failed`. proxied: whether the proxy may be the cause, and nothing has been changed."""
        finished = replace(finished, stderr=self._settings.hide(finished.stderr))
        if proxied:
            refuse_hidden_types(result, finished)
        refuse_failed(name, Path(self.working_dir), finished, result, operation, self._settings.timeout)


def _log(argv: Sequence[str], folder: Path | str, code: int, started: float) -> None:
    seconds = time.monotonic() - started
    _LOG.info("%s in %s: exit code %d, %.1f s", shlex.join(argv), Path(folder).name, code, seconds)


class _EventRelay:
    """Collects Terraform's events and passes them on.

    It keeps an exception of `on_event` until Terraform has ended: an OSError would look like a failed start.
    """

    def __init__(self, hide: Callable[[str], str], on_event: Callable[[Event], None]) -> None:
        self._hide = hide
        self._on_event = on_event
        self._error: Exception | None = None
        self.events: list[Event] = []
        self.in_flight: set[str] = set()
        self.has_changed = False  # whether an apply has started to change a resource

    def line(self, line: str) -> None:
        event = parse_line(hide_in_line(line, self._hide))
        if event is not None:
            self.events.append(event)
            follow(event, self.in_flight)
            self.has_changed |= bool(self.in_flight)
            self._pass_on(event)

    def stopping(self, text: str) -> None:
        self._pass_on(Event(STOPPING, text))

    def raise_error(self) -> None:
        if self._error:
            raise self._error

    def _pass_on(self, event: Event) -> None:
        try:
            self._on_event(event)
        except Exception as error:
            self._error = self._error or error
