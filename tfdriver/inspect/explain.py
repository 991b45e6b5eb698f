"""`tfdriver explain`: why was AssumeRole refused, and what is the one thing to change."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tfdriver.aws import role_policies
from tfdriver.aws.account_access import ReachableAws, account_access
from tfdriver.aws.calls import Calls
from tfdriver.aws.observe import Observation, observe
from tfdriver.aws.role_policies import RolePolicies
from tfdriver.concurrency import side_by_side
from tfdriver.deploy.session import Options, Tools, read_spec
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.iam.wording import role_in_account
from tfdriver.inspect.allowed_now import allowed_now
from tfdriver.inspect.external_id import old_external_id
from tfdriver.inspect.refusal import Cause, Meaning, Refusal, parse_refusal, refusal_meaning
from tfdriver.inspect.verdict import ACTION, PairView, Verdict, judge
from tfdriver.spec.model import Role, Spec

# Policies that cannot be read with the credentials of the two accounts: there AWS's word is all there is.
_OUT_OF_SIGHT = frozenset({Cause.SCP, Cause.RCP, Cause.SESSION, Cause.ENDPOINT})


@dataclass(frozen=True)
class Explanation:
    """Why. refusal: what AWS's text says, None if a role was given; words: what it means, sentence by sentence.

    pairs: what the two documents of each pair in question say; unseen: what could not be looked at, and why;
    change: the one thing to change.
    """

    refusal: Refusal | None
    words: tuple[str, ...]
    pairs: tuple[Verdict, ...]
    unseen: tuple[str, ...]
    change: str


@dataclass(frozen=True)
class _Question:
    """What is to be looked at. words: what is known before; answer: what to change if nothing needs looking at."""

    pairs: tuple[tuple[Role, Role], ...] = ()
    words: tuple[str, ...] = ()
    answer: str = ""


@dataclass(frozen=True)
class _Seen:
    """What was looked at. verdicts: of the pairs in question; unseen: what could not be looked at, and why.

    policies: of the trusted role of each verdict.
    """

    verdicts: tuple[Verdict, ...] = ()
    unseen: tuple[str, ...] = ()
    policies: tuple[RolePolicies | Unreadable | None, ...] = ()


def explain(text: str, options: Options, tools: Tools) -> Explanation:
    """Explain an error text of AWS, or a role of the spec (its key, name or ARN).

    Without credentials, or without a project, an error text is explained by itself. Raises TfdriverError if `text` is
    neither.
    """
    refusal = parse_refusal(text)
    try:
        spec = read_spec(options.project, tools.progress.note)
    except TfdriverError as error:
        if refusal is None:
            raise
        said = refusal_meaning(refusal)
        return Explanation(refusal, (said.words,), (), (f"the project: {error}".rstrip("."),), said.change)
    said = refusal_meaning(refusal) if refusal else Meaning("", "")
    question = _asked(spec, refusal, said) if refusal else _Question(_pairs_of(spec, text))
    seen = _look(spec, question.pairs, tools) if question.pairs else _Seen()
    old = tuple(filter(None, (old_external_id(spec, *pair) for pair in question.pairs)))
    change = question.answer or _change(refusal, said, seen, old_id=bool(old))
    return Explanation(refusal, question.words + old, seen.verdicts, seen.unseen, change)


def _pairs_of(spec: Spec, text: str) -> tuple[tuple[Role, Role], ...]:
    """Return the pairs of the role that `text` names."""
    wanted = text.strip()
    named = [r for r in spec.roles.values() if wanted in (r.key, r.name, r.arn)]
    found = tuple((a, b) for a in spec.trusting for b in spec.trusted_by(a) if a in named or b in named)
    if not found:
        raise TfdriverError(
            f"{' '.join(wanted.split())[:80]!r} is neither an error of AWS that tfdriver knows nor a role of the spec",
            code="bad_usage",
            hint=f"Give AWS's whole message in quotes, or one of {', '.join(spec.roles)}",
        )
    return found


def _asked(spec: Spec, refusal: Refusal, said: Meaning) -> _Question:
    """Return what an error text asks for: whose documents to look at, if any."""
    caller, target = _role(spec, refusal.caller), _role(spec, refusal.resource)
    words = (said.words,)
    if refusal.action and refusal.action != ACTION:
        return _Question((), (*words, *_other_action(refusal, caller)), said.change)
    if not refusal.action:
        return _Question((), words, said.change)
    if target is None and refusal.resource:
        return _Question((), (*words, f"{refusal.resource} is no role of {spec.project}"), said.change)
    candidates = spec.trusting_of(caller) if caller else ()
    pairs = tuple((a, caller) for a in candidates if caller and target in (None, a))
    if pairs or target is None:
        return _Question(pairs, words, "" if pairs else said.change)
    names = ", ".join(map(role_in_account, spec.trusted_by(target))) or "nobody"
    caller_is = refusal.caller or "the caller"
    stranger = f"{caller_is} is not one that {role_in_account(target)} is to trust: the spec says {names}"
    change = f"Nothing, unless it should get in: then add its role to roles.{target.key}.trusts and run `tfdriver up`"
    return _Question((), (*words, stranger), change)


def _other_action(refusal: Refusal, caller: Role | None) -> tuple[str, ...]:
    """Say what it means that another action than AssumeRole was refused to a role of the spec."""
    if refusal.action in ("sts:TagSession", "sts:SetSourceIdentity"):
        return (f"tfdriver's trust policies allow {ACTION} alone: call it without session tags and source identity",)
    if caller is None:
        return ()
    role = role_in_account(caller)
    if caller.trusts:
        return (f"The caller is a session of {role}, so {ACTION} worked; {refusal.action} is not granted",)
    return (f"The caller is {role} itself: it must assume the other account's role first, and call as that",)


def _role(spec: Spec, arn: str) -> Role | None:
    """Return the role of the spec that an ARN (of a role, or of a session of one) names."""
    session = re.fullmatch(r"arn:[\w-]+:sts::(\d{12}):assumed-role/([^/]+)/.*", arn)
    for role in spec.roles.values():
        if role.arn == arn or (session and (role.account.id, role.name) == session.groups()):
            return role
    return None


def _look(spec: Spec, pairs: tuple[tuple[Role, Role], ...], tools: Tools) -> _Seen:
    seen_accounts = account_access(spec, tools.aws)
    seen = observe(spec, ReachableAws(tools.aws, seen_accounts))
    trusted = {role.key: role for _, role in pairs}
    found = dict(zip(trusted, side_by_side(lambda r: _policies(tools.aws, r, seen), trusted.values()), strict=True))
    now = tools.clock.now()
    verdicts = tuple(
        judge(a, b, PairView(seen.states[a.key], seen.trusted[b.key], found[b.key]), now) for a, b in pairs
    )
    used = {role.account.name for pair in pairs for role in pair}
    unseen = tuple(f"{h.account}: {h.problem}" for h in seen_accounts.values() if h.problem and h.account in used)
    return _Seen(verdicts, unseen, tuple(found[b.key] for _, b in pairs))


def _policies(aws: Calls, role: Role, seen: Observation) -> RolePolicies | Unreadable | None:
    live = seen.trusted[role.key]
    if not isinstance(live, LiveRole):
        return live
    try:
        return role_policies.read_role_policies(aws, role)
    except TfdriverError as error:
        return Unreadable(str(error).rstrip("."))


def _change(refusal: Refusal | None, said: Meaning, seen: _Seen, *, old_id: bool) -> str:
    """Return the one thing to change. old_id: whether a process sends another one than the spec's."""
    if refusal and refusal.cause in _OUT_OF_SIGHT:
        return said.change
    refused = next((v for v in seen.verdicts if v.allowed is False), None)
    if refused and refusal and refusal.cause is Cause.TRUST and refused.trust.allows is False:
        return refused.trust.change
    if refused:
        return refused.change
    if any(v.allowed is None for v in seen.verdicts):
        return said.change or "Give the profiles of both accounts credentials that may read IAM"
    if old_id and (refusal is None or refusal.cause in (Cause.TRUST, Cause.UNSAID)):
        return "Run `tfdriver up`: it brings the process the external id of the spec"
    broad = next((v.trust.change for v in seen.verdicts if v.trust.allows and v.trust.change), "")
    if refusal is None and broad:
        return broad
    if refusal is None:
        return "Nothing: both documents allow it. If it is refused all the same, give `tfdriver explain` AWS's message"
    policies = seen.policies[0]
    own = policies if isinstance(policies, RolePolicies) else RolePolicies(())
    return allowed_now(refusal, said, seen.verdicts[0], own)
