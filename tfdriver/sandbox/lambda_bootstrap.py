"""Runs one invocation of a Lambda function: `python lambda_bootstrap.py CODE_FOLDER SETTINGS.json RESULT.json`.

Standard input contains the event, standard output receives the function's log. The result file contains
`{"payload": JSON text}`, with `"error": true` if the handler raised. As in AWS, the time for loading the code does not
count towards the timeout. After the timeout, an alarm signal ends the process.
"""

from __future__ import annotations

import importlib
import json
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any


class Context:
    """The context object of a handler."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.function_name: str = settings["function_name"]
        self.function_version: str = settings["function_version"]
        self.invoked_function_arn: str = settings["arn"]
        self.memory_limit_in_mb = str(settings["memory"])
        self.aws_request_id: str = settings["request_id"]
        self.log_group_name: str = settings["log_group"]
        self.log_stream_name: str = settings["log_stream"]
        self.identity = None
        self.client_context = None
        self._deadline = time.monotonic() + settings["timeout"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the time until the timeout."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def run(settings: dict[str, Any], event: Any) -> dict[str, Any]:
    """Load and call the handler. Return the content of the result file."""
    try:
        module, _, name = settings["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        signal.setitimer(signal.ITIMER_REAL, settings["timeout"])
        try:
            return {"payload": json.dumps(handler(event, Context(settings)))}
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
    except Exception as error:  # any exception of the function's code is its result
        traceback.print_exc()
        failure = {
            "errorMessage": str(error),
            "errorType": type(error).__name__,
            "requestId": settings["request_id"],
            "stackTrace": traceback.format_list(traceback.extract_tb(error.__traceback__)[1:]),
        }
        return {"payload": json.dumps(failure), "error": True}


def main(code: str, settings_file: str, result_file: str) -> None:
    """Run one invocation and write its result file."""
    sys.path[0] = code
    settings = json.loads(Path(settings_file).read_text(encoding="utf-8"))
    result = run(settings, json.loads(sys.stdin.read()))
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:4])
