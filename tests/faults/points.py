"""The points of the matrix: the moments of a run at which a fault happens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.faults.scene import Scene

_ACCOUNTS = {"account_a": "111111111111", "account_b": "222222222222"}


@dataclass(frozen=True)
class Point:
    """A moment in a run of `command` that starts at `start`.

    It is before or after (`when`) the first `call` in `account` by `agent`. made: `service:operation account` of a call
    that must have been executed first; terraform: whether Terraform is running at that moment.
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
        """Return the sandbox's rules for `fault` (the keys of a rule) at this moment, while it is armed."""
        armed = str(scene_folder / ("made" if self.made else "armed"))
        base = {"call": self.call, "account": _ACCOUNTS[self.account], "agent": self.agent, "when": self.when}
        rules = [base | {"if": armed, "touch": str(scene_folder / "reached")} | fault]
        if self.made:
            call, account = self.made.split()
            made = {"call": call, "account": _ACCOUNTS[account], "agent": "Terraform", "when": "after", "nth": 1}
            rules.append(made | {"if": str(scene_folder / "armed"), "touch": armed})
        return rules

    def arm(self, scene: Scene) -> None:
        """Enable the rules of this point."""
        scene.file("armed").touch()

    def disarm(self, scene: Scene) -> None:
        """Disable the rules of this point."""
        for name in ("armed", "made"):
            scene.file(name).unlink(missing_ok=True)


BEFORE_1 = Point("before phase 1", "new", "up", "iam:GetRole", "account_a", "Boto3", terraform=False)
DURING_1 = Point("during phase 1, after CreateRole", "new", "up", "iam:CreateRole", "account_a", when="after")
TABLE_1 = Point("during phase 1, after CreateTable", "new", "up", "dynamodb:CreateTable", "account_a", when="after")
BETWEEN_1_2 = Point(
    "between phases 1 and 2",
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
    "between phases 2 and 3",
    "broad",
    "up",
    "iam:GetRole",
    "account_b",
    "Boto3",
    made="iam:CreateRole account_b",
)
DURING_3 = Point("during phase 3", "connected", "tighten", "iam:UpdateAssumeRolePolicy", "account_a")
DURING_3_DONE = Point(
    "during phase 3, after UpdateAssumeRolePolicy",
    "connected",
    "tighten",
    "iam:UpdateAssumeRolePolicy",
    "account_a",
    when="after",
)
DESTROY_B = Point("during destroy of B", "exact", "destroy", "iam:DeleteRole", "account_b", when="after")
DESTROY_BETWEEN = Point(
    "between destroy of B and of A",
    "exact",
    "destroy",
    "sts:GetCallerIdentity",
    "account_a",
    made="iam:DeleteRole account_b",
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
