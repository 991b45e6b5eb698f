"""Parses AWS's error messages on sts:AssumeRole and explains them. Pure; no I/O.

Source: IAM user guide, troubleshoot_access-denied (formats and reason phrases; since 2026 a phrase may end with the ARN
of the policy); STS API reference, AssumeRole (the other errors).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from tfdriver.iam.policy_document import account_of
from tfdriver.iam.trust import MAX_CHARACTERS


class Cause(StrEnum):
    """The kind of policy that refused a call, in AWS's words."""

    IDENTITY = "identity-based policy"
    TRUST = "role trust policy"
    RESOURCE = "resource-based policy"
    SCP = "service control policy"
    RCP = "resource control policy"
    BOUNDARY = "permissions boundary"
    SESSION = "session policy"
    ENDPOINT = "VPC endpoint policy"
    UNKNOWN = ""  # AWS did not name one, or the error is not about a policy


@dataclass(frozen=True)
class Refusal:
    """A parsed error message. code: AWS's error code; caller, resource: ARNs; action: e.g. `sts:AssumeRole`.

    Each is '' if the message lacks it. explicit: whether a Deny statement refused the call; policy: ARN of the policy
    that did, if AWS names it; other: the key in `OTHERS` of an error that is not about policies.
    """

    code: str = ""
    caller: str = ""
    action: str = ""
    resource: str = ""
    cause: Cause = Cause.UNKNOWN
    explicit: bool = False
    policy: str = ""
    other: str = ""


@dataclass(frozen=True)
class Meaning:
    """The meaning of a refusal, and the hint. Both are sentences without a full stop."""

    words: str
    change: str


_EXPIRED = Meaning("The caller's credentials have expired", "Log in again, or refresh the credentials of the process")
_UNKNOWN_KEY = Meaning(
    "AWS does not know the caller's access key, or not in this partition", "Check which credentials the caller uses"
)
_CLOCK = Meaning(
    "The caller's clock is wrong: AWS accepts a signature for a few minutes only. The credentials are not the cause",
    "Set the clock of the caller's machine, e.g. with NTP",
)

# IAM returns and rejects the unique id of a deleted principal. Source: IAM user guide,
# reference_policies_elements_principal.
_DELETED_PRINCIPAL = "Invalid principal in policy: a unique id"

# Errors that no policy causes: text in the message -> meaning. The first match counts.
OTHERS = {
    "ExpiredToken": _EXPIRED,
    "security token included in the request is expired": _EXPIRED,
    "InvalidClientTokenId": _UNKNOWN_KEY,
    "security token included in the request is invalid": _UNKNOWN_KEY,
    "RequestTimeTooSkewed": _CLOCK,
    "Signature expired": _CLOCK,
    "Signature not yet current": _CLOCK,
    "SignatureDoesNotMatch": Meaning(
        "The secret key does not belong to the access key", "Check the caller's access key and secret"
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
    "ACLSizePerRole": Meaning(
        f"The trust policy is longer than the quota of the role's account, which is {MAX_CHARACTERS} characters "
        "by default",
        "Let the role trust fewer roles or shorten its `conditions:` and `trust_statements:`, or ask AWS for a higher "
        "quota `Role trust policy length`",
    ),
    _DELETED_PRINCIPAL: Meaning(
        "The trust policy names the unique id of a role (AROA...) or user (AIDA...) that was deleted. A new role or "
        "user of the same name has another id",
        "Replace the id by the ARN of a role or user that exists, or remove it: look at `trust_statements:`. If a role "
        "in tfdriver.yaml was created again, run `tfdriver tighten`",
    ),
    "Invalid principal in policy": Meaning(
        "IAM refuses a trust policy that names a role that does not exist",
        "Run `tfdriver up`: it creates both roles before one names the other",
    ),
    "Incorrect token audience": Meaning(
        "The audience (`aud`) of the web identity token is not one of the OIDC provider's",
        "Add the audience to the OIDC provider in the role's account, or request a token for another audience",
    ),
    "No OpenIDConnect provider found": Meaning(
        "The role's account has no OIDC provider for the issuer (`iss`) of the web identity token",
        "Create the OIDC provider in the role's account",
    ),
    "Throttling": Meaning("AWS throttled the call because of the number of calls", "Retry less often"),
}

_WEB_IDENTITY = "sts:AssumeRoleWithWebIdentity"
_FRAME = "│╷╵"  # Terraform's frame around an error
_TRAILING = ".,;:\"'}])\\"  # of a sentence, or of a format that quotes the message
_WHO = re.compile(
    r"User: (?P<caller>\S+) is not authorized to perform:? (?P<action>[\w-]+:\w+)(?: on resource:? (?P<resource>\S+))?"
)
_BARE = re.compile(r"[Nn]ot authorized to perform:? (?P<action>sts:\w+)")
_KIND = "|".join(re.escape(cause) for cause in Cause if cause)
_IMPLICIT = re.compile(f"because no (?P<kind>{_KIND}) allows the", re.IGNORECASE)
_EXPLICIT = re.compile(
    rf"(?:with|due to) an explicit deny(?: in (?:an?|the) (?P<kind>{_KIND})(?:: (?P<policy>arn:\S+))?)?", re.IGNORECASE
)
_DELETED = re.compile(r'invalid principal in policy: "aws":"(?:aroa|aida)\w+')
_CODE = re.compile(r"\((\w+)\) when calling|api error (\w+):|\b([A-Z]\w+): User: ")


def parse_refusal(text: str) -> Refusal | None:
    """Parse an AWS error message as printed by boto3, Terraform or the AWS CLI. Returns None for any other text."""
    printable = (char if char.isprintable() and char not in _FRAME else " " for char in text)
    text = " ".join("".join(printable).split())
    found = _CODE.search(text)
    code = next((group for group in found.groups() if group), "") if found else ""
    who = _WHO.search(text) or _BARE.search(text)
    if who is None:
        plain = text.replace("\\", "").lower()  # JSON in JSON has backslashes
        if _DELETED.search(plain):
            return Refusal(code, other=_DELETED_PRINCIPAL)
        other = next((key for key in OTHERS if key.lower() in plain), "")
        return Refusal(code, other=other) if other else None
    fields = {name: (value or "").rstrip(_TRAILING) for name, value in who.groupdict().items()}
    explicit, implicit = _EXPLICIT.search(text), _IMPLICIT.search(text)
    reason = explicit or implicit
    kind = (reason["kind"] or "").lower() if reason else ""
    cause = next((cause for cause in Cause if cause.lower() == kind), Cause.UNKNOWN)
    policy = (explicit["policy"] or "").rstrip(_TRAILING) if explicit else ""
    return Refusal(
        code,
        caller=fields.get("caller", ""),
        action=fields["action"],
        resource=fields.get("resource", ""),
        cause=cause,
        explicit=explicit is not None,
        policy=policy,
    )


# The meaning of a refusal by each kind of policy: where no statement allows the call, and where a statement denies it.
# `{here}` is the caller's account, `{there}` the resource's, `{policy}` the policy's ARN if AWS named it.
_NOT_ALLOWED = {
    Cause.IDENTITY: Meaning(
        "No permissions policy of the caller allows {action} on {resource}",
        "In {here}: allow {action} on exactly {resource} in the caller's permissions",
    ),
    Cause.TRUST: Meaning(
        "The role's trust policy does not trust the caller",
        "In {there}: allow the caller in the role's trust policy",
    ),
    Cause.RESOURCE: Meaning(
        "The resource's policy does not allow it", "In {there}: allow {action} in the policy of {resource}"
    ),
    Cause.SCP: Meaning(
        "No service control policy of the organization of {here} allows {action}",
        "Ask the administrators of that organization to allow it",
    ),
    Cause.RCP: Meaning(
        "No resource control policy of the organization of {there} allows {action}",
        "Ask the administrators of that organization to allow it",
    ),
    Cause.BOUNDARY: Meaning(
        "The caller's permissions boundary does not allow it", "In {here}: allow {action} on {resource} in the boundary"
    ),
    Cause.SESSION: Meaning(
        "The session policy of the caller's session does not allow it",
        "Start the caller's session with a session policy that allows {action}, or without one",
    ),
    Cause.ENDPOINT: Meaning(
        "The VPC endpoint policy does not allow it",
        "In the caller's VPC: allow {action} on {resource} in the endpoint's policy",
    ),
    Cause.UNKNOWN: Meaning(
        "AWS does not name the policy that refused it",
        "Look at the caller's permissions policies and at the role's trust policy",
    ),
}
_DENIED = {
    Cause.IDENTITY: Meaning(
        "A permissions policy{policy} of the caller denies {action}", "In {here}: remove that Deny or exclude this role"
    ),
    Cause.TRUST: Meaning(
        "The role's trust policy denies the caller", "In {there}: remove that Deny from the role's trust policy"
    ),
    Cause.RESOURCE: Meaning(
        "The resource's policy{policy} denies it", "In {there}: remove that Deny from the policy of {resource}"
    ),
    Cause.SCP: Meaning(
        "A service control policy{policy} of the organization of {here} denies {action}",
        "Ask the administrators of that organization to change it",
    ),
    Cause.RCP: Meaning(
        "A resource control policy{policy} of the organization of {there} denies {action}",
        "Ask the administrators of that organization to change it",
    ),
    Cause.BOUNDARY: Meaning(
        "The caller's permissions boundary{policy} denies it", "In {here}: remove that Deny from the boundary"
    ),
    Cause.SESSION: Meaning(
        "The session policy of the caller's session denies it",
        "Start the caller's session with a session policy that allows {action}, or without one",
    ),
    Cause.ENDPOINT: Meaning(
        "The VPC endpoint policy denies it",
        "In the caller's VPC: remove that Deny from the endpoint's policy",
    ),
    Cause.UNKNOWN: Meaning(
        "A policy denies it, and AWS does not name the policy",
        "Look for a Deny in the caller's policies and the role's trust policy, then in the organizations' policies",
    ),
}


def refusal_meaning(refusal: Refusal) -> Meaning:
    """Return the meaning of a refusal, from its text alone."""
    if refusal.other:
        return OTHERS[refusal.other]
    if refusal.action == _WEB_IDENTITY and refusal.cause in (Cause.UNKNOWN, Cause.TRUST) and not refusal.explicit:
        return Meaning(
            "The role does not exist, or its trust policy does not trust the web identity",
            "Compare the token's `iss`, `sub` and `aud` with the `Federated` principal and the conditions of the trust "
            "policy",
        )
    found = (_DENIED if refusal.explicit else _NOT_ALLOWED)[refusal.cause]
    values = {
        "action": refusal.action,
        "resource": refusal.resource or "the resource",
        "policy": f" ({refusal.policy})" if refusal.policy else "",
        "here": _account(refusal.caller) or "the caller's account",
        "there": _account(refusal.resource) or "the account that owns it",
    }
    return Meaning(found.words.format(**values), found.change.format(**values))


def _account(arn: str) -> str:
    account = account_of(arn)
    return f"account {account}" if account else ""
