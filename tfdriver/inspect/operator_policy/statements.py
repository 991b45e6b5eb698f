"""The statements of the operator's policy in an account: what Terraform calls for its resources, and tfdriver."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tfdriver.aws.resource_types import RESOURCE_TYPES, ResourceType
from tfdriver.inspect.operator_policy.arns import arn_of, pattern
from tfdriver.inspect.operator_policy.expressions import UNKNOWN
from tfdriver.inspect.operator_policy.made import Made, Making
from tfdriver.spec.model import Account, Role, Spec


class Purpose(StrEnum):
    """What the operator is to run. UP: `up`, which verifies at its end, and `plan`, `tighten`, `status`, `explain`."""

    UP = "up"
    VERIFY = "verify"
    DESTROY = "destroy"
    ALL = "all"

    @property
    def creates(self) -> bool:
        """Whether resources are created and changed."""
        return self in (Purpose.UP, Purpose.ALL)

    @property
    def destroys(self) -> bool:
        """Whether resources are destroyed."""
        return self in (Purpose.DESTROY, Purpose.ALL)

    @property
    def verifies(self) -> bool:
        """Whether `verify` is run, by itself or at the end of `up`."""
        return self is not Purpose.DESTROY


@dataclass(frozen=True)
class Statement:
    """An Allow of some actions on some resources. values: what the condition's key must be one of; key: '' for none."""

    sid: str
    actions: frozenset[str]
    resources: frozenset[str]
    operator: str = ""
    key: str = ""
    values: frozenset[str] = frozenset()


def statements(
    spec: Spec, account: Account, makings: Mapping[str, Making], purpose: Purpose, *, access_analyzer: bool = False
) -> tuple[list[Statement], list[str]]:
    """Return what the operator needs in an account, and sentences on what cannot be told from here.

    makings: what the module of each role makes, by role key; access_analyzer: whether `up` and `plan` are run with it.
    """
    found: dict[str, Statement] = {}
    unseen: dict[str, None] = {}
    for role in spec.roles.values():
        if role.account.name != account.name:
            continue
        making = makings[role.key]
        parts = [*_own(spec, role, purpose)]
        if access_analyzer and role.trusts and purpose.creates:  # this action is on no resource in particular
            parts.append(_allow("AskAccessAnalyzer", ["access-analyzer:ValidatePolicy"], "*"))
        for made in making.resources:
            parts += [*_managed(made, purpose), *(_probes(made, role) if making.has_probe and purpose.verifies else ())]
        for statement in parts:
            same = found.get(statement.sid)
            if same:  # of the same condition key
                statement = replace(
                    same,
                    actions=same.actions | statement.actions,
                    resources=same.resources | statement.resources,
                    values=same.values | statement.values,
                )
            found[statement.sid] = statement
        unseen |= dict.fromkeys([*making.unseen, *_unknown(making.resources, role)])
    return [found[sid] for sid in sorted(found)], list(unseen)


def _own(spec: Spec, role: Role, purpose: Purpose) -> Iterator[Statement]:
    """Yield what tfdriver itself calls for a role. Anybody may call sts:GetCallerIdentity."""
    account = f"arn:{role.account.partition}:iam::{role.account.id}:"
    looks = ["iam:GetRole", *(["iam:GetRolePolicy"] if role.trusts and purpose.creates else [])]
    # For the policy of `tighten --revoke-sessions`, which stays until a later run removes it.
    revoking = ["iam:GetRolePolicy", "iam:DeleteRolePolicy"] if purpose is not Purpose.VERIFY else []
    revoking += ["iam:PutRolePolicy"] if purpose.creates else []
    yield _allow("Roles", [*looks, *(revoking if role.trusts else [])], pattern(role.arn))
    if role.path != "/":  # as long as it does not exist, nobody knows its path
        yield _allow("FindRoles", looks, pattern(f"{account}role/{role.name}"))
    for trusting in spec.trusting_of(role) if purpose.verifies else ():
        yield _allow("TryTrustingRoles", ["sts:AssumeRole"], pattern(trusting.arn))
        # Where AWS does not say which policy refused. Who the operator is, the spec does not know.
        yield _allow("AskAboutOneself", ["iam:SimulatePrincipalPolicy"], f"{account}role/*", f"{account}user/*")


def _managed(made: Made, purpose: Purpose) -> Iterator[Statement]:
    """Yield what Terraform calls for a resource."""
    known = RESOURCE_TYPES.get(made.type)
    if known is None:
        return
    arn = pattern(arn_of(made))
    resources = (arn, f"{arn}:*") if made.type == "aws_cloudwatch_log_group" else (arn,)
    yield _allow(known.statement, _actions(known, made, purpose), *resources)
    if made.type == "aws_cloudwatch_log_group":
        # AWS asks for this on no group in particular (hashicorp/terraform-provider-aws#8804).
        yield _allow("FindLogGroups", ["logs:DescribeLogGroups"], f"{arn.partition(':log-group:')[0]}:log-group:*")
    if made.type == "aws_iam_role_policy_attachment":
        yield from _attaching(made, arn, purpose)
    if purpose.creates:
        yield from _passing(known, made)


def _actions(known: ResourceType, made: Made, purpose: Purpose) -> set[str]:
    lists = [known.read]
    if purpose.creates:
        lists += [known.write, *(actions for name, actions in known.more.items() if made.has(name))]
    if purpose.destroys:
        lists.append(known.delete)
    return known.actions(*lists)


def _attaching(made: Made, role: str, purpose: Purpose) -> Iterator[Statement]:
    """Yield a statement that allows to attach this policy to the role, and no other."""
    actions = frozenset(
        (["iam:AttachRolePolicy"] if purpose.creates else []) + (["iam:DetachRolePolicy"] if purpose.destroys else [])
    )
    policy = frozenset([pattern(made.argument("policy_arn") or UNKNOWN)])
    if actions:
        yield Statement("AttachPolicies", actions, frozenset([role]), "ArnLike", "iam:PolicyARN", policy)


def _passing(known: ResourceType, made: Made) -> Iterator[Statement]:
    """Yield a statement that allows to hand a role to the service that works with it."""
    if known.role_argument and made.has(known.role_argument):
        arn = made.argument(known.role_argument) or UNKNOWN
        if arn == UNKNOWN:
            arn = f"arn:{made.account.partition}:iam::{made.account.id}:role/{UNKNOWN}"
        roles, to = frozenset([pattern(arn)]), frozenset([f"{known.service}.amazonaws.com"])
        sid = f"PassRolesTo{known.service.capitalize()}"
        yield Statement(sid, frozenset(["iam:PassRole"]), roles, "StringEquals", "iam:PassedToService", to)


def _probes(made: Made, role: Role) -> Iterator[Statement]:
    """Yield what `verify` does with a resource: read and remove the probe's items, invoke the function."""
    match made.type, bool(role.trusts):
        case "aws_dynamodb_table", True:
            yield _allow("ProbeItems", ["dynamodb:GetItem", "dynamodb:DeleteItem"], pattern(arn_of(made)))
        case "aws_lambda_function", False:
            yield _allow("InvokeFunctions", ["lambda:InvokeFunction"], pattern(arn_of(made)))


def _unknown(resources: Iterable[Made], role: Role) -> Iterator[str]:
    for made in resources:
        where = f"{made.address} of module {role.module}"
        if made.type not in RESOURCE_TYPES:
            yield f"{where}: what this type needs is not known here; add it"
        elif UNKNOWN in arn_of(made):
            yield f"{where}: its name cannot be told from here, so that the policy says {pattern(arn_of(made))}"


def _allow(sid: str, actions: Iterable[str], *resources: str) -> Statement:
    return Statement(sid, frozenset(actions), frozenset(resources))
