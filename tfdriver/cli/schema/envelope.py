"""What a command prints with `--json`, as a JSON Schema. Pure; no I/O."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from tfdriver.errors import Exit

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FORMAT_VERSION = "1.0"

_ERROR = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("what", "where", "hint")},
    "required": ["what", "where", "hint"],
}


class _AllThere(GenerateJsonSchema):
    """A result is printed with all its fields, also those that have a default."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ARG002  # pydantic's signature
        return True


def envelope(commands: tuple[str, ...], result: type) -> dict[str, Any]:
    """Return the schema of what `commands` print: one object with either a result or an error.

    result: the type of the value they return. Fields that a schema does not name may come with a later minor version.
    """
    shape = TypeAdapter(result).json_schema(mode="serialization", schema_generator=_AllThere)
    definitions = shape.pop("$defs", {})
    return {
        "$schema": DIALECT,
        "title": f"tfdriver {'|'.join(commands)} --json",
        "type": "object",
        "properties": {
            "format_version": {"type": "string", "pattern": rf"^{FORMAT_VERSION.split('.')[0]}\.\d+$"},
            "tfdriver_version": {"type": "string"},
            "command": {"enum": list(commands)},
            "exit_code": {"enum": [int(code) for code in Exit]},
            "result": shape,
            "error": _ERROR,
        },
        "required": ["format_version", "tfdriver_version", "command", "exit_code"],
        "oneOf": [{"required": ["result"]}, {"required": ["error"]}],
        "$defs": definitions,
    }
