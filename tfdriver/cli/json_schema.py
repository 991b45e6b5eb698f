"""JSON Schemas of the `--json` output, derived from the types that the commands return. Pure; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter
from pydantic.json_schema import GenerateJsonSchema

from tfdriver.cli.demo_story import DemoResult
from tfdriver.cli.printer import FORMAT_VERSION
from tfdriver.cli.sandbox_run import FiredRule
from tfdriver.deploy.bootstrap import Bootstrapped
from tfdriver.deploy.plan_view import Planned
from tfdriver.deploy.render import Rendered
from tfdriver.deploy.run_result import Done, RunResult
from tfdriver.deploy.verify_result import Verified
from tfdriver.errors import Exit, TfdriverError
from tfdriver.inspect.accounts import OrganizationAccounts
from tfdriver.inspect.existing_role import ExistingRole
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
    "accounts": OrganizationAccounts,
    "bootstrap": Bootstrapped,
    "render": Rendered,
    "plan": Planned,
    "up": RunResult,
    "tighten": RunResult,
    "destroy": RunResult,
    "verify": Verified,
    "status": Status,
    "explain": Explanation,
    "adopt": ExistingRole,
    "report": Reported,
    "graph": Drawn,
    "policy": OperatorPolicies,
    "sandbox": FiredRule,
    "demo": DemoResult,
}
RUN = ("up", "tighten", "destroy")
NAMES = (*RESULTS, "run", "spec")

_ERROR = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("code", "what", "where", "hint", "in_force")},
    "required": ["code", "what", "where", "hint", "in_force"],
}


class _AllFieldsRequired(GenerateJsonSchema):
    """Lists fields with a default as required, because every field is printed."""

    def field_is_required(self, field: Any, total: bool) -> bool:  # noqa: ARG002  # pydantic's signature
        return True


def envelope(commands: tuple[str, ...], result: type) -> dict[str, Any]:
    """Return the schema of the object that `commands` print, with either a result or an error.

    A run that failed also prints what it had done, unless it failed before the project was open. result: the type of
    the result. Later minor versions may add fields.
    """
    shape, definitions = _shape(result)
    done, more = _shape(Done) if result is RunResult else ({}, {})
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
            **({"done": done} if done else {}),
        },
        "required": ["format_version", "tfdriver_version", "command", "exit_code"],
        "oneOf": [{"required": ["result"]}, {"required": ["error"]}],
        "$defs": definitions | more,
    }


def _shape(result: type) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the schema of a type, and the definitions to which it refers."""
    shape = TypeAdapter(result).json_schema(mode="serialization", schema_generator=_AllFieldsRequired)
    definitions = shape.pop("$defs", {})
    return shape, definitions


def schema(name: str) -> dict[str, Any]:
    """Return a JSON Schema (draft 2020-12). Raises TfdriverError for an unknown name.

    name: `spec` for tfdriver.yaml, a command for its `--json` output, `run` for the schema that RUN have in common.
    """
    if name == "spec":
        return spec_schema()
    commands = RUN if name == "run" else (name,)
    if not set(commands) <= set(RESULTS):
        raise TfdriverError(
            f"unknown schema {name}", code="bad_usage", hint=f"Choose one of {', '.join(sorted(NAMES))}"
        )
    return envelope(commands, RESULTS[commands[0]])
