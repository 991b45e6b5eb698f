"""The statements of the operator's policy in an account: the calls of Terraform and of tfdriver."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tfdriver.aws.resource_types import RESOURCE_TYPES, ResourceType
from tfdriver.inspect.operator_policy.planned_resources import (
    UNKNOWN,
    ModuleResources,
    Resource,
    arn_of,
    arn_of_role,
    pattern,
)
from tfdriver.spec.compositions import compositions
from tfdriver.spec.model import Account, Role, Spec


class Purpose(StrEnum):
    """The commands that the operator runs. UP: `up` with its `verify`, `plan`, `tighten`, `status` and `explain`."""

    UP = "up"
    VERIFY = "verify"
    DESTROY = "destroy"
    ALL = "all"

    @property
    def creates(self) -> bool:
        """Whether resources are created and updated."""
        return self in (Purpose.UP, Purpose.ALL)

    @property
    def destroys(self) -> bool:
        """Whether resources are deleted."""
        return self in (Purpose.DESTROY, Purpose.ALL)

    @property
    def verifies(self) -> bool:
        """Whether `verify` runs, alone or at the end of `up`."""
        return self is not Purpose.DESTROY


@dataclass(frozen=True)
class Statement:
    """An Allow statement. operator, key, values: of its condition; key is '' without a condition."""

    sid: str
    actions: frozenset[str]
    resources: frozenset[str]
    operator: str = ""
    key: str = ""
    values: frozenset[str] = frozenset()


def statements(
    spec: Spec,
    account: Account,
    modules: Mapping[str, ModuleResources],
    purpose: Purpose,
    *,
    access_analyzer: bool = False,
) -> tuple[list[Statement], list[str]]:
    """Return the statements that the operator needs in an account, and notes on permissions that are not known.

    modules: the resources of each role's module, by role key; access_analyzer: whether `up` and `plan` use
    `--access-analyzer`.
    """
    parts, more = _for_states(spec, account)
    notes = dict.fromkeys(more)
    for role in spec.roles.values():
        if role.account.name != account.name:
            continue
        module = modules[role.key]
        parts += _for_tfdriver(spec, role, purpose)
        if module.probe_by and purpose.verifies:
            parts.append(_allow("UseProbeRoles", ["sts:AssumeRole"], pattern(module.probe_by)))
        if access_analyzer and role.is_trusting and purpose.creates:  # ValidatePolicy does not support resource ARNs
            parts.append(_allow("AskAccessAnalyzer", ["access-analyzer:ValidatePolicy"], "*"))
        for resource in module.resources:
            parts += _for_terraform(resource, purpose)
            if module.has_probe and purpose.verifies:
                parts += _for_probe(resource, role)
        notes |= dict.fromkeys([*module.notes, *_notes(module.resources)])
    return _merged(parts), list(notes)


def _merged(parts: Iterable[Statement]) -> list[Statement]:
    """Return one statement for each Sid, sorted. Statements with the same Sid have the same condition key."""
    by_sid: dict[str, Statement] = {}
    for statement in parts:
        same = by_sid.get(statement.sid, statement)
        by_sid[statement.sid] = replace(
            same,
            actions=same.actions | statement.actions,
            resources=same.resources | statement.resources,
            values=same.values | statement.values,
        )
    return [by_sid[sid] for sid in sorted(by_sid)]


def _for_tfdriver(spec: Spec, role: Role, purpose: Purpose) -> Iterator[Statement]:
    """Yield the calls of tfdriver itself for a role. sts:GetCallerIdentity needs no permission."""
    account = f"arn:{role.account.partition}:iam::{role.account.id}:"
    if role.existing and purpose is not Purpose.VERIFY:
        yield _allow("Roles", _on_existing(spec, role, purpose), pattern(role.arn))
    revocable = role.is_trusting and not role.existing
    reads = ["iam:GetRole", *(["iam:GetRolePolicy"] if revocable and purpose.creates else [])]
    # The policy of `tighten --revoke-sessions` exists until a later run deletes it.
    revoking = ["iam:GetRolePolicy", "iam:DeleteRolePolicy"] if purpose is not Purpose.VERIFY else []
    revoking += ["iam:PutRolePolicy"] if purpose.creates else []
    yield _allow("Roles", [*reads, *(revoking if revocable else [])], pattern(role.arn))
    if role.path != "/":  # IAM evaluates a call for an absent role with the ARN without a path
        yield _allow("FindRoles", reads, pattern(f"{account}role/{role.name}"))
    for trusting in spec.trusting_of(role) if purpose.verifies else ():
        yield _allow("TryTrustingRoles", ["sts:AssumeRole"], pattern(trusting.arn))
        # Called if a refusal does not name the policy. The operator may be any role or user.
        yield _allow("AskAboutOneself", ["iam:SimulatePrincipalPolicy"], f"{account}role/*", f"{account}user/*")


def _for_states(spec: Spec, account: Account) -> tuple[list[Statement], list[str]]:
    """Return the statements that Terraform needs for the states of `state:` with an account's profile, and notes.

    Source: Terraform's documentation, "Backend Type: s3", "Permissions Required".
    """
    found: list[Statement] = []
    notes: list[str] = []
    for composition in compositions(spec):
        state = composition.state
        if state is None or state.arguments.get("profile", composition.account.profile) != account.profile:
            continue
        if state.kind != "s3" or "dynamodb_table" in state.arguments or "kms_key_id" in state.arguments:
            notes.append(f"{composition.name}: add what its state backend needs besides these permissions")
        if state.kind == "s3":
            bucket = pattern(f"arn:{account.partition}:s3:::{state.arguments.get('bucket')}")
            key = f"{bucket}/{pattern(str(state.arguments['key']))}"
            found.append(_allow("FindStates", ["s3:ListBucket"], bucket))
            found.append(_allow("States", ["s3:GetObject", "s3:PutObject"], key))
            if state.arguments.get("use_lockfile"):
                lock = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"]
                found.append(_allow("StateLocks", lock, f"{key}.tflock"))
    return found, notes


def _on_existing(spec: Spec, role: Role, purpose: Purpose) -> set[str]:
    """Return the calls on an existing role: of its trust policy, and of the inline policy that lets it assume roles."""
    known, policy = RESOURCE_TYPES["aws_iam_role"], RESOURCE_TYPES["aws_iam_role_policy"]
    actions = known.actions(known.read)
    if role.is_trusting:
        actions.add("iam:UpdateAssumeRolePolicy")
    if spec.trusting_of(role) or role.assumes:
        lists = [policy.read, policy.write * purpose.creates, policy.delete * (purpose.creates or purpose.destroys)]
        actions |= policy.actions(*lists)
    return actions


def _for_terraform(resource: Resource, purpose: Purpose) -> Iterator[Statement]:
    """Yield the calls of Terraform for a resource."""
    known = resource.known_type
    if known is None:
        return
    named = arn_of(resource)
    arn = pattern(named)
    arns = (arn, *_further_arns(resource, arn))
    # The actions on other resources must not become actions on every resource.
    unnamed = f"{'Read' if resource.is_data else ''}{_words(resource.type)}OfUnknownName"
    sid = unnamed if UNKNOWN in named else known.statement
    actions, anywhere = _actions(known, resource, purpose), known.actions(known.anywhere)
    if named_actions := actions - anywhere:
        yield _allow(sid, named_actions, *arns)
    if actions & anywhere:  # AWS checks these actions without a resource
        yield _allow(f"{known.statement}WithoutResource", actions & anywhere, "*")
    if resource.type == "aws_cloudwatch_log_group":
        # AWS checks this action on all log groups (hashicorp/terraform-provider-aws#8804).
        yield _allow("FindLogGroups", ["logs:DescribeLogGroups"], f"{arn.partition(':log-group:')[0]}:log-group:*")
    if resource.is_data:
        return
    if resource.type == "aws_s3_bucket" and resource.text("force_destroy") == "True" and purpose.destroys:
        yield _allow("EmptyBuckets", ["s3:ListBucketVersions"], arn)
        yield _allow("EmptyBucketsOfObjects", ["s3:DeleteObject", "s3:DeleteObjectVersion"], f"{arn}/*")
    if known.keyed and _has_key(resource):
        yield _use_keys(known, resource.account)
    if resource.type == "aws_iam_role_policy_attachment":
        yield from _attachment(resource, arn, purpose)
    if purpose.creates:
        yield from _pass_role(known, resource)


def _further_arns(resource: Resource, arn: str) -> tuple[str, ...]:
    match resource.type:
        case "aws_cloudwatch_log_group":
            return (f"{arn}:*",)
        case "aws_kms_alias":  # AWS checks these actions on the alias and on its key
            return (f"arn:{resource.account.partition}:kms:{resource.account.region}:{resource.account.id}:key/*",)
    return ()


def _has_key(resource: Resource) -> bool:
    """Whether a KMS key may encrypt a resource: it names one, or its module has one."""
    in_module = any(other.type.startswith("aws_kms_") for other in resource.siblings)
    return in_module or bool(resource.arguments("kms_key_id"))


def _use_keys(known: ResourceType, account: Account) -> Statement:
    """Return the permission to use keys through the service that encrypts with them."""
    return Statement(
        sid="UseKeys",
        actions=frozenset(["kms:Decrypt", "kms:GenerateDataKey"]),
        resources=frozenset([f"arn:{account.partition}:kms:{account.region}:{account.id}:key/*"]),
        operator="StringEquals",
        key="kms:ViaService",
        values=frozenset([f"{known.service}.{account.region}.amazonaws.com"]),
    )


def _actions(known: ResourceType, resource: Resource, purpose: Purpose) -> set[str]:
    lists = [known.read]
    if purpose.creates:
        lists += [known.write, *(actions for name, actions in known.more.items() if resource.arguments(name))]
    if purpose.destroys:
        lists.append(known.delete)
    return known.actions(*lists)


def _attachment(resource: Resource, role_arn: str, purpose: Purpose) -> Iterator[Statement]:
    """Yield the permission to attach only this policy to the role."""
    actions = {"iam:AttachRolePolicy": purpose.creates, "iam:DetachRolePolicy": purpose.destroys}
    if any(actions.values()):
        yield Statement(
            sid="AttachPolicies",
            actions=frozenset(action for action, needed in actions.items() if needed),
            resources=frozenset([role_arn]),
            operator="ArnLike",
            key="iam:PolicyARN",
            values=frozenset(pattern(arn) for arn in resource.arguments("policy_arn") or (UNKNOWN,)),
        )


def _pass_role(known: ResourceType, resource: Resource) -> Iterator[Statement]:
    """Yield the permission to pass a role to the service that assumes it."""
    service = known.passed_to or known.service
    for role in resource.arguments(known.role_argument):
        yield Statement(
            sid=f"PassRolesTo{service.capitalize()}",
            actions=frozenset(["iam:PassRole"]),
            resources=frozenset([pattern(arn_of_role(resource, role))]),
            operator="StringEquals",
            key="iam:PassedToService",
            values=frozenset([f"{service}.amazonaws.com"]),
        )


def _for_probe(resource: Resource, role: Role) -> Iterator[Statement]:
    """Yield the calls of `verify` for a resource: read and delete the items of the probe, invoke the function."""
    match resource.type, bool(role.is_trusting):
        case "aws_dynamodb_table", True:
            yield _allow("ProbeItems", ["dynamodb:GetItem", "dynamodb:DeleteItem"], pattern(arn_of(resource)))
        case "aws_lambda_function", False:
            yield _allow("InvokeFunctions", ["lambda:InvokeFunction"], pattern(arn_of(resource)))


def _notes(resources: Iterable[Resource]) -> Iterator[str]:
    for resource in resources:
        if resource.known_type is None:
            yield f"{resource.address}: the permissions for this type are not known; add them to the policy"
        elif UNKNOWN in arn_of(resource):
            yield f"{resource.address}: its name is not known, so the policy allows {pattern(arn_of(resource))}"


def _words(resource_type: str) -> str:
    """Return a type as a part of a Sid, which has only letters and digits."""
    return "".join(word.capitalize() for word in resource_type.split("_")[1:])


def _allow(sid: str, actions: Iterable[str], *resources: str) -> Statement:
    return Statement(sid, frozenset(actions), frozenset(resources))
