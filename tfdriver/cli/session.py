"""Opens the session of a command, with the real AWS, Terraform and clock."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tfdriver.aws.account_access import AccountAccess
from tfdriver.aws.calls import Calls
from tfdriver.aws.client import known_regions, profile_region
from tfdriver.cli.printer import Output
from tfdriver.deploy.session import Options, Session, Tools, open_session, real_tools
from tfdriver.inspect.exposure import CloudTrailReader
from tfdriver.interrupts import Interrupts
from tfdriver.spec.model import Account, Spec
from tfdriver.terraform.progress import Progress


@contextmanager
def opened_session(command: str, options: Options, output: Output) -> Iterator[Session]:
    """Yield the opened project, with progress on stderr; see `open_session`."""
    with output.progress() as progress, open_session(command, options, tools_for(progress)) as session:
        yield session


def tools_for(progress: Progress) -> Tools:
    """Return the tools for the real AWS, Terraform and clock."""
    return real_tools(os.environ, progress, Interrupts())


def cloudtrail_reader(aws: Calls, spec: Spec, accounts: Mapping[str, AccountAccess]) -> CloudTrailReader:
    """Return a reader of CloudTrail in the accounts that are accessible."""
    return CloudTrailReader(aws, spec, accounts, known_regions())


def caller_of(profile: str) -> Account:
    """Return what is needed to call AWS with a profile that is of no account of a spec."""
    return Account(name="", id="", profile=profile, region=profile_region(profile) or "us-east-1", partition="")
