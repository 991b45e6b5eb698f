"""The JSON Schemas of what each command prints with `--json`, derived from the types that they return. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from tfdriver.cli.demo_story import Told
from tfdriver.cli.printer import FORMAT_VERSION
from tfdriver.cli.sandbox_run import FiredRule
from tfdriver.deploy.plan import Planned
from tfdriver.deploy.render import Rendered
from tfdriver.deploy.run_result import RunResult
from tfdriver.deploy.verify_result import Verified
from tfdriver.errors import Exit, TfdriverError
from tfdriver.inspect.explain import Explanation
from tfdriver.inspect.graph.draw import Drawn
from tfdriver.inspect.policy import OperatorPolicies
from tfdriver.inspect.report.write import Reported
from tfdriver.inspect.status import Status
from tfdriver.project.init import InitResult
from tfdriver.spec.schema import spec_schema

DIALECT = "https://json-schema.org/draft/2020-12/schema"

RESULTS: Mapping[str, type] = {
    "init": InitResult,
    "render": Rendered,
    "plan": Planned,
    "up": RunResult,
    "tighten": RunResult,
    "destroy": RunResult,
    "verify": Verified,
    "status": Status,
    "explain": Explanation,
    "report": Reported,
    "graph": Drawn,
    "policy": OperatorPolicies,
    "sandbox": FiredRule,
    "demo": Told,
}
RUN = ("up", "tighten", "destroy")
NAMES = (*RESULTS, "run", "spec")

_ERROR = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("code", "what", "where", "hint", "in_force")},
    "required": ["code", "what", "where", "hint", "in_force"],
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


def schema(name: str) -> dict[str, Any]:
    """Return a JSON Schema (draft 2020-12), as JSON values.

    name: a command, for what it prints with `--json`; `run` for those that print what a run came to; `spec` for
    tfdriver.yaml. Raises TfdriverError for any other.
    """
    if name == "spec":
        return spec_schema()
    commands = RUN if name == "run" else (name,)
    if not set(commands) <= set(RESULTS):
        raise TfdriverError(
            f"there is no schema {name}", code="bad_usage", hint=f"There are {', '.join(sorted(NAMES))}"
        )
    return envelope(commands, RESULTS[commands[0]])
