"""Runs the phases: write a composition's values, let Terraform apply it, believe AWS about what came of it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from tfdriver.aws.calls import Calls
from tfdriver.aws.consistency import LIMIT, wait_for_roles, wait_until_settled
from tfdriver.aws.identity import IdentityReader, check_identities
from tfdriver.aws.observe import Observation, RoleReader, observe
from tfdriver.clock import Clock
from tfdriver.concurrency import side_by_side
from tfdriver.deploy import plan_checks, revocation
from tfdriver.deploy.adopt import Adopter
from tfdriver.deploy.ownership import (
    Owner,
    States,
    has_tags,
    in_module,
    owners,
    refuse_replaced,
    refuse_to_open_again,
    refuse_unmanaged,
)
from tfdriver.deploy.preflight import refuse_trusts, refuse_unreadable_roles, refused_kinds
from tfdriver.deploy.revocation import Revocation
from tfdriver.errors import TfdriverError
from tfdriver.iam import trust
from tfdriver.iam.trust_state import Phase, TrustKind
from tfdriver.iam.wording import role_in_account
from tfdriver.project import crash_recovery, tfvars
from tfdriver.project.orphans import existing_addresses
from tfdriver.project.timeline import Exposure, Timeline, exposures
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition, Side
from tfdriver.spec.model import Account, Role, Spec
from tfdriver.terraform.events import Changes, Event, TerraformOutcome
from tfdriver.terraform.failure import TerraformError, join_diagnostics
from tfdriver.terraform.progress import Progress, report_work
from tfdriver.terraform.provider_installation import shares_cache
from tfdriver.terraform.runner import Root, Settings
from tfdriver.waiting import Waiting


class DriverAws(RoleReader, IdentityReader, Calls, Protocol):
    """What driving needs of AWS; `aws.Aws` is one."""


# Values of a composition, given what AWS shows and the names of roles that are known to exist whatever it shows.
ValuesOf = Callable[[Composition, Observation, frozenset[str]], Mapping[str, Any]]
_NONE: frozenset[str] = frozenset()
_EDITED = (
    "Completed changes are kept. To replace it with exactly the roles the spec names, "
    "run `tfdriver tighten --overwrite`"
)
# How long IAM may take to accept a principal that cannot be seen from here, in seconds. The provider asks again for two
# minutes; a role that has existed for a while is accepted at once.
_UNSEEN_SECONDS = 30.0


@dataclass(frozen=True)
class RunScope:
    """What a run may rely on and do. accounts: those whose profiles are checked; looks: how roles are looked up.

    states: reads the compositions' states as they are now; interrupted: names of the compositions in which a run was
    interrupted, which may be adopted; adopt: whether all may be; others: trusting roles that are known to exist under
    other names than the spec's.
    """

    accounts: tuple[Account, ...]
    looks: RoleReader
    states: Callable[[Iterable[Composition]], States]
    interrupted: frozenset[str] = frozenset()
    adopt: bool = False
    others: tuple[Role, ...] = ()


@dataclass(frozen=True)
class Step:
    """One apply or destroy that was done. phase: or `destroy`; started: UTC; seconds: how long it took."""

    phase: str
    composition: str
    changes: Changes
    started: datetime
    seconds: float
    outputs: Mapping[str, Any]


class Driver:
    """Drives Terraform through a project's compositions. One per run; holds nothing that AWS could contradict."""

    def __init__(
        self,
        workspace: Workspace,
        aws: DriverAws,
        terraform: Settings,
        progress: Progress,
        timeline: Timeline,
        clock: Clock,
        scope: RunScope,
    ) -> None:
        self._scope = scope
        self._others = {role.arn: role for role in scope.others}
        self._to_adopt = {c.name for c in workspace.compositions if scope.adopt or c.name in scope.interrupted}
        self._previews: dict[str, tuple[TerraformOutcome, float]] = {}
        self._unplanned: set[str] = set()
        self._timeline = timeline
        self._workspace = workspace
        self._aws = aws
        self._terraform = terraform
        self._progress = progress
        self._clock = clock
        slow = f"  IAM changes spread slowly, so this is looked at again for {LIMIT:g} s"
        self._waiting = Waiting(LIMIT, clock, terraform.interrupts.check, lambda what: progress.note(f"{slow}: {what}"))
        self._adopter = Adopter(workspace, aws, progress.note, self._root, terraform.interrupts.check)

    @property
    def spec(self) -> Spec:
        """The spec being driven."""
        return self._workspace.spec

    def observe(self) -> Observation:
        """Return what AWS shows now."""
        return observe(self.spec, self._scope.looks, self._others.values())

    def may_adopt(self, composition: Composition) -> bool:
        """Whether resources with this project's tags may be taken into the composition's state without being asked."""
        return self._scope.adopt or composition.name in self._scope.interrupted

    def record(self, seen: Observation) -> None:
        """Let the timeline record what AWS shows and Terraform did not tell: to be called while none is at work.

        A role that does not carry our tags is left out: what it trusted, and when, is none of our doing.
        """
        for composition in self._side(Side.TRUSTING):
            states = (seen.states[role.key] for role in composition.roles)
            ours = (s for s in states if s.live is None or has_tags(s.live.tags, composition))
            self._timeline.record_missing(ours, self._clock.now())

    def exposures(self) -> list[Exposure]:
        """Return how long which trust was broad, as far as the timeline records it, oldest first."""
        return exposures(self._timeline.changes(), self._clock.now())

    def now(self) -> datetime:
        """Return the UTC time."""
        return self._clock.now()

    def prepare(self, compositions: Iterable[Composition], *, to_destroy: bool = False) -> None:
        """Write the compositions (with the values of the end state) and init them.

        to_destroy: what sessions are revoked is not asked, since it goes anyway, and may not be the operator's to see.
        Before that, states that a crash broke are repaired; after it, those that Terraform could not save are pushed.
        """
        compositions = list(compositions)
        for composition in compositions:
            self._note(self._workspace.repair(composition, self._clock.now()))
            self._workspace.write(composition, None if to_destroy else self._final(composition))
        if shares_cache(self._terraform.environment):
            for composition in compositions:
                self._init(composition)
        else:
            side_by_side(self._init, compositions)
        for composition in compositions:
            push = self._root(composition).push_state
            self._note(crash_recovery.push_errored(self._workspace.path(composition), push, self._clock.now()))

    def open(self, seen: Observation, *, overwrite: bool = False) -> list[Step]:
        """Phase 1: create the trusting roles that do not exist; every other keeps the trust it has.

        overwrite: also where that is one that tfdriver did not write.
        """
        absent = {key for key, state in seen.states.items() if state.kind is TrustKind.ABSENT}
        todo = [c for c in self._side(Side.TRUSTING) if any(role.key in absent for role in c.roles)]
        if not todo:
            return []
        exact = all(self._exists_any(seen, role) for c in todo for role in c.roles if role.key in absent)
        self._progress.phase(f"phase 1, {'exact at once' if exact else 'broad'}: create the trusting roles")
        try:
            steps = self._apply(Phase.BROAD, todo, partial(self._opening, overwrite=overwrite))
        finally:
            for composition in todo:
                self._close(composition)
        for step in steps:
            self._check_arns(step, "roles_to_be_assumed")
        return steps

    def _exists_any(self, seen: Observation, role: Role) -> bool:
        """Whether a role exists that this trusting role is to trust, so that its trust is exact from the start."""
        return any(trusted.arn in seen.existing() for trusted in self.spec.trusted_by(role))

    def connect(self) -> list[Step]:
        """Phase 2: apply the trusted side, allowed to assume exactly what the trusting side has."""
        self._progress.phase("phase 2, connect: create the trusted roles and what uses them")
        live = wait_for_roles(self.spec.trusting, self._aws, self._waiting)
        for composition in [c for c in self._side(Side.TRUSTED) if c.name in self._unplanned]:
            self.preview(composition)
        arns = {key: role.arn for key, role in live.items()}
        steps = self._apply(Phase.CONNECT, self._side(Side.TRUSTED), lambda c, *_: tfvars.final(self.spec, c, arns))
        for step in steps:
            self._check_arns(step, "roles_which_will_assume")
        return steps

    def tighten(
        self,
        compositions: Iterable[Composition] | None = None,
        *,
        overwrite: bool = False,
        unseen: Collection[str] = (),
    ) -> list[Step]:
        """Phase 3: trust exactly the trusted roles; done only when AWS shows it, twice in a row.

        overwrite: also replace a trust policy that tfdriver did not write, as somebody may have while phase 2 ran.
        unseen: keys of trusted roles that cannot be seen from here: IAM decides whether they exist, in half a minute.
        """
        todo = list(self._side(Side.TRUSTING) if compositions is None else compositions)
        self._progress.phase("phase 3, tighten: trust exactly the trusted roles")
        keys = [role.key for composition in todo for role in composition.roles]
        wanted = {r.key: r for key in keys for r in self.spec.trusted_by(self.spec.roles[key])}
        wait_for_roles((r for r in wanted.values() if r.key not in unseen), self._scope.looks, self._waiting)
        seen = self.observe().states
        refuse_trusts({key: seen[key] for key in keys}, refused_kinds(overwrite=overwrite), _EDITED)
        settings = self._limited(todo) if unseen else None
        steps = self._apply(Phase.TIGHTEN, todo, lambda c, *_: self._final(c), settings)
        wait_until_settled(keys, lambda: self.observe().states, self._waiting)
        # IAM pins a trust to the roles that have these names at the moment when it is saved.
        self._checked("A trust may name this role by now: delete it and run `tfdriver up`, or run `tfdriver destroy`")
        return steps

    def _limited(self, compositions: Iterable[Composition]) -> Settings | None:
        """Return settings under which IAM has half a minute, besides what looking at all resources takes.

        None where an apply is to change more than roles, and may take its time.
        """
        previews = [self._previews[c.name] for c in compositions if c.name in self._previews]
        if not all(event.resource_type == "aws_iam_role" for found, _ in previews for event in found.planned):
            return None
        looking = 2 * max((seconds for _, seconds in previews), default=0.0)
        seconds = round(_UNSEEN_SECONDS + self._terraform.lock_timeout + looking)
        return replace(self._terraform, timeout=min(self._terraform.timeout or seconds, seconds))

    def revocations(self, compositions: Iterable[Composition]) -> dict[str, Revocation]:
        """Return what AWS shows of revoked sessions, by role key, of the trusting compositions among these."""
        trusting = (c for c in compositions if c.side is Side.TRUSTING)
        return revocation.read_revocations((role for c in trusting for role in c.roles), self._aws)

    def revoke(self, compositions: Iterable[Composition]) -> list[Step]:
        """Revoke the sessions of all roles of these compositions, which trust exactly the trusted roles, until now."""
        todo = list(compositions)
        self._progress.phase("revoke: sessions that were handed out until now may do nothing")
        roles = [role for composition in todo for role in composition.roles]
        text = revocation.stamp(self._clock.now())
        times = {role.key: text for role in roles}
        steps = self._apply(Phase.TIGHTEN, todo, lambda c, *_: tfvars.final(self.spec, c, revoke_before=times))
        revocation.wait_until_shown(roles, text, self._aws, self._waiting)
        return steps

    def adopt(self, composition: Composition) -> None:
        """Take what exists of a composition and its state does not list into that state, to destroy it."""
        check_identities(self.spec, self._aws, [composition.account])
        self._adopter.for_destroy(composition, tfvars.final(self.spec, composition))

    def destroy(self, composition: Composition) -> Step:
        """Destroy everything in the state of one composition. Raises TfdriverError for a role that was replaced."""
        check_identities(self.spec, self._aws, [composition.account])
        states = self._scope.states([composition])
        refuse_replaced([composition], states, self._scope.looks.read_role, "Completed changes are kept")
        return self._run("destroy", composition, "destroy", tfvars.final(self.spec, composition))

    def preview(self, composition: Composition, instead: Mapping[str, Any] | None = None) -> TerraformOutcome:
        """Return what apply would do in a composition that was prepared, having refused what no apply may do.

        instead: values in place of those in the composition's folder, which stay as they are. Raises TfdriverError for
        a role under another name than the spec's, and for resources that exist already and may not be adopted.
        """
        shown: Mapping[str, Any] = {}

        def plan() -> TerraformOutcome:
            nonlocal shown
            outcome, shown = self._root(composition).preview(instead)
            return outcome

        started = self._clock.monotonic()
        outcome = self._tell(composition, "plan", plan)
        self._previews[composition.name] = outcome, self._clock.monotonic() - started
        policies = (instead or tfvars.final(self.spec, composition)).get("trust_policies", {})
        trusts = {key: found for key, policy in policies.items() if (found := trust.read_trust(policy))}
        plan_checks.refuse_other_names(composition, shown, trusts)
        self._adopter.before_apply(composition, shown, may_adopt=self.may_adopt(composition))
        return outcome

    def previews(self, compositions: Iterable[Composition], *, before_phase_1: bool = False) -> list[str]:
        """Preview compositions side by side; return what their applies would delete or replace, in words.

        before_phase_1: whether trusting roles are yet to be created. A trusted composition that cannot be planned
        without them, as it looks something up that they come with, is planned again before phase 2.
        """

        def preview(composition: Composition) -> list[str]:
            try:
                return _losses(composition, self.preview(composition))
            except TerraformError as error:
                if not (before_phase_1 and composition.side is Side.TRUSTED and _looks_up(error)):
                    raise
            self._unplanned.add(composition.name)
            self._progress.note(f"  {composition.name}: cannot be planned before phase 1; it is planned before phase 2")
            return []

        return [loss for found in side_by_side(preview, compositions) for loss in found]

    def _side(self, side: Side) -> list[Composition]:
        return [c for c in self._workspace.compositions if c.side is side]

    def _close(self, composition: Composition) -> None:
        """Take the values of phase 1 off the disk again: applied by hand later, they would open what is tight by then.

        Asks AWS nothing, and is silent if it cannot: the next run writes them anyway, and the disk may be full.
        """
        with suppress(TfdriverError):
            self._workspace.write(composition, self._workspace.final(composition, self._clock.now()))

    def _final(self, composition: Composition) -> dict[str, Any]:
        """Return the values of the end state, which keeps sessions revoked for as long as they would live."""
        return tfvars.final(self.spec, composition, revoke_before=self._revoked(composition))

    def _revoked(self, composition: Composition) -> dict[str, str]:
        return revocation.revocations_in_force(self.revocations([composition]), self._clock.now())

    def _root(
        self,
        composition: Composition,
        record: Callable[[Event], None] = lambda _: None,
        settings: Settings | None = None,
    ) -> Root:
        def on_event(event: Event) -> None:
            record(event)
            self._progress.event(composition.name, event)

        return Root(self._workspace.path(composition), settings or self._terraform, on_event)

    def _init(self, composition: Composition) -> None:
        self._tell(composition, "init", self._root(composition).init)

    def _tell(self, composition: Composition, action: str, do: Callable[[], TerraformOutcome]) -> TerraformOutcome:
        def words(done: TerraformOutcome) -> str:
            if done.changes is None:
                return ""
            return done.changes.planned if action == "plan" else str(done.changes)

        return report_work(self._progress, self._clock, composition.name, action, do, words)

    def _apply(
        self, phase: Phase, compositions: list[Composition], values_of: ValuesOf, settings: Settings | None = None
    ) -> list[Step]:
        self._terraform.interrupts.check()
        check_identities(self.spec, self._aws, self._scope.accounts)
        seen = self._checked()
        chosen = {composition.name: values_of(composition, seen, _NONE) for composition in compositions}
        for composition in compositions:
            self._workspace.write(composition, chosen[composition.name])

        def apply(composition: Composition) -> Step | TerraformError:
            try:
                return self._apply_one(phase, composition, chosen[composition.name], values_of, settings)
            except TerraformError as error:
                return error

        done = side_by_side(apply, compositions)
        if errors := [found for found in done if isinstance(found, TerraformError)]:
            raise join_diagnostics(errors)
        return [found for found in done if isinstance(found, Step)]

    def _checked(self, outcome: str = "Completed changes are kept") -> Observation:
        """Return what AWS shows now; refuse roles that somebody has created since this run, or this phase, began.

        outcome: what is said of what was done.
        """
        states = self._scope.states(self._workspace.compositions)
        seen = self.observe()
        refuse_replaced(self._workspace.compositions, states, self._scope.looks.read_role, outcome)
        refuse_unmanaged(self._workspace.compositions, seen, states, outcome=outcome)
        return seen

    def refuse_replaced(self, states: States) -> None:
        """Refuse unmanaged roles that have taken the place of roles which these states list."""
        refuse_replaced(self._workspace.compositions, states, self._scope.looks.read_role)

    def unmanaged(self, seen: Observation) -> frozenset[str]:
        """Return the keys of the roles that exist and that this project does not manage."""
        compositions = self._workspace.compositions
        found = owners(compositions, seen, self._scope.states(compositions))
        return frozenset(key for key, whose in found.items() if whose is Owner.UNMANAGED)

    def _apply_one(
        self,
        phase: Phase,
        composition: Composition,
        chosen: Mapping[str, Any],
        values_of: ValuesOf,
        settings: Settings | None,
    ) -> Step:
        """Apply one composition, adopting what an interrupted run, or this one, created and its state does not list.

        Nothing of that kind was there before this run, unless it may be adopted: `preview` has looked. So what an apply
        finds to exist was created by this run; the provider repeats a call whose answer was lost.
        """

        def take_over(clash: TerraformError | None = None) -> Mapping[str, Any]:
            strays = self._adopter.for_apply(composition, chosen, clash)
            # Values are decided anew: a role that turned up must keep the trust it has.
            known = frozenset(s.name for s in strays if s.type == "aws_iam_role")
            decided = values_of(composition, self._checked(), known)
            self._workspace.write(composition, decided, strays)
            return decided

        if composition.name in self._to_adopt:
            self._to_adopt.discard(composition.name)
            chosen = take_over()
        try:
            step = self._run(phase, composition, "apply", chosen, settings)
        except TerraformError as error:
            if not existing_addresses(error.errors):
                raise
            chosen = take_over(error)
            step = self._run(phase, composition, "apply", chosen, settings)
        self._workspace.write(composition, chosen)
        return step

    def _note(self, text: str) -> None:
        if text:
            self._progress.note(text)

    def _opening(
        self, composition: Composition, seen: Observation, existing: frozenset[str], *, overwrite: bool
    ) -> dict[str, Any]:
        """Return the values of phase 1. seen: what AWS shows now; existing: names of roles that are known to exist."""
        states = {role.key: seen.states[role.key] for role in composition.roles}
        refuse_trusts(states, refused_kinds(overwrite=overwrite), "Completed changes are kept. Run `tfdriver status`")
        refuse_unreadable_roles(self.spec, seen)
        refuse_to_open_again(self.spec, seen)
        for state in states.values():
            if state.kind is TrustKind.ABSENT and state.role.name in existing:
                raise TfdriverError(
                    "AWS shows it and then does not",
                    code="iam_not_consistent",
                    where=role_in_account(state.role),
                    hint="Run the same command again",
                )
        return tfvars.opening(self.spec, composition, seen, self._clock.now(), self._revoked(composition))

    def _run(
        self,
        phase: str,
        composition: Composition,
        action: str,
        applied: Mapping[str, Any],
        settings: Settings | None = None,
    ) -> Step:
        self._terraform.interrupts.check()
        self._workspace.keep_state(composition)
        started, clock = self._clock.now(), self._clock.monotonic()
        record = self._timeline.watch(composition, applied.get("trust_policies", {}))

        def on_event(event: Event) -> None:
            record(event)
            self._note_other(composition, event)

        root = self._root(composition, on_event, settings)
        result = self._tell(composition, action, root.destroy if action == "destroy" else root.apply)
        seconds = self._clock.monotonic() - clock
        return Step(str(phase), composition.name, result.changes or Changes(), started, seconds, result.outputs)

    def _note_other(self, composition: Composition, event: Event) -> None:
        """Remember a role that a trusting composition created under another name: its trust may be broad as well."""
        if event.type != "apply_complete" or event.resource_type != "aws_iam_role" or event.action == "delete":
            return
        for role in composition.roles:
            if role.trusts and event.id not in ("", role.name) and in_module(event.address, role):
                other = replace(role, name=event.id)
                self._others[other.arn] = other

    def _check_arns(self, step: Step, output: str) -> None:
        """Refuse to go on where a module made another role than the one the spec (and so the guard) names."""
        composition = next(c for c in self._workspace.compositions if c.name == step.composition)
        found = step.outputs.get(output) or {}
        for role in composition.roles:
            if found.get(role.key) != role.arn:
                raise TfdriverError(
                    f"the module put out {found.get(role.key)} as its role, the spec says {role.arn}",
                    code="wrong_role_arn",
                    where=f"module {role.module}, output role_arn",
                    hint="The module must name its role by role_name and role_path; see modules/README.md",
                )


def _looks_up(error: TerraformError) -> bool:
    """Whether a plan failed only since data sources did not find what they look up."""
    return bool(error.errors) and all(".data." in f".{found.address}" for found in error.errors)


def _losses(composition: Composition, outcome: TerraformOutcome) -> list[str]:
    """Return what an apply would delete or replace. The policy that revoked sessions is left out: it has served."""
    return [
        f"{composition.name}: {event.action} {event.address}"
        for event in outcome.planned
        if event.action in ("delete", "replace") and not event.address.startswith(revocation.ADDRESS)
    ]
