"""Projects with wrong files, modules or folders. Read the table as documentation."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.unit.spec.project import FUNCTION, GOOD, TABLE, load, make_project, put, with_line
from tests.unit.spec.test_bad_specs import check, refusal
from tfdriver.errors import TfdriverError

MAIN = "modules/table/main.tf"


def module(text: str | bytes, name: str = MAIN) -> Callable[[Path], None]:
    return partial(put, name=name, content=text)


def remove(name: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        path = root / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()

    return change


def link(name: str, target: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        remove(name)(root)
        (root / name).symlink_to(target)

    return change


def outside(name: str, target: str) -> Callable[[Path], None]:
    """Move a file or folder out of the project and put a symlink in its place."""

    def change(root: Path) -> None:
        (root / name).rename(root.parent / target)
        (root / name).symlink_to(root.parent / target)

    return change


def both_sides(third: str) -> Callable[[Path], None]:
    """Put `store` on both sides, and a trusting role into a third account."""
    more = f"""\
  helper: {{account: store, module: function}}
  other: {{account: {third}, module: table, variables: {{table_name: T}}, trusts: [helper]}}
"""
    text = GOOD.replace("  app:\n", f'  {third}: {{id: "333333333333", region: us-west-2}}\n  app:\n') + more
    return partial(put, name="tfdriver.yaml", content=text)


def many_trusted(root: Path) -> None:
    keys = [f"worker_{'x' * 40}_{n:02}" for n in range(30)]
    roles = "".join(f"  {key}: {{account: app, module: function}}\n" for key in keys)
    put(root, "tfdriver.yaml", with_line(15, f"    trusts: [worker, {', '.join(keys)}]") + roles)


def rename_spec(root: Path) -> None:
    (root / "tfdriver.yaml").rename(root / "tfdriver.yml")


def replace_spec_with_a_folder(root: Path) -> None:
    (root / "tfdriver.yaml").unlink()
    (root / "tfdriver.yaml").mkdir()


def replace_spec_with_a_pipe(root: Path) -> None:
    (root / "tfdriver.yaml").unlink()
    os.mkfifo(root / "tfdriver.yaml")


def set_a_required_variable_to_null(root: Path) -> None:
    put(root, "tfdriver.yaml", with_line(14, "    variables: {table_name: T, keys: null}"))
    put(root, MAIN, TABLE.replace("  default  = []\n", ""))


class Project(NamedTuple):
    """A valid project after a change. where: the place in the message."""

    kind: str
    change: Callable[[Path], None]
    where: str
    words: tuple[str, ...]


PROJECTS = [
    Project("spec missing", remove("tfdriver.yaml"), "ROOT/tfdriver.yaml", ("no such file", "tfdriver init")),
    Project("spec with another name", rename_spec, "ROOT/tfdriver.yaml", ("no such file", "Rename tfdriver.yml")),
    Project("spec a folder", replace_spec_with_a_folder, "tfdriver.yaml", ("is a folder", "Remove it")),
    Project("spec a pipe", replace_spec_with_a_pipe, "tfdriver.yaml", ("not a regular file", "text")),
    Project("spec a symlink out", outside("tfdriver.yaml", "x.yaml"), "tfdriver.yaml", ("outside the project", "Copy")),
    Project("spec a broken symlink", link("tfdriver.yaml", "gone"), "ROOT/tfdriver.yaml", ("broken", "itself")),
    Project(
        "spec a symlink to itself", link("tfdriver.yaml", "tfdriver.yaml"), "ROOT/tfdriver.yaml", ("cannot be read",)
    ),
    Project(
        "no modules at all",
        remove("modules"),
        "tfdriver.yaml:13: roles.writer.module",
        ("no module modules/table", "tfdriver init"),
    ),
    Project(
        "module without files",
        remove(MAIN),
        "modules/table",
        ("no .tf files", "Add main.tf", "role_name", "trust_policy", "roles_to_assume", "role_arn"),
    ),
    Project(
        "module a symlink out",
        outside("modules/table", "elsewhere"),
        "tfdriver.yaml:13: roles.writer.module",
        ("outside the project", "Copy"),
    ),
    Project(
        "modules/ a symlink out",
        outside("modules", "elsewhere"),
        "tfdriver.yaml:13: roles.writer.module",
        ("outside the project", "Copy"),
    ),
    Project("module's file a symlink out", outside(MAIN, "x.tf"), MAIN, ("outside the project", "itself")),
    Project("module's file a broken symlink", link(MAIN, "gone.tf"), MAIN, ("cannot be read", "Grant yourself")),
    Project(
        "module a symlink to itself",
        link("modules/table", "table"),
        "tfdriver.yaml:13: roles.writer.module",
        ("no module", "function"),
    ),
    Project("module's file binary", module(b"\xff\xfe\x00"), MAIN, ("not UTF-8", "Save it")),
    Project("module's file huge", module("#" * 1_100_000), MAIN, ("1024 KiB", "Split the file")),
    Project("brace left open", module("locals {\n  a = 1\n"), MAIN + ":3", ("syntax error", "line 1", "validate")),
    Project("bracket left open", module("locals {\n  a = [1,\n}\n"), MAIN + ":2", ("invalid", "a = [1,", "validate")),
    Project("bracket too many", module("locals {\n  a = 1]\n}\n"), MAIN + ":1", ("invalid", "locals {", "validate")),
    Project("string left open", module('locals {\n  a = "x\n}\n'), MAIN + ":1", ("invalid", "locals {", "validate")),
    Project(
        "template left open", module('locals {\n  a = "${x"\n}\n'), MAIN + ":2", ("invalid", 'a = "${x"', "validate")
    ),
    Project(
        "heredoc left open",
        module("locals {\n  a = <<EOT\n  x\n}\n"),
        MAIN + ":5",
        ("line 2", "heredoc marker", "validate"),
    ),
    Project("comment left open", module("locals {}\n/* x\n"), MAIN + ":2", ("invalid", "/* x", "validate")),
    Project("no value", module("locals {\n  a =\n}\n"), MAIN + ":2", ("invalid", "a =", "validate")),
    Project("two equals signs", module("locals {\n  a = = 3\n}\n"), MAIN + ":2", ("invalid", "a = = 3", "validate")),
    Project("argument twice", module("locals {\n  a = 1\n  a = 2\n}\n"), MAIN + ":3", ("a is given twice", "validate")),
    Project("unexpected text", module("locals {\n}\n???\n"), MAIN + ":3", ("invalid", "???", "validate")),
    Project("block without braces", module('variable "a"\n'), MAIN + ":1", ("invalid", 'variable "a"', "validate")),
    Project("variable without a name", module("variable {\n}\n"), MAIN + ":1", ("one name", "validate")),
    Project("output without a name", module("output {\n}\n"), MAIN + ":1", ("one name", "validate")),
    Project(
        "type of no kind",
        module('variable "a" {\n  type = strnig\n}\n'),
        MAIN + ":2",
        ("strnig is not a type", "validate"),
    ),
    Project(
        "type left open",
        module('variable "a" {\n  type = list(string number)\n}\n'),
        MAIN + ":2",
        ("invalid", "list(string number)", "validate"),
    ),
    Project(
        "JSON broken",
        module("{\n  oops\n}\n", "modules/table/x.tf.json"),
        "modules/table/x.tf.json:2",
        ("syntax error", "validate"),
    ),
    Project(
        "no role_name",
        module(TABLE.replace('variable "role_name"', 'variable "name"')),
        "tfdriver.yaml:13: roles.writer.module",
        ("no variable role_name", 'Add to the module: variable "role_name" { type = string }'),
    ),
    Project(
        "no roles_to_assume",
        module(FUNCTION.replace('"roles_to_assume"', '"targets"'), "modules/function/main.tf"),
        "tfdriver.yaml:18: roles.worker.module",
        (
            "no variable roles_to_assume",
            "list(object({role = string, arn = string, external_id = optional(string), region",
        ),
    ),
    Project(
        "no variables of the contract",
        module('output "role_arn" { value = 1 }\n'),
        "tfdriver.yaml:13: roles.writer.module",
        ("role_name, role_path, trust_policy", 'variable "trust_policy" { type = string }'),
    ),
    Project(
        "no output role_arn",
        module(TABLE.replace("role_arn", "arn")),
        "tfdriver.yaml:13: roles.writer.module",
        ("no output role_arn", 'output "role_arn" { value = aws_iam_role.this.arn }'),
    ),
    Project(
        "code without the variable package",
        module(FUNCTION.replace('"package"', '"parcel"'), "modules/function/main.tf"),
        "tfdriver.yaml:18: roles.worker.module",
        ("no variable package", "lambda/", 'variable "package" { type = string }'),
    ),
    Project(
        "variable package without code",
        remove("modules/function/lambda"),
        "tfdriver.yaml:18: roles.worker.module",
        ("requires package", "no folder lambda/", "Add the folder lambda/", "a default"),
    ),
    Project(
        "for both sides at once",
        module(TABLE + 'variable "roles_to_assume" {}\n'),
        "tfdriver.yaml:13: roles.writer.module",
        ("requires roles_to_assume", "trusting role", "Use another module", "`trusts:`", "a default"),
    ),
    Project(
        "null where the module forbids it",
        set_a_required_variable_to_null,
        "tfdriver.yaml:14: roles.writer.variables.keys",
        ("no value", "needs one"),
    ),
    Project(
        "name of a composition of two sides",
        both_sides("store_trusting"),
        "tfdriver.yaml:7: accounts.store_trusting",
        ("compositions/store_trusting", "both sides", "Rename"),
    ),
    Project(
        "accounts in two cases",
        both_sides("Store_TRUSTING"),
        "tfdriver.yaml:7: accounts.Store_TRUSTING",
        ("compositions/", "case does not count", "Rename"),
    ),
    Project("trust policy too long", many_trusted, "tfdriver.yaml:15: roles.writer.trusts", ("2048", "fewer roles")),
]


@pytest.mark.parametrize("case", PROJECTS, ids=lambda case: case.kind)
def test_a_bad_project_is_refused(case: Project, tmp_path: Path) -> None:
    root = make_project(tmp_path)
    case.change(root)

    check(refusal(root), case.where.replace("ROOT", str(root.resolve())), case.words)


def test_a_folder_whose_name_cannot_be_a_tag_needs_a_project_name(tmp_path: Path) -> None:
    root = make_project(tmp_path, with_line(2, "")).rename(tmp_path / "a#b")
    check(refusal(root), "tfdriver.yaml:1", ("folder's name", '"#"', "Add `project:`"))


def test_a_missing_project_folder_is_refused(tmp_path: Path) -> None:
    check(refusal(tmp_path / "gone"), str(tmp_path / "gone"), ("no such folder", "tfdriver init"))


def test_a_file_as_project_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check(refusal(tmp_path / "file"), str(tmp_path / "file"), ("is a file", "-C"))


def test_a_project_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check(refusal(tmp_path / "file" / "x"), str(tmp_path / "file" / "x"), ("Not a directory", "-C"))


def test_a_symlink_to_a_project_folder_is_refused(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    (tmp_path / "link").symlink_to(root)
    check(refusal(tmp_path / "link"), str(tmp_path / "link"), ("symlink", f"-C {root.resolve()}"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every file")
def test_an_unreadable_spec_is_reported(tmp_path: Path) -> None:
    root = make_project(tmp_path)
    (root / "tfdriver.yaml").chmod(0)
    with pytest.raises(TfdriverError, match="cannot be read: Permission denied"):
        load(root)
