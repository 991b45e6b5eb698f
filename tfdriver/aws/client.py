"""The one door to boto3: what AWS says, and why it did not say it.

Every call has short time-outs and few retries: a dead endpoint must be known in seconds, before Terraform (whose
provider tries for more than a minute) is started.
"""

from __future__ import annotations

import logging
import os
import shlex
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache, partial
from json import JSONDecodeError
from typing import Any, TypeVar

import boto3
import botocore.session
from botocore import exceptions as errors
from botocore.config import Config
from botocore.loaders import Loader, create_loader
from botocore.parsers import ResponseParserError

from tfdriver import redaction
from tfdriver.aws.calls import Answer, AwsError, Caller
from tfdriver.errors import Code, TfdriverError
from tfdriver.iam.policy_document import parse_policy
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.spec.model import Account

T = TypeVar("T")
_LOG = logging.getLogger(__name__)

_CONFIG = Config(connect_timeout=4, read_timeout=10, retries={"max_attempts": 3, "mode": "standard"})
# A function may run for a while before it answers, and must not be run again because it did.
_LAMBDA_CONFIG = Config(connect_timeout=4, read_timeout=90, retries={"total_max_attempts": 1})
# Botocore's variables, each as (in a profile, in the environment, default, conversion): nobody's configuration.
_NO_FILES = dict.fromkeys(("config_file", "credentials_file"), (None, None, os.devnull, None)) | {
    "profile": (None, None, None, None)
}
_FIX_FILE = "Fix the invalid line in that file"
_CHECK_NETWORK = "Check the network and AWS_ENDPOINT_URL"
_EXPIRED = ("ExpiredToken", "ExpiredTokenException", "RequestExpired")
_BAD_KEYS = ("InvalidClientTokenId", "UnrecognizedClientException", "SignatureDoesNotMatch", "InvalidAccessKeyId")


@cache
def known_regions() -> Mapping[str, str]:
    """Return partition by region, for all regions that the installed botocore knows."""
    session = botocore.session.Session(_NO_FILES)
    session.register_component("data_loader", _data(session.get_config_variable("data_path")))
    return {
        region: partition
        for partition in session.get_available_partitions()
        for service in ("iam", "sts", "dynamodb")
        for region in session.get_available_regions(service, partition_name=partition)
        if "global" not in region
    }


def profile_region(profile: str) -> str | None:
    """Return the region that an AWS profile sets in the local configuration, or None.

    Raises TfdriverError for a configuration file that cannot be read.
    """
    found = _profiles(profile).get(profile, {}).get("region")
    return found if isinstance(found, str) else None


def takes_keys_from_environment(profile: str) -> bool:
    """Whether an AWS profile, or one that it takes its credentials from, has `credential_source = Environment`.

    Raises as `profile_region`.
    """
    chain = _chain(_profiles(profile), profile)
    return any(str(config.get("credential_source", "")).lower() == "environment" for _, config in chain)


def _chain(profiles: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Give a profile, then those that it takes its credentials from, each once. profiles: all there are, by name.

    Only a profile that names a role has use for a `source_profile`. Source: AWS SDKs and tools, "Assume role provider".
    """
    looked_at = set[str]()
    while name in profiles and name not in looked_at:
        looked_at.add(name)
        config = profiles[name]
        yield name, config
        name = config.get("source_profile", "") if "role_arn" in config else ""


def _profiles(profile: str) -> Mapping[str, Any]:
    """Return the profiles of the local configuration by name. profile: the one that is wanted, for the message."""
    try:
        found: Mapping[str, Any] = _no_profile().full_config.get("profiles", {})
    except errors.BotoCoreError as error:
        raise TfdriverError(
            str(error), code="invalid_aws_config", where=f"profile {profile}", hint=_FIX_FILE
        ) from error
    return found


def _no_profile() -> botocore.session.Session:
    """Return a session that only reads the configuration; an AWS_PROFILE that does not exist cannot break it."""
    # The handlers are for clients, and registering them takes most of the time of making a session.
    return botocore.session.Session({"profile": (None, None, None, None)}, include_builtin_handlers=False)


def new_session(profile: str) -> boto3.Session:
    """Return a session for a profile, with nothing read yet but its configuration. Raises boto's errors."""
    session = botocore.session.Session(profile=profile)
    session.register_component("data_loader", _data(session.get_config_variable("data_path")))
    session.register("before-call", _note_start)
    session.register("after-call", partial(_log_call, profile))
    return boto3.Session(botocore_session=session)


def _note_start(context: dict[str, Any], **_: Any) -> None:
    context["tfdriver_started"] = time.monotonic()


def _log_call(profile: str, model: Any, context: Mapping[str, Any], http_response: Any, **_: Any) -> None:
    seconds = time.monotonic() - context["tfdriver_started"]
    service = model.service_model.service_name
    _LOG.debug("%s %s, profile %s: HTTP %d, %.1f s", service, model.name, profile, http_response.status_code, seconds)


@cache
def _data(path: str | None) -> Loader:
    """Return what reads botocore's descriptions of AWS: once for all sessions, for parsing them takes long.

    path: folders of the user's own descriptions, as in AWS_DATA_PATH. Threads at worst parse the same one twice.
    """
    return create_loader(path)


class Aws:
    """AWS as seen through the profiles of a spec's accounts. Safe to use from several threads.

    secrets: what `hide` hides besides what the profiles have.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, boto3.Session] = {}
        self._clients: dict[tuple[str, str, str], Any] = {}
        self._secrets = set(secrets)

    def hide(self, text: str) -> str:
        """Return a text without the secret keys and session tokens of the profiles used so far, and other secrets."""
        with self._lock:
            return redaction.hide(text, self._secrets)

    def caller(self, account: Account) -> Caller:
        """Return who the account's profile is by now: its credentials are read anew, as Terraform will read them.

        From then on they are used for everything else, but only if they are in the account that the spec says: where
        somebody has logged in to another one under that name, what is asked next still is about ours. Raises AwsError.
        """

        def prepare() -> tuple[boto3.Session, Any]:
            with self._lock:
                session = self._new_session(account)
                return session, session.client("sts", region_name=account.region, config=_CONFIG)

        session, sts = self._prepared(account, prepare)
        answer = self._told(account, sts.get_caller_identity)
        if answer["Account"] == account.id:
            self._use(session, account)
        return Caller(answer["Account"], answer["Arn"])

    def role(self, account: Account, name: str) -> LiveRole | None:
        """Return a role as iam:GetRole shows it, or None if there is no such role. Raises AwsError."""
        try:
            role = self.call(account, "iam", lambda iam: iam.get_role(RoleName=name))["Role"]
        except AwsError as error:
            if error.missing:
                return None
            raise
        tags = {tag["Key"]: tag["Value"] for tag in role.get("Tags", [])}
        policy = parse_policy(role["AssumeRolePolicyDocument"])
        return LiveRole(role["Arn"], role["RoleId"], policy, tags, role.get("CreateDate"))

    def look(self, account: Account, name: str) -> LiveRole | Unreadable | None:
        """As `role`, with Unreadable in place of a raised AwsError."""
        try:
            return self.role(account, name)
        except AwsError as error:
            return Unreadable(str(error).rstrip("."))

    def call(self, account: Account, service: str, ask: Callable[[Any], T]) -> T:
        """Return what `ask` returns when given a client of the service. Raises AwsError in place of boto's errors."""
        client = self._prepared(account, lambda: self._client(account, service))
        return self._told(account, lambda: ask(client))

    def _prepared(self, account: Account, prepare: Callable[[], T]) -> T:
        """Return what `prepare` returns; it reads the profile's configuration and credentials, and calls nothing."""
        try:
            return self._told(account, prepare)
        except (OSError, ValueError) as error:
            raise _unreachable(error, _where(account), account, self.hide) from error

    def _told(self, account: Account, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except errors.ClientError as error:
            raise _refused(error, _where(account), self.hide) from error
        except (errors.BotoCoreError, errors.HTTPClientError, ResponseParserError) as error:
            raise _unreachable(error, _where(account), account, self.hide) from error

    def _client(self, account: Account, service: str) -> Any:
        key = (account.profile, account.region, service)
        with self._lock:  # creating sessions and clients is not thread-safe in boto3; using clients is
            if (session := self._sessions.get(account.profile)) is not None:
                self._secrets |= _secrets(session)  # refreshes expired credentials here, where a program may fail
            if key not in self._clients:
                session = session or self._new_session(account)
                self._sessions[account.profile] = session
                config = _LAMBDA_CONFIG if service == "lambda" else _CONFIG
                self._clients[key] = session.client(service, region_name=account.region, config=config)
            return self._clients[key]

    def _new_session(self, account: Account) -> boto3.Session:
        session = new_session(account.profile)
        _refuse_mfa(session, account)
        self._secrets |= _secrets(session)
        return session

    def _use(self, session: boto3.Session, account: Account) -> None:
        with self._lock:
            self._sessions[account.profile] = session
            self._clients = {key: client for key, client in self._clients.items() if key[0] != account.profile}


def _where(account: Account) -> str:
    return f"account {account.name} (profile {account.profile})"


def _secrets(session: boto3.Session) -> set[str]:
    try:
        found = session.get_credentials()
        frozen = found.get_frozen_credentials() if found else None
    except (AttributeError, TypeError) as error:  # botocore takes what a program prints for an object of text
        said = "it printed no object of text"
        raise errors.CredentialRetrievalError(provider="custom-process", error_msg=said) from error
    return {value for value in (frozen.secret_key, frozen.token) if value} if frozen else set()


def _refuse_mfa(session: boto3.Session, account: Account) -> None:
    """Refuse a profile that would ask for an MFA code: Terraform's provider cannot ask, and boto would block.

    The code is asked for where a role is assumed, be it for a profile further down; without a role, none ever is.
    """
    chain = _chain(session._session.full_config.get("profiles", {}), account.profile)
    asking = next((name for name, config in chain if {"role_arn", "mfa_serial"} <= config.keys()), None)
    if asking is not None:
        who = "the profile" if asking == account.profile else f"its source_profile {asking}"
        raise AwsError(
            f"{who} asks for an MFA code, which Terraform cannot enter",
            code="mfa_required",
            where=_where(account),
            hint="Get temporary credentials with `aws sts get-session-token` or a tool like aws-vault, "
            "and put them into a profile of their own",
        )


def _refused(error: errors.ClientError, where: str, hide: Callable[[str], str]) -> AwsError:
    answer = _answer(error, hide)
    code = answer.code
    if code in _EXPIRED:
        return AwsError(
            "the credentials have expired", code="expired_credentials", where=where, hint="Log in again", answer=answer
        )
    if code in _BAD_KEYS:
        hint = "Check the profile's access key and secret"
        return AwsError(
            f"AWS does not accept the credentials ({code})",
            code="rejected_credentials",
            where=where,
            hint=hint,
            answer=answer,
        )
    what = f"{error.operation_name} was refused: {code}: {answer.message.rstrip('.')}"
    return AwsError(what, where=where, answer=answer)


def _answer(error: errors.ClientError, hide: Callable[[str], str]) -> Answer:
    said, about = error.response.get("Error", {}), error.response.get("ResponseMetadata", {})
    return Answer(
        str(said.get("Code", "")),
        hide(str(said.get("Message", ""))),
        int(about.get("HTTPStatusCode", 0)),
        str(about.get("RequestId", "")),
    )


def _unreachable(error: Exception, where: str, account: Account, hide: Callable[[str], str]) -> AwsError:
    code, what, hint = _problem(error, account)
    return AwsError(hide(what).strip().rstrip(".:"), code=code, where=where, hint=hint)


def _problem(error: Exception, account: Account) -> tuple[Code, str, str]:
    """Return the code, the message and the hint for an error without an answer from AWS."""
    profile = shlex.quote(account.profile)
    match error:
        case errors.ProfileNotFound():
            existing = ", ".join(sorted(_no_profile().available_profiles)) or "none"
            configure = f"`aws configure --profile {profile}` or `aws configure sso --profile {profile}`"
            hint = f"Run {configure}, or use an existing profile: {existing}"
            return "profile_not_found", "there is no such AWS profile", hint
        case errors.NoCredentialsError() | errors.PartialCredentialsError():
            hint = "Give the profile an access key and a secret, a role or an SSO session"
            return "no_credentials", "the profile has no complete credentials", hint
        case errors.SSOError() | errors.TokenRetrievalError():
            return "sso_login_required", "the SSO session has ended", f"Run `aws sso login --profile {profile}`"
        case errors.EndpointConnectionError() | errors.ConnectTimeoutError() | errors.HTTPClientError():
            return "aws_unreachable", f"AWS cannot be reached: {error}", _CHECK_NETWORK
        case ResponseParserError():
            return "aws_unreachable", "the endpoint returned a response that is not AWS's", _CHECK_NETWORK
        case errors.ConfigParseError():
            return "invalid_aws_config", str(error), _FIX_FILE
        case OSError():  # botocore starts a program, or reads a file, that the profile names
            what = f"the profile's credentials cannot be read: {error.filename or ''}: {error.strerror or error}"
            return "no_credentials", what, "Check the profile's credential_process or web_identity_token_file"
        case JSONDecodeError() | UnicodeDecodeError():
            what = f"the output of the profile's program is not JSON: {error}"
            return "no_credentials", what, "Check the profile's credential_process"
        case ValueError():
            return "invalid_aws_config", str(error), "Check AWS_ENDPOINT_URL"
        case _:
            return "invalid_aws_config", str(error), "Check the profile in the AWS configuration"
