"""A composition's folder: writing it, refusing edited and unknown files, removing it."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.project.cases import EXAMPLE_TRUSTED, TEMPLATES
from tfdriver.errors import TfdriverError
from tfdriver.project import composition_folder
from tfdriver.project.lambda_zip import zip_folder
from tfdriver.project.render import render, tfvars


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str | bytes]:
    (tmp_path / "lambda").mkdir()
    (tmp_path / "lambda" / "handler.py").write_text("pass\n")
    text = render(EXAMPLE_TRUSTED, TEMPLATES)
    return {**text, "terraform.tfvars.json": tfvars({"region": "x"}), "bar.zip": zip_folder(tmp_path / "lambda")}


@pytest.fixture
def path(tmp_path: Path, files: dict[str, str | bytes]) -> Path:
    """A written composition."""
    composition = tmp_path / "compositions" / "account_b"
    composition_folder.write_folder(composition, files)
    return composition


def contents(path: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in path.iterdir() if p.is_file()}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_folder_contains_exactly_the_written_files(path: Path, files: dict[str, str | bytes]) -> None:
    assert contents(path) == {n: c.encode() if isinstance(c, str) else c for n, c in files.items()}
    assert mode(path) == 0o700
    assert mode(path / "terraform.tfvars.json") == 0o600


def test_only_changed_files_are_written(path: Path, files: dict[str, str | bytes]) -> None:
    untouched = (path / "main.tf").stat().st_ino
    assert composition_folder.write_folder(path, files) == []
    assert composition_folder.write_folder(path, {**files, "terraform.tfvars.json": tfvars({"region": "y"})}) == [
        "terraform.tfvars.json"
    ]
    assert (path / "main.tf").stat().st_ino == untouched


def test_the_modes_of_a_checkout_become_private(path: Path, files: dict[str, str | bytes]) -> None:
    path.chmod(0o755)
    (path / "terraform.tfvars.json").chmod(0o644)
    assert composition_folder.write_folder(path, files) == []
    assert (mode(path), mode(path / "terraform.tfvars.json")) == (0o700, 0o600)


def test_stale_generated_files_are_deleted(path: Path, files: dict[str, str | bytes]) -> None:
    current = {name: content for name, content in files.items() if name not in ("output.tf", "bar.zip")}
    assert composition_folder.write_folder(path, current) == ["bar.zip", "output.tf"]
    assert set(contents(path)) == set(current)


def test_an_unfinished_file_of_a_crash_is_replaced(path: Path, files: dict[str, str | bytes]) -> None:
    (path / ".main.tf.new").write_text("half")
    (path / "main.tf").unlink()
    assert composition_folder.write_folder(path, files) == ["main.tf"]
    assert (path / "main.tf").read_text() == files["main.tf"]


def edit(name: str, text: str) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        (path / name).write_text((path / name).read_text().replace("x", "y") + text)

    return change


def link(name: str) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        (path / name).symlink_to("/etc/passwd")

    return change


def put(name: str, text: str = "x") -> Callable[[Path], object]:
    def change(path: Path) -> None:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_text(text)

    return change


def file_as_folder(path: Path) -> None:
    (path / "main.tf").unlink()
    (path / "main.tf").mkdir()


def edit_first_line(path: Path) -> None:
    values = path / "terraform.tfvars.json"
    values.write_text(values.read_text().replace('",\n', '", "profile": "evil",\n', 1))


REFUSED = {
    "main.tf edited": (edit("main.tf", "\n"), "main.tf: this generated file was edited"),
    "values edited": (edit("terraform.tfvars.json", ""), "terraform.tfvars.json: this generated file was edited"),
    "values edited in the first line": (edit_first_line, "terraform.tfvars.json: Terraform would load"),
    "zip replaced": (put("bar.zip"), "bar.zip: this generated file was edited"),
    "main.tf replaced": (put("main.tf"), "main.tf: Terraform would load this file, which tfdriver did not write"),
    "main.tf a folder": (file_as_folder, "main.tf: is not a plain file"),
    **{
        f"unknown {name}": (put(name), f"{name}: Terraform would load")
        for name in (
            "x.tf z_override.tf override.tf.json x.tf.json main.tofu main.tofu.json "
            "terraform.tfvars x.auto.tfvars x.auto.tfvars.json"
        ).split()
    },
    "a symlink": (link("notes.md"), "notes.md: symlinks are not allowed here"),
    "the state a symlink": (link("terraform.tfstate"), "terraform.tfstate: symlinks are not allowed here"),
}


@pytest.mark.parametrize(("change", "message"), REFUSED.values(), ids=REFUSED)
def test_an_unsafe_folder_is_refused_before_anything_is_written(
    path: Path, files: dict[str, str | bytes], change: Callable[[Path], object], message: str
) -> None:
    change(path)
    before = contents(path)

    with pytest.raises(TfdriverError) as caught:
        composition_folder.check_folder(path, files.keys())

    assert message in str(caught.value)
    with pytest.raises(TfdriverError):
        composition_folder.write_folder(path, {**files, "provider.tf": "other"})
    assert contents(path) == before


def test_notes_and_terraforms_own_files_are_kept(path: Path, files: dict[str, str | bytes]) -> None:
    for name in ("README.md", "override-notes.txt", ".terraform.lock.hcl", "terraform.tfstate", "other.zip"):
        (path / name).write_text("x")
    composition_folder.check_folder(path, files.keys())
    assert composition_folder.write_folder(path, files) == []
    assert (path / "README.md").read_text() == "x"


def test_a_missing_folder_passes_the_check(tmp_path: Path) -> None:
    composition_folder.check_folder(tmp_path / "compositions" / "none", ["main.tf"])
    assert not (tmp_path / "compositions").exists()


@pytest.mark.parametrize("linked", ["compositions", "compositions/account_b"])
def test_a_symlink_to_a_folder_is_not_followed(tmp_path: Path, files: dict[str, str | bytes], linked: str) -> None:
    outside = tmp_path / "outside"
    (outside / "account_b").mkdir(parents=True)
    (outside / "account_b" / "terraform.tfstate").write_text("x")
    (tmp_path / linked).parent.mkdir(exist_ok=True)
    (tmp_path / linked).symlink_to(outside if linked == "compositions" else outside / "account_b")
    composition = tmp_path / "compositions" / "account_b"

    with pytest.raises(TfdriverError, match="is not a plain folder"):
        composition_folder.write_folder(composition, files)
    with pytest.raises(TfdriverError, match="is not a plain folder"):
        composition_folder.remove(composition)

    assert [p.name for p in (outside / "account_b").iterdir()] == ["terraform.tfstate"]


@pytest.mark.parametrize("name", [".tfdriver", "timeline.jsonl", "account_b"])
def test_a_symlink_beside_the_compositions_is_refused(tmp_path: Path, name: str) -> None:
    compositions = tmp_path / "compositions"
    composition_folder.check_parent(compositions)
    compositions.mkdir()
    composition_folder.check_parent(compositions)
    (compositions / name).symlink_to(tmp_path)
    with pytest.raises(TfdriverError, match=f"{name}: symlinks are not allowed here"):
        composition_folder.check_parent(compositions)


def test_removing_deletes_the_folder(path: Path) -> None:
    for name in ("terraform.tfstate", "terraform.tfstate.backup", ".terraform.lock.hcl", ".main.tf.new"):
        (path / name).write_text("x")
    put(".tfdriver/apply.jsonl")(path)
    put(".terraform/provider")(path)
    (path / ".terraform" / "link").symlink_to(path.parent)
    assert composition_folder.remove(path) == []
    assert not path.exists()
    assert path.parent.exists()
    assert composition_folder.remove(path) == []


def test_removing_keeps_edited_and_unknown_files(path: Path) -> None:
    edit("main.tf", "\n")(path)
    put("README.md")(path)
    put("terraform.tfstate.d/state")(path)
    put("other.zip")(path)
    assert composition_folder.remove(path) == ["README.md", "main.tf", "other.zip", "terraform.tfstate.d"]


def test_removing_refuses_symlinks_before_it_deletes_anything(path: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (path / ".terraform").symlink_to(tmp_path / "precious")
    with pytest.raises(TfdriverError, match="symlinks"):
        composition_folder.remove(path)
    assert (path / "main.tf").exists()
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize(
    "inner", [".tfdriver/planned.plan", ".terraform/terraform.tfstate", ".terraform/modules/modules.json"]
)
def test_a_symlink_in_a_folder_that_terraform_writes_is_refused(
    path: Path, files: dict[str, str | bytes], inner: str
) -> None:
    outside = path.parents[1] / "precious"
    outside.write_text("precious")
    (path / inner).parent.mkdir(parents=True)
    (path / inner).symlink_to(outside)
    with pytest.raises(TfdriverError, match=f"{inner}: symlinks are not allowed here"):
        composition_folder.check_folder(path, files.keys())


def test_a_provider_may_be_a_symlink_into_a_mirror(path: Path, files: dict[str, str | bytes]) -> None:
    provider = path / ".terraform/providers/registry.terraform.io/hashicorp/aws/5.100.0/linux_amd64"
    provider.parent.mkdir(parents=True)
    provider.symlink_to(path.parents[1])
    composition_folder.check_folder(path, files.keys())


def test_a_pipe_instead_of_a_file_is_refused(path: Path, files: dict[str, str | bytes]) -> None:
    os.mkfifo(path / "terraform.tfstate")
    with pytest.raises(TfdriverError, match="is neither a file nor a folder"):
        composition_folder.check_folder(path, files.keys())


def test_a_folder_that_all_users_can_write_to_is_refused(path: Path) -> None:
    composition_folder.check_parent(path.parent)
    path.parent.chmod(0o777)
    with pytest.raises(TfdriverError, match=r"all users can write to this folder\. Run `chmod o-w "):
        composition_folder.check_parent(path.parent)
