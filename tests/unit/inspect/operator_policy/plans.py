"""Offline plans of small modules."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tfdriver.terraform.offline_plan import OfflinePlan


def resource(
    address: str,
    after: dict[str, Any] | None = None,
    *,
    unknown: Iterable[str] = (),
    depends_on: Iterable[str] = (),
    role: str = "foo",
) -> dict[str, Any]:
    """Return a planned resource, or data, of a role's module. address, depends_on: in the module."""
    *modules, kind, _ = address.split(".")
    mode = "data" if modules[-1:] == ["data"] else "managed"
    inner = ".".join(modules[:-1] if mode == "data" else modules)
    change = {"actions": ["create"], "after": after or {}, "after_unknown": dict.fromkeys(unknown, True)}
    return {
        "address": f"module.{role}.{address}",
        "module_address": f"module.{role}.{inner}".rstrip("."),
        "mode": mode,
        "type": kind,
        "change": change,
        "depends_on": [f"module.{role}.{other}" for other in depends_on],
    }


def offline(*resources: dict[str, Any], probe: bool | dict[str, Any] = False, problem: str = "") -> OfflinePlan:
    """Return the plan of a composition. probe: whether its modules have one, or the one of each."""
    probes = dict.fromkeys(("foo", "bar"), {} if probe is True else probe) if probe else {}
    return OfflinePlan({"resource_changes": resources, "output_changes": {"probes": {"after": probes}}}, problem)
