"""The shape of the code, held by tests: one door per outside world, no printing elsewhere, small functions."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "tfdriver"
FILES = sorted(p for p in PACKAGE.rglob("*.py") if "_assets" not in p.parts)

DOORS = {
    "click": "cli.py",
    "boto3": "aws.py",
    "python_terraform": "terraform.py",
    "jinja2": "render.py",
    "moto": "sandbox/backend.py",
}
CORE = (
    *("trust.py", "decide.py", "compositions.py", "values.py", "events.py", "wording.py", "overview.py"),
    *("lint.py", "module_policies.py"),
    *sorted(f"graph/{path.name}" for path in (PACKAGE / "graph").glob("*.py")),
)
IO_MODULES = {"os", "subprocess", "pathlib", "shutil", "socket", "time", "boto3", "click", "rich"}


def imports(path: Path) -> Iterator[str]:
    """The top-level names of all modules a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module.split(".")[0]


@pytest.mark.parametrize(("library", "door"), DOORS.items())
def test_each_outside_world_has_one_door(library, door):
    users = [str(p.relative_to(PACKAGE)) for p in FILES if library in imports(p)]
    assert users == [door]


@pytest.mark.parametrize("name", CORE)
def test_decisions_do_no_io(name):
    assert not IO_MODULES & set(imports(PACKAGE / name))


def test_commands_know_neither_click_nor_printing():
    for path in (PACKAGE / "commands").glob("*.py"):
        assert not {"click", "rich"} & set(imports(path)), path


def functions() -> Iterator[tuple[str, int]]:
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                doc = ast.get_docstring(node, clean=False) or ""
                yield f"{path.name}:{node.name}", node.end_lineno - node.lineno + 1 - len(doc.splitlines())


def test_functions_are_mostly_small():
    lengths = dict(functions())
    large = {name: length for name, length in lengths.items() if length > 40}
    assert len(lengths) > 100
    assert not large
    assert sum(length > 25 for length in lengths.values()) < len(lengths) / 15
