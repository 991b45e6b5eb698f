"""Terraform's environment: an allow-list of variables. Pure; no I/O.

Terraform reads its environment silently: `TF_CLI_ARGS_apply=-destroy` turns an apply into a destroy, `TF_WORKSPACE`
selects another state.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_ALLOWED = frozenset(
    """
    PATH HOME USER LOGNAME SHELL TMPDIR TEMP TMP LANG LC_ALL LC_CTYPE TZ SSH_AUTH_SOCK XDG_CONFIG_HOME XDG_CACHE_HOME
    XDG_DATA_HOME GOGC GOMEMLIMIT GOMAXPROCS
    HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR GIT_SSL_CAINFO
    TF_PLUGIN_CACHE_DIR TF_LOG TF_LOG_CORE TF_LOG_PROVIDER TF_LOG_PATH
    AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CA_BUNDLE AWS_MAX_ATTEMPTS
    AWS_RETRY_MODE AWS_USE_FIPS_ENDPOINT AWS_USE_DUALSTACK_ENDPOINT AWS_STS_REGIONAL_ENDPOINTS
    AWS_IGNORE_CONFIGURED_ENDPOINT_URLS
    """.split()
)
# Credential endpoints of a container or an instance. Clients use them only for a profile with `credential_source` or
# without credentials of its own (tried with the AWS provider 5.100 and with botocore).
_MACHINE = frozenset(
    """
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE AWS_EC2_METADATA_DISABLED AWS_EC2_METADATA_SERVICE_ENDPOINT
    AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE AWS_EC2_METADATA_V1_DISABLED
    """.split()
)
# TF_TOKEN_*: tokens for module and provider registries, by host name. The others are read by version managers, whose
# `terraform` on the PATH chooses and starts the real one (tfenv, tofuenv, tenv, asdf, mise).
_ALLOWED_PREFIXES = ("AWS_ENDPOINT_URL", "TF_TOKEN_", "TFENV_", "TOFUENV_", "TENV_", "ASDF_", "MISE_")
# What git needs to fetch a module, for `init` alone. Not GIT_DIR and the like, which git sets for its hooks. Source:
# git's manual, "Environment Variables".
_GIT = frozenset(
    """
    GIT_SSH GIT_SSH_COMMAND GIT_SSH_VARIANT GIT_ASKPASS SSH_ASKPASS SSH_ASKPASS_REQUIRE SSH_AGENT_PID DISPLAY
    GIT_TERMINAL_PROMPT GIT_PROXY_COMMAND GIT_ALLOW_PROTOCOL GIT_PROTOCOL_FROM_USER
    GIT_SSL_CAINFO GIT_SSL_CAPATH GIT_SSL_CERT GIT_SSL_KEY GIT_SSL_NO_VERIFY GIT_HTTP_PROXY_AUTHMETHOD
    """.split()
)
_GIT_PREFIX = "GIT_CONFIG"
_KEYS = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})

# Variables that select credentials: a warning names those that are set and not passed on.
_WARNED = _KEYS | {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}
_HANDLED = frozenset({"TF_CLI_CONFIG_FILE", "TF_IN_AUTOMATION", "TF_INPUT"})
LOG_PATH = "TF_LOG_PATH"
_LOG_LEVELS = ("TF_LOG", "TF_LOG_CORE", "TF_LOG_PROVIDER")


def terraform_environment(
    environ: Mapping[str, str], cli_config: Path | None, *, with_keys: bool = False
) -> dict[str, str]:
    """Return Terraform's whole environment.

    environ: tfdriver's; cli_config: the CLI configuration file, None for Terraform's default; with_keys: whether to
    pass on access keys, for a profile with `credential_source = Environment`. The provider prefers the credentials
    of any other profile. Endpoint overrides (`AWS_ENDPOINT_URL*`) are passed on for the sandbox.
    """
    allowed = _ALLOWED | _MACHINE | (_KEYS if with_keys else frozenset())
    kept = {k: v for k, v in environ.items() if k in allowed or k.startswith(_ALLOWED_PREFIXES)}
    if cli_config is not None:
        kept["TF_CLI_CONFIG_FILE"] = str(cli_config)
    return kept | {
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "TF_WORKSPACE": "default",  # also overrules a workspace selected in .terraform/environment
        "CHECKPOINT_DISABLE": "1",
    }


def git_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that `init` receives in addition, to fetch modules with git. environ: tfdriver's."""
    return {k: v for k, v in environ.items() if k in _GIT or k.startswith(_GIT_PREFIX)}


def logs(environment: Mapping[str, str]) -> bool:
    """Whether Terraform writes a log (Terraform's documentation, "Debugging Terraform")."""
    return any(environment.get(name) for name in _LOG_LEVELS)


def logs_to_stderr(environment: Mapping[str, str]) -> bool:
    """Whether Terraform writes its log to stderr: a level is set, but no file."""
    return LOG_PATH not in environment and logs(environment)


def without_log(environment: Mapping[str, str]) -> dict[str, str]:
    """Return Terraform's environment without its logging variables."""
    return {name: value for name, value in environment.items() if name not in (*_LOG_LEVELS, LOG_PATH)}


def ignored(environ: Mapping[str, str], given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of variables for Terraform or AWS clients that do not reach Terraform unchanged.

    environ: tfdriver's; given: Terraform's.
    """
    relevant = (k for k in environ if k in _WARNED or (k.startswith(("TF_", "GIT_")) and k not in _HANDLED))
    return tuple(sorted(k for k in relevant if given.get(k) != environ[k]))
