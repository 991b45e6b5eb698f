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
    match refusal.cause:
        case Cause.IDENTITY:
            named = f"policy {refusal.policy}" if refusal.policy else "the permissions policies"
            return f"Look at {named} of role {verdict.trusted}. What it has now allows this: {_TRY}"
        case Cause.BOUNDARY if policies.boundary:
            return (
                f"Look at the permissions boundary {policies.boundary.name} of role {verdict.trusted}. "
                f"It allows this now: {_TRY}"
            )
        case Cause.BOUNDARY:
            return f"Role {verdict.trusted} has no permissions boundary now: {_TRY}"
        case Cause.TRUST | Cause.RESOURCE:
            return (
                f"Look at the trust policy of role {verdict.trusting}. It lets {verdict.trusted} in now: {_TRY}. If it "
                "stays refused, compare the external id that the process sends with tfdriver.yaml"
            )
        case Cause.UNSAID if not refusal.explicit:
            return f"Both documents allow it now: {_TRY}"
        case _:
            return said.change
