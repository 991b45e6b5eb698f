"""Runs Lambda functions: the deployed zip, in a separate process, with credentials of the execution role."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfdriver.iam.evaluator import AccessRequest, authorize
from tfdriver.sandbox import lambda_bootstrap
from tfdriver.sandbox.authentication import AuthenticatedCaller, request_context, session_caller, time_keys
from tfdriver.sandbox.messages import HttpResponse
from tfdriver.sandbox.parse import Call, Protocol
from tfdriver.sandbox.resources import IamRole, LambdaFunction
from tfdriver.sandbox.responses import ResponseError
from tfdriver.sandbox.sessions import RoleSession, RoleSessions
from tfdriver.sandbox.sts import trusts_service
from tfdriver.sandbox.trusts import TrustPolicies

if TYPE_CHECKING:
    from tfdriver.sandbox.backend import MotoBackend

SERVICE = "lambda.amazonaws.com"
CANNOT_ASSUME = "The role defined for the function cannot be assumed by Lambda."
# The time limit for loading the code. Source: Lambda developer guide, lambda-runtime-environment.
INIT_SECONDS = 10
LOG_TAIL = 4096


@dataclass(frozen=True)
class Invocation:
    """The result of an invocation. payload: JSON; error: X-Amz-Function-Error, '' for none."""

    payload: bytes
    error: str
    log: str


@dataclass(frozen=True)
class Functions:
    """Runs functions. endpoint: the AWS endpoint for their code; running: the processes of invocations in progress."""

    backend: MotoBackend
    trusts: TrustPolicies
    sessions: RoleSessions
    endpoint: str
    running: set[subprocess.Popen[bytes]] = field(default_factory=set)

    def stop(self) -> None:
        """End all invocations in progress."""
        for process in tuple(self.running):
            _kill_group(process)

    def check_role(self, role_arn: str, function_arn: str, account: str) -> None:
        """Raise ResponseError unless Lambda can assume the execution role of a function."""
        if self._assumable_role(role_arn, function_arn, account) is None:
            raise ResponseError("InvalidParameterValueException", CANNOT_ASSUME)

    def run(self, function: LambdaFunction, event: bytes) -> Invocation:
        """Invoke a function with an event (JSON) and wait for the result. Raises ResponseError if it cannot start."""
        role = self._assumable_role(function.role, function.arn, function.account)
        if role is None:
            raise ResponseError("AccessDenied", CANNOT_ASSUME, 403)
        if not function.runtime.startswith("python"):
            raise ResponseError("NotImplemented", f"the sandbox runs Python functions, not {function.runtime}")
        session = self.sessions.issue(role, function.name[:64], timedelta(hours=12))
        settings = _settings(function)
        environment = self._environment(function, session, settings)
        with tempfile.TemporaryDirectory(prefix="tfdriver-lambda-") as folder:
            invocation = self._invoke(function, settings, event, Path(folder), environment)
        self._write_log(function, session_caller(session, role), settings, invocation.log)
        return invocation

    def run_asynchronously(self, function: LambdaFunction, event: bytes) -> None:
        """Invoke a function and ignore its result."""
        with suppress(ResponseError):
            self.run(function, event)

    def _assumable_role(self, role_arn: str, function_arn: str, account: str) -> IamRole | None:
        keys = {"aws:sourcearn": function_arn, "aws:sourceaccount": account, **time_keys(datetime.now(UTC))}
        role = self.backend.role(role_arn)
        return role if role and trusts_service(role, self.trusts, SERVICE, keys) else None

    def _environment(
        self, function: LambdaFunction, session: RoleSession, settings: Mapping[str, Any]
    ) -> dict[str, str]:
        """Return the environment of a function's process. Only PATH is from the host's environment."""
        return {
            **function.environment,
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": _site_packages(),
            "TZ": ":UTC",
            "LANG": "C.UTF-8",
            "_HANDLER": function.handler,
            "AWS_ACCESS_KEY_ID": session.access_key,
            "AWS_SECRET_ACCESS_KEY": session.secret_key,
            "AWS_SESSION_TOKEN": session.token,
            "AWS_REGION": function.region,
            "AWS_DEFAULT_REGION": function.region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": function.name,
            "AWS_LAMBDA_FUNCTION_VERSION": function.version,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory),
            "AWS_LAMBDA_LOG_GROUP_NAME": settings["log_group"],
            "AWS_LAMBDA_LOG_STREAM_NAME": settings["log_stream"],
        }

    def _write_log(
        self, function: LambdaFunction, caller: AuthenticatedCaller, settings: Mapping[str, Any], log: str
    ) -> None:
        """Write the log to its log group if the group exists and the execution role is allowed to."""
        group, stream = settings["log_group"], settings["log_stream"]
        log_group = f"arn:{caller.partition}:logs:{function.region}:{function.account}:log-group:{group}"
        resource = f"{log_group}:log-stream:{stream}"
        call = Call(service="logs", operation="PutLogEvents", protocol=Protocol.JSON, region=function.region)
        context = request_context(caller, call, datetime.now(UTC))
        actions = ("logs:CreateLogStream", "logs:PutLogEvents")
        if all(authorize(caller.permissions, AccessRequest(action, resource, context)).allowed for action in actions):
            now = int(time.time() * 1000)
            lines = [(now, line) for line in log.splitlines()]
            self.backend.write_log(function.account, function.region, group, stream, lines)

    def _invoke(
        self,
        function: LambdaFunction,
        settings: Mapping[str, Any],
        event: bytes,
        folder: Path,
        environment: Mapping[str, str],
    ) -> Invocation:
        code, temporary = folder / "code", folder / "tmp"
        temporary.mkdir()
        zipfile.ZipFile(io.BytesIO(function.code)).extractall(code)
        settings_file, result_file = folder / "settings.json", folder / "result.json"
        settings_file.write_text(json.dumps(settings), encoding="utf-8")
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-B", "-u", lambda_bootstrap.__file__, code, settings_file, result_file],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**environment, "LAMBDA_TASK_ROOT": str(code), "HOME": str(temporary), "TMPDIR": str(temporary)},
            cwd=code,
            start_new_session=True,
        )
        self.running.add(process)
        try:
            output = _wait(process, event, function.timeout)
        finally:
            self.running.discard(process)
        milliseconds = (time.monotonic() - started) * 1000
        payload, error = _result(process.returncode, result_file, function, settings["request_id"])
        request = f"RequestId: {settings['request_id']}"
        log = (
            f"START {request} Version: {function.version}\n{output}END {request}\n"
            f"REPORT {request}\tDuration: {milliseconds:.2f} ms\tMemory Size: {function.memory} MB\n"
        )
        return Invocation(payload, error, log)


def response(function: LambdaFunction, invocation: Invocation, *, tail: bool) -> HttpResponse:
    """Return the response to a synchronous Invoke. tail: whether to include the end of the log."""
    headers = {"Content-Type": "application/json", "X-Amz-Executed-Version": function.version}
    if invocation.error:
        headers["X-Amz-Function-Error"] = invocation.error
    if tail:
        headers["X-Amz-Log-Result"] = base64.b64encode(invocation.log.encode()[-LOG_TAIL:]).decode()
    return HttpResponse(200, invocation.payload, headers)


def event_of(body: bytes) -> bytes:
    """Return the event in the body of an Invoke, `{}` for none. Raises ResponseError if it is not JSON."""
    try:
        json.loads(body or b"{}")
    except ValueError as error:
        message = f"Could not parse request body into json: {error}"
        raise ResponseError("InvalidRequestContentException", message) from error
    return body or b"{}"


def _settings(function: LambdaFunction) -> dict[str, Any]:
    request_id = str(uuid.uuid4())
    return {
        "function_name": function.name,
        "function_version": function.version,
        "arn": function.arn,
        "handler": function.handler,
        "timeout": function.timeout,
        "memory": function.memory,
        "request_id": request_id,
        "log_group": f"/aws/lambda/{function.name}",
        "log_stream": f"{datetime.now(UTC):%Y/%m/%d}/[{function.version}]{request_id.replace('-', '')}",
    }


def _wait(process: subprocess.Popen[bytes], event: bytes, timeout: int) -> str:
    """Wait for the process and return its output. Kills a process that does not end after its own alarm signal."""
    try:
        output, _ = process.communicate(event, timeout=INIT_SECONDS + timeout + 5)
    except subprocess.TimeoutExpired:
        _kill_group(process)
        output, _ = process.communicate()
    _kill_group(process)  # processes that the handler started
    text = output.decode("utf-8", "replace")
    return text if not text or text.endswith("\n") else text + "\n"


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _result(returncode: int, result_file: Path, function: LambdaFunction, request_id: str) -> tuple[bytes, str]:
    if result_file.exists():
        result = json.loads(result_file.read_text(encoding="utf-8"))
        return result["payload"].encode(), "Unhandled" if result.get("error") else ""
    if returncode in (-signal.SIGALRM, -signal.SIGKILL):
        kind, message = "Sandbox.Timedout", f"Task timed out after {function.timeout:.2f} seconds"
    else:
        kind, message = "Runtime.ExitError", f"Runtime exited with error: exit status {returncode}"
    failure = {"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {message}"}
    return json.dumps(failure).encode(), "Unhandled"


def _site_packages() -> str:
    """Return the folder of boto3, which Lambda's Python runtime includes; '' if it is not installed."""
    spec = importlib.util.find_spec("boto3")
    return str(Path(spec.origin).parents[1]) if spec and spec.origin else ""
