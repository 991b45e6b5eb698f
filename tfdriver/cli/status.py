"""`tfdriver status`: its options and its text."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from itertools import zip_longest

import click
from rich.markup import escape

from tfdriver.aws.account_access import AccountAccess
from tfdriver.cli.grouping import Item, grouped, lines
from tfdriver.cli.options import GlobalOptions, json_option, parallelism_option, selection_options, timeout_option
from tfdriver.cli.printer import Output
from tfdriver.cli.session import cloudtrail_reader, tools_for
from tfdriver.deploy.session import Options
from tfdriver.iam import wording
from tfdriver.iam.policy_document import account_of
from tfdriver.inspect import status as status_command
from tfdriver.inspect.composition_status import CompositionStatus
from tfdriver.inspect.drift import drift_reader
from tfdriver.inspect.role_pairs import Pair, PairState
from tfdriver.inspect.status import Status, UnseenRole
from tfdriver.project.selection import Selection


@click.command()
@click.option("--drift", is_flag=True, help="Run terraform plan to find resources that differ from the files.")
@click.option("--who", is_flag=True, help="Look up in CloudTrail who used a role while its trust was broad.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit 2 if anything is not exact, not applied or has drifted.")
@selection_options
@json_option
@parallelism_option
@timeout_option
@click.pass_obj
def status(
    options: GlobalOptions,
    drift: bool,
    who: bool,
    detailed_exitcode: bool,
    selection: Selection,
    as_json: bool,
    parallelism: int,
    timeout: float | None,
) -> int:
    """Print what is deployed and who is trusted.

    It needs the trusting side's credentials only. Exits 1 if a trust policy cannot be read. With --detailed-exitcode:
    2 if anything differs from the result of `up`, else 1 if anything could not be read.

    \b
    Example:
      tfdriver status --detailed-exitcode
    """
    output = Output(as_json=as_json)
    with output.progress() as progress:
        tools = tools_for(progress)
        settings = Options(options.project, timeout, parallelism=parallelism, selection=selection)
        with drift_reader(settings, tools) if drift else nullcontext() as read_drift:
            reader = partial(cloudtrail_reader, tools.aws) if who else None
            found = status_command.status(status_command.view_project(settings, tools), read_drift, reader)
    code = found.exit_code(detailed=detailed_exitcode)
    output.result("status", found, print_status, code)
    return code


def print_status(value: Status, output: Output) -> None:
    """Print accounts, pairs, compositions, exposures and the advice."""
    output.out.print(f"[bold]{escape(value.project)}[/bold] on {wording.moment(value.at)}")
    for line in lines(map(_account, value.accounts)):
        output.out.print(f"  {escape(line)}")
    unseen = lines(map(_unseen_role, value.unseen_roles))
    for line in [*lines(map(_pair, value.pairs)), *unseen, *_composition_lines(value)]:
        output.out.print(escape(line))
    if value.exposures:
        output.out.print("[bold]Exposures[/bold]: when a broad trust was in force")
    for exposure, uses in zip_longest(value.exposures, value.uses or ()):
        output.out.print(f"  {escape(str(exposure))}")
        if uses:
            output.out.print(f"    {escape(str(uses))}")
            for call in uses.calls:
                output.out.print(f"      {escape(str(call))}")
    if value.advice:
        output.out.print(f"[bold]Next:[/bold] {escape(value.advice)}.")


def _account(access: AccountAccess) -> Item[str]:
    denied = f"not accessible: {access.problem}" if access.selected else access.problem
    text = f"{access.account} = {access.id}, {f'as {access.caller}' if access.caller else denied}"
    return Item(access.account, text, access.account, access.id, attention=access.selected and not access.caller)


def _pair(pair: Pair) -> Item[str]:
    """Return the line of a pair. Pairs in a group differ in the trusting account."""
    account, odd = pair.trusting_account, pair.state is not PairState.EXACT
    return Item(account, str(pair), account, account_of(pair.trusting_arn), attention=odd)


def _unseen_role(role: UnseenRole) -> Item[str]:
    return Item(role.account, str(role), role.account, account_of(role.arn))


def _composition_lines(value: Status) -> Iterator[str]:
    """Yield a line for each composition or group of them, which has no time of the last apply."""
    ids = {access.account: access.id for access in value.accounts}
    whole = {found.name: found for found in value.compositions}
    items = (
        Item(c.name, replace(c, last_apply=None), c.account, ids.get(c.account, ""), attention=_is_odd(c))
        for c in value.compositions
    )
    for group in grouped(items):
        if group.label:
            yield f"{group.label}: {_composition_line(group.shown)}"
        else:
            yield _composition_line(whole[group.shown.name])


def _is_odd(found: CompositionStatus) -> bool:
    return not found.applied or found.current is False or bool(found.problem or (found.drift and found.drift.drifted))


def _composition_line(found: CompositionStatus) -> str:
    applied = {True: f"applied, {found.resources} resources", False: "not applied", None: found.problem}
    parts = [f"compositions/{found.name}: {applied[found.applied]}"]
    if found.last_apply:
        parts.append(f"last on {wording.moment(found.last_apply)} by Terraform {found.terraform}")
    if found.provider:
        parts.append(f"aws {found.provider}")
    if found.locked:
        parts.append(found.locked)
    if found.current is False:
        parts.append("not up to date with tfdriver.yaml")
    if found.applied is not None and found.problem:
        parts.append(found.problem)
    if found.drift is not None:
        drifted = "; ".join(found.drift.drifted)
        parts.append(found.drift.problem or (f"drift: {drifted}" if drifted else "no drift"))
    return "; ".join(parts)
