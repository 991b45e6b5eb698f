"""The environment Terraform gets: an allow-list. Pure; no I/O.

Terraform obeys its environment silently: `TF_CLI_ARGS_apply=-destroy` turns an apply into a destroy, `TF_WORKSPACE`
makes a second copy of everything. So nothing goes through that is not named here.
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
# Where a container or a virtual machine gets its credentials. Clients ask there only for a profile that says so
# (`credential_source`) or that has no credentials of its own: tried with the AWS provider 5.100 and with botocore.
_MACHINE = frozenset(
    """
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI AWS_CONTAINER_CREDENTIALS_FULL_URI AWS_CONTAINER_AUTHORIZATION_TOKEN
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE AWS_EC2_METADATA_DISABLED AWS_EC2_METADATA_SERVICE_ENDPOINT
    AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE AWS_EC2_METADATA_V1_DISABLED
    """.split()
)
# TF_TOKEN_*: logins to module and provider registries, by host name.
_ALLOWED_PREFIXES = ("AWS_ENDPOINT_URL", "TF_TOKEN_")
_KEYS = frozenset({"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"})

# What else would lead to other credentials, or a Terraform elsewhere; worth a word when it is set and dropped.
_TELLING = _KEYS | {"AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_ROLE_ARN", "AWS_WEB_IDENTITY_TOKEN_FILE"}
_HANDLED = frozenset({"TF_CLI_CONFIG_FILE", "TF_IN_AUTOMATION", "TF_INPUT"})
LOG_PATH = "TF_LOG_PATH"
_LOG_LEVELS = ("TF_LOG", "TF_LOG_CORE", "TF_LOG_PROVIDER")


def terraform_environment(
    environ: Mapping[str, str], cli_config: Path | None, *, with_keys: bool = False
) -> dict[str, str]:
    """Return Terraform's whole environment.

    environ: ours; cli_config: the CLI configuration file to use, None for Terraform's own default; with_keys: whether a
    profile takes its credentials from the environment (`credential_source = Environment`). Any other profile still goes
    before them: the provider says so itself, and the test of `credential_source` shows it.
    Endpoint overrides (`AWS_ENDPOINT_URL*`) go through: the sandbox works by them.
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


def logs_to_stderr(environment: Mapping[str, str]) -> bool:
    """Whether Terraform writes a log among its error messages: a level is set, and no file.

    Source: Terraform, "Debugging Terraform".
    """
    return LOG_PATH not in environment and any(environment.get(name) for name in _LOG_LEVELS)


def without_log(environment: Mapping[str, str]) -> dict[str, str]:
    """Return Terraform's environment without the variables that make it write a log."""
    return {name: value for name, value in environment.items() if name not in (*_LOG_LEVELS, LOG_PATH)}


def ignored(environ: Mapping[str, str], given: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of set variables that tell Terraform or AWS's clients something, and that Terraform lacks.

    environ: ours; given: Terraform's.
    """
    telling = (k for k in environ if k in _TELLING or (k.startswith("TF_") and k not in _HANDLED))
    return tuple(sorted(k for k in telling if given.get(k) != environ[k]))
