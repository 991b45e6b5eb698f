"""The rules of AWS and Terraform for names. Pure; no I/O.

Each function takes any text and returns None if it is valid, else a `Reason`. A name that AWS would refuse is refused
here, before anything is written or called. No name is changed.

Patterns and lengths are those of AWS's service models (`roleNameType`, `pathType`, `tagValueType` and `arnType` of
iam 2010-05-08, `externalIdType` of sts 2011-06-15).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

from tfdriver.spec.message_text import nearest, quoted

_ACCOUNT_ID = re.compile(r"[0-9]{12}")
_ROLE_NAME = re.compile(r"[A-Za-z0-9_+=,.@-]+")
_PATH = re.compile(r"/([!-~]+/)?")
_EXTERNAL_ID = re.compile(r"[A-Za-z0-9_+=,.@:/-]+")
_ACCOUNT_KEY = re.compile(r"[A-Za-z0-9_-]+")
_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*")
_ARN = re.compile(
    r"(?P<start>[^:]*):(?P<partition>[^:]*):iam:(?P<region>[^:]*):(?P<account>[^:]*):(?P<resource>.*)", re.S
)
_REGION = re.compile(r"(us-gov|us-isob?|us-isof|eu-isoe|eusc|cn|us|eu|ap|sa|ca|me|af|il|mx)(?:-[a-z]+)+-\d{1,2}")
_PARTITIONS = {
    "cn": "aws-cn",
    "us-gov": "aws-us-gov",
    "us-iso": "aws-iso",
    "us-isob": "aws-iso-b",
    "us-isof": "aws-iso-f",
    "eu-isoe": "aws-iso-e",
    "eusc": "aws-eusc",
}
_CONSTRAINT = re.compile(r"(=|!=|>|>=|<|<=|~>)?\s*v?\d+(\.\d+){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
_ROLE_NAME_MAX = 64
_PATH_MAX = 512
_EXTERNAL_ID_MIN, _EXTERNAL_ID_MAX = 2, 1224
_TAG_VALUE_MAX = 256
_ARN_MAX = 2048
_OWNER_MAX = 100  # a limit of tfdriver: owners stand in messages
_KEY_MAX = 64  # a limit of tfdriver: keys become names of folders, files and Terraform modules
_NO_PLACEHOLDERS = "Write the value itself: tfdriver.yaml does not support environment variables"


class Reason(NamedTuple):
    """Why a name is refused. what: one sentence without a full stop; hint: one sentence on how to fix it."""

    what: str
    hint: str


def account_id(text: str) -> Reason | None:
    """Check an AWS account id: 12 digits.

    Source: AWS account management guide, "View AWS account identifiers" (12 digits, may begin with zeros).
    """
    if _ACCOUNT_ID.fullmatch(text):
        return None
    digits = re.sub(r"[\s-]", "", text)
    if _ACCOUNT_ID.fullmatch(digits):
        return Reason(f"account id {quoted(text)} contains more than digits", f'Write "{digits}"')
    if inside := re.search(r":([0-9]{12}):", text):
        return Reason(f"{quoted(text)} is an ARN, not an account id", f'Write "{inside[1]}"')
    hint = 'Write the 12 digits in quotes, e.g. "111111111111"'
    if not text:
        return Reason("the account id is empty", hint)
    if text.isascii() and text.isdigit():
        zeros = "; add leading zeros if they were lost" if len(text) < 12 else ""
        return Reason(f"account id {quoted(text)} has {len(text)} digits, not 12", hint + zeros)
    if "${" in text:
        return Reason(f"account id {quoted(text)} is a placeholder", _NO_PLACEHOLDERS)
    return Reason(f"account id {quoted(text)} is not 12 digits", hint + ", not an alias or a name")


def role_name(text: str) -> Reason | None:
    """Check the name of an IAM role: 1 to 64 letters, digits or `_+=,.@-`.

    Source: IAM API, CreateRole, RoleName. AWS's `\\w` is ASCII here.
    """
    if not text:
        return Reason("the role name is empty", "Leave `name:` out to use the role's key")
    if "${" in text:
        return Reason(f"role name {quoted(text)} contains a placeholder", _NO_PLACEHOLDERS)
    if "/" in text:
        return Reason(f"role name {quoted(text)} has a slash", "Write the part before the name as `path:`")
    if not _ROLE_NAME.fullmatch(text):
        return Reason(f"role name {quoted(text)} has {_invalid(text, '_+=,.@-')}", "Use letters, digits and _+=,.@-")
    if len(text) > _ROLE_NAME_MAX:
        return Reason(f"role name {quoted(text)} has {len(text)} characters", "IAM allows 64; set a shorter `name:`")
    return None


def role_path(text: str) -> Reason | None:
    """Check the path of an IAM role: `/`, or `/.../` of at most 512 visible ASCII characters.

    IAM also allows `*`, `?`, `$` and `//`. The path becomes part of the ARN in the condition that guards the broad
    trust. There, `*` and `?` are wildcards and `$` begins a policy variable. Sources: IAM API, CreateRole, Path; IAM
    user guide, reference_policies_elements_condition_operators, reference_policies_variables.
    """
    hint = "Begin and end it with a slash, e.g. /team/service/"
    if len(text) > _PATH_MAX:
        return Reason(f"the path has {len(text)} characters", "IAM allows 512")
    if not (text.startswith("/") and text.endswith("/")):
        return Reason(f"path {quoted(text)} does not begin and end with a slash", hint)
    if "//" in text:
        return Reason(f"path {quoted(text)} has two slashes in a row", "Write one")
    if found := sorted(set(text) & set("*?$")):
        return Reason(f"path {quoted(text)} has {quoted(found[0])}", "Leave it out: IAM policies interpret it")
    if not _PATH.fullmatch(text):
        return Reason(f"path {quoted(text)} has a space or a character that is not ASCII", hint)
    return None


def external_id(text: str) -> Reason | None:
    """Check an external id: 2 to 1224 letters, digits or `_+=,.@:/-`. Source: STS API, AssumeRole, ExternalId."""
    if not text:
        return Reason("the external id is empty", "Leave `external_id:` out, or write `generate` to create one")
    if text.lower() == "generate" != text:
        return Reason(f"external id {quoted(text)} looks like `generate`", "Write `generate` in lowercase")
    if not _EXTERNAL_ID_MIN <= len(text) <= _EXTERNAL_ID_MAX:
        return Reason(f"the external id has {len(text)} characters", "AWS allows 2 to 1224")
    if "${" in text:
        return Reason(f"external id {quoted(text)} contains a placeholder", _NO_PLACEHOLDERS)
    if not _EXTERNAL_ID.fullmatch(text):
        return Reason(f"the external id has {_invalid(text, '_+=,.@:/-')}", "Use letters, digits and _+=,.@:/-")
    return None


def version(text: str) -> Reason | None:
    """Check a version constraint of a module. Source: Terraform's documentation, "Version Constraints"."""
    if all(_CONSTRAINT.fullmatch(part.strip()) for part in text.split(",")):
        return None
    return Reason(f"{quoted(text)} is not a version constraint", 'Write it as Terraform does, e.g. "5.1.0" or "~> 5.0"')


def region(text: str, known: Collection[str]) -> Reason | None:
    """Check the name of an AWS region. known: the names of all regions that the installed botocore knows.

    AWS adds regions, so another name of the same form is accepted, see `partition`.
    """
    if text in known or partition(text):
        return None
    if not text:
        return Reason("the region is empty", "Write one, e.g. us-west-2, or leave `region:` out to use the profile's")
    if text.strip().lower() in known:
        return Reason(f"{quoted(text)} is not how AWS writes the region", f"Write {text.strip().lower()}")
    hint = nearest(text.lower(), known) or "Write one, e.g. us-west-2"
    return Reason(f"there is no region {quoted(text)}", hint)


def partition(region_name: str) -> str:
    """Return the partition of a region from the form of its name, '' for another form.

    Source: `regionRegex` of each partition in botocore's partitions.json.
    """
    found = _REGION.fullmatch(region_name)
    return _PARTITIONS.get(found[1], "aws") if found else ""


def profile(text: str) -> Reason | None:
    """Check the name of a profile of the AWS configuration: one line that can stand in `[profile NAME]`."""
    if not text.strip():
        return Reason("the profile is empty", "Leave `profile:` out to use the account's key")
    if "${" in text:
        return Reason(f"profile {quoted(text)} contains a placeholder", _NO_PLACEHOLDERS)
    if not text.isprintable() or set(text) & set("[]") or text != text.strip():
        return Reason(f"profile {quoted(text)} cannot be the name of a profile", "Write it as in ~/.aws/config")
    if len(text) > _TAG_VALUE_MAX:
        return Reason(f"the profile's name has {len(text)} characters", "Write at most 256")
    return None


def owner(text: str) -> Reason | None:
    """Check the owner of an account, a text for people: 1 to 100 printable characters."""
    if not text:
        return Reason("the owner is empty", "Leave `owner:` out, or name who is responsible for the account")
    if not text.isprintable() or text != text.strip() or len(text) > _OWNER_MAX:
        return Reason(f"{quoted(text)} is not a name", "Write one line of at most 100 characters, e.g. platform team")
    return None


def tag_value(text: str) -> Reason | None:
    """Check the value of a tag: 1 to 256 letters, digits, spaces or `_.:/=+-@`, without the prefix `aws:`.

    Source: IAM API, Tag (`[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*`); "Tag naming limits": `aws:` is reserved.
    """
    if not text.strip():
        return Reason("the tag value is empty", "Write at least one letter")
    if "${" in text:
        return Reason(f"{quoted(text)} contains a placeholder", _NO_PLACEHOLDERS)
    if bad := next((c for c in text if c not in "_.:/=+-@" and unicodedata.category(c)[0] not in "LZN"), None):
        return Reason(f"a tag value cannot contain {quoted(bad)}", "Use letters, digits, spaces and _.:/=+-@ only")
    if len(text) > _TAG_VALUE_MAX:
        return Reason(f"the tag value has {len(text)} characters", "AWS allows 256")
    if text.lower().startswith("aws:"):
        return Reason(f"{quoted(text)} begins with aws:, a prefix reserved by AWS", "Begin it with something else")
    return None


def account_key(text: str) -> Reason | None:
    """Check a key under `accounts:`, which becomes the name of a folder below compositions/ and part of tags."""
    return _key(text, _ACCOUNT_KEY, "letters, digits, _ and -")


def identifier(text: str) -> Reason | None:
    """Check a Terraform identifier in ASCII. Source: Terraform, "Configuration syntax", identifiers."""
    return _key(text, _IDENTIFIER, "letters, digits, _ and -, beginning with a letter or _")


def principal_arn(text: str, partition: str, *, users: bool = True) -> Reason | None:
    """Check the ARN of an IAM role or user in any account of a partition, e.g. `aws`. users: whether a user is valid.

    Source: IAM user guide, reference_identifiers (`arn:PARTITION:iam::ACCOUNT:role/PATH/NAME`); length: `arnType`.
    """
    kinds = ("role", "user") if users else ("role",)
    hint = f"Write the ARN of a {' or '.join(kinds)}, e.g. arn:{partition}:iam::111111111111:role/name"
    if text.startswith(("AROA", "AIDA")):
        return Reason(f"{quoted(text)} is a unique id, not an ARN", hint)
    if text != text.strip():
        return Reason(f"{quoted(text)} has a space or newline around it", "Remove it")
    if not 20 <= len(text) <= _ARN_MAX:
        return Reason(f"an ARN cannot have {len(text)} characters", hint)
    if "*" in text:
        return Reason(f"{quoted(text)} has a wildcard", "Name one role")
    parts = _ARN.fullmatch(text)
    if not parts or parts["start"] != "arn":
        return Reason(f"{quoted(text)} is not the ARN of an IAM {' or '.join(kinds)}", hint)
    if parts["partition"] != partition:
        what = f"the ARN is of partition {quoted(parts['partition'])}, and the role of {partition}"
        return Reason(what, "A trust policy cannot cross partitions: use regions of one partition")
    if parts["region"]:
        return Reason(f"the ARN names the region {quoted(parts['region'])}", "Leave it empty: IAM ARNs have no region")
    return account_id(parts["account"]) or _arn_resource(parts["resource"], kinds, hint)


def _arn_resource(resource: str, kinds: Collection[str], hint: str) -> Reason | None:
    if resource == "root":
        return Reason("the ARN stands for the whole account", hint)
    kind, _, rest = resource.partition("/")
    if kind in ("oidc-provider", "saml-provider"):
        return Reason("this ARN is of an identity provider", "Add a statement for it to `trust_statements:`")
    if kind not in kinds:
        return Reason(f"this ARN is of type {quoted(kind)}", hint)
    name = rest.rpartition("/")[2]
    return role_path("/" + rest.removesuffix(name)) or role_name(name)


def _key(text: str, pattern: re.Pattern[str], allowed: str) -> Reason | None:
    if not text:
        return Reason("the name is empty", f"Use {allowed}")
    if "${" in text:
        return Reason(f"{quoted(text)} contains a placeholder", _NO_PLACEHOLDERS)
    if not pattern.fullmatch(text):
        return Reason(f"{quoted(text)} cannot be a name here", f"Use {allowed}")
    if len(text) > _KEY_MAX:
        return Reason(f"the name {quoted(text)} has {len(text)} characters", f"Use at most {_KEY_MAX}")
    return None


def _invalid(text: str, allowed: str) -> str:
    """Return the first character that is not a letter, a digit or one of `allowed`, for a message."""
    char = next(c for c in text if not (c.isascii() and c.isalnum()) and c not in allowed)
    return {" ": "a space", "\n": "a newline"}.get(char, quoted(char))
