"""The JSON Schema of tfdriver.yaml, for editors. Pure; no I/O."""

from __future__ import annotations

from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import WithDefaultSchema

from tfdriver.spec.fields import SpecShape


def spec_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a spec: keys, types and patterns. `load.load_spec` checks more."""
    schema = SpecShape.model_json_schema(schema_generator=_Generator)
    return {"$schema": _Generator.schema_dialect, **schema, "title": "tfdriver.yaml"}


class _Generator(GenerateJsonSchema):
    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        """Leave out the defaults "" and []: they stand for an absent key, and are invalid values."""
        stands_for_absent = schema.get("default") in ("", [])
        return self.generate_inner(schema["schema"]) if stands_for_absent else super().default_schema(schema)
