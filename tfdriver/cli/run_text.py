"""Prints the result of `up`, `tighten` and `destroy`."""

from __future__ import annotations

from rich.markup import escape

from tfdriver.cli.grouping import Item, lines
from tfdriver.cli.printer import Output
from tfdriver.cli.verify import print_verify
from tfdriver.deploy.run_result import RoleTrust, RunResult
from tfdriver.iam.policy_document import account_of
from tfdriver.iam.trust_state import TrustKind


def print_run(value: RunResult, output: Output) -> None:
    """Print the roles, the changes, the verification and an open trust."""
    roles = (
        Item(r.account, f"role {r.role} in {r.account}: {r.words}", r.account, account_of(r.arn), attention=_is_odd(r))
        for r in value.roles
    )
    for line in lines(roles):
        output.out.print(escape(line))
    output.out.print(escape(value.summary))
    for revocation in value.revocations:
        output.out.print(escape(str(revocation)))
    if value.verified:
        print_verify(value.verified, output)
    for exposure in value.exposures:
        output.out.print(escape(str(exposure)))
    if value.not_verified:
        output.err.print(f"[bold yellow]not verified:[/bold yellow] {escape(value.not_verified)}.")
        output.err.print("All phases are done. Run `tfdriver verify` to check who can use the resource.")
    if value.in_force:
        output.err.print(f"[bold yellow]open trust:[/bold yellow] in force now: {escape(value.in_force)}")
        output.err.print(f"{escape(value.advice)}.")
    elif value.advice:
        output.err.print(f"[bold]Next:[/bold] {escape(value.advice)}.")


def _is_odd(role: RoleTrust) -> bool:
    return role.trust not in (TrustKind.EXACT, TrustKind.ABSENT)
