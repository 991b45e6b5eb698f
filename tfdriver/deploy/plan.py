"""`tfdriver plan`: the changes of each phase."""

from __future__ import annotations

from tfdriver.deploy.plan_view import Planned
from tfdriver.deploy.preview import preview
from tfdriver.deploy.session import Session
from tfdriver.deploy.up import refuse_to_start
from tfdriver.deploy.work import phase_one


def plan(session: Session, *, overwrite: bool = False) -> Planned:
    """Return the changes of each phase of `up`. Writes the compositions, changes nothing in AWS.

    overwrite: as for `up`. Raises TfdriverError, as `up` does, before it writes anything.
    """
    refuse_to_start(session, overwrite=overwrite)
    driver, compositions = session.driver, session.workspace.compositions
    with session.run(stopped="No changes made"):
        driver.prepare(compositions)
        first = phase_one(session.spec, session.workspace.of_all_shards, session.observed)
        driver.plan(compositions, session.observed, first)
        return preview(session, "plan", compositions, first)
