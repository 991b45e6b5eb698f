"""Rules that import-linter cannot check: pure modules do no I/O, functions are small, class names are unique."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "tfdriver"
FILES = sorted(p for p in PACKAGE.rglob("*.py") if "_assets" not in p.parts)

# Modules whose docstring has "Pure;" or "Pure.", but not "Pure but for ...".
PURE = [p for p in FILES if re.search(r"\bPure[;.]", ast.get_docstring(ast.parse(p.read_text(encoding="utf-8"))) or "")]
IO_MODULES = {"os", "subprocess", "pathlib", "shutil", "socket", "time", "boto3", "click", "rich"}
CARRY_PATHS = {"terraform/environment.py", "spec/model.py"}  # they have paths of files, but open none


@cache
def nodes(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def name_of(path: Path) -> str:
    return str(path.relative_to(PACKAGE))


def modules(path: Path) -> Iterator[str]:
    """Return all modules that a file imports, anywhere; for `from x import y` also x.y, which may be a module."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", PURE, ids=name_of)
def test_pure_modules_do_no_io(path):
    allowed = {"pathlib"} if name_of(path) in CARRY_PATHS else set()
    imported = {module.split(".")[0] for module in modules(path)}

    assert not IO_MODULES & imported - allowed
    assert "tfdriver.aws.client" not in modules(path)


def test_modules_that_decide_are_pure():
    decisions = {
        "iam/trust.py",
        "iam/trust_state.py",
        "spec/compositions.py",
        "deploy/overview.py",
        "iam/lint.py",
        "inspect/graph/build.py",
    }
    assert decisions <= {name_of(path) for path in PURE}


def functions() -> Iterator[tuple[str, int]]:
    for path in FILES:
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                doc = ast.get_docstring(node, clean=False) or ""
                yield f"{path.name}:{node.name}", node.end_lineno - node.lineno + 1 - len(doc.splitlines())


def test_functions_are_mostly_small():
    lengths = dict(functions())
    large = {name: length for name, length in lengths.items() if length > 40}

    assert len(lengths) > 100
    assert not large
    assert sum(length > 25 for length in lengths.values()) < len(lengths) / 15


def test_no_class_name_exists_twice():
    names = [node.name for path in FILES for node in nodes(path) if isinstance(node, ast.ClassDef)]

    assert len(names) > 100
    assert [name for name, count in Counter(names).items() if count > 1] == []
