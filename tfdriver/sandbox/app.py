"""The sandbox's front: every request comes in here, is answered and logged."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import unquote

from tfdriver.sandbox import schedule
from tfdriver.sandbox.call_log import CallLog, Entry
from tfdriver.sandbox.dispatch import Dispatch, DroppedError, Parts
from tfdriver.sandbox.messages import HttpRequest, HttpResponse
from tfdriver.sandbox.parse import Call, Protocol, parse_call
from tfdriver.sandbox.resources import Rule, Target
from tfdriver.sandbox.responses import ResponseError, error_code, error_message, refusal, with_request_id

FIRE = "/sandbox/fire/"


@dataclass(frozen=True)
class App:
    """Answers requests with the help of the parts, and keeps the log."""

    parts: Parts
    log: CallLog

    def handle(self, request: HttpRequest) -> HttpResponse | None:
        """Answer a request; None if a fault drops the connection."""
        if request.path.startswith(FIRE):
            return self._fire(request)
        now = datetime.now(UTC)
        call = parse_call(request)
        turn = Dispatch(self.parts, call, request, now, _entry(call, now))
        try:
            response = turn.response()
        except DroppedError:
            self.log.write(turn.entry)
            return None
        except Exception as error:  # a bug of ours; a client must not wait for an answer that never comes
            response = refusal(call, ResponseError("SandboxFailure", f"{type(error).__name__}: {error}"))
        response = with_request_id(response, turn.entry.request_id)
        code, message = error_code(response), error_message(response)
        self.log.write(replace(turn.entry, status=response.status, error=code, message=message))
        return response

    def fire(self, rule: str) -> list[Target]:
        """Fire a rule's schedule and wait for what it runs; an empty list if there is no such rule."""
        return schedule.fire(self.parts.functions, rule, self._record)

    def _fire(self, request: HttpRequest) -> HttpResponse:
        headers = {"Content-Type": "application/json"}
        if request.method != "POST":
            return HttpResponse(405, b'{"message": "POST only"}', headers | {"Allow": "POST"})
        fired = self.fire(unquote(request.path.removeprefix(FIRE)))
        if not fired:
            return HttpResponse(404, json.dumps({"rules": schedule.names(self.parts.functions)}).encode(), headers)
        return HttpResponse(200, schedule.as_json(fired), headers)

    def _record(self, rule: Rule, target: str, allowed: bool, reason: str) -> None:
        call = Call("lambda", "Invoke", Protocol.REST_JSON, rule.region)
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
        self.log.write(entry)


def _entry(call: Call, now: datetime) -> Entry:
    return Entry(
        time=now.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        request_id=str(uuid.uuid4()),
        service=call.service,
        action=call.operation,
        region=call.region,
        user_agent=call.user_agent[:200],
    )
