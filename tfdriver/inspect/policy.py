"""`tfdriver policy`: the minimal permissions of the operator in each account. Needs no credentials and no AWS call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import partial

from tfdriver.aws.identity import used_accounts
from tfdriver.deploy.plan_checks import refuse_long_policies, refuse_other_names, refuse_other_trusts
from tfdriver.deploy.session import Options, Tools, find_terraform, read_spec
from tfdriver.errors import TfdriverError
from tfdriver.iam.plan_lint import dangerous
from tfdriver.iam.policy_document import MAX_MANAGED
from tfdriver.inspect.operator_policy.documents import Document, documents, length
from tfdriver.inspect.operator_policy.planned_resources import ModuleResources, module_resources
from tfdriver.inspect.operator_policy.statements import Purpose, statements
from tfdriver.project import tfvars
from tfdriver.project.offline import offline_plans
from tfdriver.project.workspace import Workspace
from tfdriver.spec.message_text import nearest
from tfdriver.spec.model import Account, Spec
from tfdriver.terraform.offline_plan import MOCKED_DOCUMENT, Plan

_ATTACHABLE = 10  # managed policies on a user or role, by default. Source: IAM user guide, reference_iam-quotas


@dataclass(frozen=True)
class AccountPolicy:
    """The operator's policy in an account. documents: each fits into one managed policy; characters: length of each.

    notes: sentences on permissions that are not known from the spec and the modules.
    """

    account: str
    account_id: str
    documents: tuple[Document, ...]
    characters: tuple[int, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class OperatorPolicies:
    """The operator's policies. purpose: the commands to run; limit: characters of a managed policy."""

    purpose: Purpose
    accounts: tuple[AccountPolicy, ...]
    limit: int = MAX_MANAGED


def policy(
    options: Options, tools: Tools, purpose: Purpose, account: str | None = None, *, access_analyzer: bool = False
) -> OperatorPolicies:
    """Return the operator's policies in the accounts that have roles, or in one account.

    access_analyzer: whether `plan` and `up` use `--access-analyzer`. Raises TfdriverError for a bad spec, an account
    that is not in it or has no roles, and if Terraform cannot be initialized.
    """
    spec = read_spec(options.project, tools.progress.note)
    used = used_accounts(spec)
    if account is not None:
        used = [_chosen(spec, used, account)]
    modules = _modules(spec, used, options, tools)
    return OperatorPolicies(
        purpose, tuple(_of_account(spec, found, modules, purpose, access_analyzer=access_analyzer) for found in used)
    )


def _modules(spec: Spec, used: Iterable[Account], options: Options, tools: Tools) -> dict[str, ModuleResources]:
    """Return the resources of the modules in some accounts, by role key. Report what `up` would refuse in them."""
    workspace, names = Workspace(spec), {account.name for account in used}
    chosen = tuple(c for c in workspace.compositions if c.account.name in names)
    with find_terraform((), tools, options.parallelism) as found:
        plans = offline_plans(workspace, chosen, found.settings(tools, options), found.private)
    for composition in chosen:
        plan = plans[composition.name].plan
        for finding in dangerous(plan):
            tools.progress.note(f"{finding.severity}: {finding}")
        policies = tfvars.final(spec, composition).get("trust_policies", {})
        checks = (
            partial(refuse_long_policies, composition, plan),
            partial(refuse_other_names, composition, plan, policies),
            partial(refuse_other_trusts, composition, _with_known_trusts(plan), policies),
        )
        for check in checks:
            try:
                check()
            except TfdriverError as error:
                tools.progress.note(f"error: {error.where}: {error.what}")
    return {role.key: module_resources(role, plans[c.name]) for c in chosen for role in c.roles}


def _with_known_trusts(plan: Plan) -> Plan:
    """Return an offline plan without roles whose trust policy comes from a data source: `plan` and `up` check them."""
    changes = plan.get("resource_changes", ())
    known = [c for c in changes if (c["change"].get("after") or {}).get("assume_role_policy") != MOCKED_DOCUMENT]
    return {**plan, "resource_changes": known}


def _chosen(spec: Spec, used: list[Account], name: str) -> Account:
    if name not in spec.accounts:
        hint = nearest(name, spec.accounts) or f"Use one of {', '.join(spec.accounts)}"
        raise TfdriverError(f"the spec has no account {name!r}", code="bad_usage", where="--account", hint=hint)
    for account in used:
        if account.name == name:
            return account
    raise TfdriverError(
        f"account {name} has no roles", code="bad_usage", where="--account", hint="Its operator needs no permissions"
    )


def _of_account(
    spec: Spec, account: Account, modules: Mapping[str, ModuleResources], purpose: Purpose, *, access_analyzer: bool
) -> AccountPolicy:
    found, notes = statements(spec, account, modules, purpose, access_analyzer=access_analyzer)
    cut = documents(found)
    if len(cut) > _ATTACHABLE:
        notes.append(f"these are {len(cut)} policies; a user or role takes {_ATTACHABLE}, unless AWS allows you more")
    return AccountPolicy(account.name, account.id, tuple(cut), tuple(map(length, cut)), tuple(notes))
