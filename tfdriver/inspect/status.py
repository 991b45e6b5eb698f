"""`tfdriver status`: compositions, trusts and drift. Changes nothing and takes no lock."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from tfdriver.aws.account_access import AccountAccess, ReachableAws, account_access
from tfdriver.aws.identity import used_accounts
from tfdriver.aws.observe import Observation
from tfdriver.concurrency import side_by_side
from tfdriver.deploy.backend_locks import held_locks
from tfdriver.deploy.ownership import Owner, States, applied_trusts, listed_elsewhere, owners
from tfdriver.deploy.project_roles import ProjectRoles
from tfdriver.deploy.session import Options, Tools, find_terraform, read_spec, run_workspace
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam import wording
from tfdriver.iam.trust_state import Unreadable, Unseen
from tfdriver.iam.wording import role_in_account
from tfdriver.inspect.composition_status import CompositionStatus, describe
from tfdriver.inspect.drift import Drift
from tfdriver.inspect.exposure import CloudTrailReader, Uses
from tfdriver.inspect.role_pairs import Advice, Pair, PairState, pairs
from tfdriver.project import timeline
from tfdriver.project.outputs_file import unseen_roles
from tfdriver.project.selection import Selection
from tfdriver.project.timeline import Exposure
from tfdriver.project.workspace import Workspace
from tfdriver.spec.compositions import Composition
from tfdriver.spec.model import Role, Spec
from tfdriver.terraform.remote_state import pulling
from tfdriver.terraform.state import State
from tfdriver.terraform.state_lock import StateLock


@dataclass(frozen=True)
class UnseenRole:
    """A role in an account that was not asked for. file: the `outputs.json` that may list it; words: what it has.

    unique_id, applied, caller: of the role in the file, since when, and who applied it; None if it is not there.
    """

    role: str
    account: str
    arn: str
    file: str
    words: str
    unique_id: str | None = None
    applied: datetime | None = None
    caller: str | None = None

    def __str__(self) -> str:
        return f"role {self.role} in {self.account}: unknown, {self.words}"


@dataclass(frozen=True)
class Status:
    """The status of a project. at: time of reading, UTC; exposures: oldest first.

    uses: the AssumeRole calls during each exposure, None if CloudTrail was not read; advice: what to do next;
    unseen_roles: those that trust, or are trusted by, roles in the accounts that were asked for.
    """

    project: str
    at: datetime
    accounts: tuple[AccountAccess, ...]
    pairs: tuple[Pair, ...]
    compositions: tuple[CompositionStatus, ...]
    exposures: tuple[Exposure, ...] = ()
    uses: tuple[Uses, ...] | None = None
    advice: str = ""
    unseen_roles: tuple[UnseenRole, ...] = ()

    @property
    def unread(self) -> bool:
        """Whether a trust policy could not be read."""
        return any(pair.state is PairState.UNREADABLE for pair in self.pairs)

    @property
    def unseen(self) -> bool:
        """Whether anything that was asked for could not be read."""
        return self.unread or any(
            c.applied is None or c.problem or (c.drift is not None and bool(c.drift.problem)) for c in self.compositions
        )

    @property
    def differs(self) -> bool:
        """Whether anything that was read differs from the result of `up`."""
        fine = (PairState.EXACT, PairState.UNREADABLE, PairState.ELSEWHERE, PairState.UNKNOWN)
        return any(pair.state not in fine for pair in self.pairs) or any(
            c.applied is False or c.current is False or (c.drift is not None and bool(c.drift.drifted))
            for c in self.compositions
        )

    def exit_code(self, *, detailed: bool) -> Exit:
        """Return the exit code.

        1 if a trust policy could not be read. detailed, as in `terraform plan`: 2 if anything is not exact, not
        applied, not current or drifted; else 1 if anything could not be read; else 0.
        """
        if self.accounts and all(account.problem for account in self.accounts):
            return Exit.FAILED
        if not detailed:
            return Exit.FAILED if self.unread else Exit.DONE
        return Exit.DIFFERENCES if self.differs else Exit.FAILED if self.unseen else Exit.DONE


@dataclass(frozen=True)
class ProjectView:
    """A project as read. accounts: by name; roles: as AWS returned them; states: by composition; now: UTC.

    parallelism: how many compositions are worked on at once; selection: what was read; unseen: roles of other
    accounts, by account and role name; locks: on states in S3, by composition.
    """

    spec: Spec
    workspace: Workspace
    accounts: Mapping[str, AccountAccess]
    roles: Observation
    states: States
    now: datetime
    parallelism: int
    selection: Selection = field(default_factory=Selection)
    unseen: Mapping[tuple[str, str], Unseen] = field(default_factory=dict)
    locks: Mapping[str, StateLock] = field(default_factory=dict)


def view_project(options: Options, tools: Tools) -> ProjectView:
    """Read every role and state with the available credentials. Raises TfdriverError for a bad spec only."""
    spec = read_spec(options.project, tools.progress.note)
    workspace = run_workspace(spec, options, tools)
    accounts = account_access(spec, tools.aws, selected=workspace.accounts, first=workspace.first_accounts)
    locks = {held.composition.name: held.lock for held in held_locks(workspace, tools.aws, accounts)}
    states = read_states(workspace, options, tools, accounts)
    others = listed_elsewhere(workspace.compositions, states)
    unseen = unseen_roles(spec, workspace.accounts or (), tolerant=True)
    reader = ReachableAws(tools.aws, accounts, unseen)
    roles = ProjectRoles(workspace, reader, lambda _: states, others, applied_trusts(states)).observe()
    return ProjectView(
        spec=spec,
        workspace=workspace,
        accounts=accounts,
        roles=roles,
        states=states,
        now=tools.clock.now(),
        parallelism=options.parallelism,
        selection=options.selection,
        unseen=unseen,
        locks=locks,
    )


def read_states(
    workspace: Workspace,
    options: Options,
    tools: Tools,
    accounts: Mapping[str, AccountAccess],
    compositions: Iterable[Composition] | None = None,
) -> States:
    """Return the states of compositions, by default of all. Runs Terraform only for those in a backend."""
    chosen = workspace.compositions if compositions is None else tuple(compositions)
    if not any(workspace.backends[composition.name].remote for composition in chosen):
        return workspace.states(lambda *_: None, options.parallelism, chosen)
    try:
        with find_terraform(workspace.accounts or used_accounts(workspace.spec), tools, options.parallelism) as found:
            pull = pulling(found.settings(tools, options), found.private, accounts)
            return workspace.states(pull, options.parallelism, chosen)
    except TfdriverError as error:
        problem = Unreadable(f"the state cannot be read: {error}".rstrip("."))
        return {composition.name: problem for composition in chosen}


def status(
    view: ProjectView,
    check_drift: Callable[[Path, Composition], Drift] | None = None,
    cloudtrail: Callable[[Spec, Mapping[str, AccountAccess]], CloudTrailReader] | None = None,
) -> Status:
    """Return the project's status.

    check_drift: called with folder and composition of each applied composition, None to skip the check; cloudtrail:
    makes the reader of CloudTrail, None not to read it.
    """
    spec, workspace, now = view.spec, view.workspace, view.now
    role_owners = owners(workspace.compositions, view.roles, view.states)
    compositions = [_composition(view, composition, role_owners) for composition in workspace.compositions]
    if check_drift is not None:
        unread = {access.account for access in view.accounts.values() if access.problem}
        compositions = _with_drift(view, compositions, unread, check_drift)
    exposures = tuple(timeline.exposures(timeline.read_timeline(workspace.timeline), now))
    unmanaged = {key for key, owner in role_owners.items() if owner is Owner.UNMANAGED}
    found_pairs = pairs(spec, view.roles, now, unmanaged)
    return Status(
        spec.project,
        now,
        accounts=tuple(view.accounts.values()),
        pairs=found_pairs,
        compositions=tuple(compositions),
        unseen_roles=tuple(
            _unseen_role(r, u) for r in spec.roles.values() if (u := view.unseen.get((r.account.name, r.name)))
        ),
        exposures=exposures,
        uses=cloudtrail(spec, view.accounts).who_used(exposures, view.roles.trusted, now) if cloudtrail else None,
        advice=view.selection.in_commands(_advice(found_pairs, compositions)),
    )


def _unseen_role(role: Role, found: Unseen) -> UnseenRole:
    view = UnseenRole(role=role.name, account=role.account.name, arn=role.arn, file=found.file, words=found.reason)
    if (recorded := found.recorded) is None:
        return view
    words = f"{found.file} lists {recorded.arn} ({recorded.role_id})"
    since = f"{words} since {wording.moment(recorded.at)}, applied by {recorded.caller}"
    return replace(view, words=since, unique_id=recorded.role_id, applied=recorded.at, caller=recorded.caller)


def _advice(pairs: Iterable[Pair], compositions: Iterable[CompositionStatus]) -> Advice:
    """Return what to do next."""
    given = {pair.advice for pair in pairs}
    for composition in compositions:
        if composition.applied is False and composition.problem:
            given.add(Advice.ADOPT)
        elif composition.current is False:
            given.add(Advice.UP)
    return next(advice for advice in Advice if advice in given or advice is Advice.NONE)


def _composition(view: ProjectView, composition: Composition, role_owners: Mapping[str, Owner]) -> CompositionStatus:
    workspace, state = view.workspace, view.states[composition.name]
    found = describe(composition, state, workspace.path(composition), workspace.state_file(composition))
    current, problem = None, found.problem
    if found.applied and isinstance(state, State):
        try:
            current = workspace.is_current(composition, state)
        except (TfdriverError, OSError) as error:
            problem = problem or str(error).rstrip(".")
    lost = " and ".join(role_in_account(r) for r in composition.roles if role_owners.get(r.key) is Owner.TAGS)
    lock = view.locks.get(composition.name)
    if lost and found.applied is False and not lock:
        problem = f"but {lost} exists with this project's tags: the state may have been lost"
    return replace(found, problem=problem, current=current, locked=str(lock or ""))


def _with_drift(
    view: ProjectView,
    statuses: Iterable[CompositionStatus],
    unread: Collection[str],
    check: Callable[[Path, Composition], Drift],
) -> list[CompositionStatus]:
    def one(pair: tuple[Composition, CompositionStatus]) -> CompositionStatus:
        composition, found = pair
        if found.applied is False:
            return found
        if found.account in unread:  # Terraform would retry for a minute
            return replace(found, drift=Drift(problem=f"drift not checked: {found.account} cannot be read"))
        return replace(found, drift=check(view.workspace.path(composition), composition))

    return side_by_side(one, zip(view.workspace.compositions, statuses, strict=True), view.parallelism)
