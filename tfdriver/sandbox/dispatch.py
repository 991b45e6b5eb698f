"""Handles one call: authenticates the caller, authorizes the call, injects faults, executes it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tfdriver.iam.evaluator import AccessRequest, Decision, Effect, authorize, match_trust_policy
from tfdriver.iam.policy_document import account_of
from tfdriver.sandbox import analyzer, cloudtrail, lambda_runtime, sts
from tfdriver.sandbox.authentication import AuthenticatedCaller, identify, request_context
from tfdriver.sandbox.call_log import CallLog, Entry
from tfdriver.sandbox.faults import Fault, Faults
from tfdriver.sandbox.lambda_runtime import Functions
from tfdriver.sandbox.messages import HttpRequest, HttpResponse
from tfdriver.sandbox.parse import Call
from tfdriver.sandbox.required_actions import CallLocation, RequiredAction, required_actions
from tfdriver.sandbox.responses import ResponseError, error_response, with_encoded_policies
from tfdriver.sandbox.sessions import FOREVER, RoleSessions
from tfdriver.sandbox.trusts import POLICY_PARAMETERS, TrustPolicies

if TYPE_CHECKING:
    from tfdriver.sandbox.backend import MotoBackend


class DroppedError(Exception):
    """A fault drops the connection."""


@dataclass(frozen=True)
class Parts:
    """The components that handle calls. stopping: set when the sandbox ends; ends the waits of faults."""

    backend: MotoBackend
    trusts: TrustPolicies
    sessions: RoleSessions
    functions: Functions
    faults: Faults
    log: CallLog = field(default_factory=CallLog)
    stopping: threading.Event = field(default_factory=threading.Event)


class Dispatch:
    """Handles one call. entry: its line in the log, completed step by step."""

    def __init__(self, parts: Parts, call: Call, request: HttpRequest, now: datetime, entry: Entry) -> None:
        self.parts = parts
        self.call = call
        self.request = request
        self.now = now
        self.entry = entry

    def response(self) -> HttpResponse:
        """Return the result or error. Raises DroppedError."""
        try:
            caller = identify(self.call, self.parts.backend, self.parts.sessions, self.now)
        except ResponseError as error:
            self.entry = replace(self.entry, allowed=False, reason=error.message)
            return error_response(self.call, error)
        self.entry = replace(self.entry, caller=caller.principal.arn, account=caller.account, caller_id=caller.id)
        if self.call.service == "iam" and self.call.operation in POLICY_PARAMETERS:
            self.entry = replace(self.entry, trust_policy=self.call.text(POLICY_PARAMETERS[self.call.operation]))
        operation = f"{self.call.service}:{self.call.operation}"
        due = self.parts.faults.due(operation, caller.account, self.call.user_agent)
        try:
            self._inject(due.get("before"))
            response = self._execute(caller)
        except ResponseError as error:
            response = error_response(self.call, error)
        try:
            self._inject(due.get("after"))
        except ResponseError as error:
            response = error_response(self.call, error)
        return response

    def _execute(self, caller: AuthenticatedCaller) -> HttpResponse:
        call, parts = self.call, self.parts
        if not call.operation:
            raise ResponseError("UnknownOperationException", f"unknown operation of {call.service}", 404)
        if call.service == "lambda" and call.operation == "Invoke":
            return self._invoke(caller)  # without the lock, since the function may call AWS
        with parts.backend.lock:
            self._authorize(caller)
            if call.service == "sts" and call.operation == "GetCallerIdentity":
                return sts.get_caller_identity(caller)
            if call.service == "sts" and call.operation == "AssumeRole":
                return sts.create_session(call, caller, parts.backend, parts.sessions)
            if call.service == "sts":
                raise ResponseError("NotImplemented", f"the sandbox does not support sts:{call.operation}")
            if call.service == "cloudtrail" and call.operation == "LookupEvents":
                return cloudtrail.lookup_events(call, caller.account, parts.log.latest())
            if call.service == "access-analyzer":
                return analyzer.answer(call)
            if call.service == "iam" and call.operation in POLICY_PARAMETERS:
                return parts.trusts.save(call, self.request, caller.account)
            if call.service == "lambda" and call.text("Role"):
                parts.functions.check_role(call.text("Role"), self.entry.resource, caller.account)
            response = parts.backend.handle(self.request, caller.account)
            if call.service == "iam" and call.operation.startswith(("Create", "Delete", "Update")):
                parts.trusts.refresh()
            return with_encoded_policies(response) if call.service == "iam" else response

    def _authorize(self, caller: AuthenticatedCaller) -> None:
        """Raise ResponseError unless the caller is allowed every action that the call requires."""
        location = CallLocation(caller.partition, self.call.region, caller.account)
        required = required_actions(self.call, location, self._arn)
        if required:
            self.entry = replace(self.entry, resource=required[0].resource, needs=required)
        if self.call.service == "sts" and self.call.operation == "AssumeRole":
            sts.check_parameters(self.call)
            decision = sts.authorize_assume_role(self.call, caller, self.parts.backend, self.parts.trusts, self.now)
            self._require(decision, caller, required[0])
            return
        for needed in required:
            context = request_context(caller, self.call, self.now, needed.facts)
            decision = self._decide(caller, AccessRequest(needed.action, needed.resource, context))
            self._require(decision, caller, needed)

    def _decide(self, caller: AuthenticatedCaller, request: AccessRequest) -> Decision:
        """Decide by the caller's policies and, for a resource of another account, also by its resource-based policy."""
        decision = authorize(caller.permissions, request)
        owner = account_of(request.resource)
        if not decision.allowed or owner in ("", "aws", caller.account):
            return decision
        function = self.parts.backend.function(owner, self.call.region, request.resource)
        if function and match_trust_policy(function.policy, caller.principal, request).effect is Effect.ALLOW:
            return decision
        return Decision(False, f"because no resource-based policy allows the {request.action} action")

    def _require(self, decision: Decision, caller: AuthenticatedCaller, needed: RequiredAction) -> None:
        """Raise ResponseError unless the decision is to allow the required action."""
        if decision.allowed:
            return
        self.entry = replace(self.entry, allowed=False, reason=decision.reason or "not authorized")
        message = (
            f"User: {caller.principal.arn} is not authorized to perform: {needed.action} "
            f"on resource: {needed.resource} {decision.reason}"
        )
        raise ResponseError("AccessDenied", message.rstrip(), 403)

    def _arn(self, kind: str, name: str) -> str | None:
        """Return the ARN, with its path, of an existing role or user of the caller's account."""
        backend, own = self.parts.backend, [self.entry.account]
        found = backend.roles(own) if kind == "role" else backend.users(own) if kind == "user" else []
        return next((one.arn for one in found if one.name == name), None)

    def _invoke(self, caller: AuthenticatedCaller) -> HttpResponse:
        call, parts = self.call, self.parts
        self._authorize(caller)
        name, qualifier = call.text("FunctionName"), call.text("Qualifier") or None
        owner = account_of(self.entry.resource)
        function = parts.backend.function(owner, call.region, name, qualifier)
        if function is None:
            raise ResponseError("ResourceNotFoundException", f"Function not found: {self.entry.resource}", 404)
        event = lambda_runtime.event_of(self.request.body)
        match self.request.headers.get("x-amz-invocation-type", "RequestResponse"):
            case "DryRun":
                return HttpResponse(204)
            case "Event":
                threading.Thread(target=parts.functions.run_asynchronously, args=(function, event), daemon=True).start()
                return HttpResponse(202)
        tail = self.request.headers.get("x-amz-log-type") == "Tail"
        return lambda_runtime.response(function, parts.functions.run(function, event), tail=tail)

    def _inject(self, fault: Fault | None) -> None:
        """Inject a fault, if any. Raises ResponseError or DroppedError."""
        if fault is None:
            return
        self.entry = replace(self.entry, fault=str(fault))
        if fault.touch:
            fault.touch.touch()
        match fault.kind:
            case "error":
                raise fault.error
            case "drop":
                raise DroppedError
            case "delay":
                self.parts.stopping.wait(fault.value)
            case "wait_for":
                while not Path(fault.value).exists() and not self.parts.stopping.wait(0.01):
                    pass
            case "hang":
                self.parts.stopping.wait()
                raise DroppedError
            case "expire":
                until = FOREVER if fault.value is True else self.now + timedelta(seconds=fault.value)
                self.parts.sessions.expire(self.call.access_key, until)
                if fault.when == "before":
                    raise ResponseError("ExpiredToken", "The security token included in the request is expired", 403)
