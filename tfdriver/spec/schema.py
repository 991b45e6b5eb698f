"""The JSON Schema of tfdriver.yaml, for editors. Pure; no I/O."""

from __future__ import annotations

from typing import Any

from tfdriver.spec.shape import SpecShape


def spec_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a spec, as JSON values.

    It says what editors can use: keys, types, patterns. `load.load_spec` checks more.
    """
    schema = _without_empty_defaults(SpecShape.model_json_schema())
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "tfdriver.yaml"}


def _without_empty_defaults(value: Any) -> Any:
    """Leave out `default: ""`: it stands for an absent key, and nobody may write it."""
    match value:
        case dict():
            kept = {k: v for k, v in value.items() if (k, v) not in (("default", ""), ("default", []))}
            return {k: _without_empty_defaults(v) for k, v in kept.items()}
        case list():
            return [_without_empty_defaults(item) for item in value]
        case _:
            return value
