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
    "Try it as it is, in a local AWS: `tfdriver sandbox` opens a shell; there `tfdriver up`, then `tfdriver destroy`",
    'Put your account ids, profiles and regions into tfdriver.yaml, where it says "->"',
    "See what would be done: `tfdriver plan`",
    "Do it: `tfdriver up`",
)


@dataclass(frozen=True)
class InitResult:
    """A new project. root: its folder, absolute; files: what was written, as paths below it, sorted.

    next_steps: sentences for people, in the order in which they are best done.
    """

    root: Path
    files: tuple[str, ...]
    next_steps: tuple[str, ...] = NEXT_STEPS


def init(directory: Path) -> InitResult:
    """Write an example spec, the modules it uses and a .gitignore into `directory`, which is made if missing.

    A .gitignore that is there already is left alone; what to add is among the next steps. Raises TfdriverError if any
    other of the files is there, naming them; nothing is written then.
    """
    root = directory.absolute()
    files = _scaffold()
    next_steps: tuple[str, ...] = () if root == Path.cwd() else (f"Go there: `cd {shlex.quote(str(directory))}`",)
    if (root / ".gitignore").is_file():
        lines = [line for line in files.pop(".gitignore").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
        next_steps = (*next_steps, f"Add to .gitignore: {' '.join(lines)}")
    _refuse_existing(root, files)
    for name, source in files.items():
        path = root / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            data = source.read_bytes()
        except OSError as error:
            raise TfdriverError(f"cannot write it: {error.strerror}", where=str(path)) from error
        write_whole(path, _named(data, root) if name == "tfdriver.yaml" else data)
    return InitResult(root, tuple(sorted(files)), (*next_steps, *NEXT_STEPS))


def _named(spec: bytes, root: Path) -> bytes:
    """Return the example spec with the folder's name as `project:`. Projects of one name share their resources' tags.

    Characters that a tag cannot hold become hyphens.
    """
    name = "".join(c if names.tag_value(f"x{c}x") is None else "-" for c in root.name).strip()
    line = yaml.safe_dump({"project": name}, allow_unicode=True, width=1000).strip()
    return spec if names.tag_value(name) else spec.replace(b"\nproject: foo-bar ", f"\n{line} ".encode())


def _scaffold() -> dict[str, Path]:
    """Return the file to copy for each name in the new project."""
    modules = assets.modules()
    scaffold = assets.templates() / "init"
    found = {"tfdriver.yaml": scaffold / "tfdriver.yaml", ".gitignore": scaffold / "gitignore"}
    for path in sorted(path for path in modules.rglob("*") if path.is_file()):
        inside = path.relative_to(modules)
        if not any(part.startswith(".") or part == "__pycache__" for part in inside.parts):  # what tools leave there
            found[f"modules/{inside.as_posix()}"] = path
    return found


def _refuse_existing(root: Path, files: dict[str, Path]) -> None:
    if root.exists() and not root.is_dir():
        raise TfdriverError("is not a folder", where=str(root), hint="Name another one")
    if (root / "modules").is_symlink():
        raise TfdriverError("is a symlink", where=str(root / "modules"), hint="Name an empty folder, or move it away")
    present = sorted(name for name in files if (root / name).exists() or (root / name).is_symlink())
    if present:
        few = ", ".join(present[-3:]) + (f" and {len(present) - 3} more" if len(present) > 3 else "")
        raise TfdriverError(
            f"there is already {few}; nothing was written",
            where=str(root),
            hint="Name an empty folder, or move these away",
        )
