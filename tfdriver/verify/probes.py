"""Parses the output `probe` of modules, which modules/README.md describes. Pure; no I/O."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from tfdriver.iam.policy_document import account_of
from tfdriver.verify import resource_calls
from tfdriver.verify.resource_calls import ResourceCall


class _Probe(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class TableProbe(_Probe):
    """A DynamoDB table. granted, not_granted: IAM actions on it that must be allowed or refused."""

    type: Literal["dynamodb_table"] = "dynamodb_table"
    table_name: str
    hash_key: str
    region: str
    granted: tuple[str, ...]
    not_granted: tuple[str, ...]


class ListedCall(_Probe):
    """A call of a `CallsProbe`. hash_key: the name of a table's key attribute, for calls on its items."""

    action: str
    arn: str
    expect: Literal["allowed", "refused"]
    hash_key: str | None = None

    @model_validator(mode="after")
    def _can_be_made(self) -> Self:
        problem = resource_calls.problem(self.action, self.arn, self.hash_key or "")
        if problem:
            raise ValueError(problem)
        return self


class CallsProbe(_Probe):
    """Calls on resources. region: of those whose ARN has no region."""

    type: Literal["calls"] = "calls"
    region: str
    calls: tuple[ListedCall, ...]


class FunctionProbe(_Probe):
    """A Lambda function. attempts: whether it makes the calls in an event's `attempts`."""

    type: Literal["lambda"] = "lambda"
    function_name: str
    region: str
    attempts: bool = False


class RoleProbe(_Probe):
    """A role. probe_by: the ARN of the operator's role or user that may assume it."""

    type: Literal["role"] = "role"
    probe_by: str = Field(pattern=r"^arn:aws[\w-]*:iam::\d{12}:(role|user)/.+$")


class NoProbe(_Probe):
    """No probe. reason: one sentence without a full stop."""

    type: Literal["none"] = "none"
    reason: str


ResourceProbe = TableProbe | CallsProbe
Probe = ResourceProbe | FunctionProbe | RoleProbe | NoProbe
_ADAPTER: TypeAdapter[ResourceProbe | FunctionProbe | RoleProbe] = TypeAdapter(
    Annotated[ResourceProbe | FunctionProbe | RoleProbe, Field(discriminator="type")]
)


def parse_probes(value: Any, module: str) -> Probe:
    """Parse the output `probe` of a module. value: JSON, None for no such output."""
    if value is None:
        return NoProbe(reason=f"module {module} has no output `probe`, or it is null")
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        what = first["msg"].removeprefix("Value error, ")
        return NoProbe(reason=f"the probe of module {module} is not valid: {place}: {what}")


def calls_of(probe: ResourceProbe, role_arn: str) -> tuple[ResourceCall, ...]:
    """Return the calls of a probe, each once. role_arn: of the trusting role; a table is in its account."""
    if isinstance(probe, CallsProbe):
        listed = (
            ResourceCall(
                action=call.action,
                arn=call.arn,
                allowed=call.expect == "allowed",
                region=probe.region,
                name=f"{call.action} {call.arn}",
                hash_key=call.hash_key or "",
            )
            for call in probe.calls
        )
        return tuple(dict.fromkeys(listed))
    partition = role_arn.split(":")[1]
    arn = f"arn:{partition}:dynamodb:{probe.region}:{account_of(role_arn)}:table/{probe.table_name}"
    return tuple(
        ResourceCall(action, arn, allowed, probe.region, action, probe.hash_key)
        for actions, allowed in ((probe.granted, True), (probe.not_granted, False))
        for action in actions
    )
