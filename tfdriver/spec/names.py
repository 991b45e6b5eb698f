"""The rules of names in AWS and Terraform. Pure; no I/O.

Each function takes text from outside and returns None if it is a good name, else a `Reason`. Nothing is repaired: what
AWS would refuse is refused here, before anything is written or called.

Patterns and lengths are those of AWS's own service models (`roleNameType`, `pathType`, `tagValueType` and `arnType` of
iam 2010-05-08, `externalIdType` of sts 2011-06-15).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Mapping
from typing import NamedTuple

from tfdriver.spec.words import nearest, shown

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_ROLE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]+")
_PATH = re.compile(r"/([!-~]+/)?")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]+")
_ACCOUNT_KEY = re.compile(r"[A-Za-z0-9_-]+")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ARN = re.compile(
    r"(?P<start>[^:]*):(?P<partition>[^:]*):iam:(?P<region>[^:]*):(?P<account>[^:]*):(?P<resource>.*)", re.S
)
_ROLE_NAME_MAX = 64
_PATH_MAX = 512
_EXTERNAL_ID_MIN, _EXTERNAL_ID_MAX = 2, 1224
_TAG_VALUE_MAX = 256
_ARN_MAX = 2048
_KEY_MAX = 64  # ours: keys become names of folders, files and Terraform modules
_NOT_FROM_HERE = "tfdriver.yaml takes no environment variables: write the value itself"


class Reason(NamedTuple):
    """Why a name is refused. what: one sentence without a full stop; cure: one sentence saying what would be right."""

    what: str
    cure: str


def account_id(text: str) -> Reason | None:
    """Check an AWS account id: 12 digits.

    Source: AWS account management guide, "View AWS account identifiers" (12 digits, may begin with zeros).
    """
    if _ACCOUNT_ID.fullmatch(text):
        return None
    digits = re.sub(r"[\s-]", "", text)
    if _ACCOUNT_ID.fullmatch(digits):
        return Reason(f"account id {shown(text)} has more than digits in it", f'Write "{digits}"')
    if inside := re.search(r":([0-9]{12}):", text):
        return Reason(f"{shown(text)} is an ARN, not an account id", f'Write "{inside[1]}"')
    cure = 'Write the 12 digits in quotes, e.g. "111111111111"'
    if not text:
        return Reason("the account id is empty", cure)
    if text.isascii() and text.isdigit():
        zeros = "; if zeros at its start were lost, put them back" if len(text) < 12 else ""
        return Reason(f"account id {shown(text)} has {len(text)} digits, not 12", cure + zeros)
    if "${" in text:
        return Reason(f"account id {shown(text)} is a placeholder", _NOT_FROM_HERE)
    return Reason(f"account id {shown(text)} is not 12 digits", cure + "; an alias or a name will not do")


def role_name(text: str) -> Reason | None:
    """Check the name of an IAM role: 1 to 64 letters, digits or `_+=,.@-`.

    Source: IAM API, CreateRole, RoleName. AWS's `\\w` is ASCII here.
    """
    if not text:
        return Reason("the role name is empty", "Leave `name:` out to use the role's key")
    if "${" in text:
        return Reason(f"role name {shown(text)} holds a placeholder", _NOT_FROM_HERE)
    if "/" in text:
        return Reason(f"role name {shown(text)} has a slash", "Use `path:` for what comes before the name")
    if not _ROLE_NAME.fullmatch(text):
        return Reason(f"role name {shown(text)} has {_bad(text, '_+=,.@-')}", "Use letters, digits and _+=,.@- only")
    if len(text) > _ROLE_NAME_MAX:
        return Reason(f"role name {shown(text)} has {len(text)} characters", "IAM allows 64; set a shorter `name:`")
    return None


def role_path(text: str) -> Reason | None:
    """Check the path of an IAM role: `/`, or `/.../` of at most 512 visible ASCII characters.

    Narrower than IAM: the path becomes part of the ARN in the condition that guards the broad trust, where `*` and `?`
    are wildcards and `$` begins a policy variable (IAM user guide, reference_policies_elements_condition_operators,
    reference_policies_variables); and an empty part (`//`) is never meant.
    Source: IAM API, CreateRole, Path.
    """
    cure = "Begin and end it with a slash, e.g. /team/service/"
    if len(text) > _PATH_MAX:
        return Reason(f"the path has {len(text)} characters", "IAM allows 512")
    if not (text.startswith("/") and text.endswith("/")):
        return Reason(f"path {shown(text)} does not begin and end with a slash", cure)
    if "//" in text:
        return Reason(f"path {shown(text)} has two slashes in a row", "Write one")
    if found := sorted(set(text) & set("*?$")):
        return Reason(f"path {shown(text)} has {shown(found[0])}", "Policies give it another meaning: leave it out")
    if not _PATH.fullmatch(text):
        return Reason(f"path {shown(text)} has a space or a character that is not ASCII", cure)
    return None


def external_id(text: str) -> Reason | None:
    """Check an external id: 2 to 1224 letters, digits or `_+=,.@:/-`. Source: STS API, AssumeRole, ExternalId."""
    if not text:
        return Reason("the external id is empty", "Leave `external_id:` out for none, or write `generate`")
    if text.lower() == "generate" != text:
        return Reason(f"external id {shown(text)} is no secret", "Write `generate`, in small letters, to have one made")
    if not _EXTERNAL_ID_MIN <= len(text) <= _EXTERNAL_ID_MAX:
        return Reason(f"the external id has {len(text)} characters", "AWS allows 2 to 1224")
    if "${" in text:
        return Reason(f"external id {shown(text)} holds a placeholder", _NOT_FROM_HERE)
    if not _EXTERNAL_ID.fullmatch(text):
        return Reason(f"the external id has {_bad(text, '_+=,.@:/-')}", "Use letters, digits and _+=,.@:/- only")
    return None


def region(text: str, known: Collection[str]) -> Reason | None:
    """Check the name of an AWS region. known: the names there are."""
    if text in known:
        return None
    if not text:
        return Reason("the region is empty", "Write one, e.g. us-west-2, or leave `region:` out to use the profile's")
    if text.strip().lower() in known:
        return Reason(f"{shown(text)} is not how AWS writes the region", f"Write {text.strip().lower()}")
    cure = nearest(text.lower(), known) or "Write one, e.g. us-west-2"
    return Reason(f"there is no region {shown(text)}", cure)


def profile(text: str) -> Reason | None:
    """Check the name of a profile of the AWS configuration: one line that can stand in `[profile NAME]`."""
    if not text.strip():
        return Reason("the profile is empty", "Leave `profile:` out to use the account's name here")
    if "${" in text:
        return Reason(f"profile {shown(text)} holds a placeholder", _NOT_FROM_HERE)
    if not text.isprintable() or set(text) & set("[]") or text != text.strip():
        return Reason(f"profile {shown(text)} cannot be the name of a profile", "Write it as in ~/.aws/config")
    if len(text) > _TAG_VALUE_MAX:
        return Reason(f"the profile's name has {len(text)} characters", "Write at most 256")
    return None


def tag_value(text: str) -> Reason | None:
    """Check the value of a tag: at most 256 letters, digits, spaces or `_.:/=+-@`, not empty, not AWS's own.

    Source: IAM API, Tag (`[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*`); "Tag naming limits": `aws:` is AWS's own prefix.
    """
    if not text.strip():
        return Reason("the value of a tag would be empty", "Write at least one letter")
    if "${" in text:
        return Reason(f"{shown(text)} holds a placeholder", _NOT_FROM_HERE)
    if bad := next((c for c in text if c not in "_.:/=+-@" and unicodedata.category(c)[0] not in "LZN"), None):
        return Reason(f"a tag cannot hold {shown(bad)}", "Use letters, digits, spaces and _.:/=+-@ only")
    if len(text) > _TAG_VALUE_MAX:
        return Reason(f"{len(text)} characters are too long for a tag", "AWS allows 256")
    if text.lower().startswith("aws:"):
        return Reason(f"{shown(text)} begins with aws:, which is AWS's own", "Begin it with something else")
    return None


def account_key(text: str) -> Reason | None:
    """Check a key under `accounts:`: it names a folder below compositions/ and stands in tags."""
    return _key(text, _ACCOUNT_KEY, "letters, digits, _ and -")


def identifier(text: str) -> Reason | None:
    """Check a Terraform identifier, kept to ASCII. Source: Terraform, "Configuration syntax", identifiers."""
    return _key(text, _IDENTIFIER, "letters, digits, _ and -, beginning with a letter or _")


def role_arn(text: str, partitions: Collection[str], accounts: Mapping[str, str]) -> Reason | None:
    """Check the ARN of an IAM role of one of the spec's accounts.

    partitions: those there are, e.g. `aws`; accounts: partition by account id. Source: IAM user guide,
    reference_identifiers (`arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`); length: `arnType`.
    """
    cure = "A role's ARN is arn:aws:iam::111111111111:role/name"
    if text.startswith(("AROA", "AIDA")):
        return Reason(f"{shown(text)} is a unique id, not an ARN", "Give the role's ARN")
    if text != text.strip():
        return Reason(f"{shown(text)} has a space or newline around it", "Take it away")
    if not 20 <= len(text) <= _ARN_MAX:
        return Reason(f"an ARN of {len(text)} characters cannot be", cure)
    if "*" in text:
        return Reason(f"{shown(text)} has a wildcard", "Name one role")
    parts = _ARN.fullmatch(text)
    if not parts or parts["start"] != "arn":
        return Reason(f"{shown(text)} is not the ARN of an IAM role", cure)
    return _arn_head(parts, partitions, accounts) or _arn_resource(parts["resource"])


def _arn_head(parts: re.Match[str], partitions: Collection[str], accounts: Mapping[str, str]) -> Reason | None:
    if parts["partition"] not in partitions:
        return Reason(f"there is no partition {shown(parts['partition'])}", nearest(parts["partition"], partitions))
    if parts["region"]:
        return Reason(f"the ARN names the region {shown(parts['region'])}", "IAM's ARNs have none: leave it empty")
    if reason := account_id(parts["account"]):
        return reason
    if parts["account"] not in accounts:
        return Reason(f"account {parts['account']} is not in the spec", "Add it under `accounts:`")
    if accounts[parts["account"]] != parts["partition"]:
        right = accounts[parts["account"]]
        return Reason(f"account {parts['account']} is in partition {right}", f"Begin the ARN with arn:{right}:")
    return None


def _arn_resource(resource: str) -> Reason | None:
    if resource == "root":
        return Reason("the ARN means the whole account", "Give the ARN of one role")
    kind, _, rest = resource.partition("/")
    if kind != "role":
        return Reason(f"this ARN is of type {shown(kind)}, not of a role", "Give the role's ARN")
    name = rest.rpartition("/")[2]
    return role_path("/" + rest.removesuffix(name)) or role_name(name)


def _key(text: str, pattern: re.Pattern[str], allowed: str) -> Reason | None:
    if not text:
        return Reason("the name is empty", f"Use {allowed}")
    if "${" in text:
        return Reason(f"{shown(text)} holds a placeholder", _NOT_FROM_HERE)
    if not pattern.fullmatch(text):
        return Reason(f"{shown(text)} cannot be a name here", f"Use {allowed}")
    if len(text) > _KEY_MAX:
        return Reason(f"the name {shown(text)} has {len(text)} characters", f"Use at most {_KEY_MAX}")
    return None


def _bad(text: str, also: str) -> str:
    """Say what the first character is that is neither a letter, a digit, nor one of `also`."""
    char = next(c for c in text if not (c.isascii() and c.isalnum()) and c not in also)
    return {" ": "a space", "\n": "a newline"}.get(char, shown(char))
