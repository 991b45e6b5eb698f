"""What to look at where AWS refused a call that both documents allow by now: what AWS named. Pure; no I/O."""

from __future__ import annotations

from tfdriver.aws.role_policies import RolePolicies
from tfdriver.inspect.refusal import Cause, Meaning, Refusal
from tfdriver.inspect.verdict import Verdict

_TRY = "try again, for changes of IAM take up to a minute to spread"


def allowed_now(refusal: Refusal, said: Meaning, verdict: Verdict, policies: RolePolicies) -> str:
    """Return the one thing to look at, without a full stop.

    said: what the refusal means by itself; verdict: of the pair in question; policies: of its trusted role.
    """
    trusted = f"role {verdict.trusted} in {verdict.trusted_account}"
    match refusal.cause:
        case Cause.IDENTITY:
            named = f"policy {refusal.policy}" if refusal.policy else "the permissions policies"
            return f"Look at {named} of {trusted}. What it has now allows this: {_TRY}"
        case Cause.BOUNDARY if policies.boundary:
            boundary = policies.boundary.name
            return f"Look at the permissions boundary {boundary} of {trusted}. It allows this now: {_TRY}"
        case Cause.BOUNDARY:
            return f"There is no permissions boundary now on {trusted}: {_TRY}"
        case Cause.TRUST | Cause.RESOURCE:
            return (
                f"Look at the trust policy of role {verdict.trusting} in {verdict.trusting_account}. It trusts "
                f"{trusted} now: {_TRY}. If it stays refused, compare the external id that the process sends with "
                "tfdriver.yaml"
            )
        case Cause.UNSAID if not refusal.explicit:
            return f"Both documents allow it now: {_TRY}"
        case _:
            return said.change
