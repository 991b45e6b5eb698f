"""The hint for a call that AWS refused although both policies allow it now. Pure; no I/O."""

from __future__ import annotations

from tfdriver.aws.role_policies import RolePolicies
from tfdriver.inspect.refusal import Cause, Meaning, Refusal
from tfdriver.inspect.verdict import Verdict

_TRY = "Try again: IAM changes take up to a minute to take effect"


def allowed_now(refusal: Refusal, meaning: Meaning, verdict: Verdict, policies: RolePolicies) -> str:
    """Return the hint, without a full stop.

    meaning: of the refusal's text alone; verdict: on the pair in question; policies: of its trusted role.
    """
    trusted = f"role {verdict.trusted} in {verdict.trusted_account}"
    match refusal.cause:
        case Cause.IDENTITY:
            policy = f"policy {refusal.policy}" if refusal.policy else "the permissions policies"
            return f"Look at {policy} of {trusted}. Its current policies allow the call. {_TRY}"
        case Cause.BOUNDARY if policies.boundary:
            boundary = policies.boundary.name
            return f"Look at the permissions boundary {boundary} of {trusted}. It allows the call now. {_TRY}"
        case Cause.BOUNDARY:
            return f"No permissions boundary is set on {trusted} now. {_TRY}"
        case Cause.TRUST | Cause.RESOURCE:
            return (
                f"Look at the trust policy of role {verdict.trusting} in {verdict.trusting_account}. It trusts "
                f"{trusted} now. {_TRY}. If AWS still refuses the call, compare the external id that the process sends "
                "with tfdriver.yaml"
            )
        case Cause.UNKNOWN if not refusal.explicit:
            return f"Both policies allow the call now. {_TRY}"
        case _:
            return meaning.change
