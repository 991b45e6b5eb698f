"""The page: everything is on it, nothing gets out of its place, nothing comes from elsewhere."""

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
    """What a browser would find. Raises where elements are not closed in order."""

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


def test_nothing_hostile_becomes_markup():
    page = Page(html(report(verified=checks(*CheckStatus))))
    assert not {"script", "img", "link", "iframe", "object", "form"} & set(page.tags)
    assert page.text.count(" ".join(NASTY.split())) > 10
    assert "49" not in page.text


def test_nothing_comes_from_elsewhere_or_runs():
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


def test_what_was_verified_is_shown_with_its_evidence():
    text = Page(html(report(verified=checks(CheckStatus.PASSED, CheckStatus.FAILED)))).text
    for words in ("✓ passed", "✗ failed", "request request-1", "item item-1", "2 checks. Verifying changed nothing."):
        assert words in text
    assert "Not run; tfdriver report --verify runs it" not in text
    assert "Not run; tfdriver report --verify runs it" in Page(html(report())).text


def test_only_what_was_seen_to_be_wrong_is_marked_as_wrong():
    text = Page(html(report(verified=checks(*CheckStatus)))).text
    for words in ("✓ passed", "✗ failed", "? inconclusive"):
        assert words in text
    assert '<span class="mark unknown">? inconclusive</span>' in html(report(verified=checks(CheckStatus.INCONCLUSIVE)))


def test_a_policy_is_named_as_evidence_and_not_repeated():
    found = checks(CheckStatus.PASSED)
    seen = replace(found.checks[0], evidence=Evidence(said='{"Statement":["as-seen"]}; {"Statement":[]}'))
    text = Page(html(report(verified=replace(found, checks=(seen,))))).text
    assert "IAM's document is under Policies" in text
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
def test_what_may_be_broken_loses_nothing(words):
    broken = breakable(words)
    assert unescape(broken.replace("<wbr>", "")) == words
    assert all(len(unescape(part)) <= 20 for part in re.split(r"<wbr>|\s", broken))


def test_versions_times_and_what_could_not_be_told():
    text = Page(html(report())).text
    for words in ("1.11.4", "5.100.0", "2026-01-02 00:00:00 UTC", "9.4 s", "4 resources; drifted:", "not seen:"):
        assert words in text


def lines(found: trust.Trust, verified=None):
    return [(line.good, line.words) for line in summary(report(found, verified))]


def test_the_summary_of_what_is_tight():
    found = lines(trust.exact([BAR]), checks(CheckStatus.PASSED))
    assert found[0] == (True, "1 of 1 trusts name exactly the role that is meant")
    assert found[1] == (True, "No whole account is trusted now; as far as recorded, one was for 9.4 s in all")
    assert found[2] == (False, "While open, CloudTrail shows 2 AssumeRole calls, 1 by others than the roles meant")
    assert found[3] == (True, "Verified by real calls: 1 checks")
    assert found[4][0] is None


@pytest.mark.parametrize(
    ("verdicts", "good"),
    [
        ([CheckStatus.PASSED, CheckStatus.FAILED], False),
        ([CheckStatus.PASSED, CheckStatus.INCONCLUSIVE], False),
        ([CheckStatus.PASSED, CheckStatus.NOT_PROBED], None),
    ],
)
def test_the_summary_never_takes_unproven_for_proven(verdicts, good):
    assert lines(trust.exact([BAR]), checks(*verdicts))[3][0] is good
    assert lines(trust.exact([BAR]))[3] == (None, "Access was not verified by real calls")


def test_the_summary_believes_aws_and_not_the_record():
    """The record of this report says that the exposure ended."""
    found = lines(BROAD)
    assert found[0] == (False, "0 of 1 trusts name exactly the role that is meant")
    assert found[1] == (False, "A whole account is trusted now, by role foo_bar in account_a")


def test_the_summary_of_what_was_never_open():
    found = report()
    never = replace(found, status=replace(found.status, exposures=(), uses=()))
    assert [line.words for line in summary(never)][1:3] == [
        "No whole account is trusted now; as far as recorded, none ever was",
        "Access was not verified by real calls",
    ]


def test_the_summary_of_what_could_not_be_read():
    found = lines(trust.Trust(frozenset({"arn:aws:iam::333333333333:root"})))
    assert found[0][0] is False
    assert found[1][0] is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.04, "0.0 s"), (9.44, "9.4 s"), (119.9, "119.9 s"), (3600, "1 h"), (5400.4, "1 h 30 min")]
)
def test_spans(seconds, words):
    assert span(seconds) == words


def test_what_was_only_seen_is_said_to_be():
    told = report()
    change = replace(told.changes[0], by="", seen=True)
    window = replace(told.status.exposures[0], seen=True)
    seen = replace(told, changes=(change,), status=replace(told.status, exposures=(window,)))
    words = ("9.4 s, approximately", "not known: found by looking at AWS")
    assert [w for w in words if w not in Page(html(seen)).text] == []
    assert [w for w in words if w in Page(html(told)).text] == []
