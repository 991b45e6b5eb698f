"""The sandbox as an application: answers each HTTP request and logs the call."""

from __future__ import annotations

import json
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from urllib.parse import unquote

from tfdriver.sandbox import schedule
from tfdriver.sandbox.call_log import Entry
from tfdriver.sandbox.dispatch import Dispatch, DroppedError, Parts
from tfdriver.sandbox.messages import HttpRequest, HttpResponse
from tfdriver.sandbox.parse import Call, Protocol, parse_call
from tfdriver.sandbox.resources import Rule, Target
from tfdriver.sandbox.responses import ResponseError, error_code, error_message, error_response, with_request_id

FIRE_PATH = "/sandbox/fire/"


@dataclass(frozen=True)
class App:
    """Answers requests and logs them."""

    parts: Parts

    def handle(self, request: HttpRequest) -> HttpResponse | None:
        """Answer a request. Return None if a fault drops the connection."""
        if request.path.startswith(FIRE_PATH):
            return self._handle_fire(request)
        now = datetime.now(UTC)
        call = parse_call(request)
        dispatch = Dispatch(self.parts, call, request, now, _entry(call, now))
        try:
            response = dispatch.response()
        except DroppedError:
            self.parts.log.write(dispatch.entry)
            return None
        except Exception as error:  # a bug in the sandbox: answer, so that the client does not wait
            response = error_response(call, ResponseError("SandboxFailure", f"{type(error).__name__}: {error}"))
        response = with_request_id(response, dispatch.entry.request_id)
        code, message = error_code(response), error_message(response)
        self.parts.log.write(replace(dispatch.entry, status=response.status, error=code, message=message))
        return response

    def fire(self, rule: str) -> list[Target]:
        """Fire a rule's schedule and wait for its targets. Return an empty list if no rule has that name."""
        return schedule.fire(self.parts.functions, rule, self._log_invocation)

    def _handle_fire(self, request: HttpRequest) -> HttpResponse:
        headers = {"Content-Type": "application/json"}
        if request.method != "POST":
            return HttpResponse(405, b'{"message": "POST only"}', headers | {"Allow": "POST"})
        fired = self.fire(unquote(request.path.removeprefix(FIRE_PATH)))
        if not fired:
            rules = sorted({rule.name for rule in self.parts.backend.scheduled_rules()})
            return HttpResponse(404, json.dumps({"rules": rules}).encode(), headers)
        return HttpResponse(200, json.dumps([asdict(target) for target in fired]).encode(), headers)

    def _log_invocation(self, rule: Rule, target: str, allowed: bool, reason: str) -> None:
        call = Call(service="lambda", operation="Invoke", protocol=Protocol.REST_JSON, region=rule.region)
        entry = replace(
            _entry(call, datetime.now(UTC)),
            caller=schedule.SERVICE,
            account=rule.account,
            resource=target,
            source=schedule.SERVICE,
            allowed=allowed,
            reason=reason,
            status=202 if allowed else 403,
            error="" if allowed else "AccessDeniedException",
        )
        self.parts.log.write(entry)


def _entry(call: Call, now: datetime) -> Entry:
    return Entry(
        time=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        request_id=str(uuid.uuid4()),
        service=call.service,
        action=call.operation,
        region=call.region,
        user_agent=call.user_agent[:200],
    )
