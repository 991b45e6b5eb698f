"""`tfdriver schema`: the JSON Schemas that the project publishes."""

from __future__ import annotations

from typing import Any

from tfdriver.cli.schema.envelope import envelope
from tfdriver.cli.schema.results import RESULTS
from tfdriver.errors import TfdriverError
from tfdriver.spec.schema import spec_schema

RUN = ("up", "tighten", "destroy")
NAMES = (*RESULTS, "run", "spec")


def schema(name: str) -> dict[str, Any]:
    """Return a JSON Schema (draft 2020-12), as JSON values.

    name: a command, for what it prints with `--json`; `run` for those that print what a run came to; `spec` for
    tfdriver.yaml. Raises TfdriverError for any other.
    """
    if name == "spec":
        return spec_schema()
    commands = RUN if name == "run" else (name,)
    if not set(commands) <= set(RESULTS):
        raise TfdriverError(f"there is no schema {name}", hint=f"There are {', '.join(sorted(NAMES))}")
    return envelope(commands, RESULTS[commands[0]])
