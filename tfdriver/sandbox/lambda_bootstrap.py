"""Runs one invocation of a Lambda function: `python lambda_bootstrap.py CODE_FOLDER SETTINGS.json RESULT.json`.

The event comes on standard input. What the code prints is its log. The result file holds `{"payload": JSON text}`, and
`"error": true` if the handler raised. Loading the code is not counted as running time, as in AWS; when the handler's
time is up, an alarm signal ends the process.
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
    """What a handler gets as its second argument."""

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
        """Return how long the handler may still run."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def run(settings: dict[str, Any], event: Any) -> dict[str, Any]:
    """Load the handler, call it, and return what to write to the result file."""
    try:
        module, _, name = settings["handler"].rpartition(".")
        handler = getattr(importlib.import_module(module.replace("/", ".")), name)
        signal.setitimer(signal.ITIMER_REAL, settings["timeout"])
        result = {"payload": json.dumps(handler(event, Context(settings)))}
        signal.setitimer(signal.ITIMER_REAL, 0)
    except Exception as error:  # whatever the user's code raises is its result
        signal.setitimer(signal.ITIMER_REAL, 0)
        traceback.print_exc()
        return {"payload": json.dumps(_failure(error, settings["request_id"])), "error": True}
    return result


def _failure(error: Exception, request_id: str) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[1:]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_list(frames),
    }


def main(code: str, settings_file: str, result_file: str) -> None:
    """Run the invocation that the three arguments and standard input describe."""
    sys.path[0] = code
    settings = json.loads(Path(settings_file).read_text(encoding="utf-8"))
    result = run(settings, json.loads(sys.stdin.read()))
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:4])
