"""The report in a real browser, Debian's chromium: what it shows, for whom, and that it asks for nothing.

Skips where no chromium is installed; `apt-get install chromium` brings it.
"""

import itertools
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

from seqsweep.results import html, output
from seqsweep.results.analysis.report import report
from seqsweep.results.shown import shown
from seqsweep.results.store import Store
from tests.results.html.test_html import HOSTILE, quick, told_apart
from tests.support.example_sweep import SWEEP_ID, write_example

__all__ = ["quick"]  # a fixture
SCHEMES = ("light", "dark")
WIDTHS = (360, 1200)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    program = next(filter(None, map(shutil.which, names)), None)
    if program is None:
        reason = "no chromium on the PATH; install Debian's package `chromium`"
        if os.environ.get("SEQSWEEP_REQUIRE_BROWSER"):
            pytest.fail(reason)
        pytest.skip(reason)
    with sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=program)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory, example_root: Path) -> dict[str, Path]:
    """Reports by name."""
    root = tmp_path_factory.mktemp("reports")
    sweeps = {
        "whole": Store(example_root).find(SWEEP_ID),
        "hostile": write_example(root / "a", class_names=HOSTILE),
        "many": write_example(root / "b", class_names=[f"class{number:02}" for number in range(18)]),
        "told apart": told_apart(root / "d"),
        "unfinished": write_example(root / "c", missing=6, seeds=[0]),
    }
    for name, sweep in sweeps.items():
        output.write(html.render(report(sweep)).encode(), root / f"{name}.html")
    return {name: root / f"{name}.html" for name in sweeps}


@contextmanager
def opened(browser: Browser, path: Path, *, width: int = 1200, **options: Any) -> Iterator[Page]:
    """The page, in a browser that never goes out; fails on any request, message, dialog or error."""
    with browser.new_context(viewport={"width": width, "height": 900}, **options) as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: said.append(dialog.message))
        page.on("request", lambda request: said.append(request.url))
        page.goto(path.as_uri())
        yield page
        assert [each for each in said if not each.startswith("data:")] == [path.as_uri()]


@pytest.mark.parametrize(
    ("name", "scheme"),
    [
        *(("whole", "light"), ("whole", "dark"), ("told apart", "light"), ("told apart", "dark")),
        *(("hostile", "dark"), ("many", "light"), ("unfinished", "dark")),
    ],
)
def test_axe_finds_nothing(browser: Browser, reports: dict[str, Path], name: str, scheme: Any) -> None:
    # axe itself is a script, which the page's own policy keeps out
    with opened(browser, reports[name], color_scheme=scheme, bypass_csp=True) as page:
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        # of what is well one place is enough: it asks a selector of each otherwise
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response
        assert found["passes"]
        complaints = [
            f"{rule['id']}: {node['html'][:200]} {node['failureSummary']}"
            for rule in found["violations"]
            for node in rule["nodes"]
        ]
        assert complaints == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_drawn_text_stands_out(browser: Browser, reports: dict[str, Path], scheme: Any) -> None:
    """WCAG's contrast of 4.5 for the text of drawings, and 3 for lines that carry meaning: axe looks at HTML only."""
    script = """() => {
        const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true})
        const light = colour => {
            canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1)
            const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(
                part => part / 255 <= 0.04045 ? part / 255 / 12.92 : ((part / 255 + 0.055) / 1.055) ** 2.4)
            return 0.2126 * r + 0.7152 * g + 0.0722 * b
        }
        const page = light(getComputedStyle(document.body).backgroundColor)
        const contrast = colour => (Math.max(light(colour), page) + 0.05) / (Math.min(light(colour), page) + 0.05)
        const least = (selector, property) => Math.min(
            ...[...document.querySelectorAll(selector)].map(each => contrast(getComputedStyle(each)[property])))
        return [least('svg text', 'fill'), least('.line.chosen, .glyph path:not(.grid), .ink path, .g4, .axis', 'stroke')]
    }"""
    with opened(browser, reports["whole"], color_scheme=scheme) as page:
        text, lines = page.evaluate(script)
        assert text >= 4.5
        assert lines >= 3


def test_names_from_data_run_nothing_and_are_shown(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["hostile"]) as page:
        assert (
            page.evaluate("document.scripts.length + document.querySelectorAll('[onerror], b').length") == 0
        )
        headings = page.locator(".classes tbody th").all_text_contents()
        assert headings == [shown(name) for name in HOSTILE]


def test_its_policy_keeps_scripts_and_the_network_out(
    browser: Browser, reports: dict[str, Path], tmp_path: Path
) -> None:
    text = reports["whole"].read_text()
    planted = (
        "<script>document.title = 'ran'</script><img src='https://example.invalid/x.png' style='color: red'>"
    )
    (tmp_path / "planted.html").write_text(text.replace("</main>", f"{planted}</main>"))
    with browser.new_context() as context:
        page = context.new_page()
        refused: list[str] = []
        page.on("console", lambda message: refused.append(message.text))
        page.goto((tmp_path / "planted.html").as_uri())
        assert page.title() != "ran"
        for what in ("inline script", "inline style", "the image"):
            assert any(what in each and "violates" in each for each in refused), (what, refused)
        asked = """async () => {
            const seen = []
            document.addEventListener('securitypolicyviolation', event => seen.push(event.effectiveDirective))
            await fetch('https://example.invalid/').catch(() => {})
            const frame = document.createElement('iframe')
            frame.src = 'https://example.invalid/'
            document.body.append(frame)
            while (seen.length < 2) await new Promise(done => setTimeout(done, 20))
            return seen
        }"""
        assert page.evaluate(asked) == ["connect-src", "frame-src"]


def test_the_keyboard_reaches_everything(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["whole"]) as page:
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        reached = "a[href], summary, [tabindex='0']"
        wanted = page.locator(reached).count()
        seen = []
        for _ in range(wanted):
            page.keyboard.press("Tab")
            seen.append(
                page.evaluate(
                    """reached => { const each = document.activeElement, box = each.getBoundingClientRect()
                    return [[...document.querySelectorAll(reached)].indexOf(each),
                            box.width > 0 && box.left >= 0,
                            getComputedStyle(each).outlineStyle !== 'none'] }""",
                    reached,
                )
            )
        assert [place for place, _, _ in seen] == list(range(wanted)), "each once, in the order of the page"
        assert all(visible and ring for _, visible, ring in seen)
        details = page.locator("details").first
        details.locator("summary").focus()
        page.keyboard.press("Enter")
        assert details.get_attribute("open") is None
        page.locator(".skip").focus()
        page.keyboard.press("Enter")
        assert page.url.endswith("#main")


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["whole", "hostile", "many"])
def test_the_page_is_no_wider_than_the_screen(
    browser: Browser, reports: dict[str, Path], name: str, width: int
) -> None:
    with opened(browser, reports[name], width=width) as page:
        page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_on_a_phone_names_of_rows_stay_and_shadows_say_that_there_is_more(
    browser: Browser, reports: dict[str, Path]
) -> None:
    with opened(browser, reports["told apart"], width=360) as page:
        for place in range(page.locator(".scroll:has(> .matrix)").count()):
            matrix = page.locator(".scroll:has(> .matrix)").nth(place)
            assert matrix.evaluate("each => each.scrollWidth > each.clientWidth")
            matrix.evaluate("each => { each.scrollLeft = 60 }")
            left = "each => each.getBoundingClientRect().left"
            assert matrix.locator("tbody th").first.evaluate(left) == matrix.evaluate(left)
            assert "gradient" in matrix.evaluate("each => getComputedStyle(each).backgroundImage")
    with opened(browser, reports["told apart"]) as page:
        shown = page.locator(".scroll").first.evaluate("each => getComputedStyle(each).backgroundImage")
        assert shown == "none", "axe does not judge text on a gradient"


def test_headings_are_in_order_and_figures_are_named(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["whole"]) as page:
        levels = page.evaluate(
            "[...document.querySelectorAll('h1, h2, h3, h4')].map(each => +each.tagName[1])"
        )
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(after <= before + 1 for before, after in itertools.pairwise(levels))
        unnamed = """[...document.querySelectorAll('svg, img')].filter(
            each => !(each.ariaLabel || each.alt || each.ariaHidden === 'true')).length"""
        assert page.evaluate(unnamed) == 0
        broken = "[...document.images].filter(each => !each.naturalWidth).length"
        assert page.locator("img").count() > 0
        assert page.evaluate(broken) == 0


def test_the_dark_is_dark_and_paper_is_white(browser: Browser, reports: dict[str, Path]) -> None:
    colour = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, reports["whole"], color_scheme="dark") as page:
        assert page.evaluate(colour) == "rgb(20, 23, 27)"
        page.emulate_media(media="print")
        assert page.evaluate(colour) == "rgb(255, 255, 255)"


def test_on_paper_nothing_is_folded_away_or_cut(browser: Browser, reports: dict[str, Path]) -> None:
    with opened(browser, reports["whole"], width=700) as page:
        page.emulate_media(media="print")
        hidden = """[...document.querySelectorAll('details td, details th')].filter(
            each => !each.checkVisibility({contentVisibilityAuto: true})).length"""
        assert page.locator("details td").count() > 0
        assert page.evaluate(hidden) == 0
        assert page.evaluate("[...document.querySelectorAll('nav')].every(each => !each.checkVisibility())")
        size = "each => parseFloat(getComputedStyle(each).fontSize)"
        note = page.locator(".note").first.evaluate(size)
        assert note < page.locator("p:not([class])").first.evaluate(size)
        assert page.pdf(prefer_css_page_size=True).startswith(b"%PDF-")
