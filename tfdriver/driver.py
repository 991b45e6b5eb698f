"""Runs the phases: write a composition's values, let Terraform apply it, believe AWS about what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from tfdriver import recover, revoke, values
from tfdriver.adopt import Adopter
from tfdriver.calls import Calls
from tfdriver.clock import Clock
from tfdriver.compositions import Composition, Side
from tfdriver.decide import Kind, Phase
from tfdriver.errors import TfdriverError
from tfdriver.events import Changes, Event, Outcome
from tfdriver.failure import TerraformError, together
from tfdriver.mirror import shares_cache
from tfdriver.observe import Looks, Observation, observe, side_by_side
from tfdriver.ownership import is_ours
from tfdriver.preflight import Identifies, check_identities, refuse, refuse_unread, unwanted
from tfdriver.revoke import Revocation
from tfdriver.settle import Waiter, wait_for_roles, wait_until_settled
from tfdriver.spec.model import Spec
from tfdriver.strays import clashes
from tfdriver.telling import Progress, tell
from tfdriver.terraform import Root, Settings
from tfdriver.timeline import Exposure, Timeline, exposures
from tfdriver.workspace import Workspace


class Asks(Looks, Identifies, Calls, Protocol):
    """What driving needs of AWS; `aws.Aws` is one."""


# Values of a composition, given the names of roles that are known to exist whatever AWS shows.
ValuesOf = Callable[[Composition, frozenset[str]], Mapping[str, Any]]
_NONE: frozenset[str] = frozenset()
_EDITED = "It was left as it is. To replace it by exactly the roles the spec names, run `tfdriver tighten --overwrite`"


@dataclass(frozen=True)
class Step:
    """One apply or destroy that was done. started: UTC; seconds: how long it took."""

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
        aws: Asks,
        terraform: Settings,
        progress: Progress,
        timeline: Timeline,
        clock: Clock,
    ) -> None:
        self._timeline = timeline
        self._workspace = workspace
        self._aws = aws
        self._terraform = terraform
        self._progress = progress
        self._clock = clock
        self._waiter = Waiter(clock, terraform.interrupts.check, progress.note)
        self._adopter = Adopter(workspace, aws, progress, self._root, terraform.interrupts.check)

    @property
    def spec(self) -> Spec:
        """The spec being driven."""
        return self._workspace.spec

    def observe(self) -> Observation:
        """Return what AWS shows now."""
        return observe(self.spec, self._aws)

    def record(self, seen: Observation) -> None:
        """Let the timeline record what AWS shows and Terraform did not tell: to be called while none is at work.

        A role that does not carry our tags is left out: what it trusted, and when, is none of our doing.
        """
        for composition in self._side(Side.TRUSTING):
            states = (seen.states[role.key] for role in composition.roles)
            ours = (s for s in states if s.live is None or is_ours(s.live.tags, composition))
            self._timeline.seen(ours, self._clock.now())

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
            self._note(recover.repair(self._workspace.path(composition), self._clock.now()))
            self._workspace.write(composition, None if to_destroy else self._final(composition))
        if shares_cache(self._terraform.environment):
            for composition in compositions:
                self._init(composition)
        else:
            side_by_side(self._init, compositions)
        for composition in compositions:
            push = self._root(composition).push_state
            self._note(recover.push_errored(self._workspace.path(composition), push, self._clock.now()))

    def open(self, seen: Observation, *, overwrite: bool = False) -> list[Step]:
        """Phase 1: create the trusting roles that do not exist; every other keeps the trust it has.

        overwrite: also where that is one that tfdriver did not write.
        """
        absent = {key for key, state in seen.states.items() if state.kind is Kind.ABSENT}
        todo = [c for c in self._side(Side.TRUSTING) if any(role.key in absent for role in c.roles)]
        if not todo:
            return []
        self._progress.phase("phase 1, broad: create the trusting roles")
        try:
            steps = self._apply(Phase.BROAD, todo, partial(self._opening, overwrite=overwrite))
        finally:
            for composition in todo:
                self._close(composition)
        for step in steps:
            self._check_arns(step, "roles_to_be_assumed")
        return steps

    def connect(self) -> list[Step]:
        """Phase 2: apply the trusted side, allowed to assume exactly what the trusting side has."""
        self._progress.phase("phase 2, connect: create the trusted roles and what uses them")
        live = wait_for_roles(self.spec.trusting, self._aws, self._waiter)
        arns = {key: role.arn for key, role in live.items()}
        steps = self._apply(Phase.CONNECT, self._side(Side.TRUSTED), lambda c, _: values.final(self.spec, c, arns))
        for step in steps:
            self._check_arns(step, "roles_which_will_assume")
        return steps

    def tighten(self, compositions: Iterable[Composition] | None = None, *, overwrite: bool = False) -> list[Step]:
        """Phase 3: trust exactly the trusted roles; done only when AWS shows it, twice in a row.

        overwrite: also replace a trust policy that tfdriver did not write, as somebody may have while phase 2 ran.
        """
        todo = list(self._side(Side.TRUSTING) if compositions is None else compositions)
        self._progress.phase("phase 3, tighten: trust exactly the trusted roles")
        keys = [role.key for composition in todo for role in composition.roles]
        wanted = {r.key: r for key in keys for r in self.spec.trusted_by(self.spec.roles[key])}
        wait_for_roles(wanted.values(), self._aws, self._waiter)
        seen = self.observe().states
        refuse({key: seen[key] for key in keys}, unwanted(overwrite=overwrite), _EDITED)
        steps = self._apply(Phase.TIGHTEN, todo, lambda c, _: self._final(c))
        wait_until_settled(keys, lambda: self.observe().states, self._waiter)
        return steps

    def revocations(self, compositions: Iterable[Composition]) -> dict[str, Revocation]:
        """Return what AWS shows of revoked sessions, by role key, of the trusting compositions among these."""
        trusting = (c for c in compositions if c.side is Side.TRUSTING)
        return revoke.look((role for c in trusting for role in c.roles), self._aws)

    def revoke(self, compositions: Iterable[Composition]) -> list[Step]:
        """Revoke the sessions of all roles of these compositions, which trust exactly the trusted roles, until now."""
        todo = list(compositions)
        self._progress.phase("revoke: sessions that were handed out until now may do nothing")
        roles = [role for composition in todo for role in composition.roles]
        text = revoke.stamp(self._clock.now())
        times = {role.key: text for role in roles}
        steps = self._apply(Phase.TIGHTEN, todo, lambda c, _: values.final(self.spec, c, revoke_before=times))
        revoke.wait_until_shown(roles, text, self._aws, self._waiter)
        return steps

    def destroy(self, composition: Composition, *, find_strays: bool = False) -> Step:
        """Destroy one composition: everything in its state and, if asked to find strays, what its state lacks."""
        phase = Phase.CONNECT if composition.side is Side.TRUSTED else Phase.BROAD
        final = values.final(self.spec, composition)
        check_identities(self.spec, self._aws, [composition.account])
        if find_strays:
            self._adopter.for_destroy(composition, final)
        return self._run(phase, composition, "destroy", final)

    def plan(self, composition: Composition, var_file: Any = None) -> Outcome:
        """Return what apply would do in a composition that was prepared."""
        return self._tell(composition, "plan", lambda: self._root(composition).plan(var_file))

    def losses(self, composition: Composition) -> list[str]:
        """Return what an apply of a composition that was prepared would delete or replace, in words.

        The policy that revoked sessions is left out: it goes when it has served.
        """
        planned = (event for event in self.plan(composition).planned if event.action in ("delete", "replace"))
        return [
            f"{composition.name}: {event.action} {event.address}"
            for event in planned
            if not event.address.startswith(revoke.ADDRESS)
        ]

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
        return values.final(self.spec, composition, revoke_before=self._revoked(composition))

    def _revoked(self, composition: Composition) -> dict[str, str]:
        return revoke.in_force(self.revocations([composition]), self._clock.now())

    def _root(self, composition: Composition, record: Callable[[Event], None] | None = None) -> Root:
        def on_event(event: Event) -> None:
            if record is not None:
                record(event)
            self._progress.event(composition.name, event)

        return Root(self._workspace.path(composition), self._terraform, on_event)

    def _init(self, composition: Composition) -> None:
        self._tell(composition, "init", self._root(composition).init)

    def _tell(self, composition: Composition, action: str, do: Callable[[], Outcome]) -> Outcome:
        def words(done: Outcome) -> str:
            if done.changes is None:
                return ""
            return done.changes.planned if action == "plan" else str(done.changes)

        return tell(self._progress, self._clock, composition.name, action, do, words)

    def _apply(self, phase: Phase, compositions: list[Composition], values_of: ValuesOf) -> list[Step]:
        self._terraform.interrupts.check()
        check_identities(self.spec, self._aws)
        chosen = {composition.name: values_of(composition, _NONE) for composition in compositions}
        for composition in compositions:
            self._workspace.write(composition, chosen[composition.name])

        def apply(composition: Composition) -> Step | TerraformError:
            try:
                return self._apply_one(phase, composition, chosen[composition.name], values_of)
            except TerraformError as error:
                return error

        done = side_by_side(apply, compositions)
        if errors := [found for found in done if isinstance(found, TerraformError)]:
            raise together(errors)
        return [found for found in done if isinstance(found, Step)]

    def _apply_one(
        self, phase: Phase, composition: Composition, chosen: Mapping[str, Any], values_of: ValuesOf
    ) -> Step:
        """Apply one composition, taking over what exists already and is ours."""

        def take_over(clash: TerraformError | None = None) -> Mapping[str, Any]:
            strays = self._adopter.for_apply(composition, chosen, clash)
            # Values are decided anew: a role that turned up must keep the trust it has.
            decided = values_of(composition, frozenset(s.name for s in strays if s.type == "aws_iam_role"))
            self._workspace.write(composition, decided, strays)
            return decided

        if self._workspace.unsure(composition):
            chosen = take_over()
        try:
            step = self._run(phase, composition, "apply", chosen)
        except TerraformError as error:
            if not clashes(error.errors):
                raise
            chosen = take_over(error)
            step = self._run(phase, composition, "apply", chosen)
        self._workspace.write(composition, chosen)
        return step

    def _note(self, text: str) -> None:
        if text:
            self._progress.note(text)

    def _opening(self, composition: Composition, existing: frozenset[str], *, overwrite: bool) -> dict[str, Any]:
        """Return the values of phase 1 by what AWS shows at this moment. existing: names of roles known to exist."""
        seen = self.observe()
        states = {role.key: seen.states[role.key] for role in composition.roles}
        refuse(states, unwanted(overwrite=overwrite), "It was not changed; run `tfdriver status`")
        refuse_unread(self.spec, seen)
        for state in states.values():
            if state.kind is Kind.ABSENT and state.role.name in existing:
                where = f"role {state.role.name} in {state.role.account.name}"
                raise TfdriverError("AWS shows it and then does not", where=where, hint="Run the same command again")
        return values.opening(self.spec, composition, seen, self._clock.now(), self._revoked(composition))

    def _run(self, phase: Phase, composition: Composition, action: str, applied: Mapping[str, Any]) -> Step:
        self._terraform.interrupts.check()
        self._workspace.keep_state(composition)
        started, clock = self._clock.now(), self._clock.monotonic()
        root = self._root(composition, self._timeline.watch(composition, applied.get("trust_policies", {})))
        result = self._tell(composition, action, root.destroy if action == "destroy" else root.apply)
        seconds = self._clock.monotonic() - clock
        return Step(str(phase), composition.name, result.changes or Changes(), started, seconds, result.outputs)

    def _check_arns(self, step: Step, output: str) -> None:
        """Refuse to go on where a module made another role than the one the spec (and so the guard) names."""
        composition = next(c for c in self._workspace.compositions if c.name == step.composition)
        found = step.outputs.get(output) or {}
        for role in composition.roles:
            if found.get(role.key) != role.arn:
                raise TfdriverError(
                    f"the module put out {found.get(role.key)} as its role, the spec says {role.arn}",
                    where=f"module {role.module}, output role_arn",
                    hint="The module must name its role by role_name and role_path; see modules/README.md",
                )
