"""The moments of the matrix: by which call of which run each is recognised."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.faults.scene import Scene

_ACCOUNTS = {"account_a": "111111111111", "account_b": "222222222222"}


@dataclass(frozen=True)
class Point:
    """A moment in a run of `command` that began at `start`.

    It comes with the first `call` in `account` by `agent`, before or after (`when`) it is done; where `made` is given,
    the first after that call (`service:operation account`) was done. terraform: whether one is running then.
    """

    title: str
    start: str
    command: str
    call: str
    account: str
    agent: str = "Terraform"
    when: str = "before"
    made: str = ""
    terraform: bool = True

    def rules(self, scene_folder: Any, fault: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the sandbox's rules that let `fault` (a rule's keys) happen at this moment, while armed."""
        armed = str(scene_folder / ("made" if self.made else "armed"))
        base = {"call": self.call, "account": _ACCOUNTS[self.account], "agent": self.agent, "when": self.when}
        rules = [base | {"if": armed, "touch": str(scene_folder / "reached")} | fault]
        if self.made:
            call, account = self.made.split()
            made = {"call": call, "account": _ACCOUNTS[account], "agent": "Terraform", "when": "after", "nth": 1}
            rules.append(made | {"if": str(scene_folder / "armed"), "touch": armed})
        return rules

    def arm(self, scene: Scene) -> None:
        """From now on the moment can come."""
        scene.file("armed").touch()

    def disarm(self, scene: Scene) -> None:
        """From now on it does not come again."""
        for name in ("armed", "made"):
            scene.file(name).unlink(missing_ok=True)


BEFORE_1 = Point("before phase 1", "new", "up", "iam:GetRole", "account_a", "Boto3", terraform=False)
DURING_1 = Point("during phase 1, the role made", "new", "up", "iam:CreateRole", "account_a", when="after")
TABLE_1 = Point("during phase 1, the table made", "new", "up", "dynamodb:CreateTable", "account_a", when="after")
BETWEEN_1_2 = Point(
    "between 1 and 2",
    "new",
    "up",
    "iam:GetRole",
    "account_a",
    "Boto3",
    made="iam:CreateRole account_a",
    terraform=False,
)
DURING_2 = Point("during phase 2", "broad", "up", "iam:CreateRole", "account_b", when="after")
BETWEEN_2_3 = Point(
    "between 2 and 3",
    "broad",
    "up",
    "iam:GetRole",
    "account_b",
    "Boto3",
    made="iam:CreateRole account_b",
    terraform=False,
)
DURING_3 = Point("during phase 3", "connected", "tighten", "iam:UpdateAssumeRolePolicy", "account_a")
DURING_3_DONE = Point(
    "during phase 3, the trust made", "connected", "tighten", "iam:UpdateAssumeRolePolicy", "account_a", when="after"
)
DESTROY_B = Point("during destroy of B", "exact", "destroy", "iam:DeleteRole", "account_b", when="after")
DESTROY_BETWEEN = Point(
    "between the destroys", "exact", "destroy", "sts:GetCallerIdentity", "account_a", made="iam:DeleteRole account_b"
)
DESTROY_A = Point("during destroy of A", "exact", "destroy", "iam:DeleteRole", "account_a", when="after")

POINTS = (
    BEFORE_1,
    DURING_1,
    TABLE_1,
    BETWEEN_1_2,
    DURING_2,
    BETWEEN_2_3,
    DURING_3,
    DURING_3_DONE,
    DESTROY_B,
    DESTROY_BETWEEN,
    DESTROY_A,
)
