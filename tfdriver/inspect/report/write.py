"""`tfdriver report`: one self-contained HTML page for the security team."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tfdriver.aws.calls import Calls
from tfdriver.deploy.verify_result import Verified
from tfdriver.errors import Exit
from tfdriver.files import write_whole
from tfdriver.inspect.report.collect import collect
from tfdriver.inspect.report.page import html
from tfdriver.inspect.status import ProjectView, Status


@dataclass(frozen=True)
class Reported:
    """The written report. exit_code, verified: from `verify` if it was run; unseen: accounts that could not be read."""

    exit_code: Exit
    file: str
    verified: str
    unseen: tuple[str, ...]


def report(
    view: ProjectView, status: Status, aws: Calls, file: Path, verified: Verified | None = None, endpoint: str = ""
) -> Reported:
    """Write the page to `file`, replacing an existing file. Raises TfdriverError if it cannot be written.

    verified: the result of `verify`, None if it was not run; endpoint: AWS_ENDPOINT_URL, '' for AWS itself.
    """
    page = html(collect(view, status, aws, verified, endpoint))
    write_whole(file, page.encode())
    return Reported(
        exit_code=verified.exit_code if verified else Exit.DONE,
        file=str(file),
        verified=verified.summary if verified else "",
        unseen=tuple(access.account for access in status.accounts if access.problem),
    )
