"""`tfdriver status`: what is deployed, who is trusted, what drifted. Changes nothing and takes no lock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from tfdriver.aws.account_access import AccountAccess, ReachableAws, account_access
from tfdriver.aws.observe import Observation, observe
from tfdriver.concurrency import side_by_side
from tfdriver.deploy.ownership import Owner, States, listed_elsewhere, owners
from tfdriver.deploy.session import Options, Tools, find_terraform, read_spec
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam.trust_state import Unreadable
from tfdriver.iam.wording import role_in_account
from tfdriver.inspect.composition_status import CompositionStatus, describe
from tfdriver.inspect.drift import Drift
from tfdriver.inspect.exposure import CloudTrailReader, Uses
from tfdriver.inspect.role_pairs import Advice, Pair, PairState, pairs
from tfdriver.project import timeline
from tfdriver.project.timeline import Exposure
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Spec
from tfdriver.terraform.remote_state import pulling


@dataclass(frozen=True)
class Status:
    """A project as it is. at: when it was looked at, UTC; exposures: when whole accounts were trusted, oldest first.

    uses: who used each role in each of the exposures, None if not looked at; advice: what to do next.
    """

    project: str
    at: datetime
    accounts: tuple[AccountAccess, ...]
    pairs: tuple[Pair, ...]
    compositions: tuple[CompositionStatus, ...]
    exposures: tuple[Exposure, ...] = ()
    uses: tuple[Uses, ...] | None = None
    advice: str = ""

    @property
    def unread(self) -> bool:
        """Whether AWS did not show whom a role trusts."""
        return any(pair.state is PairState.UNREADABLE for pair in self.pairs)

    @property
    def unseen(self) -> bool:
        """Whether something asked for could not be seen."""
        return self.unread or any(
            c.applied is None or c.problem or (c.drift is not None and bool(c.drift.problem)) for c in self.compositions
        )

    @property
    def differs(self) -> bool:
        """Whether something that was seen is not as `up` leaves it."""
        fine = (PairState.EXACT, PairState.UNREADABLE)
        return any(pair.state not in fine for pair in self.pairs) or any(
            c.applied is False or c.current is False or (c.drift is not None and bool(c.drift.drifted))
            for c in self.compositions
        )

    def exit_code(self, *, detailed: bool) -> Exit:
        """Return the exit code.

        1 if a trust could not be read. With detailed, as in `terraform plan`: 2 if something that was seen is not
        exact, not applied, not as the spec says now or drifted; else 1 if something could not be seen; else 0.
        """
        if all(half.problem for half in self.accounts):
            return Exit.FAILED
        if not detailed:
            return Exit.FAILED if self.unread else Exit.DONE
        return Exit.DIFFERENCES if self.differs else Exit.FAILED if self.unseen else Exit.DONE


@dataclass(frozen=True)
class ProjectView:
    """What there is to see. accounts: by name; roles: what AWS shows of them; now: when it was looked, UTC.

    states: of the compositions, by name.
    """

    spec: Spec
    workspace: Workspace
    accounts: Mapping[str, AccountAccess]
    roles: Observation
    states: States
    now: datetime


def view_project(options: Options, tools: Tools) -> ProjectView:
    """Look at every role and every state with the credentials at hand. Raises TfdriverError for a bad spec only."""
    spec = read_spec(options.project, tools.progress.note)
    workspace, accounts = Workspace(spec), account_access(spec, tools.aws)
    states = _states(workspace, options, tools, accounts)
    others = listed_elsewhere(workspace.compositions, states)
    roles = observe(spec, ReachableAws(tools.aws, accounts), others)
    return ProjectView(spec, workspace, accounts, roles, states, tools.clock.now())


def _states(workspace: Workspace, options: Options, tools: Tools, accounts: Mapping[str, AccountAccess]) -> States:
    """Return the states of all compositions. Only for those that a backend keeps, Terraform is started."""
    if not any(backend.remote for backend in workspace.backends.values()):
        return workspace.states(lambda *_: None)
    try:
        with find_terraform(workspace.spec, tools) as found:
            return workspace.states(pulling(found.settings(tools, options), found.private, accounts))
    except TfdriverError as error:
        problem = Unreadable(f"the state cannot be read: {error}".rstrip("."))
        return {composition.name: problem for composition in workspace.compositions}


def status(
    sight: ProjectView,
    look_for_drift: Callable[[Path, Composition], Drift] | None = None,
    who: Callable[[Spec, Mapping[str, AccountAccess]], CloudTrailReader] | None = None,
) -> Status:
    """Return the project's status, as far as it can be seen.

    look_for_drift: called with folder and composition of each applied one; who: makes what looks into CloudTrail; None
    for not looking.
    """
    spec, workspace, now = sight.spec, sight.workspace, sight.now
    known = owners(workspace.compositions, sight.roles, sight.states)
    found = [_composition(sight, composition, known) for composition in workspace.compositions]
    if look_for_drift is not None:
        unseen = {half.account for half in sight.accounts.values() if half.problem}
        found = _with_drift(workspace, found, unseen, look_for_drift)
    exposures = tuple(timeline.exposures(timeline.read_timeline(workspace.timeline), now))
    uses = who(spec, sight.accounts).who_used(exposures, sight.roles.trusted, now) if who else None
    accounts = tuple(sight.accounts.values())
    unmanaged = {key for key, owner in known.items() if owner is Owner.UNMANAGED}
    found_pairs = pairs(spec, sight.roles, now, unmanaged)
    return Status(spec.project, now, accounts, found_pairs, tuple(found), exposures, uses, _advice(found_pairs, found))


def _advice(pairs: Iterable[Pair], compositions: Iterable[CompositionStatus]) -> Advice:
    """Return the one thing to do next."""
    given = {pair.advice for pair in pairs}
    for found in compositions:
        if found.applied is False and found.problem:
            given.add(Advice.ADOPT)
        elif found.current is False:
            given.add(Advice.UP)
    return next(advice for advice in Advice if advice in given or advice is Advice.NONE)


def _composition(sight: ProjectView, composition: Composition, known: Mapping[str, Owner]) -> CompositionStatus:
    workspace, state = sight.workspace, sight.states[composition.name]
    found = describe(composition, state, workspace.path(composition), workspace.state_file(composition))
    current, problem = None, found.problem
    if found.applied is not False:
        try:
            current = workspace.is_current(composition, sight.now)
        except (TfdriverError, OSError) as error:
            problem = problem or str(error).rstrip(".")
    elif lost := " and ".join(role_in_account(r) for r in composition.roles if known.get(r.key) is Owner.TAGS):
        problem = f"but {lost} exists with this project's tags: the state may have been lost"
    return replace(found, problem=problem, current=current)


def _with_drift(
    workspace: Workspace,
    found: Iterable[CompositionStatus],
    unseen: Collection[str],
    look: Callable[[Path, Composition], Drift],
) -> list[CompositionStatus]:
    def one(pair: tuple[Composition, CompositionStatus]) -> CompositionStatus:
        composition, found = pair
        if found.applied is False:
            return found
        if found.account in unseen:  # Terraform would try for a minute
            return replace(found, drift=Drift(problem=f"drift not looked for: {found.account} is not seen"))
        return replace(found, drift=look(workspace.path(composition), composition))

    return side_by_side(one, zip(workspace.compositions, found, strict=True))
