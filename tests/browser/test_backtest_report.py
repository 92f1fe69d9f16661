"""The report of a backtest in a real browser: read on a phone and on a desk, light and dark, nothing cut off."""

import os
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import pytest

from notifier.backtest.report import html
from tests.backtest_records import cell, found, known, opening, verdict
from tests.browser.chromium import CONTRAST, Page, page_or_skip

CONTRAST_AT_LEAST = 4.5  # WCAG 2.2, 1.4.3: text
PICTURE_AT_LEAST = 3.0  # WCAG 2.2, 1.4.11: what a picture is made of
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenfabrik"

TEXTS = f"""(() => {{ {CONTRAST}
  return [...document.querySelectorAll("main *:not(title):not(desc)")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
    .map((e) => [e.textContent.trim().slice(0, 40),
                 ratio(e.namespaceURI.endsWith("svg") ? getComputedStyle(e).fill : getComputedStyle(e).color, e)]);
}})()"""
SHAPES = f"""(() => {{ {CONTRAST}
  return [...document.querySelectorAll(".seen, .mark, .normal, .ground, .opened")].map((e) => {{
    const style = getComputedStyle(e);
    return [e.getAttribute("class"), ratio(style.fill === "none" || e.matches(".ground, .opened")
                                           ? style.stroke : style.fill, e)];
  }});
}})()"""
OPEN_ALL = "document.querySelectorAll('details').forEach((e) => { e.open = true; })"


@pytest.fixture(scope="module")
def report() -> str:
    judged = [opening(n, is_false=n % 5 == 0, region=LONG if n == 1 else f"9{n:04}") for n in range(1, 61)]
    known_ones = [known(n, opening=n if n % 3 else None) for n in range(1, 61)]
    cells = (cell(1, region=LONG, service=LONG), *(cell(n) for n in range(2, 40)))
    return html(found(judged, verdict=verdict(*known_ones), cells=cells))


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with page_or_skip() as opened:
        yield opened


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_everything_can_be_read(report: str, page: Page, dark: bool) -> None:
    await page.show(report, dark=dark)
    await page.ask(OPEN_ALL)
    texts = await page.ask(TEXTS)
    assert len(texts) > 500
    assert [each for each in texts if each[1] < CONTRAST_AT_LEAST] == []
    shapes = await page.ask(SHAPES)
    assert {name for name, _ in shapes} == {"seen", "mark", "normal", "ground", "opened"}
    assert [each for each in shapes if each[1] < PICTURE_AT_LEAST] == []
    if folder := os.environ.get("NOTIFIER_SCREENSHOTS"):
        await page.screenshot(Path(folder) / f"backtest-{'dark' if dark else 'light'}.png")


@pytest.mark.parametrize("width", [320, 360, 640, 768, 980, 1280])
async def test_nothing_is_cut_off_at_any_width(report: str, page: Page, width: int) -> None:
    await page.show(report, width=width)
    await page.ask(OPEN_ALL)
    assert await page.ask("document.documentElement.scrollWidth") <= width
    right = "[...document.querySelectorAll('main *:not(title):not(desc)')].map((e) => e.getBoundingClientRect().right)"
    assert await page.ask(f"Math.max(...{right}) <= innerWidth + 1")


async def test_text_in_pictures_is_not_too_small_on_a_phone(report: str, page: Page) -> None:
    await page.show(report, width=360)
    heights = await page.ask("[...document.querySelectorAll('svg text')].map((e) => e.getBoundingClientRect().height)")
    assert len(heights) > 8
    assert min(heights) >= 10


async def test_a_phone_shows_the_list_as_blocks_with_names(report: str, page: Page) -> None:
    await page.show(report, width=360)
    await page.ask(OPEN_ALL)
    cell_ = "document.querySelector('#list ~ .list td')"
    assert await page.ask(f"getComputedStyle({cell_}).display") == "block"
    assert await page.ask(f"getComputedStyle({cell_}, '::before').content") == '"No."'
    await page.show(report, width=1280)
    await page.ask(OPEN_ALL)
    assert await page.ask(f"getComputedStyle({cell_}).display") == "table-cell"
    titles = "[...document.querySelectorAll('.list th')].map((e) => e.getBoundingClientRect().height)"
    assert max(await page.ask(titles)) < 40, "no title is broken into two lines"


async def test_it_has_one_heading_a_language_and_loads_nothing(report: str, page: Page) -> None:
    await page.show(report)
    assert await page.ask("document.documentElement.lang") == "en"
    assert await page.ask("document.querySelectorAll('h1').length") == 1
    assert await page.ask("performance.getEntriesByType('resource').length") == 0
    levels = await page.ask("[...document.querySelectorAll('h1,h2,h3')].map((e) => Number(e.tagName[1]))")
    assert all(after - before <= 1 for before, after in pairwise(levels))
