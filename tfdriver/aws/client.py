"""Calls AWS with boto3 and translates its errors. The only module that imports boto3.

Calls have short timeouts and few retries, so that an endpoint that does not respond is reported within seconds, before
Terraform starts: its provider retries for more than a minute.
"""

from __future__ import annotations

import logging
import os
import shlex
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from copy import copy
from functools import cache, partial
from json import JSONDecodeError
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore import exceptions as errors
from botocore.config import Config
from botocore.hooks import HierarchicalEmitter
from botocore.loaders import Loader, create_loader
from botocore.parsers import ResponseParserError

from tfdriver import redaction
from tfdriver.aws.calls import CLOCK_HINT, SESSION_NAME, Answer, AwsError, Caller, is_clock_error
from tfdriver.aws.profile_rules import misplaced_section, refused_by_terraform, with_source_profiles
from tfdriver.aws.profile_session import ProfileSession
from tfdriver.errors import Code, TfdriverError
from tfdriver.iam.policy_document import parse_policy
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.spec.model import Account

T = TypeVar("T")
_LOG = logging.getLogger(__name__)

_CONFIG = Config(connect_timeout=4, read_timeout=10, retries={"max_attempts": 3, "mode": "standard"})
_SHORTEST_SESSION = 900  # seconds
# A Lambda function may run for some time, and must not be invoked twice.
_LAMBDA_CONFIG = Config(connect_timeout=4, read_timeout=90, retries={"total_max_attempts": 1})
# Settings of botocore that ignore the local configuration: (profile key, environment variable, default, conversion).
_NO_FILES = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None)) | {
    "profile": (None, None, None, None)
}
_FIX_FILE = "Fix the invalid line in that file"
_CHECK_NETWORK = "Check the network and AWS_ENDPOINT_URL"
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_BAD_KEYS = ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidAccessKeyId")
# Raised, besides botocore's own errors, by a credential_process, an unreadable file or an invalid endpoint.
_CREDENTIAL_ERRORS = (OSError, ValueError)


@cache
def known_regions() -> Mapping[str, str]:
    """Return the partition of each region that the installed botocore knows."""
    session = botocore.session.Session(_NO_FILES)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    return {
        region: partition
        for partition in session.get_available_partitions()
        for service in ("iam", "sts", "dynamodb")
        for region in session.get_available_regions(service, partition_name=partition)
        if "global" not in region
    }


def profile_region(profile: str) -> str | None:
    """Return the region that an AWS profile sets, or None. Raises TfdriverError for an invalid configuration file."""
    found = _profiles(profile).get(profile, {}).get("region")
    return found if isinstance(found, str) else None


def takes_keys_from_environment(profile: str) -> bool:
    """Whether an AWS profile, or one of its source profiles, has `credential_source = Environment`.

    Raises TfdriverError for an invalid configuration file.
    """
    chain = with_source_profiles(_profiles(profile), profile)
    return any(str(config.get("credential_source", "")).lower() == "environment" for _, config in chain)


def _profiles(profile: str) -> Mapping[str, Any]:
    """Return the profiles of the local configuration by name. profile: for the error message."""
    try:
        found: Mapping[str, Any] = _session_without_profile().full_config.get("profiles", {})
    except errors.BotoCoreError as error:
        raise TfdriverError(
            str(error), code="invalid_aws_config", where=f"profile {profile}", hint=_FIX_FILE
        ) from error
    return found


def _session_without_profile() -> botocore.session.Session:
    """Return a session for reading the configuration, even if AWS_PROFILE does not exist."""
    # Only clients need the handlers. Registering them takes most of the time of creating a session.
    return ProfileSession({"profile": (None, None, None, None)}, include_builtin_handlers=False)


def new_session(profile: str) -> boto3.Session:
    """Return a session for a profile. Reads the configuration only. Raises boto's errors."""
    session = ProfileSession(profile=profile, event_hooks=copy(_handlers()), include_builtin_handlers=False)
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))
    session.prefer_keys()
    session.register("before-call", _record_start)
    session.register("after-call", partial(_log_call, profile))
    return boto3.Session(botocore_session=session)


@cache
def _handlers() -> HierarchicalEmitter:
    """Return botocore's own event handlers, copied for each session because registering them is slow."""
    emitter = HierarchicalEmitter()
    botocore.session.Session(_NO_FILES, event_hooks=emitter)  # registers them
    return emitter


def _record_start(context: dict[str, Any], **_: Any) -> None:
    context["tfdriver_started"] = time.monotonic()


def _log_call(profile: str, model: Any, context: Mapping[str, Any], http_response: Any, **_: Any) -> None:
    seconds = time.monotonic() - context["tfdriver_started"]
    service = model.service_model.service_name
    _LOG.debug("%s %s, profile %s: HTTP %d, %.1f s", service, model.name, profile, http_response.status_code, seconds)


@cache
def _loader(path: str | None) -> Loader:
    """Return the loader of botocore's service descriptions, shared by all sessions because parsing them is slow.

    path: folders of the user's descriptions, as in AWS_DATA_PATH.
    """
    return create_loader(path)


class Aws:
    """AWS, with the profiles of a spec's accounts. Safe to use from several threads.

    secrets: hidden by `hide`, in addition to the secrets of the profiles.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, boto3.Session] = {}
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._secrets = redaction.Secrets(secrets)

    def hide(self, text: str) -> str:
        """Return a text without the secret keys and session tokens of the profiles used so far, and other secrets."""
        return self._secrets.hide(text)

    def caller(self, account: Account) -> Caller:
        """Return the identity of the account's profile. Reads its credentials again, as Terraform will.

        Further calls use these credentials, unless they are of another account than the spec's. Raises AwsError.
        """
        with self._translated_errors(account, *_CREDENTIAL_ERRORS), self._lock:
            session = self._new_session(account)
            sts = session.client("sts", region_name=account.region, config=_CONFIG)
        with self._translated_errors(account):
            answer = sts.get_caller_identity()
        if answer["Account"] == account.id:
            with self._lock:
                self._sessions[account.profile] = session
                self._clients = {key: client for key, client in self._clients.items() if key[0] != account.profile}
        return Caller(answer["Account"], answer["Arn"])

    def read_role(self, account: Account, name: str) -> LiveRole | Unreadable | None:
        """Return a role as iam:GetRole returns it, or None if it does not exist."""
        try:
            role = self.call(account, "iam", lambda iam: iam.get_role(RoleName=name))["Role"]
        except AwsError as error:
            return None if error.missing else Unreadable(str(error).rstrip("."))
        return LiveRole(
            arn=role["Arn"],
            role_id=role["RoleId"],
            trust_policy=parse_policy(role["AssumeRolePolicyDocument"]),
            tags={tag["Key"]: tag["Value"] for tag in role.get("Tags", [])},
            created=role.get("CreateDate"),
        )

    def call(self, account: Account, service: str, ask: Callable[[Any], T]) -> T:
        """Return the result of `ask`, called with a client of the service. Raises AwsError."""
        return self._call(account, service, ask)

    def assume_role(self, account: Account, role_arn: str, external_id: str | None = None) -> _AssumedRole:
        """Return a session of a role that the account's profile may assume, for 15 minutes. Raises AwsError."""
        return self._assume_role(account, role_arn, external_id)

    def _call(
        self, account: Account, service: str, ask: Callable[[Any], T], keys: Mapping[str, str] | None = None
    ) -> T:
        """Return the result of `ask`. keys: of an assumed role, as arguments for a client. Raises AwsError."""
        with self._translated_errors(account, *_CREDENTIAL_ERRORS):
            client = self._client(account, service, keys)
        with self._translated_errors(account):
            return ask(client)

    def _assume_role(
        self, account: Account, role_arn: str, external_id: str | None, keys: Mapping[str, str] | None = None
    ) -> _AssumedRole:
        request = {"RoleArn": role_arn, "RoleSessionName": SESSION_NAME, "DurationSeconds": _SHORTEST_SESSION}
        if external_id is not None:
            request["ExternalId"] = external_id
        answer = self._call(account, "sts", lambda sts: sts.assume_role(**request), keys)
        found = answer["Credentials"]
        self._secrets.add({found["SecretAccessKey"], found["SessionToken"]})
        keys = {
            "aws_access_key_id": found["AccessKeyId"],
            "aws_secret_access_key": found["SecretAccessKey"],
            "aws_session_token": found["SessionToken"],
        }
        return _AssumedRole(self, keys, str(answer["ResponseMetadata"]["RequestId"]))

    @contextmanager
    def _translated_errors(self, account: Account, *also: type[Exception]) -> Iterator[None]:
        """Raise AwsError in place of boto's errors, and of `also`."""
        try:
            yield
        except errors.ClientError as error:
            raise _error_response(error, account, self.hide) from error
        except (errors.BotoCoreError, errors.HTTPClientError, ResponseParserError, *also) as error:
            code, what, hint = _problem(error, account)
            what = self.hide(what).strip().rstrip(".:")
            raise AwsError(what, code=code, where=_where(account), hint=hint) from error

    def _client(self, account: Account, service: str, keys: Mapping[str, str] | None) -> Any:
        key = (account.profile, account.region, service)
        with self._lock:  # boto3: creating sessions and clients is not thread-safe
            if (session := self._sessions.get(account.profile)) is not None:
                self._secrets.add(_secrets(session))  # also refreshes expired credentials, which may fail
            if keys is not None or key not in self._clients:
                session = session or self._new_session(account)
                self._sessions[account.profile] = session
                config = _LAMBDA_CONFIG if service == "lambda" else _CONFIG
                client = session.client(service, region_name=account.region, config=config, **(keys or {}))
                if keys is not None:
                    return client
                self._clients[key] = client
            return self._clients[key]

    def _new_session(self, account: Account) -> boto3.Session:
        session = new_session(account.profile)
        profiles = session._session.full_config.get("profiles", {})
        _refuse_mfa(profiles, account)
        if refused := refused_by_terraform(profiles, account.profile):
            raise AwsError(refused.what, code="invalid_aws_config", where=_where(account), hint=refused.hint)
        self._secrets.add(_secrets(session))
        return session


class _AssumedRole:
    """A session of an assumed role; see `calls.AssumedRole`. keys: as arguments for a client, never shown."""

    def __init__(self, aws: Aws, keys: Mapping[str, str], request_id: str) -> None:
        self._aws = aws
        self._keys = keys
        self.request_id = request_id

    def call(self, account: Account, service: str, ask: Callable[[Any], T]) -> T:
        """Return the result of `ask`, called with a client of the service. Raises AwsError."""
        return self._aws._call(account, service, ask, self._keys)

    def assume_role(self, account: Account, role_arn: str, external_id: str | None = None) -> _AssumedRole:
        """Return a session of a role that the assumed role may assume. Raises AwsError."""
        return self._aws._assume_role(account, role_arn, external_id, self._keys)


def _where(account: Account) -> str:
    return f"account {account.name} (profile {account.profile})" if account.name else f"profile {account.profile}"


def _secrets(session: boto3.Session) -> set[str]:
    try:
        found = session.get_credentials()
        frozen = found.get_frozen_credentials() if found else None
    except (AttributeError, TypeError) as error:  # botocore does not check the output of a credential_process
        message = "its output is not a JSON object of strings"
        raise errors.CredentialRetrievalError(provider="custom-process", error_msg=message) from error
    return {value for value in (frozen.secret_key, frozen.token) if value} if frozen else set()


def _refuse_mfa(profiles: Mapping[str, Any], account: Account) -> None:
    """Refuse a profile that assumes a role with MFA, or has such a source profile.

    Terraform's provider cannot ask for a code, and boto would wait for one.
    """
    chain = with_source_profiles(profiles, account.profile)
    with_mfa = next((name for name, config in chain if {"role_arn", "mfa_serial"} <= config.keys()), None)
    if with_mfa is not None:
        which = "the profile" if with_mfa == account.profile else f"its source_profile {with_mfa}"
        raise AwsError(
            f"{which} asks for an MFA code, which Terraform cannot enter",
            code="mfa_required",
            where=_where(account),
            hint="Get temporary credentials with `aws sts get-session-token` or a tool like aws-vault, "
            "and put them into a separate profile",
        )


def _error_response(error: errors.ClientError, account: Account, hide: Callable[[str], str]) -> AwsError:
    body, metadata = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    answer = Answer(
        code=str(body.get("Code", "")),
        message=hide(str(body.get("Message", ""))),
        status=int(metadata.get("HTTPStatusCode", 0)),
        request_id=str(metadata.get("RequestId", "")),
    )
    code: Code = "aws_call_failed"
    what, hint = f"{error.operation_name} was refused: {answer.code}: {answer.message.rstrip('.')}", ""
    if is_clock_error(f"{answer.code}: {answer.message}"):
        code, hint = "clock_skew", CLOCK_HINT
        what = f"the clock of this machine is wrong: {answer.code}: {answer.message.rstrip('.')}"
    elif answer.code in _EXPIRED:
        code, what, hint = "expired_credentials", "the credentials have expired", "Log in again"
    elif answer.code in _BAD_KEYS:
        code, what = "rejected_credentials", f"AWS does not accept the credentials ({answer.code})"
        hint = "Check the profile's access key and secret"
    return AwsError(what, code=code, where=_where(account), hint=hint, answer=answer)


def _problem(error: Exception, account: Account) -> tuple[Code, str, str]:
    """Return the code, the message and the hint for an error without a response from AWS."""
    profile = shlex.quote(account.profile)
    match error:
        case errors.ProfileNotFound():
            existing = ", ".join(sorted(_session_without_profile().available_profiles)) or "none"
            configure = f"`aws configure --profile {profile}` or `aws configure sso --profile {profile}`"
            hint = f"Run {configure}, or use an existing profile: {existing}"
            return "profile_not_found", "the AWS profile does not exist", _misplaced(account) or hint
        case errors.NoCredentialsError() | errors.PartialCredentialsError():
            hint = "Give the profile an access key and a secret, a role or an SSO session"
            return "no_credentials", "the profile has no complete credentials", _misplaced(account) or hint
        case errors.SSOError() | errors.TokenRetrievalError():
            return "sso_login_required", "the SSO session has ended", f"Run `aws sso login --profile {profile}`"
        case errors.EndpointConnectionError() | errors.ConnectTimeoutError() | errors.HTTPClientError():
            return "aws_unreachable", f"AWS cannot be reached: {error}", _CHECK_NETWORK
        case ResponseParserError():
            return "aws_unreachable", "the endpoint returned a response that is not AWS's", _CHECK_NETWORK
        case errors.ConfigParseError():
            return "invalid_aws_config", str(error), _FIX_FILE
        case OSError():  # from the profile's program or file
            what = f"the profile's credentials cannot be read: {error.filename or ''}: {error.strerror or error}"
            return "no_credentials", what, "Check the profile's credential_process or web_identity_token_file"
        case JSONDecodeError() | UnicodeDecodeError():
            what = f"the output of the profile's program is not JSON: {error}"
            return "no_credentials", what, "Check the profile's credential_process"
        case ValueError():
            return "invalid_aws_config", str(error), "Check AWS_ENDPOINT_URL"
        case _:
            return "invalid_aws_config", str(error), "Check the profile in the AWS configuration"


def _misplaced(account: Account) -> str:
    return misplaced_section(_session_without_profile().full_config, account.profile)
