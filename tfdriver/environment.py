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
    XDG_DATA_HOME
    HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy SSL_CERT_FILE SSL_CERT_DIR GIT_SSL_CAINFO
    AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CA_BUNDLE AWS_EC2_METADATA_DISABLED AWS_MAX_ATTEMPTS
    AWS_RETRY_MODE AWS_USE_FIPS_ENDPOINT AWS_USE_DUALSTACK_ENDPOINT AWS_STS_REGIONAL_ENDPOINTS
    """.split()
)

# Variables that would change what Terraform does or to whom; worth a word when they are set and dropped.
_DANGEROUS_PREFIXES = ("TF_CLI_ARGS", "TF_VAR_", "TF_REATTACH_PROVIDERS")
_DANGEROUS = frozenset({"TF_WORKSPACE", "TF_DATA_DIR", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SESSION_TOKEN"})


def terraform_environment(environ: Mapping[str, str], cli_config: Path | None) -> dict[str, str]:
    """Return Terraform's whole environment.

    environ: ours; cli_config: the CLI configuration file to use, None for Terraform's own default.
    Endpoint overrides (`AWS_ENDPOINT_URL*`) go through: the sandbox works by them.
    """
    kept = {k: v for k, v in environ.items() if k in _ALLOWED or k.startswith("AWS_ENDPOINT_URL")}
    if cli_config is not None:
        kept["TF_CLI_CONFIG_FILE"] = str(cli_config)
    return kept | {
        "TF_IN_AUTOMATION": "1",
        "TF_INPUT": "0",
        "TF_WORKSPACE": "default",  # also overrules a workspace selected in .terraform/environment
        "CHECKPOINT_DISABLE": "1",
    }


def ignored(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of set variables that would have changed what Terraform does, and that it will not see."""
    return tuple(sorted(k for k in environ if k in _DANGEROUS or k.startswith(_DANGEROUS_PREFIXES)))
