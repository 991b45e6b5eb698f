"""The one door to Terraform: init, apply, destroy and plan of one composition.

Built on python-terraform 0.10.1 for its conventions and `generate_cmd_string`; what it does around that is overridden,
because (all tried): its constructor and every successful command parse `terraform.tfstate` and raise on the empty or
cut file that a crash leaves; a misspelt method runs as a Terraform command; it has no environment of its own, no
timeout, no streaming, no interrupting; errors do not raise; `destroy()` sends `-force`, which Terraform refuses today.
"""

from __future__ import annotations

import json
import logging
import shlex
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from python_terraform import IsFlagged, Terraform

from tfdriver.files import hide_in_file, private_folder, read_json, write_whole
from tfdriver.interrupts import Interrupts
from tfdriver.redaction import hide_in_line
from tfdriver.terraform import process
from tfdriver.terraform.environment import LOG_PATH, logs_to_stderr, without_log
from tfdriver.terraform.events import STOPPING, TEXT, Event, TerraformOutcome, follow, outcome, parse_line
from tfdriver.terraform.failure import TerraformError, diagnostic_place, refuse_failed
from tfdriver.terraform.program import Program

_LOG = logging.getLogger(__name__)
RUN_FOLDER = ".tfdriver"
APPLY_LOG = "apply.jsonl"
TERRAFORM_LOG = "terraform.log"  # what TF_LOG asks for, unless TF_LOG_PATH names another file
_ASK_SECONDS = 120


@dataclass(frozen=True)
class Settings:
    """What all Terraform runs of one tfdriver run share. environment: Terraform's whole environment.

    keep_open: descriptors Terraform inherits (the project's lock); timeout: seconds per command, or None; lock_timeout:
    seconds to wait for another Terraform's lock on the state; hide: takes the credentials out of a text.
    """

    program: Program
    environment: Mapping[str, str]
    interrupts: Interrupts
    keep_open: tuple[int, ...] = ()
    timeout: float | None = None
    lock_timeout: float = 0
    hide: Callable[[str], str] = str


class Root(Terraform):  # type: ignore[misc]  # python-terraform has no types
    """Terraform in one composition's folder. on_event: called with each event as it happens."""

    def __init__(self, folder: Path, settings: Settings, on_event: Callable[[Event], None] = lambda _: None) -> None:
        self._settings = settings
        self._on_event = on_event
        super().__init__(working_dir=str(folder), terraform_bin_path=settings.program.argv[0])

    def read_state_file(self, file_path: str | None = None) -> None:
        """Do nothing: states are Terraform's business."""

    def __getattr__(self, item: str) -> Any:
        raise AttributeError(item)

    def argv(self, command: str, **options: Any) -> list[str]:
        """Return the whole command line of a Terraform command; options as in python-terraform's `cmd`."""
        generated = self.generate_cmd_string(command, input=False, no_color=IsFlagged, **options)
        return [*self._settings.program.argv, *generated[1:]]

    @property
    def _patience(self) -> str | None:
        """How long a command waits for another Terraform's lock, as its option; None to leave the option out."""
        seconds = self._settings.lock_timeout
        return f"{seconds:g}s" if seconds else None

    @property
    def initialised(self) -> bool:
        """Whether `init` was run here before."""
        return (Path(self.working_dir) / ".terraform").is_dir()

    def init(self) -> TerraformOutcome:
        """Install provider and modules. Raises TerraformError. (`-json` came to init only after 1.6.)"""
        return self._run("init", self.argv("init"), operation=TEXT)

    def init_backend(self) -> None:
        """Set up the backend in a folder that has nothing else: no provider, no module. Raises TerraformError."""
        self._answer("cannot set up the backend", "init", "-input=false", "-no-color")

    def apply(self) -> TerraformOutcome:
        """Apply without asking, always refreshing first. Raises TerraformError."""
        return self._changed("apply")

    def destroy(self) -> TerraformOutcome:
        """Destroy everything in the state, without asking. Raises TerraformError."""
        return self._changed("destroy")

    def preview(self, instead: Mapping[str, Any] | None = None) -> tuple[TerraformOutcome, Mapping[str, Any]]:
        """Return what apply would do: what a plan said and, if it creates anything, the plan as shown, else {}.

        instead: values in place of those in `terraform.tfvars.json`, by variable. The plan is shown as by
        `terraform show -json`. Raises TerraformError.
        """
        folder = Path(self.working_dir) / RUN_FOLDER
        saved, values = Path(RUN_FOLDER) / "preview.plan", folder / "preview.tfvars.json"
        options = {} if instead is None else {"var_file": str(values)}

        def creates(plan: TerraformOutcome) -> bool:
            return any(event.action in ("create", "replace") for event in plan.planned)

        try:
            if instead is not None:
                private_folder(folder)
                write_whole(values, json.dumps(instead).encode(), mode=0o600)
            return self._planned("preview", saved, creates, lock_timeout=self._patience, **options)
        finally:
            values.unlink(missing_ok=True)

    def drift(self, saved: Path) -> Mapping[str, Any]:
        """Return what changed outside Terraform: a refresh-only plan as `terraform show -json` shows it.

        saved: where the plan is put, in a private folder, for it holds the state. Takes no lock and changes nothing.
        Raises TerraformError.
        """
        return self._shown("drift", saved, refresh_only=True, lock=False)

    def planned(self) -> Mapping[str, Any]:
        """Return what apply would do, as `terraform show -json` shows it. Raises TerraformError."""
        return self._shown("planned", Path(RUN_FOLDER) / "planned.plan", lock_timeout=self._patience)

    def import_resource(self, address: str, import_id: str) -> None:
        """Write a resource that exists down in the state, changing nothing else. Raises TerraformError."""
        argv = [*self.argv("import", lock_timeout=self._patience), address, import_id]
        self._run("import", argv, operation=TEXT)

    def push_state(self, file: str) -> None:
        """Make a file in the composition's folder its state; Terraform refuses another lineage or an older one.

        Raises TerraformError.
        """
        generated = self.generate_cmd_string("state push", file, lock_timeout=self._patience)
        self._run("state-push", [*self._settings.program.argv, *generated[1:]], operation=TEXT)

    def pull_state(self) -> str:
        """Return the text of the state, wherever it is kept, '' if there is none.

        Needs no provider, takes no lock and changes nothing. Raises TerraformError.
        """
        return self._answer("cannot pull the state", "state", "pull")

    def _changed(self, command: str) -> TerraformOutcome:
        argv = self.argv(command, json=IsFlagged, auto_approve=True, lock_timeout=self._patience)
        return self._run(command, argv, operation=command)

    def _shown(self, name: str, saved: Path, **options: Any) -> Mapping[str, Any]:
        """Plan into the file `saved`, which is removed again, and return what `terraform show -json` says of it."""
        return self._planned(name, saved, lambda _: True, **options)[1]

    def _planned(
        self, name: str, saved: Path, worth_showing: Callable[[TerraformOutcome], bool], **options: Any
    ) -> tuple[TerraformOutcome, Mapping[str, Any]]:
        """As `_shown`, with what the plan said; {} in place of what is not worth the time that showing takes."""
        try:
            outcome = self._run(name, self.argv("plan", json=IsFlagged, out=str(saved), **options), operation="plan")
            if not worth_showing(outcome):
                return outcome, {}
            return outcome, dict(read_json(self._answer("cannot show a plan", "show", "-json", str(saved))))
        except ValueError as error:
            raise TerraformError("cannot show a plan: its answer is not JSON", where=self.working_dir) from error
        finally:
            (Path(self.working_dir) / saved).unlink(missing_ok=True)

    def _answer(self, failure: str, *command: str) -> str:
        """Return what a command that is quick and changes nothing prints. failure: what to say if it fails."""
        settings = self._settings
        where = diagnostic_place(" ".join(word for word in command[:2] if word[0] != "-"), Path(self.working_dir))
        seconds = settings.timeout or _ASK_SECONDS
        started = time.monotonic()
        try:
            done = subprocess.run(
                [*settings.program.argv, *command],
                cwd=self.working_dir,
                env=without_log(settings.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=seconds,
                check=False,
                start_new_session=True,  # a Ctrl-C at the terminal is for us alone
            )
        except subprocess.TimeoutExpired as error:
            raise TerraformError(f"{failure}: no answer in {seconds:g} s", where=where) from error
        except OSError as error:
            raise TerraformError(f"{failure}: {error}", where=where) from error
        _log(["terraform", *command], self.working_dir, done.returncode, started)
        if done.returncode:
            said = settings.hide(" ".join(done.stderr.split())) or f"exit code {done.returncode}"
            raise TerraformError(f"{failure}: {said}", where=where)
        return done.stdout

    def _logged(self, file: Path) -> tuple[Mapping[str, str], list[Path]]:
        """Return Terraform's environment and the private file for its log, where TF_LOG is set and names none."""
        environment = self._settings.environment
        if not logs_to_stderr(environment):
            return environment, []
        file.touch(mode=0o600)
        return {**environment, LOG_PATH: str(file.absolute())}, [file]

    def _run(self, name: str, argv: list[str], operation: str) -> TerraformOutcome:
        folder = Path(self.working_dir)
        settings = self._settings
        heard = _Heard(settings.hide, self._on_event)
        log = folder / RUN_FOLDER / f"{name}.jsonl"
        private_folder(log.parent)
        environment, terraform_log = self._logged(log.with_name(TERRAFORM_LOG))
        job = process.Job(argv, folder, environment, log, settings.keep_open, settings.timeout)
        started = time.monotonic()
        try:
            try:
                finished = process.run_program(
                    job, heard.line, settings.interrupts, lambda: bool(heard.in_flight), heard.stopping
                )
            finally:
                for written in (log, log.with_suffix(".err"), *terraform_log):
                    hide_in_file(written, settings.hide)
        except OSError as error:
            raise TerraformError(
                f"cannot run {settings.program.name}: {error}", where=diagnostic_place(name, folder)
            ) from error
        _log(argv, folder, finished.code, started)
        finished = replace(finished, stderr=settings.hide(finished.stderr))
        result = outcome(heard.events, operation)
        refuse_failed(name, folder, finished, result, operation, settings.timeout)
        heard.raise_error()
        return result


def _log(argv: Sequence[str], folder: Path | str, code: int, started: float) -> None:
    seconds = time.monotonic() - started
    _LOG.info("%s in %s: exit code %d, %.1f s", shlex.join(argv), Path(folder).name, code, seconds)


class _Heard:
    """What a Terraform says, passed on as it comes. What passing it on raises waits until Terraform has ended.

    Only so is an OSError of the listener's not taken for one of starting Terraform.
    """

    def __init__(self, hide: Callable[[str], str], on_event: Callable[[Event], None]) -> None:
        self._hide = hide
        self._on_event = on_event
        self._error: Exception | None = None
        self.events: list[Event] = []
        self.in_flight: set[str] = set()

    def line(self, line: str) -> None:
        event = parse_line(hide_in_line(line, self._hide))
        if event is not None:
            self.events.append(event)
            follow(event, self.in_flight)
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
