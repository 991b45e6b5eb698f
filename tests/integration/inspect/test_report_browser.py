"""The report in a real browser: light and dark, narrow and wide, printed.

The page forbids scripts. To measure it, the browser gets a copy without that rule and with a measuring script, in a
frame of the tested width. The unmodified page is printed.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import zlib
from dataclasses import replace
from html import escape, unescape
from pathlib import Path
from typing import Any

import pytest

from tests.unit.builders import BAR, FOO
from tests.unit.inspect.report.cases import T0, checks, report
from tfdriver.deploy.verify_result import CheckStatus
from tfdriver.iam import trust
from tfdriver.inspect.report import page as report_page

pytestmark = pytest.mark.integration

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --disable-dev-shm-usage"
).split()
POLICY = re.compile(r'<meta http-equiv="Content-Security-Policy"[^>]*>')
MEASURE = """
<script>
const style = (element) => getComputedStyle(element);
const small = (element) => element.getBoundingClientRect();
const background = style(document.body).backgroundColor;
parent.document.getElementById("measured").textContent = JSON.stringify({
  asked: innerWidth, page: document.documentElement.scrollWidth,
  loaded: performance.getEntriesByType("resource").map((entry) => entry.name),
  alerted: window.alerted || false,
  background,
  colours: [...document.querySelectorAll("h1, p, td, .mark, .soft, a, pre")].map((e) => style(e).color),
  outside: [...document.querySelectorAll("td, p, pre, li, h1")].filter((e) => small(e).right > innerWidth + 1).length,
  svg: small(document.querySelector("svg")).width,
});
</script>
"""


@pytest.fixture(scope="module")
def browser() -> str:
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no browser found: none of {', '.join(NAMES)} is on PATH")
    return found


def run(browser: str, folder: Path, page: str, *flags: str) -> str:
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    command = [browser, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, file.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def everything() -> str:
    return report_page.html(report(trust.broad(FOO, [BAR], T0), checks(*CheckStatus)))


def measured(browser: str, folder: Path, page: str, width: int, scheme: str) -> dict[str, Any]:
    allowed, count = POLICY.subn("", page)
    assert count == 1
    preferred = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"
    script = "<script>window.alert = () => { window.alerted = true; }</script>"
    allowed = allowed.replace("<head>", "<head>" + script).replace("</body>", MEASURE + "</body>")
    frame = f'<iframe width="{width}" height="2000" style="border:0" srcdoc="{escape(allowed)}"></iframe>'
    outer = f'<!DOCTYPE html><meta charset="utf-8"><pre id="measured"></pre>{frame}'
    shown = run(browser, folder, outer, preferred, "--window-size=1600,2000", "--dump-dom")
    found = re.search(r'<pre id="measured">(.*?)</pre>', shown, re.DOTALL)
    assert found
    return json.loads(unescape(found[1]))


def channels(colour: str) -> tuple[float, float, float]:
    """The channels of a CSS colour as browsers compute it, 0 to 255. The page has no transparent colours."""
    red, green, blue, *alpha = (float(number) for number in re.findall(r"[\d.]+", colour))
    assert alpha in ([], [1.0]), colour
    return red, green, blue


def luminance(colour: str) -> float:
    """Relative luminance. Source: WCAG 2.2, definition of contrast ratio."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (v / 255 for v in channels(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("width", [400, 1400])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_fits_the_window_and_has_enough_contrast(browser, tmp_path, width, scheme):
    found = measured(browser, tmp_path, everything(), width, scheme)
    assert found["asked"] == width
    assert (found["page"], found["outside"]) == (width, 0), "something is wider than the window"
    assert (found["loaded"], found["alerted"]) == ([], False)
    assert (luminance(found["background"]) > 0.5) is (scheme == "light")
    worst = min(found["colours"], key=lambda colour: contrast(colour, found["background"]))
    assert contrast(worst, found["background"]) >= 4.5, worst
    assert found["svg"] > 200


@pytest.mark.parametrize("width", [400, 790])
@pytest.mark.parametrize("name", ["b" * 64, "role_" * 12 + "last"])
def test_long_names_do_not_widen_the_page(browser, tmp_path, width, name):
    hostile = report(verified=checks(CheckStatus.PASSED))
    window = replace(hostile.status.exposures[0], role=name, trusted=f"account_b, only {name}")
    pairs = tuple(replace(pair, trusted_arn=f"{BAR.arn}{name}") for pair in hostile.status.pairs)
    changes = (replace(hostile.changes[0], role=name),)
    page = report_page.html(
        replace(hostile, changes=changes, status=replace(hostile.status, exposures=(window,), pairs=pairs))
    )

    found = measured(browser, tmp_path, page, width, "light")

    assert (found["page"], found["outside"]) == (width, 0)


def test_the_printed_page_is_light(browser, tmp_path):
    paper = tmp_path / "page.pdf"
    run(browser, tmp_path, everything(), "--blink-settings=preferredColorScheme=0", f"--print-to-pdf={paper}")
    fills = [
        fill for stream in streams(paper.read_bytes()) for fill in re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) rg", stream)
    ]
    assert len(fills) > 20
    assert (b"1", b"1", b"1") in fills
    dark_page = (0x0D / 255, 0x11 / 255, 0x17 / 255)
    assert not [f for f in fills if all(abs(float(c) - d) < 0.01 for c, d in zip(f, dark_page, strict=True))]


def streams(pdf: bytes) -> list[bytes]:
    """The unpacked streams of a PDF."""
    found = []
    for match in re.finditer(rb"stream\r?\n(.*?)endstream", pdf, re.DOTALL):
        try:
            found.append(zlib.decompress(match[1]))
        except zlib.error:
            continue  # a font or an image
    return found
