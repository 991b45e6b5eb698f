"""What `tfdriver demo` does: the three phases in the sandbox, and attempts to assume the trusting role.

After every phase, the administrator of account B tries. After phases 1 and 3, a namesake tries: a role that has the
trusted role's name, but was created by somebody else. It shows why phase 3 is needed: the guard compares names.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from tfdriver.aws.calls import AwsError, Calls
from tfdriver.deploy.destroy import destroy
from tfdriver.deploy.overview import Overview
from tfdriver.deploy.phases import DriverAws
from tfdriver.deploy.session import Options, Session, Tools, open_session, read_spec
from tfdriver.errors import OpenTrustError, TfdriverError
from tfdriver.iam import wording
from tfdriver.interrupts import InterruptedRunError
from tfdriver.project.init import init
from tfdriver.spec.model import Account, Role

_GONE = "The demo's local AWS is gone, and everything in it; run `tfdriver demo` again"


# The AWS profile of whoever assumes the role `bar` that tfdriver did not create.
NAMESAKE = "namesake"
_ADMINISTRATOR = "arn:{partition}:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True)
class Moment:
    """The state after a phase. seconds: since the demo began; trusted: the trust policy in words.

    intruder, namesake: what AWS answered to their calls of sts:AssumeRole, `allowed` or an error code; namesake is None
    where none tried.
    """

    phase: str
    seconds: float
    trusted: str
    intruder: str
    namesake: str | None = None


@dataclass(frozen=True)
class Told:
    """What the demo showed. item: what the Lambda function says it wrote; next_steps: commands to run next."""

    moments: tuple[Moment, ...]
    item: dict[str, Any]
    left_over: tuple[str, ...]
    seconds: float
    next_steps: tuple[str, ...]


@contextmanager
def stage(environ: MutableMapping[str, str]) -> Iterator[Path]:
    """Give, inside the `with` block, a scaffolded project in a temporary folder and a sandbox that `environ` points to.

    environ: this process's own; the sandbox's variables are set in it and taken back.
    """
    from tfdriver.sandbox import start  # moto is an extra, and slow to import

    with tempfile.TemporaryDirectory(prefix="tfdriver-demo-") as folder:
        project = Path(folder) / "foo-bar"
        init(project)
        spec = read_spec(project)
        with start.start(list(spec.accounts.values())) as sandbox:
            _add_profile(Path(sandbox.environment["AWS_CONFIG_FILE"]), spec.trusted[0])
            before = dict(environ)
            for name in sandbox.unset:
                environ.pop(name, None)
            environ.update(sandbox.environment)
            try:
                yield project
            finally:
                environ.clear()
                environ.update(before)


def _add_profile(config: Path, role: Role) -> None:
    """Add the profile NAMESAKE, which assumes `role`, to an AWS configuration file."""
    with config.open("a", encoding="utf-8") as file:
        file.write(f"[profile {NAMESAKE}]\nregion = {role.account.region}\n")
        file.write(f"role_arn = {role.arn}\nsource_profile = {role.account.profile}\n")


def demo(project: Path, tools: Tools, program: str = "tfdriver") -> Told:
    """Run the example of `project` through its life. Raises TfdriverError if anything is not as the story goes.

    program: how tfdriver was started, as in `sys.argv[0]`. The environment must be that of `stage`: the permissions of
    account B's administrator and of the namesake allow everything, so that nothing but the trust policy can refuse.
    """
    try:
        return _tell(project, tools, program)
    except (OpenTrustError, InterruptedRunError) as error:
        # Nothing stays open: what these say of it, and the commands they name, would lead nowhere.
        first = error.__cause__ if isinstance(error.__cause__, TfdriverError) else error
        raise TfdriverError(first.what, code=first.code, where=first.where, hint=_GONE) from error


def _tell(project: Path, tools: Tools, program: str) -> Told:
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
        raise TfdriverError(f"destroy left {', '.join(left)}", code="demo_failed")
    seconds = tools.clock.monotonic() - begun
    return Told(tuple(story.moments), item, left, seconds, next_steps(program, tools.environ.get("PATH", "")))


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
        progress.phase(f"a local AWS with two accounts: a Lambda function in {b} is to write to a table in {a}")
        progress.note(f"  role {trusting.name} in {a} may write to it and is to trust role {trusted.name} in {b}")
        progress.note(f"  after each phase, the administrator of {b} tries to assume {trusting.name}")
        with session.at_work() as driver:
            driver.prepare(session.workspace.compositions)
            driver.open(session.seen)
            self._after("broad")
            self._try_as_namesake("allowed", "the guard compares ARNs")
            driver.connect()
            self._after("connect")
            driver.tighten()
            self._after("tighten")
            item = self._write()
            progress.phase(f"a namesake: somebody in {b} deletes role {trusted.name} and creates another of that name")
            self._try_as_namesake("AccessDenied", "IAM compares unique ids")
            return item

    def _after(self, phase: str) -> None:
        (trusting,), (trusted,) = self._session.spec.trusting, self._session.spec.trusted
        note = self._session.tools.progress.note
        now: datetime = self._session.driver.now()
        words = wording.state(self._session.driver.observe().states[trusting.key], now)
        answer = assume(self._aws, trusted.account, trusting)
        note(f"  {trusting.name} is {words}")
        note(f"  the administrator of {trusted.account.name} tries to assume {trusting.name}: {answer}")
        _expect(answer, "AccessDenied")
        self.moments.append(Moment(phase, round(self._elapsed(), 1), words, answer))

    def _try_as_namesake(self, expected: str, reason: str) -> None:
        (trusting,), (trusted,) = self._session.spec.trusting, self._session.spec.trusted
        answer = assume_as_namesake(self._aws, trusted, trusting)
        what = f"a role {trusted.name} that somebody else created tries to assume {trusting.name}"
        self._session.tools.progress.note(f"  {what}: {answer}, {reason}")
        _expect(answer, expected)
        self.moments[-1] = replace(self.moments[-1], namesake=answer)

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
            raise TfdriverError(f"the Lambda function failed: {answer}", code="demo_failed")
        written = answer["written"][0]
        found = self._aws.call(
            trusting.account,
            "dynamodb",
            lambda client: client.get_item(
                TableName=written["table_name"], Key={"MyPrimaryKey": {"S": written["key"]}}, ConsistentRead=True
            ),
        )
        if "Item" not in found:
            raise TfdriverError(f"the item {written['key']} is not in {written['table_name']}", code="demo_failed")
        self._session.tools.progress.note(f"  wrote item {written['key']} to {written['table_name']}")
        return dict(written["item"])


def next_steps(program: str, path: str) -> tuple[str, ...]:
    """Return the commands that start a project, to be run as they are.

    program: how tfdriver was started, as in `sys.argv[0]`; path: the variable PATH.
    """
    folder = Path(program).parent
    on_path = shutil.which("tfdriver", path=path) is not None
    export = f'export PATH="{folder if folder.is_absolute() else f"$PWD/{folder}"}:$PATH"'
    return (*(() if on_path else (export,)), "tfdriver init my-project", "cd my-project", "tfdriver sandbox")


def _expect(answer: str, expected: str) -> None:
    if answer != expected:
        raise TfdriverError(f"AWS answered {answer} to sts:AssumeRole, not {expected}", code="demo_failed")


def assume(aws: Calls, account: Account, role: Role) -> str:
    """Return what AWS answers when the caller of `account` assumes `role`: `allowed` or an error code.

    Raises AwsError if AWS does not answer.
    """
    try:
        aws.call(account, "sts", lambda sts: sts.assume_role(RoleArn=role.arn, RoleSessionName="demo"))
    except AwsError as error:
        if error.aws_code:
            return error.aws_code
        raise
    return "allowed"


def assume_as_namesake(aws: DriverAws, trusted: Role, trusting: Role) -> str:
    """Replace role `trusted` by another of that name, which may do anything, and delete it again.

    Return what AWS answered when the new role assumed `trusting`, as `assume`. The environment must be that of `stage`.
    Raises AwsError.
    """
    account = trusted.account
    statement = {"Effect": "Allow", "Principal": {"AWS": account.id}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    administrator = _ADMINISTRATOR.format(partition=account.partition)
    if aws.read_role(account, trusted.name) is not None:
        aws.call(account, "iam", lambda iam: _delete(iam, trusted.name))
    names = {"RoleName": trusted.name, "AssumeRolePolicyDocument": document}
    aws.call(account, "iam", lambda iam: iam.create_role(**names))
    aws.call(account, "iam", lambda iam: iam.attach_role_policy(RoleName=trusted.name, PolicyArn=administrator))
    namesake = replace(account, name=NAMESAKE, profile=NAMESAKE)
    aws.caller(namesake)  # reads the profile's credentials anew: those of an earlier namesake are of no use
    answer = assume(aws, namesake, trusting)
    aws.call(account, "iam", lambda iam: _delete(iam, trusted.name))
    return answer


def _delete(iam: Any, name: str) -> None:
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName=name)


def _without_asking(_view: Overview) -> None:
    pass
