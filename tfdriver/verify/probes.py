"""Parses the output `probe` of modules, which modules/README.md describes. Pure; no I/O."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError


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


class FunctionProbe(_Probe):
    """A Lambda function. attempts: whether it makes the calls in an event's `attempts`."""

    type: Literal["lambda"] = "lambda"
    function_name: str
    region: str
    attempts: bool = False


class NoProbe(_Probe):
    """No probe. reason: one sentence without a full stop."""

    type: Literal["none"] = "none"
    reason: str


Probe = TableProbe | FunctionProbe | NoProbe
_ADAPTER: TypeAdapter[TableProbe | FunctionProbe] = TypeAdapter(
    Annotated[TableProbe | FunctionProbe, Field(discriminator="type")]
)


def parse_probes(value: Any, module: str) -> Probe:
    """Parse the output `probe` of a module. value: JSON, None for no such output."""
    if value is None:
        return NoProbe(reason=f"module {module} has no output `probe`")
    try:
        return _ADAPTER.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        return NoProbe(
            reason=f"the probe of module {module} is not valid, see modules/README.md: {place}: {first['msg']}"
        )
