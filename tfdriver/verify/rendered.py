"""What the files of each composition say that its resources are to be, whatever the state says.

A state does not do as what live policies are held against: `terraform apply -refresh-only` writes what is live into it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tfdriver.aws.observe import side_by_side
from tfdriver.errors import TfdriverError
from tfdriver.iam import wanted_policies
from tfdriver.iam.wanted_policies import State
from tfdriver.interrupts import InterruptedRunError
from tfdriver.spec.compositions import Composition
from tfdriver.terraform.runner import Root

# Does a piece of work, given the composition's name and the action, and tells people meanwhile.
Tell = Callable[[str, str, Callable[[], Any]], Any]


def rendered(
    compositions: Sequence[Composition], root: Callable[[Composition], Root], tell: Tell
) -> dict[str, State | str]:
    """Return what each composition is to be, by its name, as `reference` reads it, or why that can't be told.

    root: gives Terraform in a composition's folder. Raises InterruptedRunError.
    """
    # One after the other: a plugin cache takes no two at once. Those of a project that was applied here are done.
    failed = {c.name: problem for c in compositions if (problem := _init(c, root(c), tell))}
    todo = [c for c in compositions if c.name not in failed]
    plans = side_by_side(lambda c: _plan(c, root(c), tell), todo)
    return {**failed, **dict(zip([c.name for c in todo], plans, strict=True))}


def _init(composition: Composition, root: Root, tell: Tell) -> str:
    """Init where that was not done yet; return why it failed, or ''."""
    if root.initialised:
        return ""
    try:
        tell(composition.name, "init", root.init)
    except InterruptedRunError:
        raise
    except TfdriverError as error:
        return str(error).rstrip(".")
    return ""


def _plan(composition: Composition, root: Root, tell: Tell) -> State | str:
    try:
        return wanted_policies.as_state(tell(composition.name, "plan", root.rendered))
    except InterruptedRunError:
        raise
    except TfdriverError as error:
        return str(error).rstrip(".")
