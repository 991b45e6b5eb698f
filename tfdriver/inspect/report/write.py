"""`tfdriver report`: one self-contained page for the security team."""

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
    """What was written. exit_code: that of verifying, where it was run; unseen: accounts that were not seen."""

    exit_code: Exit
    file: str
    verified: str
    unseen: tuple[str, ...]


def report(
    sight: ProjectView, status: Status, aws: Calls, file: Path, verified: Verified | None = None, endpoint: str = ""
) -> Reported:
    """Write the page to `file`, whole, over whatever has that name. Raises TfdriverError if it can't be written.

    verified: what verifying came to, None if it was not run; endpoint: AWS_ENDPOINT_URL, '' for AWS itself.
    """
    page = html(collect(sight, status, aws, verified, endpoint))
    write_whole(file, page.encode())
    return Reported(
        verified.exit_code if verified else Exit.DONE,
        str(file),
        verified.summary if verified else "",
        tuple(half.account for half in status.accounts if half.problem),
    )
