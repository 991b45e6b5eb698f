"""Faults on demand: what goes wrong with which call. Read from a file (`--faults FILE`), see `FORMAT`.

`touch` comes first, so that a test can wait for the file and then kill something at that very moment.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tfdriver.errors import TfdriverError
from tfdriver.iam.conditions import like
from tfdriver.sandbox.responses import ResponseError

# What `tfdriver sandbox -h` says of the file.
FORMAT = """\
A file for --faults, in YAML or JSON:

  faults:
    - call: iam:CreateRole    # required: service:operation, * and ? allowed
      account: "111111111111" # only calls of this account; default any
      agent: Boto3            # only if the user agent has this in it
      if: /tmp/armed          # only while this file exists
      nth: 2                  # only the 2nd matching call; or
      times: 3                # only the first 3; default every one
      when: after             # after the call is done; default before
      touch: /tmp/reached     # make this file when it happens
      error: {status: 400, code: Throttling, message: Rate exceeded}

In the place of error, one of:

  drop: true           end the connection without an answer
  hang: true           never answer
  delay: 2.5           wait so many seconds, then go on
  wait_for: /tmp/go    wait until this file exists, then go on
  expire: true         the caller's credentials are expired from now on;
                       with a number: for so many seconds

A rule may also have touch alone, and then changes nothing else. Rules count
every call that matches them as it comes in. Of several that are due before a
call, or after it, the first in the file wins.
"""

_SHOWN = "`tfdriver sandbox -h` shows how to write one"
_KEYS = {"call", "account", "agent", "if", "nth", "times", "when", "touch"}
_KINDS = ("error", "drop", "delay", "wait_for", "hang", "expire")


@dataclass(frozen=True)
class Fault:
    """A rule. kind: one of `_KINDS`, or `touch`; value: what the file gives for it; armed: the file of its `if`."""

    call: str
    kind: str
    value: Any = True
    account: str = ""
    agent: str = ""
    armed: Path | None = None
    nth: int | None = None
    times: int | None = None
    when: str = "before"
    touch: Path | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.when}"

    @property
    def error(self) -> ResponseError:
        """Return the error of an `error` rule."""
        return ResponseError(self.value["code"], self.value.get("message", self.value["code"]), self.value["status"])

    def matches(self, call: str, account: str, agent: str) -> bool:
        """Return whether the rule is about such a call: `service:operation`, the caller's account and user agent."""
        meant = like(self.call.lower(), call.lower()) and self.account in ("", account) and self.agent in agent
        return meant and (self.armed is None or self.armed.exists())


class Faults:
    """The rules and how often each has matched. Safe to use from several threads."""

    def __init__(self, rules: tuple[Fault, ...] = ()) -> None:
        self._rules = rules
        self._seen = [0] * len(rules)
        self._lock = threading.Lock()

    def due(self, call: str, account: str, agent: str = "") -> dict[str, Fault]:
        """Count a call (`service:operation`) of an account and user agent; return what is due `before` and `after`."""
        chosen: dict[str, Fault] = {}
        with self._lock:
            for place, rule in enumerate(self._rules):
                if rule.matches(call, account, agent):
                    self._seen[place] += 1
                    if _due(rule, self._seen[place]):
                        chosen.setdefault(rule.when, rule)
        return chosen


def _due(rule: Fault, count: int) -> bool:
    if rule.nth is not None:
        return count == rule.nth
    return rule.times is None or count <= rule.times


def load(path: Path | None) -> Faults:
    """Read the rules, none if path is None. Raises TfdriverError that names the file and the rule."""
    if path is None:
        return Faults()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).replace("\n", " ")
        raise TfdriverError(f"cannot read the faults: {reason}", where=str(path)) from error
    rules = content.get("faults") if isinstance(content, Mapping) else None
    if not isinstance(rules, list):
        raise TfdriverError("no list under `faults:`", where=str(path), hint=_SHOWN)
    return Faults(tuple(_rule(rule, f"{path}: rule {place}") for place, rule in enumerate(rules, 1)))


def _rule(rule: Any, where: str) -> Fault:
    if not isinstance(rule, Mapping) or not isinstance(rule.get("call"), str) or ":" not in rule["call"]:
        raise TfdriverError("`call: service:operation` is missing", where=where, hint=_SHOWN)
    unknown = sorted(set(map(str, rule)) - _KEYS - set(_KINDS))
    if unknown:
        known = ", ".join([*sorted(_KEYS), *_KINDS])
        raise TfdriverError(f"unknown key {unknown[0]}", where=where, hint=f"Known are {known}")
    kinds = [kind for kind in _KINDS if kind in rule] or ["touch"]
    if len(kinds) > 1 or (kinds == ["touch"] and "touch" not in rule):
        raise TfdriverError(f"exactly one of {', '.join(_KINDS)} or touch is needed", where=where)
    _check(rule, kinds[0], where)
    return Fault(
        call=rule["call"],
        kind=kinds[0],
        value=rule[kinds[0]],
        account=str(rule.get("account", "")),
        agent=str(rule.get("agent", "")),
        armed=Path(rule["if"]) if "if" in rule else None,
        nth=rule.get("nth"),
        times=rule.get("times"),
        when=rule.get("when", "before"),
        touch=Path(rule["touch"]) if "touch" in rule else None,
    )


def _check(rule: Mapping[str, Any], kind: str, where: str) -> None:
    value = rule[kind]
    error_keys = {"status", "code", "message"}
    good = {
        "error": isinstance(value, Mapping)
        and {"status", "code"} <= set(value) <= error_keys
        and isinstance(value["status"], int),
        "drop": value is True,
        "hang": value is True,
        "delay": _number(value),
        "wait_for": isinstance(value, str),
        "expire": value is True or _number(value),
        "touch": isinstance(value, str),
    }
    if not good[kind]:
        raise TfdriverError(f"`{kind}` has a wrong value: {value!r}", where=where)
    if rule.get("when", "before") not in ("before", "after"):
        raise TfdriverError("`when` is neither before nor after", where=where)
    for key in ("nth", "times"):
        if key in rule and (not isinstance(rule[key], int) or isinstance(rule[key], bool) or rule[key] < 1):
            raise TfdriverError(f"`{key}` is not a number from 1 on", where=where)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
