"""Measures what tfdriver itself uses: an `up` with nothing to do, a Terraform that does nothing, a prepared AWS.

Run as `python -m tests.benchmarks.own_share FILE ARGUMENT...`, this module runs tfdriver in its own process and writes
what the process used.
"""

from __future__ import annotations

import json
import os
import re
import resource
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from shlex import quote
from typing import Any
from urllib.parse import parse_qs
from urllib.parse import quote as url_quote

from tests.benchmarks.projects import EXACT, REGION, REPOSITORY, TRUSTED, Member, trusting, write_project
from tests.benchmarks.results import OwnShare

_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"},
    ],
}
_KEYS = "[{m.account}]\naws_access_key_id = AKIA{m.id}\naws_secret_access_key = {m.id:0>40}\n"
# The shell starts fastest. Each composition's answers are prepared; `plan -out=FILE` writes the answer of `show`.
_TERRAFORM = """\
#!/bin/sh
answers={folder}/"${{PWD##*/}}"
case $1 in
  version) echo '{{"terraform_version": "1.99.0"}}' ;;
  plan)
    cat "$answers/plan.jsonl"
    for argument; do case $argument in -out=*) cp "$answers/show.json" "${{argument#-out=}}" ;; esac; done ;;
  show) cat "$answers/show.json" ;;
  apply) cat "$answers/apply.jsonl" ;;
esac
"""


def measure_own_share(folder: Path, count: int) -> OwnShare:
    """Run `tfdriver up` in a new project with `count` trusting accounts and roles that exist."""
    project, used = folder / "project", folder / "used.json"
    write_project(project, count)
    members = [*trusting(count), TRUSTED]
    with _aws(members) as endpoint:
        environ = {"PATH": os.environ["PATH"], "HOME": str(folder), "PYTHONPATH": str(REPOSITORY)}
        environ |= _profiles(folder, members, endpoint) | {"TFDRIVER_PROXY": "0"}
        environ["TFDRIVER_TERRAFORM"] = str(_terraform(folder, project, members))
        command = [sys.executable, "-m", "tests.benchmarks.own_share", str(used), "-C", str(project)]
        done = subprocess.run(
            [*command, "up", "--yes", "--no-verify"], env=environ, capture_output=True, text=True, check=False
        )
    if done.returncode:
        raise RuntimeError(f"tfdriver ended with {done.returncode}: {done.stderr[-3000:]}")
    found = json.loads(used.read_text())
    return OwnShare(count, found["cpu"], found["memory"])


def _profiles(folder: Path, members: list[Member], endpoint: str) -> dict[str, str]:
    """Write AWS profiles whose key ids contain the account's id. Return the variables for AWS clients."""
    (folder / "config").write_text("".join(f"[profile {m.account}]\nregion = {REGION}\n" for m in members))
    (folder / "credentials").write_text("".join(_KEYS.format(m=m) for m in members))
    (folder / ".terraformrc").touch()  # otherwise tfdriver searches this machine for a mirror
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_CONFIG_FILE": str(folder / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(folder / "credentials"),
        "TFDRIVER_SANDBOX": "1",
    }


def _role_id(member: Member) -> str:
    return f"AROA{member.id:0>16}"


def _terraform(folder: Path, project: Path, members: list[Member]) -> Path:
    """Write the program, its answers, and a state for each composition that has its role."""
    for member in members:
        side = "roles_which_will_assume" if member is TRUSTED else "roles_to_be_assumed"
        resource = {"mode": "managed", "type": "aws_iam_role", "name": "this", "module": f"module.{member.role}"}
        attributes = {"arn": member.arn, "name": member.role, "path": "/", "unique_id": _role_id(member)}
        instances = [{"attributes": attributes}]
        outputs = {side: {"sensitive": False, "type": "object", "value": {member.role: member.arn}}}
        state = {"version": 4, "terraform_version": "1.99.0", "lineage": member.account, "serial": 1}
        state |= {"outputs": outputs, "resources": [resource | {"instances": instances}]}
        change = {"actions": ["no-op"], "after": attributes | {"assume_role_policy": json.dumps(_trust(member))}}
        address = f"module.{member.role}.aws_iam_role.this"
        show = {"resource_changes": [resource | {"address": address, "change": change}]}
        answers = folder / "answers" / member.account
        answers.mkdir(parents=True)
        (answers / "show.json").write_text(json.dumps(show))
        (answers / "plan.jsonl").write_text(_summary("plan"))
        (answers / "apply.jsonl").write_text(_summary("apply") + _event("outputs", outputs=outputs))
        composition = project / "compositions" / member.account
        composition.mkdir(parents=True)
        (composition / "terraform.tfstate").write_text(json.dumps(state))
        (composition / "terraform.tfstate").chmod(0o600)
    program = folder / "terraform"
    program.write_text(_TERRAFORM.format(folder=quote(str(folder / "answers"))))
    program.chmod(0o755)
    return program


def _trust(member: Member) -> dict[str, Any]:
    return _LAMBDA if member is TRUSTED else EXACT


def _event(kind: str, **body: object) -> str:
    common = {"@level": "info", "@message": kind, "@timestamp": "2026-01-01T00:00:00Z", "type": kind}
    return json.dumps(common | body) + "\n"


def _summary(operation: str) -> str:
    counts = {"add": 0, "change": 0, "import": 0, "remove": 0, "operation": operation}
    return _event("change_summary", changes=counts)


@contextmanager
def _aws(members: list[Member]) -> Iterator[str]:
    """Serve IAM and STS inside the `with` block; yield the endpoint."""
    roles = {(member.id, member.role): _get_role(member) for member in members}

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:  # the base class's name
            query = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            key = re.search(r"Credential=AKIA(\d+)/", self.headers["Authorization"])
            status, body = _answer(query, key[1] if key else "", roles)
            self.send_response(status)
            self.send_header("Content-Type", "text/xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _answer(query: Mapping[str, list[str]], account: str, roles: Mapping[tuple[str, str], str]) -> tuple[int, bytes]:
    """Return HTTP status and body of one call. roles: results of GetRole by account id and name."""
    action = query["Action"][0]
    result = {
        "GetCallerIdentity": f"<Account>{account}</Account><UserId>AIDA</UserId>"
        f"<Arn>arn:aws:iam::{account}:user/admin</Arn>",
        "GetRole": roles.get((account, query.get("RoleName", [""])[0])),
        "ListAttachedRolePolicies": "<AttachedPolicies/><IsTruncated>false</IsTruncated>",
        "ListRolePolicies": "<PolicyNames/><IsTruncated>false</IsTruncated>",
    }.get(action)
    if result is None:
        error = f"<Error><Type>Sender</Type><Code>NoSuchEntity</Code><Message>{action}</Message></Error>"
        return 404, f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>".encode()
    return 200, f"<{action}Response><{action}Result>{result}</{action}Result></{action}Response>".encode()


def _get_role(member: Member) -> str:
    tags = "".join(f"<member><Key>{k}</Key><Value>{v}</Value></member>" for k, v in member.tags.items())
    return (
        f"<Role><Path>/</Path><RoleName>{member.role}</RoleName><RoleId>{_role_id(member)}</RoleId>"
        f"<Arn>{member.arn}</Arn><CreateDate>2026-01-01T00:00:00Z</CreateDate><Tags>{tags}</Tags>"
        f"<AssumeRolePolicyDocument>{url_quote(json.dumps(_trust(member)))}</AssumeRolePolicyDocument></Role>"
    )


def main(file: Path, arguments: list[str]) -> None:
    """Run tfdriver and write what this process used, without Terraform."""
    from tfdriver.__main__ import main as tfdriver

    sys.argv = ["tfdriver", *arguments]
    try:
        sys.exit(tfdriver())
    finally:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        used = {"cpu": usage.ru_utime + usage.ru_stime, "memory": usage.ru_maxrss * 1024}
        with suppress(OSError):
            file.write_text(json.dumps(used))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
