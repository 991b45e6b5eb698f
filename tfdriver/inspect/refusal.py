"""AWS's refusals of sts:AssumeRole, as text: what they say, and what that means. Pure; no I/O.

Source: IAM user guide, troubleshoot_access-denied (formats and reason phrases; since 2026 a phrase may end with the ARN
of the policy); STS API reference, AssumeRole (the other errors).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tfdriver.iam.policy_document import account_of


class Cause(StrEnum):
    """The kind of policy that refused, in AWS's words."""

    IDENTITY = "identity-based policy"
    TRUST = "role trust policy"
    RESOURCE = "resource-based policy"
    SCP = "service control policy"
    RCP = "resource control policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    ENDPOINT = "VPC endpoint policy"
    UNSAID = ""  # AWS did not say, or it was no policy


@dataclass(frozen=True)
class Refusal:
    """What an error text says. code: AWS's error code; caller, resource: ARNs; action: e.g. `sts:AssumeRole`.

    Each is '' if not said. explicit: whether a Deny refused it; policy: ARN of the policy that did, if AWS names it;
    other: the key of `OTHERS` for an error that is about something else than policies.
    """

    code: str = ""
    caller: str = ""
    action: str = ""
    resource: str = ""
    cause: Cause = Cause.UNSAID
    explicit: bool = False
    policy: str = ""
    other: str = ""


@dataclass(frozen=True)
class Meaning:
    """What a refusal means and the one thing to change; both sentences without a full stop."""

    words: str
    change: str


_EXPIRED = Meaning("The caller's credentials have expired", "Log in again, or let the process get new ones")
_UNKNOWN_KEY = Meaning(
    "AWS does not know the caller's access key, or not in this partition", "Check which credentials the caller uses"
)

# Errors that no policy causes: what is searched for in the text -> meaning. The first that is found counts.
OTHERS = {
    "ExpiredToken": _EXPIRED,
    "security token included in the request is expired": _EXPIRED,
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "security token included in the request is invalid": _UNKNOWN_KEY,
    "SignatureDoesNotMatch": Meaning(
        "The secret key does not belong to the access key, or the caller's clock is wrong",
        "Check which credentials the caller uses, and its clock",
    ),
    "RegionDisabled": Meaning(
        "STS is not active in that region in the account that owns the role",
        "Activate STS for the region in the role's account, or let the caller use another regional endpoint",
    ),
    "session limit for roles assumed by role chaining": Meaning(
        "A role's session that assumes another role gets one hour at most",
        "Ask for a DurationSeconds of 3600 or less",
    ),
    "MaxSessionDuration": Meaning(
        "The session asked for is longer than the role allows",
        "Ask for a shorter DurationSeconds, or raise the role's maximum session duration",
    ),
    "Invalid principal in policy": Meaning(
        "A trust policy was to name a role that does not exist (yet), which IAM refuses",
        "Run `tfdriver up`: it creates both roles before one names the other",
    ),
    "Throttling": Meaning("AWS refused for the number of calls, not for who called", "Try again, less often"),
}

_FRAME = "│╷╵"  # that Terraform draws around an error
_TRAILING = ".,;:\"'}])\\"  # of a sentence or of whatever quotes the message
_WHO = re.compile(
    r"User: (?P<caller>\S+) is not authorized to perform:? (?P<action>[\w-]+:\w+)(?: on resource:? (?P<resource>\S+))?"
)
_BARE = re.compile(r"[Nn]ot authorized to perform:? (?P<action>sts:\w+)")
_KIND = "|".join(re.escape(cause) for cause in Cause if cause)
_IMPLICIT = re.compile(f"because no (?P<kind>{_KIND}) allows the", re.IGNORECASE)
_EXPLICIT = re.compile(
    rf"with an explicit deny(?: in (?:an?|the) (?P<kind>{_KIND})(?:: (?P<policy>arn:\S+))?)?", re.IGNORECASE
)
_CODE = re.compile(r"\((\w+)\) when calling|api error (\w+):|\b([A-Z]\w+): User: ")


def parse_refusal(text: str) -> Refusal | None:
    """Return what an error text of AWS says, in whatever it is wrapped (boto3, Terraform, the CLI); None if nothing."""
    shown = (char if char.isprintable() and char not in _FRAME else " " for char in text)
    text = " ".join("".join(shown).split())
    found = _CODE.search(text)
    code = next((group for group in found.groups() if group), "") if found else ""
    who = _WHO.search(text) or _BARE.search(text)
    if who is None:
        other = next((key for key in OTHERS if key.lower() in text.lower()), "")
        return Refusal(code, other=other) if other else None
    said = {name: (value or "").rstrip(_TRAILING) for name, value in who.groupdict().items()}
    explicit, implicit = _EXPLICIT.search(text), _IMPLICIT.search(text)
    reason = explicit or implicit
    kind = (reason["kind"] or "").lower() if reason else ""
    cause = next((cause for cause in Cause if cause.lower() == kind), Cause.UNSAID)
    policy = (explicit["policy"] or "").rstrip(_TRAILING) if explicit else ""
    return Refusal(
        code,
        said.get("caller", ""),
        said["action"],
        said.get("resource", ""),
        cause,
        explicit is not None,
        policy,
    )


# What a refusal by each kind of policy means and what to change: where no statement allows, and where one denies.
# `{here}` is the caller's account, `{there}` the resource's, `{policy}` the policy's ARN if AWS named it.
_NOT_ALLOWED = {
    Cause.IDENTITY: Meaning(
        "No permissions policy of the caller allows {action} on {resource}",
        "In {here}: allow {action} on exactly {resource} in the caller's permissions",
    ),
    Cause.TRUST: Meaning(
        "The role's trust policy does not let the caller in",
        "In {there}: let the caller in by the role's trust policy",
    ),
    Cause.RESOURCE: Meaning(
        "The resource's own policy does not allow it", "In {there}: allow {action} in the policy of {resource}"
    ),
    Cause.SCP: Meaning(
        "No service control policy of the organization of {here} allows {action}",
        "Ask who administers that organization: only they can allow it",
    ),
    Cause.RCP: Meaning(
        "No resource control policy of the organization of {there} allows {action}",
        "Ask who administers that organization: only they can allow it",
    ),
    Cause.BOUNDARY: Meaning(
        "The caller's permissions boundary does not allow it", "In {here}: allow {action} on {resource} in the boundary"
    ),
    Cause.SESSION: Meaning(
        "The session policy that the caller's session was started with does not allow it",
        "Start the caller's session with a session policy that allows {action}, or with none",
    ),
    Cause.ENDPOINT: Meaning(
        "The policy of the VPC endpoint that the call went through does not allow it",
        "In the caller's VPC: allow {action} on {resource} in the endpoint's policy",
    ),
    Cause.UNSAID: Meaning(
        "AWS does not say which policy refused it",
        "Look at both documents: the caller's permissions and the role's trust policy",
    ),
}
_DENIED = {
    Cause.IDENTITY: Meaning(
        "A permissions policy{policy} of the caller denies {action}", "In {here}: remove that Deny or except this role"
    ),
    Cause.TRUST: Meaning(
        "The role's trust policy denies the caller", "In {there}: remove that Deny from the role's trust policy"
    ),
    Cause.RESOURCE: Meaning(
        "The resource's own policy{policy} denies it", "In {there}: remove that Deny from the policy of {resource}"
    ),
    Cause.SCP: Meaning(
        "A service control policy{policy} of the organization of {here} denies {action}",
        "Ask who administers that organization: only they can change it",
    ),
    Cause.RCP: Meaning(
        "A resource control policy{policy} of the organization of {there} denies {action}",
        "Ask who administers that organization: only they can change it",
    ),
    Cause.BOUNDARY: Meaning(
        "The caller's permissions boundary{policy} denies it", "In {here}: remove that Deny from the boundary"
    ),
    Cause.SESSION: Meaning(
        "The session policy that the caller's session was started with denies it",
        "Start the caller's session with a session policy that allows {action}, or with none",
    ),
    Cause.ENDPOINT: Meaning(
        "The policy of the VPC endpoint that the call went through denies it",
        "In the caller's VPC: remove that Deny from the endpoint's policy",
    ),
    Cause.UNSAID: Meaning(
        "A policy denies it, and AWS does not say which",
        "Look for a Deny in both documents, then in the organizations' policies",
    ),
}


def refusal_meaning(refusal: Refusal) -> Meaning:
    """Return what a refusal means, from its text alone."""
    if refusal.other:
        return OTHERS[refusal.other]
    found = (_DENIED if refusal.explicit else _NOT_ALLOWED)[refusal.cause]
    said = {
        "action": refusal.action,
        "resource": refusal.resource or "the resource",
        "policy": f" ({refusal.policy})" if refusal.policy else "",
        "here": _account(refusal.caller) or "the caller's account",
        "there": _account(refusal.resource) or "the account that owns it",
    }
    return Meaning(found.words.format(**said), found.change.format(**said))


def _account(arn: str) -> str:
    account = account_of(arn)
    return f"account {account}" if account else ""
