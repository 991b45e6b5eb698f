"""The shape of tfdriver.yaml: which keys there are, of which type, by which rule of syntax.

What one key alone can say is checked here; what keys say together (references, clashes) is not. An absent text is "",
which no key may say itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from tfdriver.spec import names
from tfdriver.spec.duration import DEFAULT_OPEN_FOR, open_for
from tfdriver.spec.names import Reason

# What tfdriver itself passes to a module, and Terraform's own arguments of a module block.
CONTRACT_VARIABLES = frozenset({"role_name", "role_path", "trust_policy", "roles_to_assume", "package"})
META_ARGUMENTS = frozenset({"source", "version", "providers", "count", "for_each", "depends_on", "lifecycle", "locals"})
GENERATE = "generate"


def _rule(check: Callable[[str], Reason | None]) -> AfterValidator:
    """Make pydantic apply a rule of `names`."""

    def validate(text: str) -> str:
        if reason := check(text):
            raise PydanticCustomError("rule", "{what}", {"what": reason.what, "cure": reason.cure})
        return text

    return AfterValidator(validate)


def _variable_name(text: str) -> Reason | None:
    if text in CONTRACT_VARIABLES:
        return Reason(f"{text} is set by tfdriver", "Take it away")
    if text in META_ARGUMENTS:
        return Reason(f"{text} is a word of Terraform's own, no variable can have that name", "Take it away")
    return names.identifier(text)


def _not_empty(text: str) -> Reason | None:
    return None if text else Reason("is empty", "Write the name of one")


def _schema(description: str, **schema: Any) -> Any:
    """Describe a value for the JSON Schema."""
    return Field(description=description, json_schema_extra=schema or None)


Version = Annotated[int, Field(description="The version of this format.", ge=1, le=1)]
AccountKey = Annotated[str, _rule(names.account_key)]
RoleKey = Annotated[str, _rule(names.identifier)]
VariableName = Annotated[str, _rule(_variable_name)]
Reference = Annotated[str, _rule(_not_empty)]
ProjectName = Annotated[
    str, _rule(names.tag_value), _schema("Goes into every resource's tags; default: the folder's name.", maxLength=256)
]
AccountId = Annotated[str, _rule(names.account_id), _schema("The account's 12 digits, quoted.", pattern="^[0-9]{12}$")]
Profile = Annotated[
    str, _rule(names.profile), _schema("Profile of the AWS configuration; default: the account's name here.")
]
RoleName = Annotated[
    str,
    _rule(names.role_name),
    _schema("The IAM role's name; default: its key here.", pattern="^[A-Za-z0-9_+=,.@-]{1,64}$"),
]
RolePath = Annotated[
    str, _rule(names.role_path), _schema("The IAM role's path.", pattern="^/([!-~]+/)?$", maxLength=512)
]
ExternalId = Annotated[
    str,
    _rule(names.external_id),
    _schema("What must be said to assume the role; `generate` makes one.", pattern="^[A-Za-z0-9_+=,.@:/-]{2,1224}$"),
]
OpenFor = Annotated[
    str, _rule(open_for), _schema("When a broad trust ends by itself: 1m to 12h.", pattern="^([0-9]+[hms])+$")
]
ModuleSource = Annotated[
    str,
    _rule(_not_empty),
    _schema("A folder in modules/, ./a/path, or any Terraform module source.", minLength=1),
]


class Shape(BaseModel):
    """What all parts have in common: nothing is converted, nothing unknown is let through."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class AccountShape(Shape):
    """An AWS account."""

    id: AccountId
    profile: Profile = ""
    region: str = Field(default="", description="e.g. us-west-2; default: what the profile says.")


class RoleShape(Shape):
    """An IAM role and the module that makes it."""

    account: Reference = Field(description="A key of `accounts:`.")
    module: ModuleSource
    name: RoleName = ""
    path: RolePath = "/"
    variables: dict[VariableName, Any] = Field(default={}, description="The module's variables.")
    trusts: list[Reference] = Field(default=[], min_length=1, description="Keys of the roles that may assume this one.")
    external_id: ExternalId = ""
    guard: bool = Field(default=True, description="Whether the broad trust lets in the trusted roles' ARNs only.")
    open_for: OpenFor = DEFAULT_OPEN_FOR


class SpecShape(Shape):
    """A whole tfdriver.yaml."""

    version: Version
    project: ProjectName = ""
    accounts: dict[AccountKey, AccountShape] = Field(min_length=1, description="AWS accounts by name.")
    roles: dict[RoleKey, RoleShape] = Field(min_length=1, description="IAM roles by name.")


def shape_at(path: tuple[str | int, ...]) -> type[Shape]:
    """Return the part of the spec whose keys stand below `path`."""
    match path:
        case ("accounts", _):
            return AccountShape
        case ("roles", _):
            return RoleShape
        case _:
            return SpecShape
