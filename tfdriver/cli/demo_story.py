"""Run the three phases in a sandbox and try to assume the trusting role after each of them.

The administrator of account B tries after every phase. A namesake tries after phases 1 and 3: a role with the trusted
role's name that somebody else created. Its attempts show why phase 3 is needed: the guard compares ARNs.
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
from tfdriver.deploy.phases import DriverAws
from tfdriver.deploy.roots import succeeded
from tfdriver.deploy.session import Options, Session, Tools, open_session, read_spec
from tfdriver.deploy.work import plan_work
from tfdriver.errors import OpenTrustError, TfdriverError
from tfdriver.iam import wording
from tfdriver.interrupts import InterruptedRunError
from tfdriver.project.init import init
from tfdriver.spec.compositions import Side
from tfdriver.spec.model import Account, Role

_HINT = "The demo's local AWS is deleted. Run `tfdriver demo` again"
NAMESAKE = "namesake"  # the AWS profile that assumes the role `bar` which tfdriver did not create
_ADMINISTRATOR = "arn:{partition}:iam::aws:policy/AdministratorAccess"


@dataclass(frozen=True)
class DemoStep:
    """The state after a phase. seconds: since the demo began; trust_policy: its state in words.

    administrator, namesake: the result of their sts:AssumeRole, `allowed` or an error code. namesake is None after
    phase 2.
    """

    phase: str
    seconds: float
    trust_policy: str
    administrator: str
    namesake: str | None = None


@dataclass(frozen=True)
class DemoResult:
    """item: the item that the Lambda function wrote; next_steps: commands to run next."""

    steps: tuple[DemoStep, ...]
    item: dict[str, Any]
    seconds: float
    next_steps: tuple[str, ...]


@contextmanager
def sandboxed_project(environ: MutableMapping[str, str]) -> Iterator[Path]:
    """Yield a new project in a temporary folder, with a sandbox for it.

    environ: of this process. It has the sandbox's variables inside the `with` block and is restored afterwards.
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


def demo(project: Path, tools: Tools, program: str = "tfdriver") -> DemoResult:
    """Run the three phases and destroy on `project`, which `sandboxed_project` created.

    program: how tfdriver was started, as in `sys.argv[0]`. Account B's administrator and the namesake have all
    permissions, so only the trust policy can refuse them. Raises TfdriverError for an unexpected result.
    """
    try:
        return _run_and_destroy(project, tools, program)
    except (OpenTrustError, InterruptedRunError) as error:
        # The sandbox ends with the demo, so no trust stays open and the commands in these hints would find nothing.
        first = error.__cause__ if isinstance(error.__cause__, TfdriverError) else error
        raise TfdriverError(first.what, code=first.code, where=first.where, hint=_HINT) from error


def _run_and_destroy(project: Path, tools: Tools, program: str) -> DemoResult:
    begun = tools.clock.monotonic()
    with open_session("demo", Options(project), tools) as session:
        phases = _Phases(session, lambda: tools.clock.monotonic() - begun)
        item = phases.run()
    with open_session("demo", Options(project), tools) as session:
        tools.progress.phase("destroy: the trusted side, then the trusting side")
        destroy(session, lambda _planned: False)
    with open_session("demo", Options(project), tools) as session:
        left = [s.role.name for s in session.observed.states.values() if s.live]
        left += [key for key, live in session.observed.trusted.items() if live]
    if left:
        raise TfdriverError(f"destroy did not delete {', '.join(left)}", code="demo_failed")
    seconds = tools.clock.monotonic() - begun
    return DemoResult(tuple(phases.steps), item, seconds, next_steps(program, tools.environ.get("PATH", "")))


class _Phases:
    def __init__(self, session: Session, elapsed: Callable[[], float]) -> None:
        self._session = session
        self._aws = session.tools.aws
        self._elapsed = elapsed
        self.steps: list[DemoStep] = []

    def run(self) -> dict[str, Any]:
        """Run the three phases with the attempts after each; return the item that the Lambda function wrote."""
        session = self._session
        (trusting,), (trusted,) = session.spec.trusting, session.spec.trusted
        a, b = trusting.account.name, trusted.account.name
        progress = session.tools.progress
        progress.phase(f"a local AWS with two accounts: a Lambda function in {b} will write to a table in {a}")
        progress.note(f"  role {trusting.name} in {a} may write to the table and will trust role {trusted.name} in {b}")
        progress.note(f"  after each phase, the administrator of {b} tries to assume {trusting.name}")
        with session.run() as driver:
            driver.prepare(session.workspace.compositions)
            work = plan_work(session.spec, session.workspace.compositions, session.observed, tighten=False)
            succeeded(driver.open(work))
            self._try_as_administrator("broad")
            self._try_as_namesake("allowed", "the guard compares ARNs")
            succeeded(driver.connect(work))
            self._try_as_administrator("connect")
            driver.tighten(c for c in session.workspace.compositions if c.side is Side.TRUSTING)
            self._try_as_administrator("tighten")
            item = self._invoke_function()
            progress.phase(f"a namesake: somebody in {b} deletes role {trusted.name} and creates it again")
            self._try_as_namesake("AccessDenied", "IAM compares unique ids")
            return item

    def _try_as_administrator(self, phase: str) -> None:
        (trusting,), (trusted,) = self._session.spec.trusting, self._session.spec.trusted
        note = self._session.tools.progress.note
        now: datetime = self._session.driver.now()
        words = wording.state(self._session.driver.observe().states[trusting.key], now)
        answer = assume(self._aws, trusted.account, trusting)
        note(f"  {trusting.name} is {words}")
        note(f"  the administrator of {trusted.account.name} tries to assume {trusting.name}: {answer}")
        _expect(answer, "AccessDenied")
        self.steps.append(DemoStep(phase, round(self._elapsed(), 1), words, answer))

    def _try_as_namesake(self, expected: str, reason: str) -> None:
        (trusting,), (trusted,) = self._session.spec.trusting, self._session.spec.trusted
        answer = assume_as_namesake(self._aws, trusted, trusting)
        attempt = f"a role {trusted.name} that somebody else created tries to assume {trusting.name}"
        self._session.tools.progress.note(f"  {attempt}: {answer}, {reason}")
        _expect(answer, expected)
        self.steps[-1] = replace(self.steps[-1], namesake=answer)

    def _invoke_function(self) -> dict[str, Any]:
        """Invoke the Lambda function and return the item that it wrote, once the item is found in account A."""
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
    """Return the commands that start a project.

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
    """Assume `role` with the credentials of `account`; return `allowed` or AWS's error code.

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
    """Replace role `trusted` by an administrator role with the same name; return what `assume` returns for it.

    The new role is deleted again. Raises AwsError.
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
    aws.caller(namesake)  # reads the profile again: the credentials of an earlier namesake are no longer valid
    answer = assume(aws, namesake, trusting)
    aws.call(account, "iam", lambda iam: _delete(iam, trusted.name))
    return answer


def _delete(iam: Any, name: str) -> None:
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName=name)
