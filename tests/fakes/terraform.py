"""A Terraform that makes no more than the roles of a composition, in a world kept in `$HOME/world.json`.

Run as `python terraform.py COMMAND...` in a composition's folder; reads `terraform.tfvars.json` there, keeps a state.
`world["fail"]` maps `COMMAND COMPOSITION` to an error to end with, once the first `after` roles are made.
"""

from __future__ import annotations

import fcntl
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

STATE = Path("terraform.tfstate")
WORLD = Path(os.environ["HOME"]) / "world.json"


def now() -> str:
    """The world's time, if it has one of its own."""
    return json.loads(WORLD.read_text()).get("now") or datetime.now(UTC).isoformat()


def say(kind: str, message: str, **body: object) -> None:
    print(json.dumps({"@level": "info", "@message": message, "@timestamp": now(), "type": kind, **body}), flush=True)


def fail(message: str) -> int:
    say("diagnostic", f"Error: {message}", diagnostic={"severity": "error", "summary": message, "detail": ""})
    return 1


def summary(operation: str, add: int = 0, change: int = 0, remove: int = 0) -> None:
    counts = {"add": add, "change": change, "import": 0, "remove": remove, "operation": operation}
    say("change_summary", f"{operation}: {counts}", changes=counts)


def principals(policy: dict) -> list[str]:
    return [p for s in policy["Statement"] for p in s["Principal"].get("AWS", []) if ":role/" in p]


def wanted(values: dict) -> dict[str, dict]:
    """Role ARN to name and trust policy; the trusted side trusts the Lambda service."""
    lambda_trust = {"Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}]}
    policies = values.get("trust_policies", {})
    return {
        f"arn:aws:iam::{values['account_id']}:role{role['path']}{role['name']}": {
            "key": key,
            "name": role["name"],
            "account": values["account_id"],
            "trust": policies.get(key, lambda_trust),
            "tags": values["tags"],
        }
        for key, role in values["roles"].items()
    }


def outputs(values: dict) -> None:
    name = "roles_to_be_assumed" if "trust_policies" in values else "roles_which_will_assume"
    arns = {role["key"]: arn for arn, role in wanted(values).items()}
    say("outputs", "Outputs: 1", outputs={name: {"sensitive": False, "type": "object", "value": arns}})


def difference(world: dict, values: dict, destroy: bool) -> list[tuple[str, str]]:
    there = world["roles"]
    if destroy:
        return [("delete", arn) for arn in wanted(values) if arn in there]
    new = [("create", arn) for arn in wanted(values) if arn not in there]
    return new + [
        ("update", arn) for arn, role in wanted(values).items() if arn in there and there[arn]["trust"] != role["trust"]
    ]


def plan_or_apply(command: str, arguments: list[str]) -> int:
    values = json.loads(Path("terraform.tfvars.json").read_text())
    for argument in arguments:
        if argument.startswith("-var-file="):
            values |= json.loads(Path(argument.partition("=")[2]).read_text())
    destroy = command == "destroy"
    world = json.loads(WORLD.read_text())
    say("version", "Terraform 1.99.0", terraform="1.99.0")
    changes = difference(world, values, destroy)
    for action, arn in changes:
        resource = {"addr": f"aws_iam_role.{arn.rpartition('/')[2]}"}
        say("planned_change", f"{arn}: plan to {action}", change={"resource": resource, "action": action})
    counts = [sum(a == kind for a, _ in changes) for kind in ("create", "update", "delete")]
    summary("plan", *counts)
    if command == "plan":
        return 0
    fault = world.get("fail", {}).get(f"{'destroy' if destroy else 'apply'} {Path.cwd().name}")
    for done, (action, arn) in enumerate(changes):
        if fault and done >= fault.get("after", 0):
            break
        resource = {"addr": f"aws_iam_role.{arn.rpartition('/')[2]}"}
        say("apply_start", f"{arn}: {action}", hook={"resource": resource, "action": action})
        time.sleep(world.get("slow", 0))
        problem = change(action, arn, wanted(values).get(arn))
        if problem:
            return fail(problem)
        done = {
            "resource": resource | {"resource_type": "aws_iam_role"},
            "action": action,
            "id_value": arn.split("/")[-1],
        }
        say("apply_complete", f"{arn}: {action} done", hook=done)
    if fault:
        return fail(fault["error"])
    role = {"mode": "managed", "type": "aws_iam_role", "instances": [{}]}
    state = [] if destroy else [role | {"name": arn} for arn in wanted(values)]
    STATE.write_text(json.dumps({"version": 4, "terraform_version": "1.99.0", "resources": state}))
    summary("destroy" if destroy else "apply", *counts)
    if not destroy:
        outputs(values)
    return 0


def change(action: str, arn: str, role: dict | None) -> str:
    """Do one change in the world; return why it is refused, or ''."""
    with WORLD.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return locked_change(action, arn, role)


def locked_change(action: str, arn: str, role: dict | None) -> str:
    world = json.loads(WORLD.read_text())
    if action == "delete":
        dead = world["roles"].pop(arn)["id"]
        text = json.dumps(world).replace(f'"{arn}"', f'"{dead}"')  # IAM shows the id of a deleted principal
        WORLD.write_text(text)
        return ""
    assert role is not None
    missing = [p for p in principals(role["trust"]) if p not in world["roles"]]
    if missing:
        return f'MalformedPolicyDocument: Invalid principal in policy: "AWS":"{missing[0]}"'
    world["made"] = world.get("made", 0) + 1
    before = world["roles"].get(arn, {"id": f"AROA{world['made']:016d}"})
    world["roles"][arn] = before | role
    WORLD.write_text(json.dumps(world))
    return ""


def note(command: str) -> dict:
    with WORLD.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        world = json.loads(WORLD.read_text())
        world.setdefault("calls", []).append([command, Path.cwd().name])
        WORLD.write_text(json.dumps(world))
    return world


def main(arguments: list[str]) -> int:
    world = note(arguments[0])
    if arguments[0] == "version":
        print(json.dumps({"terraform_version": world.get("version", "1.99.0")}))
        return 0
    if arguments[0] == "init":
        return 0
    return plan_or_apply(arguments[0], arguments[1:])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
