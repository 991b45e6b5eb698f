"""Each bad spec is refused with one short message: file, line, key and a hint. Nothing is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.spec.bad_specs import FILES, LINES, File, Line
from tests.unit.spec.project import load, make_project, with_line
from tfdriver.errors import Exit, TfdriverError


def refusal(root: Path) -> TfdriverError:
    before = contents(root)
    with pytest.raises(TfdriverError) as caught:
        load(root)
    assert contents(root) == before
    return caught.value


def contents(root: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}


def check(error: TfdriverError, where: str, words: tuple[str, ...]) -> None:
    message = str(error)
    assert error.where == where
    assert [word for word in words if word not in message] == []
    assert error.hint, message
    assert "\n" not in message
    assert len(message) < 400
    assert not error.what.endswith(".")
    assert error.exit_code == Exit.FAILED


@pytest.mark.parametrize("case", LINES, ids=lambda case: case.kind)
def test_a_bad_line_is_refused(case: Line, tmp_path: Path) -> None:
    root = make_project(tmp_path, with_line(case.number, case.written))
    check(refusal(root), f"tfdriver.yaml:{case.where}", case.words)


@pytest.mark.parametrize("case", FILES, ids=lambda case: case.kind)
def test_a_bad_file_is_refused(case: File, tmp_path: Path) -> None:
    check(refusal(make_project(tmp_path, case.written)), case.where, case.words)


def test_the_table_is_complete_and_its_cases_are_distinct() -> None:
    kinds = [case.kind for case in (*LINES, *FILES)]
    assert len(kinds) >= 80
    assert len({(case.written, getattr(case, "number", 0)) for case in (*LINES, *FILES)}) == len(kinds)


def test_the_first_problem_in_the_file_is_reported(tmp_path: Path) -> None:
    text = with_line(6, "    region: nowhere-9").replace("module: function", "module: nothing")
    assert refusal(make_project(tmp_path, text)).where == "tfdriver.yaml:6: accounts.store.region"


@pytest.mark.parametrize("text", ['version: "\\Uffffffff"\n', f"%YAML 1.{'1' * 5000}\n---\nversion: 1\n"])
def test_numbers_that_pyyaml_cannot_convert_are_reported(tmp_path: Path, text: str) -> None:
    check(refusal(make_project(tmp_path, text)), "tfdriver.yaml", ("not YAML", "escape such as \\U", "%"))
