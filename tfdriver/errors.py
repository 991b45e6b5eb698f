"""Errors that are reported to users, their codes, and the exit codes.

Every expected failure is a `TfdriverError`, which the command line prints. Any other exception is reported as a bug.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Literal

from tfdriver.redaction import clean


class Exit(IntEnum):
    """Exit codes, stable. DIFFERENCES is that of `terraform plan -detailed-exitcode`."""

    DONE = 0
    FAILED = 1
    DIFFERENCES = 2
    OPEN_TRUST = 3


# Stable names of errors for scripts, described in docs/errors.md.
Code = Literal[
    "aws_call_failed",
    "aws_unreachable",
    "bad_outputs",
    "bad_usage",
    "broken_installation",
    "broken_state",
    "clock_skew",
    "command_not_found",
    "confirmation_required",
    "dangerous_policy",
    "demo_failed",
    "disk_full",
    "edited_file",
    "existing_role",
    "expired_credentials",
    "file_exists",
    "iam_not_consistent",
    "internal_error",
    "interrupted",
    "invalid_aws_config",
    "invalid_faults",
    "invalid_lambda_code",
    "invalid_module",
    "invalid_spec",
    "invalid_template",
    "io_error",
    "mfa_required",
    "no_credentials",
    "no_provider_mirror",
    "no_such_rule",
    "not_confirmed",
    "not_in_state",
    "not_writable",
    "other_provider",
    "other_region",
    "other_role_name",
    "other_trust_policy",
    "output_not_written",
    "plan_changed",
    "plan_outdated",
    "policy_too_long",
    "principal_refused",
    "profile_not_found",
    "project_exists",
    "project_locked",
    "rejected_credentials",
    "resource_moved",
    "role_missing",
    "sandbox_failed",
    "sandbox_not_installed",
    "spec_not_found",
    "sso_login_required",
    "stale_composition",
    "state_bucket",
    "state_locked",
    "state_not_migrated",
    "terraform_failed",
    "terraform_not_found",
    "terraform_timeout",
    "terraform_too_old",
    "unmanaged_file",
    "unmanaged_policies",
    "unmanaged_resource",
    "unmanaged_role",
    "unmanaged_trust",
    "unreadable_role",
    "unreadable_state",
    "unsafe_path",
    "wrong_account",
    "wrong_role_arn",
]


class TfdriverError(Exception):
    """An expected failure.

    what: what happened, one sentence without a full stop, e.g. `account id has 11 digits`.
    where: the file and line, role, account or command, e.g. `tfdriver.yaml:4: accounts.account_a.id`.
    hint: what to do next, one imperative sentence.
    Each may quote text from AWS, Terraform or files: secrets and control characters are removed here.
    """

    exit_code = Exit.FAILED
    in_force = ""

    def __init__(self, what: str, *, code: Code, where: str = "", hint: str = "") -> None:
        super().__init__(clean(what))
        self.code = code
        self.what = clean(what)
        self.where = clean(where)
        self.hint = clean(hint)

    @property
    def lines(self) -> tuple[str, ...]:
        """Where and what happened; then, if there are any, the broad trusts in force; then the hint."""
        cause = f"{self.where}: {self.what}" if self.where else self.what
        return tuple(filter(None, (cause, self.in_force, self.hint)))

    def __str__(self) -> str:
        *first, last = self.lines
        return " ".join([*(line if line.endswith(("?", ".")) else f"{line}." for line in first), last])


class OpenTrustError(TfdriverError):
    """A run stopped while a broad trust is in force. code: the cause's; in_force: the trusts that are, or may be."""

    exit_code = Exit.OPEN_TRUST

    def __init__(self, what: str, *, code: Code, where: str = "", hint: str = "", in_force: str) -> None:
        super().__init__(what, code=code, where=where, hint=hint)
        self.in_force = clean(in_force)
