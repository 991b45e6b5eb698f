"""Results and files of `tfdriver graph`."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.fakes.world import Lines
from tests.unit.inspect.graph.cases import ALL, EXAMPLE, LIVE, NOW
from tfdriver.aws.calls import Caller
from tfdriver.clock import Clock
from tfdriver.deploy.session import Tools
from tfdriver.errors import TfdriverError
from tfdriver.iam.trust_state import LiveRole, Unreadable
from tfdriver.inspect.graph.draw import Drawn, Format, draw, draw_graph, write_graph
from tfdriver.interrupts import Interrupts
from tfdriver.project.init import init
from tfdriver.spec.model import Account


@pytest.fixture
def project(tmp_path):
    """The example, scaffolded."""
    init(tmp_path / "foo-bar")
    return tmp_path / "foo-bar"


@pytest.mark.parametrize("form", Format)
def test_live_graph_spec_graph_and_phases_differ_and_end_with_a_newline(form):
    drawn = [draw(ALL, form, NOW), draw(ALL, form, NOW, observation=LIVE), draw(ALL, form, NOW, three_phases=True)]

    assert len(set(drawn)) == 3
    assert all(text.endswith("\n") and not text.endswith("\n\n") for text in drawn)


def test_svg_is_self_contained():
    text = draw(ALL, Format.SVG, NOW, observation=LIVE)
    without_namespace = text.replace("http://www.w3.org/2000/svg", "")
    for word in ("http", "url(", "@import", "<script", "<image", "href", "@font-face"):
        assert word not in without_namespace

    assert 'role="img"' in text
    assert "prefers-color-scheme:dark" in text


def test_svg_has_a_description_of_every_trust():
    text = draw(EXAMPLE, Format.SVG, NOW, three_phases=True)

    assert "role foo_bar in account_a trusts all of account_b (broad, guarded: for 1 h, only bar)" in text
    assert "role foo_bar in account_a trusts role bar in account_b (exact)" in text


def test_a_project_is_drawn_without_aws(project):
    drawn = draw_graph(project, Format.TREE, NOW)
    assert drawn == Drawn(Format.TREE, draw(EXAMPLE, Format.TREE, NOW))


@dataclass(frozen=True)
class OneAccount:
    """An AWS without roles that has only the credentials of account_a."""

    def caller(self, account: Account) -> Caller:
        if account.name == "account_b":
            raise TfdriverError("no credentials", code="no_credentials")
        return Caller(account.id, f"arn:aws:iam::{account.id}:user/me")

    def read_role(self, account: Account, name: str) -> LiveRole | Unreadable | None:
        assert (account.name, name) == ("account_a", "foo_bar"), "account_b was read"
        return None


def test_a_live_graph_reads_only_accounts_with_credentials(project):
    tools = Tools({}, Lines(), Interrupts(), OneAccount(), Clock())

    drawn = draw_graph(project, Format.TREE, NOW, live=tools)

    assert "foo_bar (does not exist) trusts\n    └── role bar in account_b [absent]" in drawn.text


def test_a_graph_is_written_to_a_file(tmp_path):
    drawn = Drawn(Format.SVG, "ö\n")

    assert write_graph(drawn, tmp_path / "graph.svg").file == str(tmp_path / "graph.svg")
    assert (tmp_path / "graph.svg").read_text(encoding="utf-8") == "ö\n"
    with pytest.raises(TfdriverError) as caught:
        write_graph(drawn, tmp_path / "missing" / "graph.svg")
    assert caught.value.code == "io_error"
