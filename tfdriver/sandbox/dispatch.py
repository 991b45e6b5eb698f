"""One call on its way: who is it, may they, do it. What `layer` answers and logs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tfdriver.iam.evaluator import Decision, Effect, Request, authorize, find_trust
from tfdriver.iam.policy_document import account_of
from tfdriver.sandbox import analyzer, cloudtrail, sts
from tfdriver.sandbox import lambda_runtime as lambdas
from tfdriver.sandbox.authentication import Caller, context, identify
from tfdriver.sandbox.call_log import CallLog, Entry
from tfdriver.sandbox.faults import Fault, Faults
from tfdriver.sandbox.lambda_runtime import Functions
from tfdriver.sandbox.messages import Request as Message
from tfdriver.sandbox.messages import Response
from tfdriver.sandbox.parse import Call
from tfdriver.sandbox.required_actions import Need, Place, needs
from tfdriver.sandbox.responses import AwsError, refusal
from tfdriver.sandbox.sessions import FOREVER, Sessions
from tfdriver.sandbox.trusts import PARAMETER, Trusts

if TYPE_CHECKING:
    from tfdriver.sandbox.backend import Backend


class DroppedError(Exception):
    """A fault ends the connection without an answer."""


@dataclass(frozen=True)
class Parts:
    """Everything a call may meet. log: of all calls; stopping: set when the sandbox ends, so that waiting ends."""

    backend: Backend
    trusts: Trusts
    sessions: Sessions
    functions: Functions
    faults: Faults
    log: CallLog = field(default_factory=CallLog)
    stopping: threading.Event = field(default_factory=threading.Event)


class Turn:
    """One call on its way. entry: its line in the log, as far as it is known."""

    def __init__(self, parts: Parts, call: Call, message: Message, now: datetime, entry: Entry) -> None:
        self.parts = parts
        self.call = call
        self.message = message
        self.now = now
        self.entry = entry

    def response(self) -> Response:
        """Return the answer, a refusal included. Raises DroppedError."""
        try:
            caller = identify(self.call, self.parts.backend, self.parts.sessions, self.now)
        except AwsError as error:
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
        except AwsError as error:
            response = refusal(self.call, error)
        try:
            self._happen(due.get("after"))
        except AwsError as error:
            response = refusal(self.call, error)
        return response

    def _do(self, caller: Caller) -> Response:
        call, parts = self.call, self.parts
        if not call.operation:
            raise AwsError("UnknownOperationException", f"no operation of {call.service} has this request", 404)
        if call.service == "lambda" and call.operation == "Invoke":
            return self._invoke(caller)  # without the lock: the code calls back
        with parts.backend.lock:
            self._authorize(caller)
            if call.service == "sts":
                return self._sts(caller)
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

    def _sts(self, caller: Caller) -> Response:
        match self.call.operation:
            case "GetCallerIdentity":
                return sts.get_caller_identity(caller)
            case "AssumeRole":
                return sts.give_session(self.call, caller, self.parts.backend, self.parts.sessions)
        raise AwsError("NotImplemented", f"the sandbox cannot do sts:{self.call.operation}")

    def _authorize(self, caller: Caller) -> None:
        """Raise AwsError if anything the call needs is refused."""
        place = Place(caller.partition, self.call.region, caller.account)
        needed = needs(self.call, place, self._lookup)
        if needed:
            self.entry = replace(self.entry, resource=needed[0].resource, needs=needed)
        if self.call.service == "sts" and self.call.operation == "AssumeRole":
            sts.check(self.call)
            decision = sts.decide(self.call, caller, self.parts.backend, self.parts.trusts, self.now)
            self._refuse_unless(decision, caller, needed[0])
            return
        for need in needed:
            request = Request(need.action, need.resource, context(caller, self.call, self.now, need.facts))
            self._refuse_unless(self._decide(caller, request), caller, need)

    def _decide(self, caller: Caller, request: Request) -> Decision:
        """Decide by the caller's policies; another account's resource also needs its own policy's consent."""
        decision = authorize(caller.permissions, request)
        owner = account_of(request.resource)
        if not decision.allowed or owner in ("", "aws", caller.account):
            return decision
        function = self.parts.backend.function(owner, self.call.region, request.resource)
        if function and find_trust(function.policy, caller.principal, request).effect is Effect.ALLOW:
            return decision
        return Decision(False, f"because no resource-based policy allows the {request.action} action")

    def _refuse_unless(self, decision: Decision, caller: Caller, need: Need) -> None:
        if decision.allowed:
            return
        self.entry = replace(self.entry, allowed=False, reason=decision.reason or "not authorized")
        who = f"User: {caller.principal.arn} is not authorized to perform: {need.action}"
        raise AwsError("AccessDenied", f"{who} on resource: {need.resource} {decision.reason}".rstrip(), 403)

    def _lookup(self, kind: str, name: str) -> str | None:
        """Return the ARN, with its path, of an existing role or user of the caller's account."""
        backend, own = self.parts.backend, [self.entry.account]
        there = {
            "role": lambda: {role.name: role.arn for role in backend.roles(own)},
            "user": lambda: {user.name: user.arn for user in backend.users(own)},
        }
        return there[kind]().get(name) if kind in there else None

    def _invoke(self, caller: Caller) -> Response:
        call, parts = self.call, self.parts
        self._authorize(caller)
        name, qualifier = call.text("FunctionName"), call.text("Qualifier") or None
        owner = account_of(self.entry.resource)
        function = parts.backend.function(owner, call.region, name, qualifier)
        if function is None:
            raise AwsError("ResourceNotFoundException", f"Function not found: {self.entry.resource}", 404)
        event = lambdas.checked_event(self.message.body)
        match self.message.headers.get("x-amz-invocation-type", "RequestResponse"):
            case "DryRun":
                return Response(204)
            case "Event":
                threading.Thread(target=parts.functions.run_unheard, args=(function, event), daemon=True).start()
                return Response(202)
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
                    raise AwsError("ExpiredToken", "The security token included in the request is expired", 403)
