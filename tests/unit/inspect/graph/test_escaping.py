"""Hostile names are escaped in every format."""

from __future__ import annotations

import html
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.builders import A, B, role, spec
from tests.unit.inspect.graph.cases import NOW, observation
from tfdriver.iam import trust
from tfdriver.iam.trust_state import Unreadable
from tfdriver.inspect.graph.build import build, phases
from tfdriver.inspect.graph.dot import dot
from tfdriver.inspect.graph.mermaid import mermaid
from tfdriver.inspect.graph.model import printable
from tfdriver.inspect.graph.svg import svg
from tfdriver.inspect.graph.tree import tree

ANY = st.text(st.characters(exclude_categories=()), min_size=1, max_size=30)
HOSTILE = '"]}; end %% <b>&amp;#34;</b> \\n\\" ${x} `*_~|-->\x1b[0m\u202e\ud800]]>'


def graphs(account, name, project, reason):
    """Return graphs with these texts."""
    b = replace(B, name=account)
    roles = [role("foo", A, trusts=("bar",)), role("baz", A, trusts=("bar",)), role("bar", b, name=name)]
    of = replace(spec(*roles), project=project)
    seen = observation(of, {"foo": trust.broad(roles[0], [roles[2]], NOW), "baz": Unreadable(reason)})
    return [(build(of, None, NOW),), (build(of, seen, NOW),), phases(of)]


few = settings(max_examples=40)
texts = given(ANY, ANY, ANY, ANY)
hostile = example(HOSTILE, HOSTILE, HOSTILE, HOSTILE)


@few
@texts
@hostile
def test_svg_has_only_known_elements(account, name, project, reason):
    for drawn in graphs(account, name, project, reason):
        root = ET.fromstring(svg(drawn))  # noqa: S314 - our own output
        elements = list(root.iter())
        assert {e.tag.rpartition("}")[2] for e in elements} <= {
            "svg",
            "title",
            "desc",
            "style",
            "g",
            "rect",
            "path",
            "text",
        }
        assert not {key for e in elements for key in e.attrib if key.startswith("on") or key.endswith("href")}
        words = " ".join("".join(e.itertext()) for e in elements if e.tag.endswith(("title", "desc")))
        assert printable(name) in words
        assert printable(account) in words


@few
@texts
@hostile
def test_mermaid_labels_have_only_safe_characters_and_codes(account, name, project, reason):
    for drawn in graphs(account, name, project, reason):
        text = mermaid(drawn)
        labels = re.findall(r'"([^"]*)"', text)
        for label in labels:
            assert re.fullmatch(r"([\w ,.:/+=@()-]|#\d+;|<br/>)*", label, re.ASCII)
        decoded = [re.sub(r"#(\d+);", lambda code: chr(int(code[1])), label).split("<br/>")[0] for label in labels]
        assert any(label.startswith(f"{printable(account)} (") for label in decoded)
        assert printable(name) in decoded
        outside = re.sub(r'"[^"]*"', "", text)
        assert re.fullmatch(r"[\w\s\[\]|<>~:.,#-]*", outside, re.ASCII)


@few
@texts
@hostile
def test_dot_strings_are_escaped(account, name, project, reason):
    for drawn in graphs(account, name, project, reason):
        text = dot(drawn)
        strings = re.findall(r'"((?:[^"\\]|\\.)*)"', text)
        shown = [html.unescape(re.sub(r"\\(.)", r"\1", s)) for s in strings]
        assert printable(name) in shown
        assert any(s.startswith(f"{printable(account)} (") for s in shown)
        outside = re.sub(r'"(?:[^"\\]|\\.)*"', "", text)
        assert re.fullmatch(r"[\w\s{}\[\];=.,>-]*", outside, re.ASCII)


@few
@texts
@hostile
def test_a_tree_has_no_control_characters(account, name, project, reason):
    for drawn in graphs(account, name, project, reason):
        text = tree(drawn)
        assert text.replace("\n", "").isprintable()
        assert len(text.splitlines()) == text.count("\n")
        assert printable(name) in text
