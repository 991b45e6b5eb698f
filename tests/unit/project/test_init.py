"""`tfdriver init`: a copy of the repository's example; no file is overwritten."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tfdriver.errors import TfdriverError
from tfdriver.project import assets
from tfdriver.project.init import NEXT_STEPS, init
from tfdriver.spec.load import load_spec

EXAMPLE = Path(__file__).resolve().parents[3] / "tfdriver.yaml"


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_new_project_is_the_example_with_its_modules(tmp_path: Path) -> None:
    root = tmp_path / "new" / "project"

    result = init(root)

    assert result.root == root
    assert list(result.files) == files_in(root)
    assert result.next_steps
    example = yaml.safe_load(EXAMPLE.read_text())
    assert yaml.safe_load((root / "tfdriver.yaml").read_text()) == example | {"project": "project"}
    for name in ("team_a_foo_ddb/main.tf", "team_b_bar_app/lambda/handler.py", "trusted_role/main.tf", "README.md"):
        assert (root / "modules" / name).read_bytes() == (assets.modules() / name).read_bytes()
    ignored = (root / ".gitignore").read_text()
    assert "*.tfstate" in ignored.splitlines()
    assert ".terraform.lock.hcl" not in ignored  # it belongs in version control


def test_a_bare_project_is_a_spec_and_keeps_the_modules_that_are_there(tmp_path: Path) -> None:
    root = tmp_path / "orders"
    (tmp_path / "shared").mkdir()
    root.mkdir()
    (root / "modules").symlink_to(tmp_path / "shared")

    result = init(root, bare=True)

    assert result.files == ("tfdriver.yaml",) == tuple(files_in(root))
    spec = yaml.safe_load((root / "tfdriver.yaml").read_text())
    assert (spec["project"], list(spec["roles"])) == ("orders", ["foo_bar", "bar"])
    assert any("*.tfstate" in step for step in result.next_steps)
    with pytest.raises(TfdriverError, match=r"there is no module modules/foo_bar") as missing:
        load_spec(root, regions=dict, profile_region=lambda _: None)
    assert "Write it" in str(missing.value)


@pytest.mark.parametrize(
    ("folder", "project"),
    [
        ("orders", "orders"),
        ("Team A: orders", "Team A: orders"),
        ("no", "no"),
        ("012345678901", "012345678901"),
        ("a[b]*'\"", "a-b----"),
        ("aws:x", "foo-bar"),
    ],
)
def test_a_new_project_is_named_after_its_folder(tmp_path: Path, folder: str, project: str) -> None:
    init(tmp_path / folder)
    assert yaml.safe_load((tmp_path / folder / "tfdriver.yaml").read_text())["project"] == project


def test_only_sources_are_copied(tmp_path: Path) -> None:
    names = init(tmp_path).files
    assert not [name for name in names if "__pycache__" in name or ".terraform" in name or name.endswith(".zip")]


def test_existing_files_are_reported_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "tfdriver.yaml").write_text("mine")
    (tmp_path / ".gitignore").symlink_to("nowhere")
    with pytest.raises(TfdriverError, match=r"already contains \.gitignore, tfdriver\.yaml\. No changes made"):
        init(tmp_path)
    assert files_in(tmp_path) == ["tfdriver.yaml"]
    assert (tmp_path / "tfdriver.yaml").read_text() == "mine"


def test_other_files_are_kept(tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("mine")
    init(tmp_path)
    assert (tmp_path / "README.md").read_text() == "mine"


def test_a_file_or_a_symlink_to_modules_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TfdriverError, match="is not a folder"):
        init(tmp_path / "file")
    (tmp_path / "p").mkdir()
    (tmp_path / "outside").mkdir()
    (tmp_path / "p" / "modules").symlink_to(tmp_path / "outside")
    with pytest.raises(TfdriverError, match="symlink"):
        init(tmp_path / "p")
    assert files_in(tmp_path) == ["file"]


def test_an_existing_gitignore_is_kept_and_its_missing_lines_reported(tmp_path: Path) -> None:
    (tmp_path / ".gitignore").write_text("mine\n")
    done = init(tmp_path)
    assert (tmp_path / ".gitignore").read_text() == "mine\n"
    assert ".gitignore" not in done.files
    assert "*.tfstate" in done.next_steps[1]


def test_the_next_steps_start_in_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert init(Path("my project")).next_steps[0] == "Run `cd 'my project'`"
    assert init(Path()).next_steps == NEXT_STEPS
