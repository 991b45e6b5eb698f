"""moto, which stores the resources and answers most calls. The only module that imports moto.

moto keeps its state in module globals: two sandboxes in one process must not share an account. moto is not thread-safe:
everything here holds one lock. `dispatch` holds the lock from the authorization of a call to the end of the call.
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
from tfdriver.sandbox.moto_models import RESOURCE_POLICIES, function_of, policy_document, role_of, user_of
from tfdriver.sandbox.resources import IamRole, IamUser, LambdaFunction, ProtectedResource, Rule
from tfdriver.sandbox.responses import ResponseError
from tfdriver.sandbox.wsgi import environ, is_set_by_server
from tfdriver.spec.model import Account

try:
    from moto.awslambda.models import lambda_backends
    from moto.backends import get_backend
    from moto.core.base_backend import BackendDict
    from moto.core.config import default_user_config
    from moto.core.exceptions import JsonRESTError, ServiceException
    from moto.events.models import events_backends
    from moto.iam.access_control import PermissionResult
    from moto.iam.models import IAMBackend, iam_backends
    from moto.iam.policy_validation import IAMTrustPolicyDocumentValidator
    from moto.kms import responses as kms_responses
    from moto.logs.models import logs_backends
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from moto.s3.models import FakeBucket, s3_backends
except ImportError as error:
    raise TfdriverError(
        "the sandbox needs moto, which is not installed",
        code="sandbox_not_installed",
        where=f"import of {error.name}",
        hint="Run pip install 'tfdriver[sandbox]'",
    ) from error

# Variables that moto reads: the first overrides the account of a call, the others name a profile for its botocore.
_MOTO_VARIABLES = ("MOTO_ACCOUNT_ID", "AWS_PROFILE", "AWS_DEFAULT_PROFILE")

# moto's own checks of bucket and key policies ignore principals and conditions. `dispatch` has decided before them.
FakeBucket.get_permission = lambda *_: PermissionResult.NEUTRAL
kms_responses.validate_policy = lambda *_: None

_accounts_in_use: set[str] = set()
_lock = threading.RLock()
_app = DomainDispatcherApplication(create_backend_app)


class MotoBackend:
    """moto for the accounts that are added, as a context manager that deletes their resources at the end.

    Inside the `with` block, `_MOTO_VARIABLES` are removed from the process's environment.
    """

    def __init__(self) -> None:
        self.accounts: dict[str, Account] = {}
        self.lock = _lock
        self._removed: dict[str, str] = {}

    def __enter__(self) -> MotoBackend:
        self._removed = {name: os.environ.pop(name) for name in _MOTO_VARIABLES if name in os.environ}
        return self

    def __exit__(self, *_: object) -> None:
        with self.lock:
            for account in self.accounts:
                if account in s3_backends:
                    s3_backends[account].reset()  # moto also keeps bucket names outside of the account
                for service in BackendDict._instances:
                    service.pop(account, None)
        _accounts_in_use.difference_update(self.accounts)
        os.environ.update(self._removed)

    def add(self, account: Account) -> tuple[str, str]:
        """Add an account with the IAM user `admin`, who has AdministratorAccess; return its access key and secret.

        Raises TfdriverError if another sandbox of this process has the account.
        """
        with self.lock:
            if account.id in _accounts_in_use:
                raise TfdriverError(
                    f"account {account.id} is already in use by another sandbox of this process", code="sandbox_failed"
                )
            _accounts_in_use.add(account.id)
            self.accounts = {**self.accounts, account.id: account}  # others may iterate over the old mapping
            iam = iam_backends[account.id][account.partition]
            # Copies, since moto counts the attachments of a policy in the policy.
            iam.aws_managed_policies = [copy(policy) for policy in _aws_managed_policies(account.partition)]
            iam.managed_policies = {policy.arn: policy for policy in iam.aws_managed_policies}
            user = iam.create_user(account.region, "admin")
            user.id = "AIDA" + user.id[:17].upper()
            iam.attach_user_policy(f"arn:{account.partition}:iam::aws:policy/AdministratorAccess", "admin")
            key = iam.create_access_key("admin")
            return key.access_key_id, key.secret_access_key

    def handle(self, request: HttpRequest, account: str) -> HttpResponse:
        """Return moto's response to a request of an account.

        Raises ResponseError if moto fails: with status 400, since clients retry after a 500.
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
                raise ResponseError("NotImplemented", f"the sandbox does not support this call: {error}") from error
            except Exception as error:  # a bug in moto
                raise ResponseError("SandboxFailure", f"moto: {type(error).__name__}: {error}") from error
        headers = {k: v for k, v in started["headers"].items() if not is_set_by_server(k, request.method)}
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

    def user(self, which: str) -> IamUser | None:
        """Return the user with this ARN or unique ID."""
        return next((user for user in self.users(self._accounts_of(which)) if which in (user.arn, user.id)), None)

    def role(self, which: str) -> IamRole | None:
        """Return the role with this ARN, which includes its path, or unique ID."""
        return next((role for role in self.roles(self._accounts_of(which)) if which in (role.arn, role.id)), None)

    def audiences(self, provider: str) -> list[str] | None:
        """Return the audiences of an OIDC provider, by its ARN, or None if it does not exist."""
        with self.lock:
            found = (iam.open_id_providers.get(provider) for _, iam in self._iam(self._accounts_of(provider)))
            return next((list(one.client_id_list) for one in found if one), None)

    def _accounts_of(self, which: str) -> Iterable[str]:
        return which.split(":")[4:5] if which.startswith("arn:") else self.accounts

    def roles(self, accounts: Iterable[str]) -> list[IamRole]:
        """Return the roles of these accounts."""
        with self.lock:
            return [
                role_of(role, account, iam) for account, iam in self._iam(accounts) for role in list(iam.roles.values())
            ]

    def set_trust_policy(self, role: IamRole, text: str) -> None:
        """Set the trust policy that IAM returns for a role."""
        with self.lock:
            iam_backends[role.account][role.partition].roles[role.id].assume_role_policy_document = text

    def function(self, account: str, region: str, name: str, qualifier: str | None = None) -> LambdaFunction | None:
        """Return the Lambda function with this name or ARN, which may include a version or alias."""
        name, qualifier = _name_and_qualifier(name, qualifier)
        if account not in self.accounts:
            return None
        with self.lock:
            try:
                return function_of(lambda_backends[account][region].get_function(name, qualifier))
            except (ServiceException, JsonRESTError, KeyError):
                return None

    def protected_resource(self, arn: str, region: str) -> ProtectedResource | None:
        """Return the resource with this ARN and its policy. region: of a bucket, whose ARN has none.

        Returns None for a missing resource, for one of an account that is not in the sandbox, and for one of a service
        whose resource policies the sandbox does not know.
        """
        _, partition, service, place, account, name = arn.split(":", 5) if arn.count(":") > 4 else [""] * 6
        if service == "s3":
            place, account = partition, s3_backends.bucket_accounts.get(name.partition("/")[0], ("", ""))[1]
        if account not in self.accounts or service not in RESOURCE_POLICIES:
            return None
        with self.lock:
            try:
                policy, key = RESOURCE_POLICIES[service](get_backend(service)[account][place], name)
            except (KeyError, StopIteration, ServiceException, JsonRESTError):
                return None
            key_arn = self.key_arn(str(key), account, region if service == "s3" else place) if key else None
        return ProtectedResource(owner=account, policy=policy_document(policy), key=key_arn or "")

    def key_arn(self, key: str, account: str, region: str) -> str | None:
        """Return the ARN of a customer's KMS key, or None. key: its ID, its alias, or the ARN of either."""
        if key.startswith("arn:"):
            region, account = key.split(":")[3:5]
        if account not in self.accounts:
            return None
        with self.lock:
            kms = get_backend("kms")[account][region]
            found = kms.keys.get(kms.any_id_to_key_id(key))
            return str(found.arn) if found and found.key_manager == "CUSTOMER" else None

    def secret_arn(self, name: str, account: str, region: str) -> str | None:
        """Return the ARN of a secret with this name, which ends with six random characters."""
        with self.lock:
            secret = get_backend("secretsmanager")[account][region].secrets.get(name)
            return str(secret.arn) if secret else None

    def instance_profile_arn(self, name: str, account: str) -> str | None:
        """Return the ARN, with its path, of an instance profile."""
        with self.lock:
            profiles = iam_backends[account][self.accounts[account].partition].instance_profiles.values()
            return next((str(profile.arn) for profile in profiles if profile.name == name), None)

    def scheduled_rules(self) -> list[Rule]:
        """Return the enabled rules that have a schedule, of all accounts, regions and event buses."""
        with self.lock:
            return [
                Rule(name=rule.name, arn=rule.arn, account=account, region=region, targets=tuple(rule.targets))
                for account in self.accounts
                for region, events in list(events_backends[account].items())
                for bus in events.event_buses.values()
                for rule in bus.rules.values()
                if rule.scheduled_expression and rule.state == "ENABLED"
            ]

    def write_log(self, account: str, region: str, group: str, stream: str, lines: Iterable[tuple[int, str]]) -> None:
        """Append lines (milliseconds since 1970, text) to a log stream if its log group exists."""
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


@cache
def _aws_managed_policies(partition: str) -> list[Any]:
    """Return the AWS managed policies. Cached, since moto would parse all of them for each account, which is slow."""
    default_user_config["iam"]["load_aws_managed_policies"] = True
    try:
        return list(IAMBackend(partition, "").aws_managed_policies)
    finally:
        default_user_config["iam"]["load_aws_managed_policies"] = False


def trust_policy_error(document: str) -> str:
    """Return the first error in a trust policy, '' for a valid one. Does not check whether its principals exist."""
    try:
        IAMTrustPolicyDocumentValidator(document).validate()
    except ServiceException as error:
        return str(error.message)
    return ""


def _name_and_qualifier(name: str, qualifier: str | None) -> tuple[str, str | None]:
    """Split `name`, `name:qualifier`, `ACCOUNT:function:name` or an ARN."""
    match = re.fullmatch(r"(?:(?:arn:[^:]+:lambda:[^:]*:)?\d{12}:function:)?([\w-]+)(?::([\w$-]+))?", name)
    return (match[1], match[2] or qualifier) if match else (name, qualifier)
