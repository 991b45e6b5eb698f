"""Roles with `accounts:`: one role for each account."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.spec.project import load, make_project
from tfdriver.errors import TfdriverError
from tfdriver.spec.compositions import compositions
from tfdriver.spec.model import Spec

ACCOUNTS = """\
version: 1
project: shop
accounts:
  prod_1: {id: "111111111111", region: us-west-2}
  prod_2: {id: "222222222222", region: us-west-2}
  dev: {id: "333333333333", region: us-west-2}
  apps: {id: "444444444444", region: us-west-2}
roles:
"""
WORKER = "  worker: {account: apps, module: function}\n"


def loaded(folder: Path, accounts: str, more: str = "trusts: [worker]", worker: str = WORKER) -> Spec:
    """The spec of a role `writer` in these accounts."""
    writer = f"  writer:\n    {accounts}\n    module: table\n    {more}\n"
    if "variables" not in more:
        writer += "    variables: {table_name: T}\n"
    return load(make_project(folder, ACCOUNTS + writer + worker))


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [
        ("accounts: [dev, prod_1]", ["dev", "prod_1"]),
        ('accounts: "prod_*"', ["prod_1", "prod_2"]),
        ('accounts: [prod_2, "prod_?", "d*"]', ["prod_2", "prod_1", "dev"]),
        ("accounts: dev", ["dev"]),
    ],
)
def test_there_is_one_role_for_each_account(tmp_path: Path, accounts: str, expected: list[str]):
    found = loaded(tmp_path, accounts)

    assert list(found.roles) == [*(f"writer@{name}" for name in expected), "worker"]
    assert [role.account.name for role in found.trusting] == expected
    assert {role.label for role in found.trusting} == {"writer"}
    assert {role.name for role in found.trusting} == {"writer"}
    assert [c.name for c in compositions(found)] == [*(a for a in found.accounts if a in expected), "apps"]


def test_a_key_in_trusts_means_its_roles_in_all_accounts(tmp_path: Path):
    worker = '  worker: {accounts: [apps, dev], module: function, name: "w-{account}"}\n'

    found = loaded(tmp_path, 'accounts: "prod_*"', worker=worker)

    both = ("worker@apps", "worker@dev")
    assert [role.trusts for role in found.trusting] == [both, both]
    assert [role.arn for role in found.trusted] == [
        "arn:aws:iam::444444444444:role/w-apps",
        "arn:aws:iam::333333333333:role/w-dev",
    ]
    assert [role.key for role in found.trusting_of(found.roles["worker@dev"])] == ["writer@prod_1", "writer@prod_2"]


def test_placeholders_are_filled_in_the_name_the_path_and_the_variables(tmp_path: Path):
    variables = """variables:
      table_name: "{account}-{account_id}-{{id}}-${account}-{proxy+}"
      keys: ["{account}"]
      labels: {"{account}": "{account_id}"}
      read_capacity: 7"""
    more = f'trusts: [worker]\n    name: "w-{{account}}"\n    path: "/{{account_id}}/"\n    {variables}'

    role = loaded(tmp_path, "accounts: [dev]", more).roles["writer@dev"]

    assert role.arn == "arn:aws:iam::333333333333:role/333333333333/w-dev"
    assert role.variables == {
        "table_name": "dev-333333333333-{id}-${account}-{proxy+}",
        "keys": ["dev"],
        "labels": {"{account}": "333333333333"},
        "read_capacity": 7,
    }


def test_nothing_is_filled_in_for_a_role_with_one_account(tmp_path: Path):
    more = 'trusts: [worker]\n    path: "/{account}/"\n    variables: {table_name: "{account}-{id}"}'

    role = loaded(tmp_path, "account: dev", more).roles["writer"]

    assert (role.path, role.variables) == ("/{account}/", {"table_name": "{account}-{id}"})


def test_generated_external_ids_differ_by_account_and_stay_when_accounts_are_added(tmp_path: Path):
    more = "trusts: [worker]\n    external_id: generate"

    one = loaded(tmp_path / "one", "account: prod_1", more).roles["writer"]
    many = loaded(tmp_path / "many", 'accounts: "*d*"', more).trusting

    assert one.external_id == "70adeb69-9ceb-5cf8-94fb-300028ee048f"
    assert many[0].external_id == one.external_id
    assert len({role.external_id for role in many}) == len(many) == 3


def test_generated_external_ids_differ_in_two_regions_of_an_account(tmp_path: Path):
    text = ACCOUNTS.replace(
        'prod_2: {id: "222222222222", region: us-west-2}', 'prod_2: {id: "111111111111", region: eu-west-1}'
    )
    writer = (
        '  writer:\n    accounts: "prod_*"\n    module: table\n    name: "w-{account}"\n    external_id: generate\n'
        "    variables: {table_name: T}\n    trusts: [worker]\n"
    )

    found = load(make_project(tmp_path, text + writer + WORKER))

    assert len({role.external_id for role in found.trusting}) == 2


@pytest.mark.parametrize(
    ("accounts", "more", "where", "message"),
    [
        (
            "accounts: [dev]",
            'trusts: [worker]\n    variables:\n      table_name: T\n      keys: ["{acount}"]',
            "15: roles.writer.variables.keys[0]",
            'there is no placeholder "{acount}". Did you mean account?',
        ),
        (
            "accounts: [dev]",
            'trusts: [worker]\n    path: "/{x}/"',
            "13: roles.writer.path",
            'there is no placeholder "{x}". There are account, account_id',
        ),
        (
            "accounts: [dev, prod_1]",
            "trusts: [worker]\n    name: x\n    external_id: a b",
            "14: roles.writer.external_id",
            "a space",
        ),
        ("accounts: [dev]", "trusts: [writer]", "12: roles.writer.trusts[0]", "cannot trust itself"),
    ],
)
def test_a_mistake_is_reported_with_its_line(tmp_path: Path, accounts: str, more: str, where: str, message: str):
    with pytest.raises(TfdriverError) as caught:
        loaded(tmp_path, accounts, more)

    assert caught.value.where == f"tfdriver.yaml:{where}"
    assert message in str(caught.value)


def test_one_name_in_two_regions_of_an_account_is_refused(tmp_path: Path):
    text = ACCOUNTS.replace("222222222222", "111111111111").replace("us-west-2", "eu-west-1", 1)
    writer = '  writer: {accounts: "prod_*", module: table, trusts: [worker], variables: {table_name: T}}\n'

    with pytest.raises(
        TfdriverError, match=r"also the name of role writer@prod_1\. Add \{account\} to `name:`"
    ) as caught:
        load(make_project(tmp_path, text + writer + WORKER))

    assert caught.value.where == "tfdriver.yaml:9: roles.writer.name"


def test_partitions_of_all_accounts_are_compared(tmp_path: Path):
    text = ACCOUNTS.replace("us-west-2", "cn-north-1", 1)
    writer = '  writer: {accounts: "prod_*", module: table, trusts: [worker], variables: {table_name: T}}\n'

    with pytest.raises(TfdriverError, match="writer is in partition aws and aws-cn, worker in aws"):
        load(make_project(tmp_path, text + writer + WORKER))
