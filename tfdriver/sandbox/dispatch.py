"""One call on its way: who is it, may they, do it. What `layer` answers and logs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tfdriver.iam.evaluator import AccessRequest, Decision, Effect, authorize, match_trust_policy
from tfdriver.iam.policy_document import account_of
from tfdriver.sandbox import analyzer, cloudtrail, sts
from tfdriver.sandbox import lambda_runtime as lambdas
from tfdriver.sandbox.authentication import AuthenticatedCaller, context, identify
from tfdriver.sandbox.call_log import CallLog, Entry
from tfdriver.sandbox.faults import Fault, Faults
from tfdriver.sandbox.lambda_runtime import Functions
from tfdriver.sandbox.messages import HttpRequest as Message
from tfdriver.sandbox.messages import HttpResponse
from tfdriver.sandbox.parse import Call
from tfdriver.sandbox.required_actions import CallLocation, RequiredAction, required_actions
from tfdriver.sandbox.responses import ResponseError, refusal
from tfdriver.sandbox.sessions import FOREVER, RoleSessions
from tfdriver.sandbox.trusts import PARAMETER, Trusts

if TYPE_CHECKING:
    from tfdriver.sandbox.backend import MotoBackend


class DroppedError(Exception):
    """A fault ends the connection without an answer."""


@dataclass(frozen=True)
class Parts:
    """Everything a call may meet. log: of all calls; stopping: set when the sandbox ends, so that waiting ends."""

    backend: MotoBackend
    trusts: Trusts
    sessions: RoleSessions
    functions: Functions
    faults: Faults
    log: CallLog = field(default_factory=CallLog)
    stopping: threading.Event = field(default_factory=threading.Event)


class Dispatch:
    """One call on its way. entry: its line in the log, as far as it is known."""

    def __init__(self, parts: Parts, call: Call, message: Message, now: datetime, entry: Entry) -> None:
        self.parts = parts
        self.call = call
        self.message = message
        self.now = now
        self.entry = entry

    def response(self) -> HttpResponse:
        """Return the answer, a refusal included. Raises DroppedError."""
        try:
            caller = identify(self.call, self.parts.backend, self.parts.sessions, self.now)
        except ResponseError as error:
            self.entry = replace(self.entry, allowed=False, reason=error.message)
            return refusal(self.call, error)
        self.entry = replace(self.entry, caller=caller.principal.arn, account=caller.account, caller_id=caller.id)
        if self.call.service == "iam" and self.call.operation in PARAMETER:
            self.entry = replace(self.entry, trust_policy=self.call.text(PARAMETER[self.call.operation]))
        operation = f"{self.call.service}:{self.call.operation}"
        due = self.parts.faults.due(operation, caller.account, self.call.user_agent)
        try:
            self._happen(due.get("before"))
            response = self._do(caller)
        except ResponseError as error:
            response = refusal(self.call, error)
        try:
            self._happen(due.get("after"))
        except ResponseError as error:
            response = refusal(self.call, error)
        return response

    def _do(self, caller: AuthenticatedCaller) -> HttpResponse:
        call, parts = self.call, self.parts
        if not call.operation:
            raise ResponseError("UnknownOperationException", f"no operation of {call.service} has this request", 404)
        if call.service == "lambda" and call.operation == "Invoke":
            return self._invoke(caller)  # without the lock: the code calls back
        with parts.backend.lock:
            self._authorize(caller)
            if call.service == "sts" and call.operation == "GetCallerIdentity":
                return sts.get_caller_identity(caller)
            if call.service == "sts" and call.operation == "AssumeRole":
                return sts.give_session(call, caller, parts.backend, parts.sessions)
            if call.service == "sts":
                raise ResponseError("NotImplemented", f"the sandbox cannot do sts:{call.operation}")
            if call.service == "cloudtrail" and call.operation == "LookupEvents":
                return cloudtrail.lookup_events(call, caller.account, parts.log.latest())
            if call.service == "access-analyzer":
                return analyzer.answer(call)
            if call.service == "iam" and call.operation in PARAMETER:
                return parts.trusts.save(call, self.message, caller.account)
            if call.service == "lambda" and call.text("Role"):
                parts.functions.check_role(call.text("Role"), self.entry.resource, caller.account)
            response = parts.backend.handle(self.message, caller.account)
            if call.service == "iam" and call.operation.startswith(("Create", "Delete", "Update")):
                parts.trusts.refresh()
            return response

    def _authorize(self, caller: AuthenticatedCaller) -> None:
        """Raise AwsError if anything the call needs is refused."""
        place = CallLocation(caller.partition, self.call.region, caller.account)
        needed = required_actions(self.call, place, self._lookup)
        if needed:
            self.entry = replace(self.entry, resource=needed[0].resource, needs=needed)
        if self.call.service == "sts" and self.call.operation == "AssumeRole":
            sts.check_parameters(self.call)
            decision = sts.decide(self.call, caller, self.parts.backend, self.parts.trusts, self.now)
            self._refuse_unless(decision, caller, needed[0])
            return
        for need in needed:
            request = AccessRequest(need.action, need.resource, context(caller, self.call, self.now, need.facts))
            self._refuse_unless(self._decide(caller, request), caller, need)

    def _decide(self, caller: AuthenticatedCaller, request: AccessRequest) -> Decision:
        """Decide by the caller's policies; another account's resource also needs its own policy's consent."""
        decision = authorize(caller.permissions, request)
        owner = account_of(request.resource)
        if not decision.allowed or owner in ("", "aws", caller.account):
            return decision
        function = self.parts.backend.function(owner, self.call.region, request.resource)
        if function and match_trust_policy(function.policy, caller.principal, request).effect is Effect.ALLOW:
            return decision
        return Decision(False, f"because no resource-based policy allows the {request.action} action")

    def _refuse_unless(self, decision: Decision, caller: AuthenticatedCaller, need: RequiredAction) -> None:
        if decision.allowed:
            return
        self.entry = replace(self.entry, allowed=False, reason=decision.reason or "not authorized")
        who = f"User: {caller.principal.arn} is not authorized to perform: {need.action}"
        raise ResponseError("AccessDenied", f"{who} on resource: {need.resource} {decision.reason}".rstrip(), 403)

    def _lookup(self, kind: str, name: str) -> str | None:
        """Return the ARN, with its path, of an existing role or user of the caller's account."""
        backend, own = self.parts.backend, [self.entry.account]
        there = {
            "role": lambda: {role.name: role.arn for role in backend.roles(own)},
            "user": lambda: {user.name: user.arn for user in backend.users(own)},
        }
        return there[kind]().get(name) if kind in there else None

    def _invoke(self, caller: AuthenticatedCaller) -> HttpResponse:
        call, parts = self.call, self.parts
        self._authorize(caller)
        name, qualifier = call.text("FunctionName"), call.text("Qualifier") or None
        owner = account_of(self.entry.resource)
        function = parts.backend.function(owner, call.region, name, qualifier)
        if function is None:
            raise ResponseError("ResourceNotFoundException", f"Function not found: {self.entry.resource}", 404)
        event = lambdas.checked_event(self.message.body)
        match self.message.headers.get("x-amz-invocation-type", "RequestResponse"):
            case "DryRun":
                return HttpResponse(204)
            case "Event":
                threading.Thread(target=parts.functions.run_unheard, args=(function, event), daemon=True).start()
                return HttpResponse(202)
        tail = self.message.headers.get("x-amz-log-type") == "Tail"
        return lambdas.response(function, parts.functions.run(function, event), tail=tail)

    def _happen(self, fault: Fault | None) -> None:
        """Let a fault happen, if there is one. Raises AwsError or DroppedError."""
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
