"""The one door to Terraform: init, apply, destroy and plan of one composition.

Built on python-terraform 0.10.1 for its conventions and `generate_cmd_string`; what it does around that is overridden,
because (all tried): its constructor and every successful command parse `terraform.tfstate` and raise on the empty or
cut file that a crash leaves; a misspelt method runs as a Terraform command; it has no environment of its own, no
timeout, no streaming, no interrupting; errors do not raise; `destroy()` sends `-force`, which Terraform refuses today.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from python_terraform import IsFlagged, Terraform

from tfdriver import process
from tfdriver.errors import TfdriverError
from tfdriver.events import STOPPING, Diagnostic, Event, Outcome, follow, outcome, parse_line
from tfdriver.interrupts import InterruptedRunError, Interrupts
from tfdriver.program import Program
from tfdriver.redact import hide_in_file, hide_in_line

RUN_FOLDER = ".tfdriver"
APPLY_LOG = "apply.jsonl"
_SHOW_SECONDS = 120
_TOLD = 3  # errors that a message tells; the log beside the composition has them all
_CHANGING = ("apply", "destroy")
_TEXT = ""  # the operation of commands that print for people and have no final summary


class TerraformError(TfdriverError):
    """Terraform failed; its own first errors are in the message. errors: all that it gave as events."""

    def __init__(self, what: str, *, where: str = "", hint: str = "", errors: tuple[Diagnostic, ...] = ()) -> None:
        super().__init__(what, where=where, hint=hint)
        self.errors = errors


def together(errors: Sequence[TerraformError]) -> TerraformError:
    """Return one error that tells of all these, of Terraforms that were at work side by side."""
    if len(errors) == 1:
        return errors[0]
    told = ". Also ".join(f"{error.where}: {error.what}" for error in errors)
    hint = next((error.hint for error in errors if error.hint), "")
    return TerraformError(told, hint=hint, errors=tuple(found for error in errors for found in error.errors))


@dataclass(frozen=True)
class Settings:
    """What all Terraform runs of one tfdriver run share. environment: Terraform's whole environment.

    keep_open: descriptors Terraform inherits (the project's lock); timeout: seconds per command, or None; hide: takes
    the credentials out of a text.
    """

    program: Program
    environment: Mapping[str, str]
    interrupts: Interrupts
    keep_open: tuple[int, ...] = ()
    timeout: float | None = None
    hide: Callable[[str], str] = str


class Root(Terraform):  # type: ignore[misc]  # python-terraform has no types
    """Terraform in one composition's folder. on_event: called with each event as it happens."""

    def __init__(self, folder: Path, settings: Settings, on_event: Callable[[Event], None]) -> None:
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

    def init(self) -> Outcome:
        """Install provider and modules. Raises TerraformError. (`-json` came to init only after 1.6.)"""
        return self._run("init", self.argv("init"), operation=_TEXT)

    def apply(self) -> Outcome:
        """Apply without asking, always refreshing first. Raises TerraformError."""
        return self._run("apply", self.argv("apply", json=IsFlagged, auto_approve=True), operation="apply")

    def destroy(self) -> Outcome:
        """Destroy everything in the state, without asking. Raises TerraformError."""
        return self._run("destroy", self.argv("destroy", json=IsFlagged, auto_approve=True), operation="destroy")

    def plan(self, var_file: Path | None = None) -> Outcome:
        """Say what apply would do; var_file overrules values of `terraform.tfvars.json`. Raises TerraformError."""
        extra = {} if var_file is None else {"var_file": str(var_file)}
        return self._run("plan", self.argv("plan", json=IsFlagged, **extra), operation="plan")

    def drift(self, saved: Path) -> Mapping[str, Any]:
        """Return what changed outside Terraform: a refresh-only plan as `terraform show -json` shows it.

        saved: where the plan is put, in a private folder, for it holds the state. Takes no lock and changes nothing.
        Raises TerraformError.
        """
        return self._shown("drift", saved, refresh_only=True, lock=False)

    def planned(self) -> Mapping[str, Any]:
        """Return what apply would do, as `terraform show -json` shows it. Raises TerraformError."""
        return self._shown("planned", Path(RUN_FOLDER) / "planned.plan")

    def import_resource(self, address: str, import_id: str) -> None:
        """Write a resource that exists down in the state, changing nothing else. Raises TerraformError."""
        self._run("import", [*self.argv("import"), address, import_id], operation=_TEXT)

    def push_state(self, file: str) -> None:
        """Make a file in the composition's folder its state; Terraform refuses another lineage or an older one.

        Raises TerraformError.
        """
        argv = [*self._settings.program.argv, "state", "push", file]
        self._run("state-push", argv, operation=_TEXT)

    def _shown(self, name: str, saved: Path, **options: Any) -> Mapping[str, Any]:
        """Plan into the file `saved`, which is removed again, and return what `terraform show -json` says of it."""
        settings = self._settings
        try:
            self._run(name, self.argv("plan", json=IsFlagged, out=str(saved), **options), operation="plan")
            shown = subprocess.run(
                [*settings.program.argv, "show", "-json", str(saved)],
                cwd=self.working_dir,
                env=dict(settings.environment),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=settings.timeout or _SHOW_SECONDS,
                check=True,
            )
            return dict(json.loads(shown.stdout))
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise TerraformError(f"cannot show a plan: {type(error).__name__}", where=self.working_dir) from error
        finally:
            (Path(self.working_dir) / saved).unlink(missing_ok=True)

    def _run(self, name: str, argv: list[str], operation: str) -> Outcome:
        folder = Path(self.working_dir)
        run_folder = folder / RUN_FOLDER
        run_folder.mkdir(mode=0o700, exist_ok=True)
        settings = self._settings
        events: list[Event] = []
        in_flight: set[str] = set()

        def on_line(line: str) -> None:
            event = parse_line(hide_in_line(line, settings.hide))
            if event is not None:
                events.append(event)
                follow(event, in_flight)
                self._on_event(event)

        job = process.Job(
            argv,
            folder,
            settings.environment,
            run_folder / f"{name}.jsonl",
            settings.keep_open,
            settings.timeout,
        )
        where = f"terraform {name} in {folder.parent.name}/{folder.name}"
        try:
            finished = process.run(job, on_line, settings.interrupts, lambda: bool(in_flight), self._tell)
        except OSError as error:
            raise TerraformError(f"cannot run {settings.program.name}: {error}", where=where) from error
        finally:
            for log in (job.log, job.log.with_suffix(".err")):
                hide_in_file(log, settings.hide)
        finished = replace(finished, stderr=settings.hide(finished.stderr))
        result = outcome(events, operation)
        _raise_for(finished, result, operation, where, settings.timeout)
        return result

    def _tell(self, text: str) -> None:
        self._on_event(Event(STOPPING, text))


def _raise_for(finished: process.Finished, result: Outcome, operation: str, where: str, timeout: float | None) -> None:
    """Raise unless the command succeeded: exit 0, a final summary where it has one, and no error diagnostic."""
    complete = operation == _TEXT or result.changes is not None
    if finished.code == 0 and complete and not result.errors:
        return
    if finished.timed_out:
        raise TerraformError(f"took longer than {timeout:g} s and was interrupted", where=where)
    if finished.interrupted:
        kept = "; what it had finished is in its state" if operation in _CHANGING else ""
        raise InterruptedRunError(f"was interrupted{kept}", where=where)
    errors = [str(error) for error in result.errors] or _text_errors(finished.stderr)
    if errors:
        more = f". And {len(errors) - _TOLD} more errors" if len(errors) > _TOLD else ""
        said = ". Also ".join(error.rstrip(".") for error in errors[:_TOLD]) + more
        raise TerraformError(said, where=where, hint=_hint(errors[0]), errors=result.errors)
    if finished.code < 0:
        raise TerraformError(f"was killed by signal {-finished.code}", where=where, hint="Run the same command again")
    said = " ".join(finished.stderr.split())[-300:]
    ending = f"exit code {finished.code}" if finished.code else "no final summary"
    raise TerraformError(f"ended with {ending}{': ' + said if said else ''}", where=where)


def _text_errors(stderr: str) -> list[str]:
    """Return the errors that Terraform printed for people: summary and first paragraph of each, on one line."""
    text = "\n".join(line.lstrip("╷│╵ ").rstrip() for line in stderr.splitlines())
    return [" ".join(" ".join(error.split("\n\n")[:2]).split()) for error in text.split("Error: ")[1:]]


def _hint(error: str) -> str:
    """Return what to do about errors of Terraform that people meet often, or ''."""
    hints = {
        "Failed to query available provider packages": (
            "Give Terraform access to its registry, or name a mirror of hashicorp/aws in TFDRIVER_PLUGIN_DIR"
        ),
        "EntityAlreadyExists": "A resource of that name exists and is in no state; remove or rename it, or import it",
        "Error acquiring the state lock": "Another Terraform is at work on this state; wait for it to end",
    }
    return next((hint for start, hint in hints.items() if start in error), "")
