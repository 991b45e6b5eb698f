"""What Terraform's AWS provider asks of a profile, where botocore asks less. Pure; no I/O.

Sources: AWS SDKs and tools, "Assume role provider"; aws-sdk-go-v2, config/shared_config.go
(`validateCredentialsRequireARN`, `validateCredentialType`), with which the provider reads profiles.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tfdriver.spec.names import Reason

_Profiles = Mapping[str, Mapping[str, Any]]
_WITH_ROLE = ("source_profile", "credential_source", "web_identity_token_file")
_BESIDES_KEYS = ("credential_source", "web_identity_token_file")
_SOURCES = (*_WITH_ROLE, "credential_process")


def with_source_profiles(profiles: _Profiles, name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield a profile and its source profiles, each once, with their names. profiles: all, by name.

    botocore ignores the `source_profile` of a profile without a role.
    """
    visited = set[str]()
    while name in profiles and name not in visited:
        visited.add(name)
        config = profiles[name]
        yield name, config
        name = config.get("source_profile", "") if "role_arn" in config else ""


def refused_by_terraform(profiles: _Profiles, name: str) -> Reason | None:
    """Return why Terraform's provider refuses a profile that botocore accepts, or None."""
    for found, config in with_source_profiles(profiles, name):
        which = "the profile" if found == name else f"its source_profile {found}"
        sources = [key for key in _SOURCES if config.get(key)]
        lacking = next((key for key in _WITH_ROLE if config.get(key) and not config.get("role_arn")), None)
        if lacking:
            what = f"{which} has {lacking} without role_arn, which Terraform refuses"
            return Reason(what, f"In profile {found} of the AWS configuration, add role_arn or remove {lacking}")
        if found != name and config.get("aws_access_key_id"):
            return None
        if config.get("aws_access_key_id") and (other := next((s for s in sources if s in _BESIDES_KEYS), None)):
            what = f"{which} has access keys and {other}, and Terraform would use the access keys"
            return Reason(what, f"In profile {found} of the AWS configuration, remove the access keys or {other}")
        if len(sources) > 1:
            what = f"{which} has {' and '.join(sources)}, of which Terraform accepts one"
            return Reason(what, f"In profile {found} of the AWS configuration, remove all of them but one")
    return None


def misplaced_section(config: Mapping[str, Any], profile: str) -> str:
    """Return a hint if a profile's section has the name that the other configuration file requires, else ''.

    config: `full_config` of botocore, whose `profiles` have all sections of the credentials file.
    """
    if f"profile {profile}" in config.get("profiles", {}):
        return f"In the credentials file, write [{profile}] instead of [profile {profile}]"
    if profile in config:
        return f"In the config file, write [profile {profile}] instead of [{profile}]"
    return ""
