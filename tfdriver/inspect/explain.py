"""`tfdriver explain`: why AWS refused AssumeRole, and what to change."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from tfdriver.aws import role_policies
from tfdriver.aws.account_access import ReachableAws, account_access
from tfdriver.aws.calls import Calls
from tfdriver.aws.observe import Observation, observe
from tfdriver.aws.role_policies import RolePolicies
from tfdriver.concurrency import side_by_side
from tfdriver.deploy.ownership import applied_trusts
from tfdriver.deploy.session import Options, Tools, read_spec
from tfdriver.errors import TfdriverError
from tfdriver.iam import policy_document
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.iam.wording import role_in_account
from tfdriver.inspect.allowed_now import allowed_now
from tfdriver.inspect.external_id import old_external_id
from tfdriver.inspect.refusal import Cause, Meaning, Refusal, parse_refusal, refusal_meaning
from tfdriver.inspect.status import read_states
from tfdriver.inspect.verdict import ACTION, PairView, Verdict, judge
from tfdriver.project.workspace import Workspace
from tfdriver.spec.model import Role, Spec

_SESSION = re.compile(r"arn:[\w-]+:sts::(\d{12}):assumed-role/([^/]+)/.*")
# Policies that the credentials of the two accounts cannot read.
_UNREADABLE_POLICIES = frozenset({Cause.SCP, Cause.RCP, Cause.SESSION, Cause.ENDPOINT})

# Actions that AssumeRole requires, too: the field of the spec that allows the action, and what the call sends.
_SESSION_FIELDS = {
    "sts:TagSession": ("session_tags", "session tags"),
    "sts:SetSourceIdentity": ("source_identity", "a source identity"),
}
_SESSION_CAUSES = (Cause.IDENTITY, Cause.TRUST, Cause.UNKNOWN)


@dataclass(frozen=True)
class Explanation:
    """Why AWS refused a call. refusal: parsed from AWS's text, None if a role was given; words: its meaning, sentences.

    pairs: the verdict on each pair in question; unseen: accounts that could not be read, and why; change: the hint.
    """

    refusal: Refusal | None
    words: tuple[str, ...]
    pairs: tuple[Verdict, ...]
    unseen: tuple[str, ...]
    change: str


@dataclass(frozen=True)
class _Question:
    """The pairs to read from AWS. words: known from the text alone; change: the hint if no pair needs to be read."""

    pairs: tuple[tuple[Role, Role], ...] = ()
    words: tuple[str, ...] = ()
    change: str = ""


@dataclass(frozen=True)
class _Findings:
    """The verdicts on the pairs. policies: of the trusted role of each verdict; unseen: see `Explanation`.

    old_ids: sentences on processes that do not send the spec's external id.
    """

    verdicts: tuple[Verdict, ...] = ()
    unseen: tuple[str, ...] = ()
    policies: tuple[RolePolicies | Unreadable | None, ...] = ()
    old_ids: tuple[str, ...] = ()


def explain(text: str, options: Options, tools: Tools) -> Explanation:
    """Explain an AWS error message, or the trust of a role in the spec (its key, name or ARN).

    Without credentials or without a project, only the message itself is explained. Raises TfdriverError if `text` is
    neither.
    """
    refusal = parse_refusal(text)
    try:
        spec = read_spec(options.project, tools.progress.note)
    except TfdriverError as error:
        if refusal is None:
            raise
        meaning = refusal_meaning(refusal)
        unseen = f"the project: {error}".rstrip(".")
        return Explanation(refusal, words=(meaning.words,), pairs=(), unseen=(unseen,), change=meaning.change)
    meaning = refusal_meaning(refusal) if refusal else Meaning("", "")
    question = _question(spec, refusal, meaning) if refusal else _question_of_role(spec, text)
    findings = _judge_pairs(spec, question.pairs, options, tools) if question.pairs else _Findings()
    return Explanation(
        refusal,
        words=question.words + findings.old_ids,
        pairs=findings.verdicts,
        unseen=findings.unseen,
        change=question.change or _change(refusal, meaning, findings),
    )


def _question_of_role(spec: Spec, text: str) -> _Question:
    """Return the pairs of the role named by `text`, and what cannot be read of those that exist elsewhere."""
    wanted = text.strip()
    named = [r for r in spec.roles.values() if wanted in (r.key, r.label, r.name, r.arn)]
    found = tuple((a, b) for a in spec.trusting for b in spec.trusted_by(a) if a in named or b in named)
    words = (
        *(f"{role_in_account(r)} may be assumed by {policy_document.named(a)}" for r in named for a in r.trusted_arns),
        *(
            f"{role_in_account(r)} may assume {policy_document.named(one.arn)}, whose trust policy is its owner's"
            for r in named
            for one in r.assumes
        ),
    )
    if not found and not words:
        raise TfdriverError(
            f"{' '.join(wanted.split())[:80]!r} is neither an AWS error that tfdriver knows nor a role in the spec",
            code="bad_usage",
            hint=f"Give the whole AWS error message in quotes, or one of these roles: {', '.join(spec.roles)}",
        )
    return _Question(found, words, "" if found else "Run `tfdriver status`: it reports the trust policies")


def _question(spec: Spec, refusal: Refusal, meaning: Meaning) -> _Question:
    """Return which pairs an AWS error message is about, if any."""
    caller, target = _role(spec, refusal.caller), _role(spec, refusal.resource)
    words = (meaning.words,)
    if refusal.action in _SESSION_FIELDS and refusal.cause in _SESSION_CAUSES and not refusal.explicit:
        return _session_action(refusal, meaning, target)
    if refusal.action and refusal.action != ACTION:
        return _Question((), (*words, *_other_action(refusal, caller)), meaning.change)
    if not refusal.action:
        return _Question((), words, meaning.change)
    if elsewhere := _elsewhere(refusal, caller, target):
        return replace(elsewhere, words=(*words, *elsewhere.words))
    if target is None and refusal.resource:
        return _Question((), (*words, f"{refusal.resource} is not a role of {spec.project}"), meaning.change)
    candidates = spec.trusting_of(caller) if caller else ()
    pairs = tuple((a, caller) for a in candidates if caller and target in (None, a))
    if pairs or target is None:
        return _Question(pairs, words, "" if pairs else meaning.change)
    trusted = [*map(role_in_account, spec.trusted_by(target)), *map(policy_document.named, target.trusted_arns)]
    names = ", ".join(trusted) or "nobody"
    reason = f"the spec does not let {role_in_account(target)} trust {refusal.caller or 'the caller'}, only {names}"
    change = f"If the caller needs access, add its role to roles.{target.label}.trusts and run `tfdriver up`"
    return _Question((), (*words, reason), change)


def _session_action(refusal: Refusal, meaning: Meaning, target: Role | None) -> _Question:
    """Return why AssumeRole with session tags or a source identity was refused. Both roles' policies must allow it."""
    field, sent = _SESSION_FIELDS[refusal.action]
    without = f"call {ACTION} without {sent}"
    if target is None:
        return _Question((), (meaning.words,), f"{meaning.change}, or {without}")
    here, action = role_in_account(target), refusal.action
    if not getattr(target, field):
        words = f"roles.{target.label} has no `{field}: true`, so the trust policy of {here} does not allow {action}"
        change = f"Add `{field}: true` to roles.{target.label}, run `tfdriver up` and allow {action} on {target.arn}"
        return _Question((), (meaning.words, words), f"{change} in the caller's permissions, or {without}")
    words = f"With `{field}: true`, the trust policy of {here} allows {action} once `tfdriver up` has run"
    change = f"Allow {action} on {target.arn} in the caller's permissions, too, or {without}"
    return _Question((), (meaning.words, words), change)


def _elsewhere(refusal: Refusal, caller: Role | None, target: Role | None) -> _Question | None:
    """Return what is known of a call by, or to, a role that exists elsewhere and that the spec names."""
    if caller and refusal.resource in {assumed.arn for assumed in caller.assumes}:
        words = f"the spec lets {role_in_account(caller)} assume {refusal.resource}, whose trust policy is its owner's"
        owner = policy_document.account_of(refusal.resource)
        change = f"Ask the owner of account {owner} to trust {caller.arn}, and whether an external id is required"
        return _Question((), (words,), change)
    arn = next((a for a in target.trusted_arns if _is_caller(a, refusal.caller)), "") if target else ""
    if target and arn:
        words = f"the spec lets {arn} assume {role_in_account(target)}, and its permissions are its owner's"
        change = f"Ask the owner of {arn} to allow {ACTION} on {target.arn}. `tfdriver status` reports the trust policy"
        return _Question((), (words,), f"{change}. Send the external id" if target.external_id else change)
    return None


def _is_caller(arn: str, caller: str) -> bool:
    """Whether a caller is a principal, or a session of it."""
    session = _SESSION.fullmatch(caller)
    names = (policy_document.account_of(arn), arn.rpartition("/")[2])
    return arn == caller or (session is not None and ":role/" in arn and session.groups() == names)


def _other_action(refusal: Refusal, caller: Role | None) -> tuple[str, ...]:
    """Return what a refused action other than AssumeRole means for a role of the spec."""
    if caller is None:
        return ()
    role = role_in_account(caller)
    if caller.is_trusting:
        return (f"The caller is a session of {role}, so {ACTION} was allowed. Only {refusal.action} is not granted",)
    return (f"The caller is {role} itself. It must first assume the role in the other account",)


def _role(spec: Spec, arn: str) -> Role | None:
    """Return the role of the spec for the ARN of a role or of a role's session."""
    session = _SESSION.fullmatch(arn)
    for role in spec.roles.values():
        if role.arn == arn or (session and (role.account.id, role.name) == session.groups()):
            return role
    return None


def _judge_pairs(spec: Spec, pairs: tuple[tuple[Role, Role], ...], options: Options, tools: Tools) -> _Findings:
    accounts, workspace = account_access(spec, tools.aws), Workspace(spec)
    keys = {role.key for pair in pairs for role in pair}
    concerned = [c for c in workspace.compositions if any(role.key in keys for role in c.roles)]
    states = read_states(workspace, options, tools, accounts, concerned)
    live = observe(spec, ReachableAws(tools.aws, accounts), applied=applied_trusts(states))
    trusted = {role.key: role for _, role in pairs}
    policies = dict(zip(trusted, side_by_side(lambda r: _policies(tools.aws, r, live), trusted.values()), strict=True))
    now = tools.clock.now()
    verdicts = tuple(
        judge(a, b, PairView(live.states[a.key], live.trusted[b.key], policies[b.key]), now) for a, b in pairs
    )
    used = {role.account.name for pair in pairs for role in pair}
    unseen = tuple(f"{a.account}: {a.problem}" for a in accounts.values() if a.problem and a.account in used)
    return _Findings(
        verdicts,
        unseen,
        policies=tuple(policies[b.key] for _, b in pairs),
        old_ids=tuple(filter(None, (old_external_id(spec, a, b, states) for a, b in pairs))),
    )


def _policies(aws: Calls, role: Role, observation: Observation) -> RolePolicies | Unreadable | None:
    live = observation.trusted[role.key]
    if not isinstance(live, LiveRole):
        return live
    try:
        return role_policies.read_role_policies(aws, role)
    except TfdriverError as error:
        return Unreadable(str(error).rstrip("."))


def _change(refusal: Refusal | None, meaning: Meaning, findings: _Findings) -> str:
    """Return the hint."""
    if refusal and refusal.cause in _UNREADABLE_POLICIES:
        return meaning.change
    refused = next((v for v in findings.verdicts if v.allowed is False), None)
    if refused and refusal and refusal.cause is Cause.TRUST and refused.trust.allows is False:
        return refused.trust.change
    if refused:
        return refused.change
    if unknown := next((v.trust.change for v in findings.verdicts if v.allowed is None and v.trust.change), ""):
        return unknown
    if any(v.allowed is None for v in findings.verdicts):
        return meaning.change or "Give the profiles of both accounts credentials that can read IAM"
    if findings.old_ids and (refusal is None or refusal.cause in (Cause.TRUST, Cause.UNKNOWN)):
        return "Run `tfdriver up` to update the external id that the process sends"
    broad = next((v.trust.change for v in findings.verdicts if v.trust.allows and v.trust.change), "")
    if refusal is None and broad:
        return broad
    if refusal is None:
        return "Nothing: both policies allow the call. If AWS refuses it, give `tfdriver explain` the error message"
    policies = findings.policies[0]
    known = policies if isinstance(policies, RolePolicies) else RolePolicies(())
    return allowed_now(refusal, meaning, findings.verdicts[0], known)
