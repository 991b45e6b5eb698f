"""Labels of edges."""

from __future__ import annotations

from tests.unit.builders import A, B, role, spec
from tests.unit.inspect.graph.cases import ALL, EXAMPLE, LIVE, NOW, C
from tfdriver.inspect.graph.build import build
from tfdriver.inspect.graph.labels import labels
from tfdriver.inspect.graph.svg import svg

DENSE = spec(
    *(role(f"a{n}", A, trusts=("b0", "b1", "b2", "b3")) for n in range(4)), *(role(f"b{n}", B) for n in range(4))
)


def lines(of, observation=None):
    return {(edge.source, edge.target): label.lines for edge, label in labels(build(of, observation, NOW)).items()}


def test_a_single_edge_of_a_role_does_not_name_its_source():
    assert lines(EXAMPLE) == {("bar", "foo_bar"): ()}


def test_several_edges_of_a_role_name_their_sources():
    found = lines(ALL, LIVE)

    assert (found["bar", "exact"], found["baz", "exact"]) == (("bar",), ("baz",))
    assert found["account_b", "broad"][0] == "account_b"
    assert found["bar", "absent"] == ()


def test_roles_with_the_same_name_have_their_accounts():
    of = spec(role("a", A, trusts=("x", "y", "z")), role("x", B, name="n"), role("y", C, name="n"), role("z", C))
    assert lines(of) == {("x", "a"): ("n", "in account_b"), ("y", "a"): ("n", "in account_c"), ("z", "a"): ("z",)}


def test_too_many_edges_have_no_labels_but_titles_and_a_legend():
    assert set(lines(DENSE).values()) == {None}
    drawn = svg([build(DENSE, None, NOW)])
    assert 'class="pill"' not in drawn
    assert "<title>role a3 in account_a trusts role b2 in account_b (state unknown)</title>" in drawn
    assert "state unknown: AWS was not asked" in drawn
