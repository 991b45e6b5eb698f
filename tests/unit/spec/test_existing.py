"""Roles with `existing: true` in tfdriver.yaml, and the policies of trusted ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.builders import A, B, role, spec
from tests.unit.spec.project import GOOD, PROFILE_REGIONS, REGIONS, load, make_project
from tfdriver.errors import TfdriverError
from tfdriver.spec.compositions import compositions
from tfdriver.spec.existing import existing_values, policy_name
from tfdriver.spec.load import load_accounts
from tfdriver.spec.model import RoleElsewhere

STATEMENTS = "trust_statements: [{Effect: Allow, Principal: {AWS: 'arn:aws:iam::111111111111:root'}, Action: 'sts:*'}]"
ROLES = f"""\
roles:
  writer:
    account: store
    existing: true
    trusts: [reader]
    {STATEMENTS}
  reader: {{account: app, existing: true}}
"""
BEFORE_ROLES = GOOD.partition("roles:")[0]


def test_an_existing_role_needs_no_module_and_may_allow_anybody_in_its_own_statements(tmp_path: Path) -> None:
    found = load(make_project(tmp_path, BEFORE_ROLES + ROLES))

    assert [role.existing for role in found.roles.values()] == [True, True]
    assert found.roles["writer"].trust_statements[0]["Action"] == "sts:*"


def test_the_lines_of_adopt_are_valid_for_a_trusted_role_too(tmp_path: Path) -> None:
    text = ROLES.replace(
        "reader: {account: app, existing: true}", f"reader: {{account: app, existing: true, {STATEMENTS}}}"
    )

    assert load(make_project(tmp_path, BEFORE_ROLES + text)).roles["reader"].trust_statements


def test_the_roles_that_an_existing_role_can_assume(tmp_path: Path) -> None:
    def text(count: int) -> str:
        arns = [f"arn:aws:iam::{n:012}:role/foo_bar" for n in range(300, 300 + count)]
        return BEFORE_ROLES + f"roles:\n  reader: {{account: app, existing: true, assumes: {arns}}}\n"

    assert load(make_project(tmp_path / "fits", text(247)))

    with pytest.raises(TfdriverError) as caught:
        load(make_project(tmp_path / "long", text(250)))

    assert caught.value.where == "tfdriver.yaml:11: roles.reader"
    assert "policy to assume 250 roles would have 10348 characters; IAM allows 10240" in str(caught.value)
    assert "at least 3 fewer roles" in str(caught.value)


@pytest.mark.parametrize(
    ("old", "new", "where", "words"),
    [
        (
            "existing: true\n    trusts",
            "existing: true\n    module: table\n    trusts",
            ".module",
            "for one that exists",
        ),
        (
            "existing: true\n    trusts",
            "existing: true\n    variables: {a: 1}\n    trusts",
            ".variables",
            "variables is",
        ),
        ("existing: true\n    trusts", "existing: true\n    guard: true\n    trusts", ".guard", "never broad"),
        ("existing: true\n    trusts", "existing: true\n    open_for: 2h\n    trusts", ".open_for", "never broad"),
        (f"    {STATEMENTS}\n", "", "", "`tfdriver adopt store ROLE`"),
        ("arn:aws:iam::111111111111:root", "AROAEXAMPLEEXAMPLE", ".trust_statements[0]", "deleted principal"),
        ("    existing: true\n", "", ".module", "`existing: true`"),
    ],
)
def test_what_does_not_fit_an_existing_role_is_refused(
    tmp_path: Path, old: str, new: str, where: str, words: str
) -> None:
    with pytest.raises(TfdriverError) as caught:
        load(make_project(tmp_path, BEFORE_ROLES + ROLES.replace(old, new, 1)))

    assert caught.value.where.endswith(f"roles.writer{where}")
    assert words in str(caught.value)


@pytest.mark.parametrize("roles", ["roles:\n", "", "roles: {writer: {nonsense: true}}\n"])
def test_accounts_are_read_whatever_the_roles_are(tmp_path: Path, roles: str) -> None:
    root = make_project(tmp_path, BEFORE_ROLES + roles)

    found = load_accounts(root, regions=lambda: REGIONS, profile_region=PROFILE_REGIONS.get)

    assert list(found) == ["store", "app"]


def test_the_policy_of_a_trusted_role_allows_exactly_its_trusting_roles() -> None:
    app = role("app", B, existing=True)
    plain, tagged = (role(key, A, trusts=("app",), session_tags=key == "tagged") for key in ("plain", "tagged"))
    project = spec(plain, tagged, app)
    of_app = compositions(project)[-1]

    values = existing_values(project, of_app)["assume_policies"]["app"]

    assert (values["role_arn"], values["name"]) == (app.arn, "tfdriver-foo-bar-assume")
    assert values["document"]["Statement"] == [
        {"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [plain.arn]},
        {"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"], "Resource": [tagged.arn]},
    ]
    assert existing_values(project, compositions(project)[0]) == {}


def test_the_name_of_the_policy_is_one_that_iam_allows() -> None:
    odd = spec(role("app", B, existing=True))
    object.__setattr__(odd, "project", "My project / ü " + "x" * 300)

    assert policy_name(odd).startswith("tfdriver-My-project-----x")
    assert len(policy_name(odd)) <= 128


def test_an_existing_role_may_assume_roles_that_exist_elsewhere() -> None:
    hub = "arn:aws:iam::333333333333:role/hub"
    found = spec(role("reader", B, existing=True, assumes=(RoleElsewhere(hub),)))

    (values,) = existing_values(found, compositions(found)[0])["assume_policies"].values()

    assert values["document"]["Statement"] == [{"Effect": "Allow", "Action": ["sts:AssumeRole"], "Resource": [hub]}]
