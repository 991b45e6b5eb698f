"""Errors of a failed Terraform command: Terraform's own message, how the command ended, and a hint."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tfdriver.aws.calls import CLOCK_HINT, is_clock_error
from tfdriver.errors import Code, TfdriverError
from tfdriver.interrupts import InterruptedRunError
from tfdriver.terraform import state_lock
from tfdriver.terraform.events import TEXT, Diagnostic, TerraformOutcome
from tfdriver.terraform.process import Finished
from tfdriver.terraform.provider_host import ProxyFailedError

_QUOTED = 3  # errors that a message quotes; the log beside the composition has all of them
_CHANGING = ("apply", "destroy")
_HINTS = {
    "Failed to query available provider packages": (
        "Give Terraform access to its registry, or name a mirror of hashicorp/aws in TFDRIVER_PLUGIN_DIR"
    ),
    "EntityAlreadyExists": (
        "Delete, rename or import the existing resource, which is in no state; IAM ignores case in names"
    ),
    "Saved plan is stale": "Another run has changed the state. Run the same command again",
}

_SNIPPET = re.compile(r"on \S+ line \d+")  # the lines of configuration that a diagnostic quotes

# Errors of Terraform (hashicorp/terraform, internal/terraform and internal/command) for types missing from a schema.
_HIDDEN_TYPE = re.compile(
    "does not support (resource|data source|ephemeral|list|action)"
    "|no schema (is )?(available|found)|[Mm]issing resource schema|Failed to load plugin schemas"
)


class TerraformError(TfdriverError):
    """Terraform failed. The message quotes the first errors. errors: all error diagnostics of its output."""

    def __init__(
        self,
        what: str,
        *,
        code: Code = "terraform_failed",
        where: str = "",
        hint: str = "",
        errors: tuple[Diagnostic, ...] = (),
    ) -> None:
        super().__init__(what, code=code, where=where, hint=hint)
        self.errors = errors


def join_errors(errors: Iterable[BaseException]) -> BaseException:
    """Return one error for several compositions that were worked on in parallel.

    A stop by the user and an unexpected error are returned alone.
    """
    errors = list(errors)
    expected = [error for error in errors if isinstance(error, TfdriverError)]
    alone = [error for error in errors if isinstance(error, InterruptedRunError) or error not in expected]
    if alone or len(errors) == 1:
        return (alone or errors)[0]
    text = ".\nAlso ".join(f"{error.where}: {error.what}" if error.where else error.what for error in expected)
    hint = next((error.hint for error in expected if error.hint), "")
    diagnostics = tuple(found for error in expected if isinstance(error, TerraformError) for found in error.errors)
    return TerraformError(text, code=expected[0].code, hint=hint, errors=diagnostics)


def refuse_failed(
    name: str, folder: Path, finished: Finished, result: TerraformOutcome, operation: str, timeout: float | None
) -> None:
    """Raise unless a command succeeded: exit code 0, a final summary where it has one, and no error diagnostic.

    name: the command's; folder: the composition's; operation: as for `events.outcome`; timeout: the command's, seconds.
    Raises InterruptedRunError if the user stopped the run, else TerraformError.
    """
    complete = operation == TEXT or result.changes is not None
    if finished.code == 0 and complete and not result.errors:
        return
    where = diagnostic_place(name, folder)
    if finished.timed_out:
        raise TerraformError(
            f"took longer than {timeout:g} s and was interrupted", code="terraform_timeout", where=where
        )
    if finished.interrupted:
        kept = "; completed changes are in its state" if operation in _CHANGING else ""
        raise InterruptedRunError(f"was interrupted{kept}", where=where)
    if texts := [str(error) for error in result.errors] or _printed_errors(finished.stderr):
        if lock := state_lock.parse_lock(texts[0]):
            hint = state_lock.lock_hint(lock, folder)
            raise TerraformError(str(lock), code="state_locked", where=where, hint=hint, errors=result.errors)
        code: Code = "terraform_failed"
        more = f".\nAnd {len(texts) - _QUOTED} more errors" if len(texts) > _QUOTED else ""
        text = ".\nAlso ".join(text.rstrip(".") for text in texts[:_QUOTED]) + more
        hint = next((hint for cause, hint in _HINTS.items() if cause in texts[0]), "")
        if texts[0].startswith("Saved plan is stale"):
            code = "plan_outdated"
        if any(map(is_clock_error, texts)):
            code, text, hint = "clock_skew", f"the clock of this machine is wrong: {text}", CLOCK_HINT
        raise TerraformError(text, code=code, where=where, hint=hint, errors=result.errors)
    if finished.code < 0:
        raise TerraformError(f"was killed by signal {-finished.code}", where=where, hint="Run the same command again")
    stderr = " ".join(finished.stderr.split())[-300:]
    ending = f"exit code {finished.code}" if finished.code else "no final summary"
    raise TerraformError(f"ended with {ending}{': ' + stderr if stderr else ''}", where=where)


def refuse_hidden_types(result: TerraformOutcome, finished: Finished) -> None:
    """Raise ProxyFailedError if a command failed because the provider proxy did not show a type, or not at all."""
    for text in (*map(str, result.errors), *_printed_errors(finished.stderr)):
        if _HIDDEN_TYPE.search(text):
            raise ProxyFailedError(text)


def diagnostic_place(name: str, folder: Path) -> str:
    """Return the `where` of an error: the command and the composition's folder."""
    return f"terraform {name} in {folder.parent.name}/{folder.name}"


def _printed_errors(stderr: str) -> list[str]:
    """Return the errors that Terraform printed as text, each on one line: its summary and its whole detail."""
    text = "\n".join(line.lstrip("╷│╵ ").rstrip() for line in stderr.splitlines())
    found = []
    for kind, diagnostic in re.findall(r"^(Error|Warning): (.*?)(?=^(?:Error|Warning): |\Z)", text, re.M | re.S):
        summary, *detail = (" ".join(paragraph.split()) for paragraph in diagnostic.split("\n\n") if paragraph.strip())
        rest = " ".join(paragraph for paragraph in detail if not _SNIPPET.match(paragraph))
        if kind == "Error":
            found.append(f"{summary}: {rest}" if rest else summary)
    return found
