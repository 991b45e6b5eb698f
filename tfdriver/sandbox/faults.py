"""Faults to inject into calls, read from the file of `--faults`; `FORMAT` describes it.

A rule creates its `touch` file first, so that a test can act before the fault takes effect.
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

# Printed by `tfdriver sandbox -h`.
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

_HINT = "Run `tfdriver sandbox -h` for the format"
_KEYS = {"call", "account", "agent", "if", "nth", "times", "when", "touch"}
_KINDS = ("error", "drop", "delay", "wait_for", "hang", "expire")


@dataclass(frozen=True)
class Fault:
    """A rule. kind: one of `_KINDS`, or `touch`; value: the value of that key; armed: the file of its `if`."""

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
        """Return whether the rule matches a call (`service:operation`) of an account and user agent."""
        return (
            like(self.call.lower(), call.lower())
            and self.account in ("", account)
            and self.agent in agent
            and (self.armed is None or self.armed.exists())
        )

    def applies_to(self, number: int) -> bool:
        """Return whether the rule applies to the matching call with this number, from 1."""
        if self.nth is not None:
            return number == self.nth
        return self.times is None or number <= self.times


class Faults:
    """The rules, and how many calls have matched each. Thread-safe."""

    def __init__(self, rules: tuple[Fault, ...] = ()) -> None:
        self._rules = rules
        self._counts = [0] * len(rules)
        self._lock = threading.Lock()

    def due(self, call: str, account: str, agent: str = "") -> dict[str, Fault]:
        """Count a call (`service:operation`) and return the faults to inject, by `before` and `after`."""
        due: dict[str, Fault] = {}
        with self._lock:
            for index, rule in enumerate(self._rules):
                if rule.matches(call, account, agent):
                    self._counts[index] += 1
                    if rule.applies_to(self._counts[index]):
                        due.setdefault(rule.when, rule)
        return due


def load_faults(path: Path | None) -> Faults:
    """Read the rules from a file, none if path is None. Raises TfdriverError."""
    if path is None:
        return Faults()
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = str(error).replace("\n", " ")
        raise TfdriverError(
            f"cannot read the faults: {reason}", code="invalid_faults", where=str(path), hint=_HINT
        ) from error
    rules = content.get("faults") if isinstance(content, Mapping) else None
    if not isinstance(rules, list):
        raise TfdriverError(
            "`faults:` with a list of rules is missing", code="invalid_faults", where=str(path), hint=_HINT
        )
    return Faults(tuple(_rule(rule, f"{path}: rule {number}") for number, rule in enumerate(rules, 1)))


def _rule(rule: Any, where: str) -> Fault:
    if not isinstance(rule, Mapping) or not isinstance(rule.get("call"), str) or ":" not in rule["call"]:
        raise TfdriverError("`call: service:operation` is missing", code="invalid_faults", where=where, hint=_HINT)
    unknown = sorted(set(map(str, rule)) - _KEYS - set(_KINDS))
    if unknown:
        known = ", ".join([*sorted(_KEYS), *_KINDS])
        raise TfdriverError(f"unknown key {unknown[0]}", code="invalid_faults", where=where, hint=f"Use only {known}")
    kinds = [kind for kind in _KINDS if kind in rule] or ["touch"]
    if len(kinds) > 1 or (kinds == ["touch"] and "touch" not in rule):
        raise TfdriverError(
            f"the rule needs exactly one of {', '.join(_KINDS)} or touch",
            code="invalid_faults",
            where=where,
            hint=_HINT,
        )
    _check_values(rule, kinds[0], where)
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


def _check_values(rule: Mapping[str, Any], kind: str, where: str) -> None:
    value = rule[kind]
    error_keys = {"status", "code", "message"}
    valid = {
        "error": isinstance(value, Mapping)
        and {"status", "code"} <= set(value) <= error_keys
        and isinstance(value["status"], int),
        "drop": value is True,
        "hang": value is True,
        "delay": _is_duration(value),
        "wait_for": isinstance(value, str),
        "expire": value is True or _is_duration(value),
        "touch": isinstance(value, str),
    }
    if not valid[kind]:
        raise TfdriverError(f"`{kind}` has an invalid value: {value!r}", code="invalid_faults", where=where, hint=_HINT)
    if rule.get("when", "before") not in ("before", "after"):
        raise TfdriverError("`when` is neither `before` nor `after`", code="invalid_faults", where=where, hint=_HINT)
    for key in ("nth", "times"):
        if key in rule and (not isinstance(rule[key], int) or isinstance(rule[key], bool) or rule[key] < 1):
            raise TfdriverError(f"`{key}` is not a positive integer", code="invalid_faults", where=where, hint=_HINT)


def _is_duration(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0
