"""The HTML page of the report."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.builders import BAR, FOO
from tests.unit.inspect.report.cases import NASTY, T0, checks, report
from tfdriver.deploy.verify_result import CheckStatus, Evidence
from tfdriver.iam import trust
from tfdriver.inspect.report.page import breakable, html, is_policy, span, summary

VOID = {"meta", "br", "wbr", "img", "link", "input", "hr"}
BROAD = trust.broad(FOO, [BAR], T0)


class Page(HTMLParser):
    """The parsed page. Raises if elements are not closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if self._open and self._open[-1] != "style":
            self.words += data

    @property
    def text(self) -> str:
        return " ".join(self.words.split())


def test_hostile_text_is_escaped():
    page = Page(html(report(verified=checks(*CheckStatus))))

    assert not {"script", "img", "link", "iframe", "object", "form"} & set(page.tags)
    assert page.text.count(" ".join(NASTY.split())) > 10
    assert "49" not in page.text


def test_the_page_is_self_contained_and_without_scripts():
    text = html(report(verified=checks(CheckStatus.PASSED)))
    page = Page(text)
    assert not [n for n, _ in page.attributes if n.startswith("on")]
    links = [v for n, v in page.attributes if n in ("href", "src", "srcset", "action", "xlink:href", "data")]
    assert links
    assert all(link.startswith("#") for link in links)
    assert ("content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes
    style = text[text.index("<style>") : text.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_every_link_leads_to_a_section_and_ids_are_unique():
    page = Page(html(report()))
    ids = [v for n, v in page.attributes if n == "id"]

    assert len(ids) == len(set(ids))
    assert {v.removeprefix("#") for n, v in page.attributes if n == "href"} <= set(ids)


def test_checks_have_their_evidence():
    text = Page(html(report(verified=checks(CheckStatus.PASSED, CheckStatus.FAILED)))).text
    for words in ("✓ passed", "✗ failed", "request request-1", "item item-1", "2 checks. Verifying changed nothing."):
        assert words in text

    assert "Run tfdriver report --verify to include it" not in text
    assert "Run tfdriver report --verify to include it" in Page(html(report())).text


def test_only_failed_checks_are_marked_as_bad():
    text = Page(html(report(verified=checks(*CheckStatus)))).text
    for words in ("✓ passed", "✗ failed", "? inconclusive"):
        assert words in text

    assert '<span class="mark unknown">? inconclusive</span>' in html(report(verified=checks(CheckStatus.INCONCLUSIVE)))


def test_policy_evidence_links_to_the_policies():
    found = checks(CheckStatus.PASSED)
    seen = replace(found.checks[0], evidence=Evidence(said='{"Statement":["as-seen"]}; {"Statement":[]}'))

    text = Page(html(report(verified=replace(found, checks=(seen,))))).text

    assert "The document is under Policies" in text
    assert "as-seen" not in text
    assert not is_policy("AccessDenied: {}")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("arn:aws:iam::1:role/p/foo_bar", "arn:|aws:|iam::|1:|role/|p/|foo_bar"),
        ("foo_bar, and/or: b", "foo_bar, and/or: b"),
        ("the_name_of_a_role_that_is_long", "the_|name_|of_|a_|role_|that_|is_|long"),
        ("b" * 45, f"{'b' * 20}|{'b' * 20}|bbbbb"),
        ("<b> <iiiiiiiiiiiiii>/<iiiii>", "&lt;b&gt; &lt;iiiiiiiiiiiiii&gt;/|&lt;iiiii&gt;"),
    ],
)
def test_long_words_may_be_broken_between_their_parts(words, found):
    assert breakable(words) == found.replace("|", "<wbr>")


@given(st.text("ab_:/-. <&\n", max_size=80))
def test_breakable_text_keeps_its_words(words):
    broken = breakable(words)

    assert unescape(broken.replace("<wbr>", "")) == words
    assert all(len(unescape(part)) <= 20 for part in re.split(r"<wbr>|\s", broken))


def test_versions_times_and_problems_are_on_the_page():
    text = Page(html(report())).text
    for words in (
        "1.11.4",
        "5.100.0",
        "2026-01-02 00:00:00 UTC",
        "9.4 s",
        "4 resources; drifted:",
        "could not be read:",
    ):
        assert words in text


def lines(found: trust.Trust, verified=None):
    return [(line.good, line.words) for line in summary(report(found, verified))]


def test_the_summary_of_an_exact_trust_is_good():
    found = lines(trust.exact([BAR]), checks(CheckStatus.PASSED))

    assert found[0] == (True, "1 of 1 trusts are exact")
    assert found[1] == (True, "No broad trust is in force; recorded exposures took 9.4 s in total")
    assert found[2] == (False, "During exposures, CloudTrail recorded 2 AssumeRole calls, 1 not by a trusted role")
    assert found[3] == (True, "Verified with real calls: 1 checks")
    assert found[4][0] is None


@pytest.mark.parametrize(
    ("verdicts", "good"),
    [
        ([CheckStatus.PASSED, CheckStatus.FAILED], False),
        ([CheckStatus.PASSED, CheckStatus.INCONCLUSIVE], False),
        ([CheckStatus.PASSED, CheckStatus.NOT_PROBED], None),
    ],
)
def test_the_summary_is_not_good_without_verification(verdicts, good):
    assert lines(trust.exact([BAR]), checks(*verdicts))[3][0] is good
    assert lines(trust.exact([BAR]))[3] == (None, "Access was not verified with real calls")


def test_the_summary_uses_aws_and_not_the_timeline():
    """In the timeline of this report, the exposure has ended."""
    found = lines(BROAD)

    assert found[0] == (False, "0 of 1 trusts are exact")
    assert found[1] == (False, "A broad trust is in force, on role foo_bar in account_a")


def test_the_summary_without_exposures():
    found = report()
    never = replace(found, status=replace(found.status, exposures=(), uses=()))

    assert [line.words for line in summary(never)][1:3] == [
        "No broad trust is in force; no exposure is recorded",
        "Access was not verified with real calls",
    ]


def test_the_summary_of_an_unmanaged_trust_is_not_good():
    found = lines(trust.Trust(frozenset({"arn:aws:iam::333333333333:root"})))

    assert found[0][0] is False
    assert found[1][0] is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (9.44, "9.4 s"), (119.9, "119.9 s"), (3600, "1 h"), (5400.4, "1 h 30 min")]
)
def test_spans_are_in_words(seconds, words):
    assert span(seconds) == words


def test_times_read_from_aws_later_are_marked_as_approximate():
    recorded = report()
    change = replace(recorded.changes[0], by="", seen=True)
    window = replace(recorded.status.exposures[0], seen=True)
    observed = replace(recorded, changes=(change,), status=replace(recorded.status, exposures=(window,)))
    words = ("9.4 s, approximately", "unknown: read from AWS later")

    assert [w for w in words if w not in Page(html(observed)).text] == []
    assert [w for w in words if w in Page(html(recorded)).text] == []
