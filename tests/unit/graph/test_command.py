"""What the command returns and writes."""

from __future__ import annotations

import pytest

from tests.unit.graph.cases import ALL, EXAMPLE, NOW, SEEN
from tfdriver.commands.graph import Format, graph, write
from tfdriver.errors import TfdriverError


@pytest.mark.parametrize("form", Format)
def test_live_and_offline_and_phases_differ_and_end_with_a_newline(form):
    drawn = [graph(ALL, form, NOW), graph(ALL, form, NOW, live=SEEN), graph(ALL, form, NOW, three_phases=True)]
    assert len(set(drawn)) == 3
    assert all(text.endswith("\n") and not text.endswith("\n\n") for text in drawn)


def test_svg_needs_nothing_from_elsewhere():
    text = graph(ALL, Format.SVG, NOW, live=SEEN)
    without_namespace = text.replace("http://www.w3.org/2000/svg", "")
    for word in ("http", "url(", "@import", "<script", "<image", "href", "@font-face"):
        assert word not in without_namespace
    assert 'role="img"' in text
    assert "prefers-color-scheme:dark" in text


def test_svg_tells_who_cannot_see_it_everything():
    text = graph(EXAMPLE, Format.SVG, NOW, three_phases=True)
    assert "foo_bar of account_a trusts account_b as a whole (broad, guarded: for 1 h, only bar)" in text
    assert "foo_bar of account_a trusts bar of account_b (exact)" in text


def test_written_to_a_file(tmp_path):
    write(tmp_path / "graph.svg", "ö\n")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == "ö\n"
    with pytest.raises(TfdriverError, match="cannot write"):
        write(tmp_path / "missing" / "graph.svg", "x")
