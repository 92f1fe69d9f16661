"""Mails in a real browser, 360 pixels wide: nothing is cut off, everything can be read and tapped, light and dark.

`NOTIFIER_SCREENSHOTS` names a folder in which the pictures are kept for people to look at.
"""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from notifier.config import Config, Sender
from notifier.domain.notification import Channel
from notifier.messages import Messages
from notifier.messages.samples import LINK, Sample, samples, stretched
from notifier.settings import load_playbooks
from tests.browser.chromium import Page, page_or_skip

CONFIG = Config(sender=Sender(company="Northern Valley Electric Cooperative", phone="+1 800-555-0100"))
MESSAGES = Messages(CONFIG, load_playbooks(CONFIG))
LOCALES = ("en", "es", "fr")
CONTRAST_AT_LEAST = 4.5  # WCAG 2.2 AA, 1.4.3, for text of any size
HEADING_LINES_AT_MOST = 9  # with times on another day in two zones, which are most of it
TARGET_AT_LEAST_PX = 24  # WCAG 2.2 AA, 2.5.8, for what is no link within a sentence

LOOK = """(() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = (c) => { const v = c / 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
  const ground = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const colour = rgb(getComputedStyle(each).backgroundColor);
      if (colour.length < 4 || colour[3] > 0) return colour;
    }
    return matchMedia('(prefers-color-scheme: dark)').matches ? [18, 18, 18] : [255, 255, 255];
  };
  const contrast = (element) => {
    const [a, b] = [luminance(rgb(getComputedStyle(element).color)), luminance(ground(element))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
  const worded = [...document.body.querySelectorAll('*')].filter(
    (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim()));
  const alone = [...document.querySelectorAll('a')].filter(
    (a) => a.parentElement.innerText.trim() === a.innerText.trim());
  return {
    contrast: Math.min(...worded.map(contrast)),
    size: Math.min(...worded.map((element) => parseFloat(getComputedStyle(element).fontSize))),
    overflow: document.documentElement.scrollWidth - screen.width,
    outside: worded.filter((element) => element.getBoundingClientRect().right > screen.width + 0.5).length,
    target: Math.min(...alone.map((a) => a.getBoundingClientRect().height)),
    links: [...document.querySelectorAll('a')].map((a) => a.innerText.trim()),
    headings: [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((h) => h.tagName),
    language: document.documentElement.lang,
    lines: ((h) => h ? Math.round(h.getBoundingClientRect().height / parseFloat(getComputedStyle(h).lineHeight)) : 0)(
      document.querySelector('h1')),
    title: document.title,
    images: document.images.length,
    ground: luminance(ground(document.querySelector('p'))),
    loaded: performance.getEntriesByType('resource').length,
  };
})()"""


@pytest.fixture(scope="module", autouse=True)
def pictures() -> None:
    if folder := os.environ.get("NOTIFIER_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def page() -> AsyncIterator[Page]:
    async with page_or_skip() as opened:
        yield opened


def first_of_each_kind(locale: str) -> list[Sample]:
    """Return each kind once, with a place of each length in turn."""
    found: dict[str, list[Sample]] = {}
    for sample in samples("power", cause="tree", crew="on-site", locale=locale):
        found.setdefault(f"{sample.kind} {sample.personal.first_contact}", []).append(sample)
    return [every[place % len(every)] for place, every in enumerate(found.values())]


async def look(page: Page, sample: Sample, *, dark: bool) -> dict[str, Any]:
    locale = sample.personal.locale
    wording = MESSAGES.wording(locale)
    mail = wording.render(Channel.EMAIL, sample.kind, sample.facts, sample.personal, LINK, LINK)
    await page.show(mail.html, dark=dark)
    if folder := os.environ.get("NOTIFIER_SCREENSHOTS"):
        name = f"{locale}-{sample.name.replace(', ', '-').replace(' ', '_')}-{'dark' if dark else 'light'}.png"
        await page.screenshot(Path(folder) / name)
    seen = await page.ask(LOOK)
    assert isinstance(seen, dict)
    return seen | {"subject": mail.subject}


def check(seen: dict[str, Any], sample: Sample, *, dark: bool) -> None:
    where = f"{sample.personal.locale}, {sample.name}, {'dark' if dark else 'light'}"
    assert seen["contrast"] >= CONTRAST_AT_LEAST, where
    assert seen["size"] >= 14, where
    assert (seen["overflow"], seen["outside"]) == (0, 0), where
    assert seen["target"] >= TARGET_AT_LEAST_PX, where
    assert seen["headings"] == ["H1"], where
    assert seen["language"] == sample.personal.locale, where
    assert " ".join(seen["title"].split()) == seen["subject"], where
    assert (seen["images"], seen["loaded"]) == (0, 0), where
    assert all(len(link) >= 8 for link in seen["links"]), where  # says where it leads, not "here"
    assert (seen["ground"] < 0.1) is dark, where


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("locale", LOCALES)
async def test_every_mail_can_be_read_on_a_phone(page: Page, locale: str, dark: bool) -> None:
    for sample in first_of_each_kind(locale):
        check(await look(page, sample, dark=dark), sample, dark=dark)


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("locale", LOCALES)
async def test_the_longest_names_are_wrapped_and_not_cut_off(page: Page, locale: str) -> None:
    for sample in first_of_each_kind(locale)[::4]:
        long = stretched(sample)
        seen = await look(page, long, dark=False)
        check(seen, long, dark=False)
        assert seen["lines"] <= HEADING_LINES_AT_MOST, (sample.name, seen["title"])


@pytest.mark.asyncio(loop_scope="module")
async def test_what_cannot_be_read_is_found(page: Page) -> None:
    await page.show('<p style="color:#999;background:#fff">pale</p><p style="width:900px">wide</p><a href="#">here</a>')
    seen = await page.ask(LOOK)
    assert seen["contrast"] < CONTRAST_AT_LEAST
    assert seen["overflow"] > 0
