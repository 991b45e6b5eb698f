"""moto: keeps the resources and answers the calls that need no decision of ours. The one module that imports it.

moto keeps its state in module globals, so two sandboxes in one process must not have an account in common. It is not
safe to use from several threads: everything here holds one lock, which `layer` also takes around "decide, then do".
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterable
from copy import copy
from functools import cache
from typing import Any

from tfdriver.errors import TfdriverError
from tfdriver.sandbox.messages import HttpRequest, HttpResponse
from tfdriver.sandbox.moto_models import function_of, role_of, user_of
from tfdriver.sandbox.resources import IamRole, IamUser, LambdaFunction, Rule
from tfdriver.sandbox.responses import ResponseError
from tfdriver.sandbox.wsgi import environ, is_hop
from tfdriver.spec.model import Account

try:
    from moto.awslambda.models import lambda_backends
    from moto.core.base_backend import BackendDict
    from moto.core.config import default_user_config
    from moto.core.exceptions import JsonRESTError, ServiceException
    from moto.events.models import events_backends
    from moto.iam.models import IAMBackend, iam_backends
    from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator
    from moto.logs.models import logs_backends
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.s3.models import s3_backends
except ImportError as error:
    raise TfdriverError(
        "the sandbox needs moto, which is not installed",
        where=f"import of {error.name}",
        hint="Install it: pip install 'tfdriver[sandbox]'.",
    ) from error

# Variables that moto itself obeys: the first overrides whose account a call is for, the others name a profile that
# its botocore would look for.
_MISLEADING = ("MOTO_ACCOUNT_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")

_accounts_in_use: set[str] = set()
_lock = threading.RLock()
_app = DomainDispatcherApplication(create_backend_app)


class MotoBackend:
    """moto, for some accounts. Use it with `with`, so that its state is dropped at the end.

    While it is open, the process's environment lacks the variables that would mislead moto.
    """

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.accounts = {account.id: account for account in accounts}
        self.lock = _lock
        self._removed: dict[str, str] = {}

    def __enter__(self) -> MotoBackend:
        taken = sorted(_accounts_in_use & set(self.accounts))
        if taken:
            raise TfdriverError(f"account {taken[0]} is already in another sandbox of this process")
        _accounts_in_use.update(self.accounts)
        self._removed = {name: os.environ.pop(name) for name in _MISLEADING if name in os.environ}
        with self.lock:
            for account in self.accounts.values():
                _add_aws_policies(iam_backends[account.id][account.partition], account.partition)
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            for account in self.accounts:
                if account in s3_backends:
                    s3_backends[account].reset()  # moto keeps the names of buckets apart from the accounts
                for service in BackendDict._instances:
                    service.pop(account, None)
        _accounts_in_use.difference_update(self.accounts)
        os.environ.update(self._removed)

    def create_admin(self, account: Account) -> tuple[str, str]:
        """Create the IAM user `admin` with AdministratorAccess; return access key id and secret access key."""
        iam = iam_backends[account.id][account.partition]
        user = iam.create_user(account.region, "admin")
        user.id = "AIDA" + user.id[:17].upper()
        iam.attach_user_policy(f"arn:{account.partition}:iam::aws:policy/AdministratorAccess", "admin")
        key = iam.create_access_key("admin")
        return key.access_key_id, key.secret_access_key

    def handle(self, request: HttpRequest, account: str) -> HttpResponse:
        """Let moto answer a request on behalf of an account.

        Raises AwsError for what moto cannot do: with status 400, since clients would try again after a 500.
        """
        started: dict[str, Any] = {}

        def start_response(status: str, headers: list[tuple[str, str]], _: Any = None) -> None:
            started["status"] = int(status.split()[0])
            started["headers"] = dict(headers)

        with self.lock:
            try:
                chunks = _app(environ(request, account), start_response)
                body = b"".join(chunks)
            except NotImplementedError as error:
                raise ResponseError("NotImplemented", f"the sandbox cannot do this: {error}") from error
            except Exception as error:  # moto's own bugs, which its server would print as a traceback
                raise ResponseError("SandboxFailure", f"moto: {type(error).__name__}: {error}") from error
        headers = {k: v for k, v in started["headers"].items() if not is_hop(k, request.method)}
        return HttpResponse(started["status"], body, headers)

    def user_of_key(self, access_key: str) -> IamUser | None:
        """Return the user of an active access key."""
        with self.lock:
            for account in self.accounts.values():
                iam = iam_backends[account.id][account.partition]
                user = iam.get_user_from_access_key_id(access_key)
                if user and user.get_access_key_by_id(access_key).status == "Active":
                    return user_of(user, account, iam)
        return None

    def users(self, accounts: Iterable[str]) -> list[IamUser]:
        """Return the users of these accounts."""
        with self.lock:
            return [
                user_of(user, account, iam) for account, iam in self._iam(accounts) for user in list(iam.users.values())
            ]

    def user(self, arn: str) -> IamUser | None:
        """Return the user of an ARN."""
        return next((u for u in self.users(arn.split(":")[4:5]) if u.arn == arn), None)

    def user_by_id(self, unique_id: str) -> IamUser | None:
        """Return the user of a unique id."""
        return next((u for u in self.users(self.accounts) if u.id == unique_id), None)

    def role(self, arn: str) -> IamRole | None:
        """Return the role of an ARN (with its path)."""
        return next((r for r in self.roles(arn.split(":")[4:5]) if r.arn == arn), None)

    def role_by_id(self, unique_id: str) -> IamRole | None:
        """Return the role of a unique id."""
        return next((r for r in self.roles(self.accounts) if r.id == unique_id), None)

    def roles(self, accounts: Iterable[str]) -> list[IamRole]:
        """Return the roles of these accounts."""
        with self.lock:
            return [
                role_of(role, account, iam) for account, iam in self._iam(accounts) for role in list(iam.roles.values())
            ]

    def show_trust(self, role: IamRole, text: str) -> None:
        """Make a role's trust policy read as `text` from now on."""
        with self.lock:
            iam_backends[role.account][role.partition].roles[role.id].assume_role_policy_document = text

    def function(self, account: str, region: str, name: str, qualifier: str | None = None) -> LambdaFunction | None:
        """Return a Lambda function by name or ARN, which may carry a version or alias; None if there is none."""
        name, qualifier = _name_and_qualifier(name, qualifier)
        if account not in self.accounts:
            return None
        with self.lock:
            try:
                found = lambda_backends[account][region].get_function(name, qualifier)
            except (ServiceException, JsonRESTError, KeyError):
                return None
            return function_of(found)

    def scheduled_rules(self) -> list[Rule]:
        """Return the enabled rules, on any bus of any account and region, that have a schedule."""
        with self.lock:
            return [
                Rule(rule.name, rule.arn, account, region, tuple(rule.targets))
                for account in self.accounts
                for region, events in list(events_backends[account].items())
                for bus in events.event_buses.values()
                for rule in bus.rules.values()
                if rule.scheduled_expression and rule.state == "ENABLED"
            ]

    def write_log(self, account: str, region: str, group: str, stream: str, lines: Iterable[tuple[int, str]]) -> None:
        """Append lines (milliseconds since 1970, text) to a log stream, if the log group exists."""
        with self.lock:
            logs = logs_backends[account][region]
            if group not in logs.groups:
                return
            if stream not in logs.groups[group].streams:
                logs.create_log_stream(group, stream)
            logs.put_log_events(group, stream, [{"timestamp": at, "message": text} for at, text in lines])

    def _iam(self, accounts: Iterable[str]) -> list[tuple[Account, Any]]:
        known = [self.accounts[a] for a in accounts if a in self.accounts]
        return [(account, iam_backends[account.id][account.partition]) for account in known]


def _add_aws_policies(iam: Any, partition: str) -> None:
    """Give an account AWS's own policies; how many attach one is counted for each account."""
    iam.aws_managed_policies = [copy(policy) for policy in _aws_policies(partition)]
    iam.managed_policies = {policy.arn: policy for policy in iam.aws_managed_policies}


@cache
def _aws_policies(partition: str) -> list[Any]:
    """Return AWS's own policies: moto would parse all of them again for each account, which takes long."""
    default_user_config["iam"]["load_aws_managed_policies"] = True
    try:
        return list(IAMBackend(partition, "").aws_managed_policies)
    finally:
        default_user_config["iam"]["load_aws_managed_policies"] = False


def trust_policy_error(document: str) -> str:
    """Return what is wrong with a trust policy apart from its principals, '' if nothing."""
    try:
        IAMTrustPolicyDocumentValidator(document).validate()
    except ServiceException as error:
        return str(error.message)
    return ""


def _name_and_qualifier(name: str, qualifier: str | None) -> tuple[str, str | None]:
    """Take `name`, `name:qualifier`, `ACCOUNT:function:name` or an ARN apart."""
    match = re.fullmatch(r"(?:(?:arn:[^:]+:lambda:[^:]*:)?\d{12}:function:)?([\w-]+)(?::([\w$-]+))?", name)
    return (match[1], match[2] or qualifier) if match else (name, qualifier)
