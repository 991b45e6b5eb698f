"""`tfdriver demo`: the whole story in the sandbox, start to end, with an intruder who tries after every phase."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tfdriver.aws.calls import AwsError
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.overview import Overview
from tfdriver.deploy.session import Options, Session, Tools, open_session, read_spec
from tfdriver.errors import OpenTrustError, TfdriverError
from tfdriver.iam import wording
from tfdriver.interrupts import InterruptedRunError
from tfdriver.project.init import init
from tfdriver.spec.model import Role

_GONE = "The demo's local AWS is gone, and everything in it; run `tfdriver demo` again"


@dataclass(frozen=True)
class Moment:
    """Who was trusted after a phase, and what became of the intruder's try. seconds: since the demo began."""

    phase: str
    seconds: float
    trusted: str
    intruder: str


@dataclass(frozen=True)
class Told:
    """What the demo showed. item: what the Lambda function says it wrote."""

    moments: tuple[Moment, ...]
    item: dict[str, Any]
    left_over: tuple[str, ...]
    seconds: float


@contextmanager
def stage(environ: MutableMapping[str, str]) -> Iterator[Path]:
    """Give, inside the `with` block, a scaffolded project in a temporary folder and a sandbox that `environ` points to.

    environ: this process's own; the sandbox's variables are set in it and taken back.
    """
    from tfdriver.sandbox import run  # moto is an extra, and slow to import

    with tempfile.TemporaryDirectory(prefix="tfdriver-demo-") as folder:
        project = Path(folder) / "foo-bar"
        init(project)
        with run.start(list(read_spec(project).accounts.values())) as sandbox:
            before = dict(environ)
            for name in sandbox.unset:
                environ.pop(name, None)
            environ.update(sandbox.environment)
            try:
                yield project
            finally:
                environ.clear()
                environ.update(before)


def demo(project: Path, tools: Tools) -> Told:
    """Run the example of `project` through its life. Raises TfdriverError if anything is not as the story goes.

    The environment must be that of a sandbox: the intruder is account B's own administrator, whose permissions allow
    everything, so that nothing but the trust policy can refuse.
    """
    try:
        return _tell(project, tools)
    except (OpenTrustError, InterruptedRunError) as error:
        # Nothing stays open: what these say of it, and the commands they name, would lead nowhere.
        first = error.__cause__ if isinstance(error.__cause__, TfdriverError) else error
        raise TfdriverError(first.what, where=first.where, hint=_GONE) from error


def _tell(project: Path, tools: Tools) -> Told:
    begun = tools.clock.monotonic()
    with open_session("demo", Options(project), tools) as session:
        story = _Story(session, lambda: tools.clock.monotonic() - begun)
        item = story.play()
    with open_session("demo", Options(project), tools) as session:
        tools.progress.phase("destroy: the trusted side, then the trusting side")
        destroy(session, _without_asking)
    with open_session("demo", Options(project), tools) as session:
        left = tuple(s.role.name for s in session.seen.states.values() if s.live) + tuple(
            key for key, live in session.seen.trusted.items() if live
        )
    if left:
        raise TfdriverError(f"destroy left {', '.join(left)}")
    return Told(tuple(story.moments), item, left, tools.clock.monotonic() - begun)


class _Story:
    def __init__(self, session: Session, elapsed: Callable[[], float]) -> None:
        self._session = session
        self._aws = session.tools.aws
        self._elapsed = elapsed
        self.moments: list[Moment] = []

    def play(self) -> dict[str, Any]:
        """Go through the three phases, the intruder trying after each; return what the Lambda function wrote."""
        session = self._session
        (trusting,), (trusted,) = session.spec.trusting, session.spec.trusted
        a, b = trusting.account.name, trusted.account.name
        progress = session.tools.progress
        progress.phase(f"a local AWS with two accounts: {a} has a table, a Lambda function in {b} is to write to it")
        progress.note(f"  role {trusting.name} in {a} may write, and is to trust role {trusted.name} in {b} alone")
        progress.note(f"  after each phase, an intruder tries to get in: the administrator of {b}")
        with session.at_work() as driver:
            driver.prepare(session.workspace.compositions)
            driver.open(session.seen)
            self._try_to_get_in("broad")
            driver.connect()
            self._try_to_get_in("connect")
            driver.tighten()
            self._try_to_get_in("tighten")
            return self._write()

    def _try_to_get_in(self, phase: str) -> None:
        (trusting,) = self._session.spec.trusting
        (trusted,) = self._session.spec.trusted
        refused = self._intrude(trusted, trusting)
        note = self._session.tools.progress.note
        now: datetime = self._session.driver.now()
        words = wording.state(self._session.driver.observe().states[trusting.key], now)
        note(f"  {trusting.name} is {words}")
        note(f"  intruder: {trusted.account.name}'s administrator tries to assume it: {refused}")
        self.moments.append(Moment(phase, round(self._elapsed(), 1), words, refused))

    def _intrude(self, trusted: Role, trusting: Role) -> str:
        try:
            self._aws.call(
                trusted.account,
                "sts",
                lambda sts: sts.assume_role(RoleArn=trusting.arn, RoleSessionName="intruder"),
            )
        except AwsError as error:
            if error.code == "AccessDenied":
                return "AccessDenied"
            raise
        raise TfdriverError(f"the intruder got into {trusting.arn}")

    def _write(self) -> dict[str, Any]:
        """Fire the Lambda function once and find in account A the very item it says it wrote."""
        (trusted,) = self._session.spec.trusted
        (trusting,) = self._session.spec.trusting
        self._session.tools.progress.phase("the Lambda function in account_b writes to the table in account_a")
        answer = self._aws.call(
            trusted.account,
            "lambda",
            lambda client: json.load(client.invoke(FunctionName=trusted.name)["Payload"]),
        )
        if "written" not in answer:
            raise TfdriverError(f"the Lambda function failed: {answer}")
        written = answer["written"][0]
        found = self._aws.call(
            trusting.account,
            "dynamodb",
            lambda client: client.get_item(
                TableName=written["table_name"], Key={"MyPrimaryKey": {"S": written["key"]}}, ConsistentRead=True
            ),
        )
        if "Item" not in found:
            raise TfdriverError(f"the item {written['key']} is not in {written['table_name']}")
        self._session.tools.progress.note(f"  wrote {written['item']} to {written['table_name']}")
        return dict(written["item"])


def _without_asking(_view: Overview) -> None:
    pass
