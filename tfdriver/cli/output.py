"""The one place that prints: results as text for people or as one JSON object for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from functools import singledispatchmethod
from pathlib import Path
from typing import Any, TextIO, cast

from pydantic import TypeAdapter
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from tfdriver import __version__
from tfdriver.cli.demo import Told
from tfdriver.cli.logs import is_logging
from tfdriver.cli.matrix import complaint, matrix
from tfdriver.cli.progress_display import LiveProgress, PlainProgress
from tfdriver.cli.sandbox import FiredRule
from tfdriver.cli.schema.envelope import FORMAT_VERSION
from tfdriver.cli.streams import ResilientStream
from tfdriver.deploy.overview import Overview
from tfdriver.deploy.plan import Planned
from tfdriver.deploy.render import Rendered
from tfdriver.deploy.result import RunResult
from tfdriver.deploy.verified import CheckStatus, Verified
from tfdriver.errors import Exit, OpenTrustError, TfdriverError
from tfdriver.iam import wording
from tfdriver.inspect.explain import Explanation
from tfdriver.inspect.graph.draw import Drawn
from tfdriver.inspect.policy import OperatorPolicies
from tfdriver.inspect.report.write import Reported
from tfdriver.inspect.status import CompositionStatus, Status
from tfdriver.project.init import InitResult

_UNLIMITED = 1000  # columns: wider than any row of a table


class Output:
    """stdout for results, stderr for everything else. as_json: print results as JSON, and no text."""

    def __init__(self, *, as_json: bool = False) -> None:
        self._as_json = as_json
        self._stdout = ResilientStream(sys.stdout)
        self._out = _console(self._stdout)
        self._err = _console(ResilientStream(sys.stderr))

    def progress(self) -> PlainProgress:
        """Return who tells what happens: live on a terminal, plain lines elsewhere."""
        live = self._err.is_terminal and not is_logging()  # log records would cut the live display
        return LiveProgress(self._err) if live else PlainProgress(self._err)

    def result(self, command: str, value: Any, exit_code: int = 0) -> None:
        """Print what a command returned. Raises TfdriverError if it can't be written, though somebody waits for it."""
        if self._as_json:
            data = TypeAdapter(type(value)).dump_python(value, mode="json")
            self._json({"command": command, "exit_code": exit_code, "result": data})
        else:
            self._text(value)
        self._check_written(exit_code)

    def document(self, value: dict[str, Any]) -> None:
        """Print a JSON document as it is. Raises as `result`."""
        self._write(json.dumps(value, indent=2) + "\n")
        self._check_written(Exit.DONE)

    def error(self, command: str, error: TfdriverError) -> None:
        """Print an expected failure: one short paragraph on stderr, and JSON on stdout where that was asked for."""
        if self._as_json:
            said = {"what": error.what, "where": error.where, "hint": error.hint}
            self._json({"command": command, "exit_code": int(error.exit_code), "error": said})
        label = "stopped half way" if error.exit_code is Exit.OPEN_TRUST else "error"
        self._err.print(f"[bold red]{label}:[/bold red] {escape(str(error))}")

    def overview(self, view: Overview) -> None:
        """Show who is who and what will be trusted, on stderr."""
        console = self._err
        console.print(f"[bold]{escape(view.project)}[/bold]: {view.action} with Terraform {escape(view.terraform)}")
        if view.endpoint:
            console.print(f"[yellow]AWS_ENDPOINT_URL is set: AWS is {escape(view.endpoint)}[/yellow]")
        for account in view.accounts:
            console.print(f"  {account.name} = {account.id}, {account.region}, as {escape(account.caller)}")
        for role in view.roles:
            console.print(f"  role {role.role} in {role.account}: {escape(role.now)}")
            for phase, words in role.phases.items():
                console.print(f"    after {phase}: trusts {escape(words)}")
        console.print(f"  compositions: {', '.join(view.compositions)}")

    def _check_written(self, exit_code: int) -> None:
        if self._stdout.failure:
            kind = OpenTrustError if exit_code == Exit.OPEN_TRUST else TfdriverError
            said = f"the result could not be written: {self._stdout.failure.strerror}"
            raise kind(said, where="stdout", hint="What the command itself did is done")

    def losses(self, losses: Sequence[str]) -> None:
        """Show what would be deleted, on stderr."""
        self._err.print("[bold yellow]what was made would be deleted, with what is in it:[/bold yellow]")
        for loss in losses:
            self._err.print(f"  {escape(loss)}")

    def _write(self, text: str) -> None:
        self._stdout.write(text)
        self._stdout.flush()

    def _json(self, body: dict[str, Any]) -> None:
        envelope = {"format_version": FORMAT_VERSION, "tfdriver_version": __version__, **body}
        self._write(json.dumps(envelope, indent=2) + "\n")

    @singledispatchmethod
    def _text(self, value: Any) -> None:
        self._out.print(escape(str(value)))

    @_text.register
    def _(self, value: RunResult) -> None:
        for role in value.roles:
            self._out.print(f"role {role.role} in {role.account} {escape(role.words)}")
        self._out.print(escape(value.summary))
        for revocation in value.revocations:
            self._out.print(escape(str(revocation)))
        if value.verified:
            self._text(value.verified)
        for exposure in value.exposures:
            self._out.print(escape(str(exposure)))
        if value.not_verified:
            self._err.print(f"[bold yellow]not verified:[/bold yellow] {escape(value.not_verified)}.")
            self._err.print("All phases are done. Run `tfdriver verify` to see who gets in.")
        if value.in_force:
            self._err.print(f"[bold yellow]half way:[/bold yellow] in force now: {escape(value.in_force)}")
            self._err.print("Run `tfdriver tighten` to close it, or `tfdriver destroy` to take everything back.")

    @_text.register
    def _(self, value: Verified) -> None:
        self._out.print(matrix(value, self._out.width))
        for check in value.those(CheckStatus.FAILED, CheckStatus.INCONCLUSIVE, CheckStatus.NOT_PROBED):
            self._out.print(complaint(check))
        self._out.print(escape(value.summary))
        self._out.print(f"{escape(value.changed)}.")

    @_text.register
    def _(self, value: Planned) -> None:
        for phase in value.phases:
            table = Table("action", title=f"{phase.phase}: {phase.composition}", title_justify="left")
            table.add_column("what", overflow="fold")
            for change in phase.changes:
                table.add_row(change.action, escape(change.address))
            if phase.changes:
                self._out.print(table)
            else:
                self._out.print(f"{phase.phase}: {phase.composition}: no changes")

    @_text.register
    def _(self, value: Status) -> None:
        self._out.print(f"[bold]{escape(value.project)}[/bold] on {wording.moment(value.at)}")
        for half in value.accounts:
            seen = f"as {half.caller}" if half.caller else f"not seen: {half.problem}"
            self._out.print(f"  {half.account} = {half.id}, {escape(seen)}")
        for pair in value.pairs:
            self._out.print(escape(str(pair)))
        for composition in value.compositions:
            self._out.print(escape(_composition(composition)))
        for exposure in value.exposures:
            self._out.print(escape(str(exposure)))
        for uses in value.uses or ():
            self._out.print(escape(str(uses)))
            for use in uses.calls:
                self._out.print(f"  {escape(str(use))}")

    @_text.register
    def _(self, value: Explanation) -> None:
        for words in value.words:
            self._out.print(escape(words) + ".")
        for pair in value.pairs:
            answer = {True: "allowed", False: "refused", None: "cannot be told"}[pair.allowed]
            who = f"{pair.trusted} ({pair.trusted_account}) -> {pair.trusting} ({pair.trusting_account})"
            self._out.print(f"{escape(who)}: [bold]{answer}[/bold]")
            self._out.print(f"  permissions: {escape(pair.permissions.words)}")
            self._out.print(f"  trust: {escape(pair.trust.words)}")
        for unseen in value.unseen:
            self._out.print(f"not seen: {escape(unseen)}")
        self._out.print(f"[bold]To change:[/bold] {escape(value.change)}.")

    @_text.register
    def _(self, value: Reported) -> None:
        if value.verified:
            self._out.print(f"verified: {escape(value.verified)}")
        for account in value.unseen:
            self._err.print(f"[yellow]warning:[/yellow] {escape(account)} was not seen")
        self._out.print(f"wrote {escape(value.file)}")

    @_text.register
    def _(self, value: OperatorPolicies) -> None:
        for account in value.accounts:
            for number, document in enumerate(account.documents, start=1):
                which = f" ({number} of {len(account.documents)})" if len(account.documents) > 1 else ""
                length = f"{account.characters[number - 1]:,} of {value.limit:,} characters"
                self._err.print(f"[bold]{account.account}[/bold] = {account.account_id}{which}: {length}")
                self._write(json.dumps(document, indent=2) + "\n")
            for note in account.notes:
                self._err.print(f"[yellow]note:[/yellow] {escape(note)}")

    @_text.register
    def _(self, value: Rendered) -> None:
        for name, files in value.files.items():
            self._out.print(f"compositions/{name}: {', '.join(files) if files else 'as it should be'}")

    @_text.register
    def _(self, value: Drawn) -> None:
        if value.file:
            self._out.print(f"wrote {escape(value.file)}")
        else:
            self._write(value.text)  # as it is: rich would look for markup and emoji in it

    @_text.register
    def _(self, value: Told) -> None:
        table = Table("after", "s", "who is trusted", "the intruder")
        for moment in value.moments:
            table.add_row(moment.phase, f"{moment.seconds:.0f}", escape(moment.trusted), moment.intruder)
        self._out.print(table)
        self._out.print(f"The Lambda function wrote {escape(json.dumps(value.item))}")
        self._out.print(f"Destroyed; nothing is left in either account. {value.seconds:.0f} s in all.")
        self._out.print("To start a project of your own: `tfdriver init my-project`")

    @_text.register
    def _(self, value: FiredRule) -> None:
        for target in value.targets:
            answer = f"answered {json.dumps(target.payload)}"
            done = f"failed: {target.error}" if target.ran else f"did not run: {target.error}"
            self._out.print(escape(f"{wording.short(target.target)} {done if target.error else answer}"))

    @_text.register
    def _(self, value: InitResult) -> None:
        modules = sorted({Path(file).parts[1] for file in value.files if file.count("/") > 1})
        self._out.print(f"[bold]A new project in {escape(str(value.root))}[/bold]")
        self._out.print("  tfdriver.yaml  the accounts, the roles, and who trusts whom")
        self._out.print(f"  modules/       what the roles are made of: {escape(', '.join(modules))}")
        self._out.print("[bold]Next[/bold]")
        for number, step in enumerate(value.next_steps, start=1):
            self._out.print(f"  {number}. {escape(step)}")


def _console(stream: ResilientStream) -> Console:
    """Return a console that breaks lines between words on a terminal, and nowhere else, nor the cells of tables."""
    width = None if stream.isatty() else _UNLIMITED
    return Console(file=cast(TextIO, stream), soft_wrap=not stream.isatty(), highlight=False, width=width)


def _composition(found: CompositionStatus) -> str:
    applied = {True: f"applied, {found.resources} resources", False: "not applied", None: found.problem}
    parts = [f"compositions/{found.name}: {applied[found.applied]}"]
    if found.last_apply:
        parts.append(f"last on {wording.moment(found.last_apply)} by Terraform {found.terraform}")
    if found.provider:
        parts.append(f"aws {found.provider}")
    if found.current is False:
        parts.append("not what tfdriver.yaml makes of it now: run `tfdriver up`")
    if found.applied is not None and found.problem:
        parts.append(found.problem)
    if found.drift is not None:
        drifted = ", ".join(found.drift.drifted)
        parts.append(found.drift.problem or (f"drifted: {drifted}" if drifted else "no drift"))
    return "; ".join(parts)
