"""What is told of a Terraform command that failed: Terraform's own words, how it ended, and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tfdriver.errors import TfdriverError
from tfdriver.interrupts import InterruptedRunError
from tfdriver.terraform import state_lock
from tfdriver.terraform.events import TEXT, Diagnostic, TerraformOutcome
from tfdriver.terraform.process import Finished

_TOLD = 3  # errors that a message tells; the log beside the composition has them all
_CHANGING = ("apply", "destroy")


class TerraformError(TfdriverError):
    """Terraform failed; its own first errors are in the message. errors: all that it gave as events."""

    def __init__(self, what: str, *, where: str = "", hint: str = "", errors: tuple[Diagnostic, ...] = ()) -> None:
        super().__init__(what, where=where, hint=hint)
        self.errors = errors


def join_diagnostics(errors: Sequence[TerraformError]) -> TerraformError:
    """Return one error that tells of all these, of Terraforms that were at work side by side."""
    if len(errors) == 1:
        return errors[0]
    told = ". Also ".join(f"{error.where}: {error.what}" for error in errors)
    hint = next((error.hint for error in errors if error.hint), "")
    return TerraformError(told, hint=hint, errors=tuple(found for error in errors for found in error.errors))


def refuse_failed(
    name: str, folder: Path, finished: Finished, result: TerraformOutcome, operation: str, timeout: float | None
) -> None:
    """Raise unless a command succeeded: exit 0, a final summary where it has one, and no error diagnostic.

    name: of the command; folder: the composition's; operation: as for `events.outcome`; timeout: seconds that it had.
    Raises InterruptedRunError if that was asked for, else TerraformError.
    """
    complete = operation == TEXT or result.changes is not None
    if finished.code == 0 and complete and not result.errors:
        return
    where = diagnostic_place(name, folder)
    if finished.timed_out:
        raise TerraformError(f"took longer than {timeout:g} s and was interrupted", where=where)
    if finished.interrupted:
        kept = "; what it had finished is in its state" if operation in _CHANGING else ""
        raise InterruptedRunError(f"was interrupted{kept}", where=where)
    if errors := [str(error) for error in result.errors] or _text_errors(finished.stderr):
        raise _told(errors, result.errors, where, folder)
    if finished.code < 0:
        raise TerraformError(f"was killed by signal {-finished.code}", where=where, hint="Run the same command again")
    said = " ".join(finished.stderr.split())[-300:]
    ending = f"exit code {finished.code}" if finished.code else "no final summary"
    raise TerraformError(f"ended with {ending}{': ' + said if said else ''}", where=where)


def diagnostic_place(name: str, folder: Path) -> str:
    """Return how to name a command in a composition's folder."""
    return f"terraform {name} in {folder.parent.name}/{folder.name}"


def _told(texts: Sequence[str], errors: tuple[Diagnostic, ...], where: str, folder: Path) -> TerraformError:
    lock = state_lock.parse_lock(texts[0])
    if lock:
        return TerraformError(str(lock), where=where, hint=state_lock.advice(lock, folder), errors=errors)
    more = f". And {len(texts) - _TOLD} more errors" if len(texts) > _TOLD else ""
    said = ". Also ".join(text.rstrip(".") for text in texts[:_TOLD]) + more
    return TerraformError(said, where=where, hint=_hint(texts[0]), errors=errors)


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
        "EntityAlreadyExists": (
            "A resource of that name exists, perhaps with other capitals, and is in no state; remove it, rename yours, "
            "or import it"
        ),
    }
    return next((hint for start, hint in hints.items() if start in error), "")
