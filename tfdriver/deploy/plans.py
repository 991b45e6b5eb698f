"""Plans compositions and checks the plans, which are then applied exactly as they were checked."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any

from tfdriver.aws.observe import Observation
from tfdriver.deploy import plan_checks
from tfdriver.deploy.adopt import Adopter
from tfdriver.deploy.plan_view import deletions, resource_changes
from tfdriver.deploy.roots import Roots
from tfdriver.errors import TfdriverError
from tfdriver.iam.lint import refuse_errors
from tfdriver.iam.plan_lint import dangerous, unseen_policies
from tfdriver.iam.trust import same_trust
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.iam.wording import role_in_account
from tfdriver.project import tfvars
from tfdriver.project.offline import offline_plans
from tfdriver.project.orphans import OrphanedResource
from tfdriver.spec import existing
from tfdriver.spec.compositions import Composition, Side
from tfdriver.terraform.events import TerraformOutcome
from tfdriver.terraform.failure import TerraformError
from tfdriver.terraform.saved_plan import SavedPlan
from tfdriver.terraform.used_types import configuration_files

LiveRoles = Mapping[str, LiveRole | Unreadable | None]


@dataclass(frozen=True)
class Basis:
    """What a plan is made from. values: the composition's; roles: its roles in AWS, by key; at: UTC."""

    values: Mapping[str, Any]
    roles: LiveRoles
    at: datetime


@dataclass(frozen=True)
class CheckedPlan:
    """A saved plan that has passed all checks. seconds: how long Terraform took; deletions: in words."""

    basis: Basis
    saved: SavedPlan
    seconds: float
    deletions: tuple[str, ...] = ()


def roles_in_aws(composition: Composition, observation: Observation) -> LiveRoles:
    """Return the composition's roles in AWS, by key."""
    if composition.side is Side.TRUSTED:
        return {role.key: observation.trusted[role.key] for role in composition.roles}
    states = {role.key: observation.states[role.key] for role in composition.roles}
    return {key: Unreadable(s.detail) if s.live is None and s.detail else s.live for key, s in states.items()}


class Plans:
    """The plans of a run. may_adopt: whether orphaned resources of a composition may be adopted.

    postponed: names of the trusted compositions that can be planned only after phase 1.
    """

    def __init__(self, roots: Roots, adopter: Adopter, may_adopt: Callable[[Composition], bool]) -> None:
        self._roots = roots
        self._adopter = adopter
        self._may_adopt = may_adopt
        self._lock = Lock()
        self._plans: dict[str, CheckedPlan] = {}
        self._confirmed: frozenset[str] | None = None  # None if nobody is asked
        self._warned: set[str] = set()
        self.postponed: set[str] = set()

    def plan(self, composition: Composition, basis: Basis, error: TerraformError | None = None) -> CheckedPlan:
        """Plan and check a prepared composition, and keep the plan.

        error: of an apply that failed because resources already exist: they are adopted. Raises TfdriverError for a
        role under another name than in the spec, and for existing resources that may not be adopted.
        """
        spec, workspace = self._roots.workspace.spec, self._roots.workspace
        final = tfvars.final(spec, composition, tfvars.revocations_in(composition, basis.values))
        may_adopt = error is not None or self._may_adopt(composition)
        # Terraform ignores the import of a resource that its state has.
        imports = tuple(
            OrphanedResource(existing.role_address(role), "aws_iam_role", role.name, role.name)
            for role in existing.trusting(composition)
        )
        while True:
            workspace.write(composition, final, imports)
            try:
                checked = self._saved(composition, basis, None if basis.values == final else basis.values)
            finally:
                if imports:  # the plan has them
                    workspace.write(composition, final)
            try:
                shown = checked.saved.shown
                policies = basis.values.get("trust_policies", {})
                plan_checks.check_plan(composition, shown, policies, self._note_once)
                self._check_unseen(composition, shown)
                found = self._adopter.to_import(composition, shown, may_adopt=may_adopt, error=error)
                _refuse_inconsistent(composition, found, basis.roles)
                _refuse_outdated(composition, shown, basis.roles)
            except BaseException:
                checked.saved.delete()
                raise
            if not found:
                return self._keep(composition, checked)
            imports, error = imports + found, None

    def plan_to_destroy(self, composition: Composition, basis: Basis) -> CheckedPlan:
        """Plan to delete all resources in the state of a prepared composition, and keep the plan.

        Raises TfdriverError if it deletes what nobody has confirmed.
        """
        return self._confirmed_only(composition, self._keep(composition, self._saved(composition, basis, destroy=True)))

    def plan_again(self, composition: Composition, basis: Basis, error: TerraformError | None = None) -> CheckedPlan:
        """As `plan`, after `confirmed`. Raises TfdriverError if the plan deletes what nobody has confirmed."""
        return self._confirmed_only(composition, self.plan(composition, basis, error))

    def confirmed(self, deletions: Iterable[str]) -> None:
        """Refuse, from now on, plans with other deletions than these."""
        self._confirmed = frozenset(deletions)

    def _confirmed_only(self, composition: Composition, checked: CheckedPlan) -> CheckedPlan:
        if self._confirmed is not None and (new := [d for d in checked.deletions if d not in self._confirmed]):
            raise TfdriverError(
                f"its plan deletes what was not confirmed: {', '.join(new)}",
                code="plan_changed",
                where=f"compositions/{composition.name}",
                hint="Nothing of this plan was applied. Run the same command again to see and confirm it",
            )
        return checked

    def take(self, composition: Composition, roles: LiveRoles) -> CheckedPlan | None:
        """Return the kept plan of a composition to apply it, None if its roles have changed in AWS since.

        roles: as AWS shows them now.
        """
        checked = self.of(composition)
        if checked is None or checked.basis.roles != roles:
            self.drop(composition)
            return None
        with self._lock:
            return self._plans.pop(composition.name)

    def drop(self, composition: Composition) -> None:
        """Delete the kept plan of a composition, if any."""
        with self._lock:
            checked = self._plans.pop(composition.name, None)
        if checked:
            checked.saved.delete()

    def of(self, composition: Composition) -> CheckedPlan | None:
        """Return the kept plan of a composition, None if it is postponed."""
        return self._plans.get(composition.name)

    def planned(self, composition: Composition) -> CheckedPlan:
        """Return the kept plan of a composition that has been planned."""
        return self._plans[composition.name]

    def discard(self) -> None:
        """Delete the plans that were not applied."""
        for checked in self._plans.values():
            checked.saved.delete()

    def plan_all(self, bases: Iterable[tuple[Composition, Basis]], *, before_phase_1: bool = False) -> None:
        """Plan compositions in parallel.

        before_phase_1: whether trusting roles are still absent. A trusted composition with a data source that needs the
        trusting side is then planned before phase 2.
        """
        bases = list(bases)
        basis_of = {composition.name: basis for composition, basis in bases}

        def plan(composition: Composition) -> None:
            try:
                self.plan(composition, basis_of[composition.name])
            except TerraformError as error:
                if not (before_phase_1 and composition.side is Side.TRUSTED and _is_of_data_sources(error)):
                    raise
                self.postponed.add(composition.name)
                self._roots.progress.note(
                    f"  {composition.name}: cannot be planned before phase 1; it is planned before phase 2"
                )

        self._roots.each(plan, (composition for composition, _ in bases))

    @property
    def unchanged(self) -> frozenset[str]:
        """The names of the compositions whose plan to apply changes nothing, and that have nothing to adopt."""
        planned = [(c, self._plans[c.name].saved) for c in self._roots.workspace.compositions if c.name in self._plans]
        return frozenset(
            c.name
            for c, saved in planned
            if saved.outcome.changes_nothing and not (saved.destroy or self._may_adopt(c))
        )

    def _saved(
        self,
        composition: Composition,
        basis: Basis,
        instead: Mapping[str, Any] | None = None,
        *,
        destroy: bool = False,
    ) -> CheckedPlan:
        saved: list[SavedPlan] = []

        def plan() -> TerraformOutcome:
            saved.append(self._roots.root(composition).plan(instead, destroy=destroy))
            return saved[0].outcome

        self._roots.settings.interrupts.check()
        clock = self._roots.clock
        started = clock.monotonic()
        self._roots.report(composition, "plan", plan)
        if destroy:
            plan_checks.refuse_lost_roles(composition, saved[0].shown)
        deleted = deletions(composition.name, resource_changes(saved[0].shown))
        return CheckedPlan(basis, saved[0], clock.monotonic() - started, deleted)

    def _check_unseen(self, composition: Composition, shown: Mapping[str, Any]) -> None:
        """Check policies that a plan does not know yet, with the values of an offline plan."""
        files = configuration_files(self._roots.workspace.path(composition))
        blocks = any(b"inline_policy" in path.read_bytes() for path in files)
        addresses = unseen_policies(shown, blocks=blocks)
        if not addresses:
            return
        with tempfile.TemporaryDirectory(prefix="tfdriver-") as private:
            plans = offline_plans(self._roots.workspace, (composition,), self._roots.settings, Path(private))
        offline = plans[composition.name]
        if offline.problem:
            names = ", ".join(sorted(addresses))
            self._note_once(f"warning: {composition.name}: known only after the apply, not checked: {names}")
        refuse_errors((found for found in dangerous(offline.plan) if found.where in addresses), self._note_once)

    def _note_once(self, warning: str) -> None:
        if warning not in self._warned:
            self._warned.add(warning)
            self._roots.progress.note(warning)

    def _keep(self, composition: Composition, checked: CheckedPlan) -> CheckedPlan:
        with self._lock:
            self._plans[composition.name] = checked
        return checked


def _refuse_inconsistent(composition: Composition, found: Iterable[OrphanedResource], roles: LiveRoles) -> None:
    """Raise TfdriverError for a role to adopt that IAM has not returned: its trust policy would be overwritten."""
    names = {resource.name for resource in found if resource.type == "aws_iam_role"}
    for role in composition.roles:
        if role.name in names and roles[role.key] is None:
            raise TfdriverError(
                "IAM returned inconsistent results for this role",
                code="iam_not_consistent",
                where=role_in_account(role),
                hint="Run the same command again",
            )


def _refuse_outdated(composition: Composition, shown: Mapping[str, Any], roles: LiveRoles) -> None:
    """Raise TfdriverError if a trust policy has changed since the basis of a plan that writes it.

    Terraform reads the role while it holds the lock, for which it may have waited: another run may have made the trust
    exact meanwhile. A later change makes Terraform refuse the plan.
    """
    for role in composition.roles:
        for resource in plan_checks.role_resources(shown, role):
            before, after = ((resource["change"].get(key) or {}) for key in ("before", "after"))
            old, live = str(before.get(plan_checks.TRUST) or ""), roles.get(role.key)
            written = (
                before.get("name") == role.name and old and not same_trust(old, after.get(plan_checks.TRUST) or "{}")
            )
            if written and not isinstance(live, Unreadable) and not (live and same_trust(live.trust_policy, old)):
                raise TfdriverError(
                    "its trust policy was changed while Terraform planned, by another run or by hand",
                    code="plan_outdated",
                    where=role_in_account(role),
                    hint="Nothing of this plan was applied. Run the same command again",
                )


def _is_of_data_sources(error: TerraformError) -> bool:
    """Whether a plan failed only because data sources did not find a resource."""
    return bool(error.errors) and all(".data." in f".{found.address}" for found in error.errors)
