"""`tfdriver init`: scaffold a project."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

import yaml

from tfdriver.errors import TfdriverError
from tfdriver.files import write_whole
from tfdriver.project import assets
from tfdriver.spec import names

NEXT_STEPS: tuple[str, ...] = (
    "Try it in a local AWS: run `tfdriver sandbox` and, in its shell, `tfdriver up`, then `tfdriver destroy`",
    'Put your account ids, profiles and regions into tfdriver.yaml, at each "->"',
    "Preview the changes: `tfdriver plan`",
    "Apply the changes: `tfdriver up`",
)
BARE_STEPS: tuple[str, ...] = (
    'Put your account ids, profiles, regions, roles and modules into tfdriver.yaml, at each "->"',
    "Write the modules: each takes role_name, role_path and trust_policy (of a trusting role) or roles_to_assume (of a "
    "trusted role), and returns role_arn",
    *NEXT_STEPS[2:],
)


@dataclass(frozen=True)
class InitResult:
    """A new project. root: its absolute path; files: relative paths, sorted; next_steps: sentences for users."""

    root: Path
    files: tuple[str, ...]
    next_steps: tuple[str, ...] = NEXT_STEPS


def init(directory: Path, *, bare: bool = False) -> InitResult:
    """Write an example spec, its modules and a .gitignore into `directory`, which is created if missing.

    bare: write only the spec. An existing .gitignore is kept; the next steps list the lines to add. Raises
    TfdriverError, before it writes anything, if another of the files exists.
    """
    root = directory.absolute()
    files = {"tfdriver.yaml": assets.templates() / "init/bare.yaml"} if bare else _scaffold()
    next_steps: tuple[str, ...] = () if root == Path.cwd() else (f"Run `cd {shlex.quote(str(directory))}`",)
    if bare or (root / ".gitignore").is_file():
        files.pop(".gitignore", None)
        ignored = (assets.templates() / "init/gitignore").read_text(encoding="utf-8")
        lines = [line for line in ignored.splitlines() if line[:1] != "#"]
        next_steps = (*next_steps, f"Add to .gitignore: {' '.join(lines)}")
    _refuse_existing(root, files)
    for name, source in files.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            data = source.read_bytes()
        except OSError as error:
            raise TfdriverError(f"cannot be written: {error.strerror}", code="io_error", where=str(path)) from error
        write_whole(path, _with_project_name(data, root) if name == "tfdriver.yaml" else data)
    return InitResult(root, tuple(sorted(files)), (*next_steps, *(BARE_STEPS if bare else NEXT_STEPS)))


def _with_project_name(spec: bytes, root: Path) -> bytes:
    """Return the example spec with the folder's name as `project:`, because projects of one name share their tags.

    Characters that are invalid in a tag become hyphens.
    """
    name = "".join(c if names.tag_value(f"x{c}x") is None else "-" for c in root.name).strip()
    line = yaml.safe_dump({"project": name}, allow_unicode=True, width=1000).strip()
    return spec if names.tag_value(name) else spec.replace(b"\nproject: foo-bar ", f"\n{line} ".encode())


def _scaffold() -> dict[str, Path]:
    """Return the source of each file in a new project, by name."""
    modules, scaffold = assets.modules(), assets.templates() / "init"
    files = {"tfdriver.yaml": scaffold / "tfdriver.yaml", ".gitignore": scaffold / "gitignore"}
    for path in sorted(modules.rglob("*")):
        name = path.relative_to(modules)
        if path.is_file() and not any(part.startswith(".") or part == "__pycache__" for part in name.parts):
            files[f"modules/{name.as_posix()}"] = path
    return files


def _refuse_existing(root: Path, files: dict[str, Path]) -> None:
    if root.exists() and not root.is_dir():
        raise TfdriverError("is not a folder", code="unsafe_path", where=str(root), hint="Name another folder")
    if (root / "modules").is_symlink() and any(name.startswith("modules/") for name in files):
        raise TfdriverError(
            "is a symlink",
            code="unsafe_path",
            where=str(root / "modules"),
            hint="Name an empty folder, or move it away",
        )
    present = sorted(name for name in files if (root / name).exists() or (root / name).is_symlink())
    if present:
        few = ", ".join(present[-3:]) + (f" and {len(present) - 3} more" if len(present) > 3 else "")
        hint = "No changes made. Name an empty folder, or move these files away"
        raise TfdriverError(f"already contains {few}", code="project_exists", where=str(root), hint=hint)
