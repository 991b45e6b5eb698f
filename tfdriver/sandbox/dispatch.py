"""Handles one call: authenticates the caller, authorizes the call, injects faults, executes it."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from tfdriver.iam.evaluator import AccessRequest, Decision, ResourcePolicy, authorize_on
from tfdriver.iam.policy_document import account_of
from tfdriver.sandbox import analyzer, cloudtrail, lambda_runtime, sts
from tfdriver.sandbox.authentication import AuthenticatedCaller, identify, request_context
from tfdriver.sandbox.call_log import CallLog, Entry
from tfdriver.sandbox.faults import Fault, Faults
from tfdriver.sandbox.lambda_runtime import Functions
from tfdriver.sandbox.messages import HttpRequest, HttpResponse
from tfdriver.sandbox.moto_models import RESOURCE_POLICIES
from tfdriver.sandbox.parse import WEB_IDENTITY, Call
from tfdriver.sandbox.policy_writes import check_principals
from tfdriver.sandbox.required_actions import CallLocation, RequiredAction, key_actions, required_actions
from tfdriver.sandbox.responses import ResponseError, error_code, error_response, with_encoded_policies
from tfdriver.sandbox.sessions import FOREVER, RoleSessions
from tfdriver.sandbox.trusts import POLICY_PARAMETERS, TrustPolicies
from tfdriver.sandbox.web_identity import web_identity

if TYPE_CHECKING:
    from tfdriver.sandbox.backend import MotoBackend


# Services without resource policies, except the trust policies of roles.
_WITHOUT_POLICIES = ("iam", "sts")
_ORGANIZATION = re.compile(rb"aws(?::|%3A)(?:Principal|Resource)Org", re.IGNORECASE)


class DroppedError(Exception):
    """A fault drops the connection."""


@dataclass(frozen=True)
class Parts:
    """The components that handle calls.

    stopping: set when the sandbox ends; ends the waits of faults. note: reports, once, what the sandbox cannot judge.
    """

    backend: MotoBackend
    trusts: TrustPolicies
    sessions: RoleSessions
    functions: Functions
    faults: Faults
    log: CallLog = field(default_factory=CallLog)
    stopping: threading.Event = field(default_factory=threading.Event)
    note: Callable[[str], None] = lambda _: None


class Dispatch:
    """Handles one call. entry: its line in the log, completed step by step; owner: the account of the resource."""

    def __init__(self, parts: Parts, call: Call, request: HttpRequest, now: datetime, entry: Entry) -> None:
        self.parts = parts
        self.call = call
        self.request = request
        self.now = now
        self.entry = entry
        self.owner = ""

    def response(self) -> HttpResponse:
        """Return the result or error. Raises DroppedError."""
        try:
            if self.call.operation == WEB_IDENTITY:
                caller = web_identity(self.call, self.parts.backend, self.now)
            else:
                caller = identify(self.call, self.parts.backend, self.parts.sessions, self.now)
        except ResponseError as error:
            self.entry = replace(self.entry, allowed=False, reason=error.message)
            return error_response(self.call, error)
        self.entry = replace(self.entry, caller=caller.arn, account=caller.account, caller_id=caller.id)
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
            if _ORGANIZATION.search(self.request.body):
                parts.note("a policy names an organization: the sandbox assumes that all of its accounts are members")
            if call.service == "sts" and call.operation == "GetCallerIdentity":
                return sts.get_caller_identity(caller)
            if call.service == "sts" and call.operation in sts.ASSUME:
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
            check_principals(call, self.request.body, parts.trusts.is_missing)
            response = parts.backend.handle(self.request, self.owner or caller.account)
            if call.operation == "GetObject" and error_code(response) == "NoSuchKey":
                # Only who may list the bucket gets this answer. Source: S3 API reference, GetObject.
                self._require_on_resource(caller, RequiredAction("s3:ListBucket", self.entry.resource.split("/")[0]))
            if call.service == "iam" and call.operation.startswith(("Create", "Delete", "Update")):
                parts.trusts.refresh()
            return with_encoded_policies(response) if call.service == "iam" else response

    def _authorize(self, caller: AuthenticatedCaller) -> None:
        """Raise ResponseError unless the caller is allowed every action that the call requires."""
        location = CallLocation(caller.partition, self.call.region, caller.account)
        required = required_actions(self.call, location, self._arn)
        if required:
            self.entry = replace(self.entry, resource=required[0].resource, needs=required)
        if self.call.service == "sts" and self.call.operation in sts.ASSUME:
            sts.check_parameters(self.call)
            decision = sts.authorize_assume_role(self.call, caller, self.parts.backend, self.parts.trusts, self.now)
            self._require(decision, caller, required[0])
            return
        for number, needed in enumerate(required):
            owner, key = self._require_on_resource(caller, needed)
            self.owner = owner if number == 0 else self.owner
            for also in key_actions(needed, key, self.call.region, caller.account):
                self.entry = replace(self.entry, needs=(*self.entry.needs, also))
                self._require_on_resource(caller, also)

    def _require_on_resource(self, caller: AuthenticatedCaller, needed: RequiredAction) -> tuple[str, str]:
        """Return the resource's account and KMS key. Raise ResponseError unless its and the caller's policies allow."""
        service = needed.action.partition(":")[0]
        creates = self.call.operation == "CreateBucket"  # somebody else may have a bucket with this name
        found = None if creates else self.parts.backend.protected_resource(needed.resource, self.call.region)
        owner = found.owner if found else account_of(needed.resource)
        if owner in ("", "aws"):
            owner = caller.account
        keys = {"aws:resourceaccount": owner, **needed.facts}
        request = AccessRequest(needed.action, needed.resource, request_context(caller, self.call, self.now, keys))
        policy = ResourcePolicy(owner, found.policy if found else {}, decisive=bool(found) and service == "kms")
        if service not in {*RESOURCE_POLICIES, *_WITHOUT_POLICIES} and owner != caller.account:
            self.parts.note(f"the sandbox has no resource policies of {service}: it refuses calls of other accounts")
        decision = authorize_on(policy, caller.principal, caller.permissions, request)
        self._require(decision, caller, needed)
        return owner, found.key if found else ""

    def _require(self, decision: Decision, caller: AuthenticatedCaller, needed: RequiredAction) -> None:
        """Raise ResponseError unless the decision is to allow the required action."""
        if decision.allowed:
            return
        if decision.unsure:
            self.parts.note(f"the sandbox refuses calls because of a policy that it cannot evaluate: {decision.unsure}")
        self.entry = replace(self.entry, allowed=False, reason=decision.reason or "not authorized")
        message = (
            f"User: {caller.principal.arn} is not authorized to perform: {needed.action} "
            f"on resource: {needed.resource} {decision.reason}"
        )
        if caller.principal.federated:  # as in AWS, without the caller
            message = f"Not authorized to perform {needed.action}"
        raise ResponseError("AccessDenied", message.rstrip(), 403)

    def _arn(self, kind: str, name: str) -> str | None:
        """Return the ARN, with its path, of an existing resource of the caller's account, by kind and name."""
        backend, account = self.parts.backend, self.entry.account
        match kind:
            case "key":
                return backend.key_arn(name, account, self.call.region)
            case "secret":
                return backend.secret_arn(name, account, self.call.region)
            case "instance-profile":
                return backend.instance_profile_arn(name, account)
        found = backend.roles([account]) if kind == "role" else backend.users([account]) if kind == "user" else []
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
