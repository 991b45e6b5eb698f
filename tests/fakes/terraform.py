"""A fake Terraform that creates only the roles of a composition, in the world `$HOME/world.json`.

`main` runs in a composition's folder, reads its `terraform.tfvars.json` and writes a state.
`world["fail"]` maps `COMMAND COMPOSITION` to the errors (one a line) of the command, after it created `after` roles.
`world["die"]` maps it to the text of the state file: the process is killed after its first change.
`world["writes"]` has the action, the name and the trust policy of each write of a role, in order.
`world["wait"]` maps it to another one: the command ends only after that one has changed its state.
A role of the world that is `tainted` is replaced.
`world["offline"]` maps a composition to its plan with mocked providers.
`world["modules"]` maps a role's key to the arguments of its aws_iam_role that its module overrides. None stands for one
that is known only after the apply. `add` is a statement to add to the trust policy, `inside` the address of a nested
module, and `also` overrides the same for a second role.
Of existing roles (`existing.tf`), it has the trusting ones, and the text of their trust policies as found.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

OVERRIDES = ("name", "path", "assume_role_policy", "add", "inside", "also")
WORLD = Path(os.environ["HOME"]) / "world.json"


def state_file() -> Path:
    """The path of the state: in the composition's folder, or in the home folder under the key of its backend."""
    backend = Path("backend.tf")
    key = re.search(r'key *= "(.*)"', backend.read_text()) if backend.exists() else None
    return WORLD.with_name(f"{key[1]}.tfstate") if key else Path("terraform.tfstate")


STATE = state_file()


def now() -> str:
    """The time of the world, or the real one."""
    return json.loads(WORLD.read_text()).get("now") or datetime.now(UTC).isoformat()


def print_event(kind: str, message: str, **body: object) -> None:
    print(json.dumps({"@level": "info", "@message": message, "@timestamp": now(), "type": kind, **body}), flush=True)


def fail(message: str, address: str = "") -> int:
    body = {"severity": "error", "summary": message, "detail": "", "address": address}
    print_event("diagnostic", f"Error: {message}", diagnostic=body)
    return 1


def summary(operation: str, add: int = 0, change: int = 0, remove: int = 0, imported: int = 0) -> None:
    counts = {"add": add, "change": change, "import": imported, "remove": remove, "operation": operation}
    print_event("change_summary", f"{operation}: {counts}", changes=counts)


def principals(policy: dict) -> list[str]:
    named = [s["Principal"]["AWS"] for s in policy["Statement"] if "AWS" in s["Principal"]]
    listed = [[found] if isinstance(found, str) else found for found in named]
    return [p for found in listed for p in found if ":role/" in p]


def wanted(values: dict) -> dict[str, dict]:
    """Role ARN to name and trust policy; the trusted side trusts the Lambda service."""
    lambda_trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    policies, revoked = values.get("trust_policies", {}), values.get("revoke_sessions_before", {})
    modules = json.loads(WORLD.read_text()).get("modules", {})
    found, existing = {}, existing_roles()
    for key, role in values["roles"].items():
        if key in existing:
            if existing[key] == "aws_iam_role":
                found |= existing_role(key, role, values)
            continue
        module = modules.get(key, {})
        for resource, made in [("this", module), *([("also", module["also"])] if "also" in module else [])]:
            name = made.get("name", role["name"]) or f"{role['name']}-20260102"
            path = made.get("path", role["path"])
            found[f"arn:aws:iam::{values['account_id']}:role{path}{name}"] = {
                "key": key,
                "name": name,
                "path": path,
                "account": values["account_id"],
                "trust": trust_of(made, policies.get(key, lambda_trust)),
                "revoked": revoked.get(key, ""),
                "tags": values["tags"],
                "place": f"module.{key}.{made.get('inside', '')}aws_iam_role.{resource}",
                "unknown": [argument for argument in ("name", "assume_role_policy") if made.get(argument, "") is None],
                "arguments": {k: v for k, v in made.items() if k not in OVERRIDES},
            }
    return found


def existing_roles() -> dict[str, str]:
    """The type of the resource of each existing role, by key; of one on both sides, its role."""
    text = Path("existing.tf").read_text() if Path("existing.tf").exists() else ""
    found = re.findall(r'resource "(aws_iam_role|aws_iam_role_policy)" "(\w+)"', text)
    return {key: kind for kind, key in sorted(found, reverse=True)}


def existing_role(key: str, role: dict, values: dict) -> dict[str, dict]:
    arn = f"arn:aws:iam::{values['account_id']}:role{role['path']}{role['name']}"
    made = {"key": key, **role, "account": values["account_id"], "trust": values["trust_policies"][key]}
    tags = json.loads(WORLD.read_text())["roles"].get(arn, {}).get("tags", {})
    return {arn: made | {"revoked": "", "tags": tags, "place": f"aws_iam_role.{key}", "arguments": {}}}


def trust_of(made: dict, given: dict) -> dict:
    """The trust policy that a module writes. given: tfdriver's."""
    whole_account = {"Effect": "Allow", "Principal": {"AWS": ["arn:aws:iam::222222222222:root"]}}
    unknown = {"Statement": [whole_account | {"Action": "sts:AssumeRole"}]}
    text = made.get("assume_role_policy", json.dumps(given))
    policy = unknown if text is None else json.loads(text)
    return policy | {"Statement": [*policy["Statement"], *([made["add"]] if "add" in made else [])]}


def outputs(values: dict) -> None:
    name = "roles_to_be_assumed" if "trust_policies" in values else "roles_which_will_assume"
    made = ((arn, role) for arn, role in wanted(values).items() if not role["place"].endswith(".also"))
    arns = {role["key"]: arn for arn, role in made}
    arns |= {key: policy["role_arn"] for key, policy in values.get("assume_policies", {}).items()}
    print_event("outputs", "Outputs: 1", outputs={name: {"sensitive": False, "type": "object", "value": arns}})


def address(arn: str) -> str:
    values = json.loads(Path("terraform.tfvars.json").read_text())
    made = wanted(values).get(arn)
    return made["place"] if made else f"module.{key_of(arn)}.aws_iam_role.this"


def named(arn: str) -> dict:
    path, _, name = arn.partition(":role")[2].rpartition("/")
    return {"name": name, "path": f"{path}/"}


def key_of(arn: str) -> str:
    """The key of a role that the values or the state name."""
    values = json.loads(Path("terraform.tfvars.json").read_text())
    return next((r["key"] for a, r in wanted(values).items() if a == arn), arn.rpartition("/")[2])


def listed() -> list[str]:
    """The ARNs in the state."""
    if not STATE.exists():
        return []
    return [found["arn"] for found in in_state_of("aws_iam_role")]


def in_state_of(kind: str) -> list[dict]:
    """The attributes of all resources of a type in the state."""
    resources = json.loads(STATE.read_text())["resources"] if STATE.exists() else []
    return [resource["instances"][0]["attributes"] for resource in resources if resource["type"] == kind]


def found_texts(values: dict) -> dict[str, str]:
    """The trust policies of existing roles as they were found, by key."""
    roles = json.loads(WORLD.read_text())["roles"]
    now = {role["key"]: roles[arn] for arn, role in wanted(values).items() if role["place"].startswith("aws_")}
    kept = {one["key"]: one["input"]["value"] for one in in_state_of("terraform_data")}
    return {key: role.get("text") or json.dumps(role["trust"]) for key, role in now.items()} | kept


def applied(values: dict) -> dict:
    """The output of templates/applied.tf.j2."""
    return {"digest": values["digest"], "roles_to_assume": values.get("roles_to_assume")}


def known_applied() -> dict | None:
    """The same output in the state."""
    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    return state.get("outputs", {}).get("applied", {}).get("value")


def write_state(arns: list[str], values: dict | None = None, found: dict[str, str] | None = None) -> None:
    """Write the state. values: of an apply, also of one that fails later; found: see `found_texts`."""
    roles = json.loads(WORLD.read_text())["roles"]
    before = json.loads(STATE.read_text()) if STATE.exists() else {"lineage": os.urandom(16).hex(), "serial": 0}
    if STATE.exists():
        STATE.with_name("terraform.tfstate.backup").write_text(STATE.read_text())
    known = in_state()
    if found is None:
        found = {one["key"]: one["input"]["value"] for one in in_state_of("terraform_data")}

    def kept(arn: str) -> dict:
        return attributes(roles[arn]) if arn in roles else known.get(arn) or named(arn)

    resources = [
        {
            **({} if key_of(arn) in existing_roles() else {"module": f"module.{key_of(arn)}"}),
            "mode": "managed",
            "type": "aws_iam_role",
            "name": key_of(arn) if key_of(arn) in existing_roles() else "this",
            "instances": [{"attributes": {"arn": arn, "unique_id": roles.get(arn, {}).get("id", ""), **kept(arn)}}],
        }
        for arn in arns
    ]
    resources += [
        {
            "mode": "managed",
            "type": "terraform_data",
            "name": key,
            "instances": [{"attributes": {"key": key, "input": {"value": text, "type": "string"}}}],
        }
        for key, text in found.items()
    ]
    body = {"version": 4, "terraform_version": "1.99.0", "lineage": before["lineage"], "serial": before["serial"] + 1}
    done = applied(values) if values else known_applied()
    outputs = {"roles": {"value": sorted(arns)}, "applied": {"value": done}} if arns else {}
    STATE.write_text(json.dumps(body | {"resources": resources, "outputs": outputs}))


def to_import(values: dict) -> list[str]:
    """The ARNs that import blocks name and the state does not list."""
    blocks = Path("imports.tf").read_text() if Path("imports.tf").exists() else ""
    named = re.findall(r"to = (\S+)", blocks)
    return [arn for arn in wanted(values) if address(arn) in named and arn not in listed()]


def difference(world: dict, values: dict, imported: list[str], destroy: bool) -> list[tuple[str, str]]:
    existing, managed = world["roles"], [*listed(), *imported]
    if destroy:
        return [("delete", arn) for arn in listed() if arn in existing]
    deleted = [("delete", arn) for arn in listed() if arn in existing and arn not in wanted(values)]
    deleted += [("delete", arn) for arn in managed if existing.get(arn, {}).get("tainted")]
    managed = [arn for arn in managed if ("delete", arn) not in deleted]
    created = [("create", arn) for arn in wanted(values) if arn not in existing or arn not in managed]
    changed = [arn for arn, role in wanted(values).items() if arn in existing and differs(existing[arn], role)]
    return deleted + created + [("update", arn) for arn in changed if arn in managed]


def differs(existing: dict, role: dict) -> bool:
    before = existing["trust"], existing.get("revoked", ""), existing.get("arguments", {})
    return before != (role["trust"], role["revoked"], role["arguments"])


def read_values(arguments: list[str]) -> dict:
    values = json.loads(Path("terraform.tfvars.json").read_text())
    for argument in arguments:
        if argument.startswith("-var-file="):
            values |= json.loads(Path(argument.partition("=")[2]).read_text())
    return values


def plan(arguments: list[str]) -> None:
    """Print the planned changes, and save them with -out."""
    values, destroy = read_values(arguments), "-destroy" in arguments
    imported = [] if destroy else to_import(values)
    changes = difference(json.loads(WORLD.read_text()), values, imported, destroy)
    print_planned(changes, imported)
    if not destroy:
        action = "noop" if applied(values) == known_applied() else "update"
        print_event("outputs", "Outputs: 1", outputs={"applied": {"sensitive": True, "action": action}})
    summary("plan", *counts(changes), imported=len(imported))
    for argument in arguments:
        if argument.startswith("-out="):
            shown = resource_changes(changes, values, imported)
            saved = {"resource_changes": shown, "changes": changes, "values": values, "imported": imported}
            saved["resource_drift"] = drift()
            text = json.dumps(saved | {"destroy": destroy, "state": identity()})
            Path(argument.partition("=")[2]).write_text(text)


def by_address(changes: list[tuple[str, str]], imported: list[str]) -> dict[str, list[tuple[str, str]]]:
    """The changes of each resource: two for one that is replaced."""
    found: dict[str, list[tuple[str, str]]] = {}
    for action, arn in [*changes, *(("no-op", arn) for arn in imported if arn not in [a for _, a in changes])]:
        found.setdefault(address(arn), []).append((action, arn))
    return found


def print_planned(changes: list[tuple[str, str]], imported: list[str]) -> None:
    print_event("version", "Terraform 1.99.0", terraform="1.99.0")
    for name, of_one in by_address(changes, imported).items():
        action = "replace" if len(of_one) > 1 else of_one[0][0].replace("no-op", "import")
        resource = {"addr": name, "resource_type": "aws_iam_role"}
        print_event("planned_change", f"{name}: plan to {action}", change={"resource": resource, "action": action})


def resource_changes(changes: list[tuple[str, str]], values: dict, imported: list[str]) -> list[dict]:
    """The changes as in `terraform show -json`."""
    shown = []
    for name, of_one in by_address(changes, imported).items():
        before = next((before_of(arn) for action, arn in of_one if action != "create"), None)
        after = next((after_of(values, arn) for action, arn in of_one if action != "delete"), None)
        change = {"actions": [action for action, _ in of_one], "before": before, "after": after}
        if len(of_one) > 1:
            change["replace_paths"] = [["name"]]
        if ids := [arn.rpartition("/")[2] for _, arn in of_one if arn in imported]:
            change["importing"] = {"id": ids[0]}
        module = {} if name.startswith("aws_") else {"module_address": name.partition(".aws_")[0]}
        shown.append({"address": name, **module, "mode": "managed", "type": "aws_iam_role", "change": change})
    return shown


def identity() -> list:
    """Lineage and serial of the state: a saved plan is stale if they differ."""
    state = json.loads(STATE.read_text()) if STATE.exists() else {}
    return [state.get("lineage"), state.get("serial")]


def drift() -> list[dict]:
    """The roles in the state that were changed or deleted outside Terraform, as in `terraform show -json`."""
    roles, found = json.loads(WORLD.read_text())["roles"], []
    for arn, before in in_state().items():
        after = attributes(roles[arn]) if arn in roles else None
        if before and before != after:
            change = {"actions": ["update" if after else "delete"], "before": before, "after": after}
            found.append({"address": address(arn), "mode": "managed", "type": "aws_iam_role", "change": change})
    return found


def in_state() -> dict[str, dict | None]:
    """What the state has of each role, besides its ARN and unique id."""
    kept = ("arn", "unique_id")
    return {one["arn"]: {k: v for k, v in one.items() if k not in kept} for one in in_state_of("aws_iam_role")}


def before_of(arn: str) -> dict:
    return attributes(json.loads(WORLD.read_text())["roles"][arn])


def after_of(values: dict, arn: str) -> dict:
    return attributes(wanted(values)[arn])


def attributes(role: dict) -> dict:
    named = {"name": role["name"], "path": role.get("path", "/"), "assume_role_policy": json.dumps(role["trust"])}
    unknown = role.get("unknown", ())
    return {k: v for k, v in named.items() if k not in unknown} | role.get("arguments", {})


def counts(changes: list[tuple[str, str]]) -> list[int]:
    return [sum(a == kind for a, _ in changes) for kind in ("create", "update", "delete")]


def apply(file: str) -> int:
    """Apply a saved plan."""
    saved = json.loads(Path(file).read_text())
    if saved["state"] != identity():
        return fail("Saved plan is stale: the state was changed by another operation after the plan was created.")
    values, changes, imported, destroy = (saved[key] for key in ("values", "changes", "imported", "destroy"))
    print_planned(changes, imported)
    world = json.loads(WORLD.read_text())
    which = f"{'destroy' if destroy else 'apply'} {Path.cwd().name}"
    fault, death = world.get("fail", {}).get(which), world.get("die", {}).get(which)
    known = [arn for arn in listed() if arn in world["roles"]] + imported
    found = {} if destroy else found_texts(values)
    for done, (action, arn) in enumerate(changes):
        if fault and done >= fault.get("after", 0):
            break
        body = {"resource": {"addr": address(arn), "resource_type": "aws_iam_role"}, "action": action}
        named = {"id_key": "id", "id_value": arn.split("/")[-1]}
        print_event("apply_start", f"{arn}: {action}", hook=body | (named if action != "create" else {}))
        time.sleep(world.get("slow", 0))
        problem = change(action, arn, wanted(values).get(arn))
        if problem:
            return fail(problem, address(arn))
        if death is not None:
            STATE.write_text(death)
            os.kill(os.getpid(), signal.SIGKILL)
        known = [a for a in known if a != arn] + [arn] * (action != "delete")
        write_state(known, values, found)
        print_event("apply_complete", f"{arn}: {action} done", hook=body | (named if action != "delete" else {}))
    wait_for_end(world.get("wait", {}).get(which))
    if fault:
        write_state(known, values)
        return max(fail(error) for error in fault["error"].split("\n"))
    write_state(known, values, found)
    summary("apply", *counts(changes), imported=len(imported))
    if not destroy:
        outputs(values)
    return 0


def wait_for_end(command: str | None) -> None:
    """Wait until a `COMMAND COMPOSITION` that has begun after this one has ended."""
    if command is None:
        return
    state = Path("..") / command.split()[1] / "terraform.tfstate"
    before, until = state.read_bytes(), time.monotonic() + 20
    while state.read_bytes() == before and time.monotonic() < until:
        time.sleep(0.01)
    if state.read_bytes() == before:
        raise TimeoutError(command)


def change(action: str, arn: str, role: dict | None) -> str:
    """Change one role in the world; return an error, or ''."""
    with WORLD.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return locked_change(action, arn, role)


def locked_change(action: str, arn: str, role: dict | None) -> str:
    world = json.loads(WORLD.read_text())
    if action == "delete":
        dead = world["roles"].pop(arn)["id"]
        text = json.dumps(world).replace(f'"{arn}"', f'"{dead}"')  # IAM returns the id of a deleted principal
        save(text)
        return ""
    assert role is not None
    if action == "create" and arn in world["roles"]:
        return f"creating IAM Role: CreateRole, EntityAlreadyExists: Role with name {role['name']} already exists."
    missing = [p for p in principals(role["trust"]) if p not in world["roles"]]
    if missing:
        return f'MalformedPolicyDocument: Invalid principal in policy: "AWS":"{missing[0]}"'
    world["made"] = world.get("made", 0) + 1
    before = world["roles"].get(arn, {"id": f"AROA{world['made']:016d}", "created": now()})
    world["roles"][arn] = before | role
    world.setdefault("writes", []).append([action, role["name"], role["trust"]])
    save(json.dumps(world))
    return ""


def save(text: str) -> None:
    """Replace the file atomically: readers do not take the lock."""
    new = WORLD.with_suffix(".new")
    new.write_text(text)
    new.replace(WORLD)


def import_role(name: str) -> int:
    (arn,) = (arn for arn in wanted(read_values([])) if address(arn) == name)
    write_state([*listed(), arn])
    return 0


def record_backend() -> None:
    """Record the backend of the folder, if it has one, as Terraform does."""
    if Path("backend.tf").exists():
        config = dict(re.findall(r'^ *(\w+) *= "(.*)"$', Path("backend.tf").read_text(), re.MULTILINE))
        record = Path(".terraform/terraform.tfstate")
        record.parent.mkdir(exist_ok=True)
        record.write_text(json.dumps({"version": 3, "backend": {"type": "s3", "config": config | {"acl": None}}}))


def push(file: str) -> int:
    """Write a state; Terraform gives the first state of a backend a new lineage."""
    state = json.loads(Path(file).read_text())
    lineage = state.get("lineage", "") if STATE.exists() else f"new-{time.time_ns()}"
    STATE.write_text(json.dumps(state | {"lineage": lineage}))
    return 0


def unlock(lock_id: str) -> int:
    world = json.loads(WORLD.read_text())
    if json.loads(world["locks"][STATE.stem])["ID"] != lock_id:
        return fail("lock ID does not match")
    del world["locks"][STATE.stem]
    save(json.dumps(world))
    return 0


def main(arguments: list[str]) -> int:
    match arguments:
        case ["version", *_]:
            print(json.dumps({"terraform_version": json.loads(WORLD.read_text())["version"]}))
        case ["import", *_, name, _]:
            return import_role(name)
        case ["init", *_]:
            record_backend()
        case ["force-unlock", "-force", lock_id]:
            return unlock(lock_id)
        case ["state", "push", *_, file]:
            return push(file)
        case ["state", "pull"]:
            print(STATE.read_text() if STATE.exists() else "")
        case ["state", "rm", _, *addresses]:
            write_state([arn for arn in listed() if address(arn) not in addresses])
        case ["plan", *_]:
            kept = [address(arn) for arn in listed() if address(arn).startswith("aws_")]
            if "-destroy" in arguments and kept:
                return fail("Instance cannot be destroyed", kept[0])
            fault = json.loads(WORLD.read_text()).get("fail", {}).get(f"plan {Path.cwd().name}")
            if fault:
                return fail(fault["error"], fault.get("address", ""))
            plan(arguments)
        case ["apply", *_, file]:
            return apply(file)
        case ["test", *_]:
            offline = json.loads(WORLD.read_text()).get("offline", {}).get(Path.cwd().name, {})
            for _ in range(2):
                print_event("test_plan", "", test_plan=offline)
            print_event("test_state", "", test_state={"root_module": {}})
    return 0
