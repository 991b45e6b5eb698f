"""Whatever a module does: `up` refuses it before phase 1, or ends with exactly the trust of the spec."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.fakes.world import Stage, make_stage, new_project
from tfdriver.deploy.up import up
from tfdriver.errors import Exit, TfdriverError
from tfdriver.iam import trust

BAR = "arn:aws:iam::222222222222:role/bar"
ROOT = "arn:aws:iam::222222222222:root"
EXACT = trust.Trust(frozenset({BAR}))
DENY = {"Effect": "Deny", "Principal": {"AWS": ["*"]}, "Action": "sts:AssumeRole"}


def allow(**principal: str) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}


policies = st.sampled_from(
    [
        None,
        *(
            json.dumps({"Version": "2012-10-17", "Statement": [statement]})
            for statement in (allow(AWS=ROOT), allow(AWS="222222222222"), allow(AWS="*"), allow(Service="s.aws"), DENY)
        ),
        json.dumps(trust.document(EXACT)),  # right in phase 3, wrong in phase 1
    ]
)
arguments: dict[str, st.SearchStrategy[Any]] = {
    "name": st.sampled_from([None, "foo_bar", "FOO_BAR", "acme-foo_bar"]),
    "path": st.sampled_from(["/", "/team/"]),
    "assume_role_policy": policies,
    "add": st.sampled_from([DENY, allow(AWS=ROOT), allow(Service="s.aws")]),
    "inside": st.sampled_from(["", 'module.a["x"].', "module.a[0].module.b."]),
    "description": st.just("anything"),
}
one_role = st.fixed_dictionaries({}, optional=arguments)
other = {"name": st.sampled_from(["second", "foo_bar2"])}
second = st.fixed_dictionaries(other, optional={"assume_role_policy": policies})
modules = st.builds(lambda own, also: own | ({"also": also} if also else {}), one_role, st.none() | second)


def new_stage(folder: Path) -> Stage:
    new_project(folder / "foo-bar")
    return make_stage(folder / "foo-bar", folder / "home")


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(module=modules)
@example(module={"inside": "module.a[0].module.b.", "description": "harmless"})
@example(module={"assume_role_policy": json.dumps({"Statement": [allow(AWS="222222222222")]})})
@example(module={"also": {"name": "second", "assume_role_policy": json.dumps({"Statement": [allow(Service="s.aws")]})}})
def test_up_refuses_a_module_before_phase_1_or_ends_exact(module: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as name:
        stage = new_stage(Path(name))
        stage.world.change(lambda world: world.update(modules={"foo_bar": module}))

        try:
            done = stage.run(up)
        except TfdriverError as error:
            assert error.code in ("other_role_name", "other_trust_policy", "dangerous_policy"), error
            assert stage.world.data["roles"] == {}
            assert not any(command == "apply" for command, _ in stage.world.calls())
            return

        assert done.exit_code is Exit.DONE
        roles = {role["name"]: role for role in stage.world.data["roles"].values()}
        assert trust.read_trust(roles.pop("foo_bar")["trust"]) == EXACT
        del roles["bar"]
        assert not any(trust.may_be_broad(role["trust"]) for role in roles.values())
