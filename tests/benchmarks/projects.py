"""Writes the projects that are measured: trusting accounts, each with a role and a table, and one trusted role."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).parents[2]
REGION = "us-west-2"
PROJECT = "bench"


@dataclass(frozen=True)
class Member:
    """An account with its only role. account: also the name of its profile and composition."""

    account: str
    id: str
    role: str

    @property
    def arn(self) -> str:
        return f"arn:aws:iam::{self.id}:role/{self.role}"

    @property
    def tags(self) -> dict[str, str]:
        return {"tfdriver:project": PROJECT, "tfdriver:composition": self.account}


TRUSTED = Member("account_b", "222222222222", "bar")
EXACT = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": [TRUSTED.arn]}, "Action": "sts:AssumeRole"}],
}
BROAD = json.loads(json.dumps(EXACT).replace(TRUSTED.arn, f"arn:aws:iam::{TRUSTED.id}:root"))


def trusting(count: int) -> list[Member]:
    """Return `count` trusting accounts; a larger count begins with the accounts of a smaller one."""
    return [Member(f"account_{n:04}", f"1{n:011}", f"foo_{n:04}") for n in range(1, count + 1)]


def write_project(folder: Path, count: int) -> None:
    """Write tfdriver.yaml and the modules into a new folder. count: of trusting accounts."""
    folder.mkdir(parents=True)
    shutil.copytree(REPOSITORY / "modules", folder / "modules")
    members = trusting(count)
    roles: dict[str, Any] = {
        m.role: {
            "account": m.account,
            "module": "team_a_foo_ddb",
            "variables": {"table_name": "TestTable"},
            "trusts": [TRUSTED.role],
        }
        for m in members
    }
    roles[TRUSTED.role] = {"account": TRUSTED.account, "module": "team_b_bar_app"}
    accounts = {m.account: {"id": m.id, "profile": m.account, "region": REGION} for m in (*members, TRUSTED)}
    spec = {"version": 1, "project": PROJECT, "accounts": accounts, "roles": roles}
    (folder / "tfdriver.yaml").write_text(json.dumps(spec))  # JSON is YAML
