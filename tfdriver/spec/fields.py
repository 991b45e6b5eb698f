"""The keys of tfdriver.yaml, their types and syntax.

Each key is checked alone. References and duplicate names are checked elsewhere. An absent text is "", which is an
invalid value of every key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

from tfdriver.spec import duration, names
from tfdriver.spec.message_text import described
from tfdriver.spec.names import Reason
from tfdriver.spec.placeholders import filled, placeholder_problem

# The variables that tfdriver passes to a module, and the arguments of a module block that Terraform reserves.
CONTRACT_VARIABLES = frozenset({"role_name", "role_path", "trust_policy", "roles_to_assume", "package"})
META_ARGUMENTS = frozenset({"source", "version", "providers", "count", "for_each", "depends_on", "lifecycle", "locals"})
GENERATE = "generate"
DEFAULT_OPEN_FOR = "1h"
# The placeholders of a role with `accounts:`, with values that a role's name may contain.
PLACEHOLDERS = {"account": "a", "account_id": "000000000000"}


def _rule(check: Callable[[str], Reason | None]) -> AfterValidator:
    """Return a pydantic validator that applies a rule of `names`."""

    def validate(text: str) -> str:
        if reason := check(text):
            raise PydanticCustomError("rule", "{what}", reason._asdict())
        return text

    return AfterValidator(validate)


def _variable_name(text: str) -> Reason | None:
    if text in CONTRACT_VARIABLES:
        return Reason(f"{text} is set by tfdriver", "Remove it")
    if text in META_ARGUMENTS:
        return Reason(f"{text} is reserved by Terraform", "Remove it")
    return names.identifier(text)


def _role_name(text: str) -> Reason | None:
    return placeholder_problem(text, PLACEHOLDERS) or names.role_name(filled(text, PLACEHOLDERS))


def _account_names(value: Any) -> Any:
    items = value if isinstance(value, list) else [value]
    if not items or not all(isinstance(item, str) and item for item in items):
        hint = 'Write keys of `accounts:` or a pattern, e.g. [account_a, account_b] or "prod_*"'
        raise PydanticCustomError(
            "rule", "{what}", Reason(f"must name accounts, is {described(value)}", hint)._asdict()
        )
    return value


AccountKey = Annotated[str, _rule(names.account_key)]
RoleKey = Annotated[str, _rule(names.identifier)]
VariableName = Annotated[str, _rule(_variable_name)]
Reference = Annotated[str, Field(min_length=1)]
ConditionValue = str | bool | int | list[str]


class Shape(BaseModel):
    """The common base: no value is converted, unknown keys are errors."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class AccountShape(Shape):
    """An AWS account."""

    id: Annotated[str, _rule(names.account_id)] = Field(
        description="The account's 12 digits, quoted.", json_schema_extra={"pattern": "^[0-9]{12}$"}
    )
    profile: Annotated[str, _rule(names.profile)] = Field(
        default="", description="Profile of the AWS configuration; default: the account's name here."
    )
    region: str = Field(default="", description="e.g. us-west-2; default: the profile's region.")
    owner: Annotated[str, _rule(names.owner)] = Field(
        default="", description="Who is responsible for the account; those without an owner have the same one."
    )


class AssumedShape(Shape):
    """A role that exists elsewhere."""

    arn: Reference
    external_id: Annotated[str, _rule(names.external_id)] = ""


def _assumed(value: Any) -> Any:
    return {"arn": value} if isinstance(value, str) else value


_ASSUMED_SCHEMA = {
    "anyOf": [
        {"type": "string", "minLength": 1},
        {
            "type": "object",
            "properties": {"arn": {"type": "string", "minLength": 1}, "external_id": {"type": "string"}},
            "required": ["arn"],
            "additionalProperties": False,
        },
    ]
}
Assumed = Annotated[AssumedShape, BeforeValidator(_assumed), WithJsonSchema(_ASSUMED_SCHEMA)]


class RoleShape(Shape):
    """An IAM role, or one for each of several accounts, and the module that creates it."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["account"]}, {"required": ["accounts"]}]})

    account: Reference = Field(default="", description="A key of `accounts:`.")
    accounts: Annotated[str | list[str], BeforeValidator(_account_names)] = Field(
        default=[], description="Keys of `accounts:` or patterns such as `prod_*`: one role for each account."
    )
    existing: bool = Field(
        default=False, description="Whether the role exists already and stays somebody else's; it then has no module."
    )
    module: Reference = Field(default="", description="A folder in modules/, ./a/path, or any Terraform module source.")
    version: Annotated[str, _rule(names.version)] = Field(
        default="", description="The version of a module of a registry, e.g. `~> 5.0`; default: the newest."
    )
    name: Annotated[str, _rule(_role_name)] = Field(
        default="",
        description="The IAM role's name; default: its key here.",
        json_schema_extra={"pattern": r"^([A-Za-z0-9_+=,.@-]|\{account(_id)?\}){1,64}$"},
    )
    path: Annotated[str, _rule(names.role_path)] = Field(
        default="/",
        description="The IAM role's path.",
        json_schema_extra={"pattern": "^/([!-~]+/)?$", "maxLength": 512},
    )
    variables: dict[VariableName, Any] = Field(default={}, description="The module's variables.")
    trusts: list[Reference] = Field(
        default=[],
        min_length=1,
        description="Who may assume this role: keys of roles, or ARNs of roles and users that exist elsewhere.",
    )
    assumes: list[Assumed] = Field(
        default=[],
        min_length=1,
        description="ARNs of roles that exist elsewhere and that this role may assume; with an external id: "
        "{arn: ..., external_id: ...}.",
    )
    external_id: Annotated[str, _rule(names.external_id)] = Field(
        default="",
        description="The external id required to assume the role; `generate` creates one.",
        json_schema_extra={"pattern": "^[A-Za-z0-9_+=,.@:/-]{2,1224}$"},
    )
    conditions: dict[str, dict[str, ConditionValue]] = Field(
        default={}, min_length=1, description="Further conditions of the trust: operator, key, value or values."
    )
    session_tags: bool = Field(default=False, description="Whether callers may pass session tags (sts:TagSession).")
    source_identity: bool = Field(
        default=False, description="Whether callers may set a source identity (sts:SetSourceIdentity)."
    )
    trust_statements: list[dict[str, Any]] = Field(
        default=[], min_length=1, description="Further statements of the trust policy, kept as they are."
    )
    guard: bool = Field(default=True, description="Whether the broad trust allows only the ARNs of the trusted roles.")
    open_for: Annotated[str, _rule(duration.open_for)] = Field(
        default=DEFAULT_OPEN_FOR,
        description="How long a broad trust is valid: 1m to 168h.",
        json_schema_extra={"pattern": "^([0-9]+[hms])+$"},
    )


class SpecShape(Shape):
    """A whole tfdriver.yaml."""

    version: int = Field(description="The version of this format.", ge=1, le=1)
    project: Annotated[str, _rule(names.tag_value)] = Field(
        default="",
        description="A tag of every resource; default: the folder's name.",
        json_schema_extra={"maxLength": 256},
    )
    accounts: dict[AccountKey, AccountShape] = Field(min_length=1, description="AWS accounts by name.")
    roles: dict[RoleKey, RoleShape] = Field(min_length=1, description="IAM roles by name.")
    state: dict[str, Any] = Field(
        default={},
        min_length=1,
        description="The backend of the states: `backend:` and its arguments; default: local files.",
    )
