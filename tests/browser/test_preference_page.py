"""The preference page in a real browser: read and used on a phone, in the dark, enlarged, and without script."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from notifier.messages.links import Purpose, sign_versioned
from notifier.storage.migrate import upgrade
from tests.browser.chromium import CONTRAST, Page, page_or_skip
from tests.served import ROWS, Served

CONTRAST_AT_LEAST = 4.5  # WCAG 2.2, 1.4.3
TARGET_AT_LEAST = 24  # CSS pixels; WCAG 2.2, 2.5.8
LONG = {**ROWS[0], "site_id": "2", "label": "Donaudampfschifffahrtsgesellschaftsanlegestelle", "address": "1 A, B"}

# Every element that shows text of its own, with the contrast to what lies behind it.
CONTRASTS = f"""(() => {{ {CONTRAST}
  return [...document.querySelectorAll("main *")]
    .filter((e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim()))
    .map((e) => [e.textContent.trim().slice(0, 40), ratio(getComputedStyle(e).color, e)]);
}})()"""
SMALL_TARGETS = f"""
[...document.querySelectorAll("a, button, select, input:not([type=hidden])")]
  .map((e) => [e.name || e.textContent, e.getBoundingClientRect()])
  .filter(([, box]) => box.width < {TARGET_AT_LEAST} || box.height < {TARGET_AT_LEAST})
  .map(([name]) => name)
"""
NAMELESS = """
[...document.querySelectorAll("select, input:not([type=hidden])")].filter((e) => !e.labels.length).map((e) => e.name)
"""
UNGROUPED = """
[...document.querySelectorAll("input[type=checkbox]")]
  .filter((e) => !e.closest("fieldset")?.querySelector("legend")?.textContent.trim()).map((e) => e.name)
"""


@pytest.fixture
async def town(tmp_path: Path) -> AsyncIterator[Served]:
    """Serve a daemon whose first contact point hears about two sites and one outage."""
    upgrade(f"sqlite:///{tmp_path / 'notifier.db'}")
    async with Served(tmp_path) as served:
        await served.ndjson("/v1/customers/bulk", ROWS[0], LONG)
        served.database.write_now(_go_out)
        yield served


def _go_out(tx: Any) -> None:
    tx.run(
        """INSERT INTO incidents (service, state, playbook, started_at, opened_at, opened_by, correlation_id)
           VALUES ('power', 'confirmed', 'power', 1, 1, 'test', 'c')"""
    )
    tx.run("INSERT INTO pauses (contact_point_id, incident_id, created_at) VALUES (1, 1, 1)")


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with page_or_skip() as opened:
        yield opened


def link(town: Served) -> str:
    path = "/p/" + sign_versioned(town.machine.parts.link_secret, Purpose.PREFERENCES, 1)
    return str(town.server.make_url(path))


async def go(page: Page, url: str, *, width: int = 360, dark: bool = False, script: bool = True) -> None:
    await page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=740, deviceScaleFactor=1, mobile=width < 500
    )
    scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
    await page.call("Emulation.setEmulatedMedia", features=scheme)
    await page.call("Emulation.setScriptExecutionDisabled", value=not script)
    await page.call("Page.navigate", url=url)
    await until(page, f"location.href.startsWith({url!r}) && document.readyState === 'complete'")


async def until(page: Page, condition: str) -> None:
    async with asyncio.timeout(20):
        while not await page.ask(condition):  # noqa: ASYNC110  # nobody tells us when a page is there
            await asyncio.sleep(0.05)


async def click(page: Page, selector: str) -> None:
    """Click with the mouse, as a person does: nothing of the page's own runs."""
    box = await page.ask(
        f"""(() => {{ const e = document.querySelector({selector!r}); e.scrollIntoView({{block: "center"}});
                     const b = e.getBoundingClientRect(); return [b.x + b.width / 2, b.y + b.height / 2]; }})()"""
    )
    for kind in ("mousePressed", "mouseReleased"):
        await page.call("Input.dispatchMouseEvent", type=kind, x=box[0], y=box[1], button="left", clickCount=1)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_everything_can_be_read_and_hit_on_a_phone(town: Served, page: Page, dark: bool) -> None:
    await go(page, link(town) + "?done=saved", dark=dark)
    contrasts = await page.ask(CONTRASTS)
    assert len(contrasts) > 20
    assert [(text, ratio) for text, ratio in contrasts if ratio < CONTRAST_AT_LEAST] == []
    assert await page.ask(SMALL_TARGETS) == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_who_is_stopped_and_who_made_a_mistake_can_read_it_too(town: Served, page: Page, dark: bool) -> None:
    await go(page, link(town), dark=dark)
    await page.ask("document.querySelector('#quiet-from').value = '22:00'")
    await click(page, "button[value=save]")
    await until(page, "document.querySelector('#mistakes') !== null")
    assert [each for each in await page.ask(CONTRASTS) if each[1] < CONTRAST_AT_LEAST] == []
    town.database.write_now(lambda tx: tx.run("UPDATE contact_points SET suppressed = 'opted_out'"))
    await go(page, link(town), dark=dark)
    assert [each for each in await page.ask(CONTRASTS) if each[1] < CONTRAST_AT_LEAST] == []


@pytest.mark.parametrize("width", [320, 360, 640, 1280], ids=["320", "360", "200 percent of 1280", "1280"])
async def test_nothing_is_cut_off_at_any_width(town: Served, page: Page, width: int) -> None:
    await go(page, link(town), width=width)
    assert await page.ask("document.documentElement.scrollWidth") <= width
    right = "[...document.querySelectorAll('main *')].map((e) => e.getBoundingClientRect().right)"
    assert await page.ask(f"Math.max(...{right}) <= innerWidth + 1")


async def test_every_field_has_a_label_and_every_group_a_name(town: Served, page: Page) -> None:
    await go(page, link(town))
    assert await page.ask(NAMELESS) == []
    assert await page.ask(UNGROUPED) == []
    assert await page.ask("document.documentElement.lang") == "en"
    assert await page.ask("document.querySelectorAll('h1').length") == 1


async def test_what_has_the_focus_is_seen(town: Served, page: Page) -> None:
    await go(page, link(town))
    seen = []
    for _ in range(6):
        for kind in ("keyDown", "keyUp"):
            await page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
        seen.append(
            await page.ask(
                "(() => { const s = getComputedStyle(document.activeElement);"
                " return s.outlineStyle !== 'none' && parseFloat(s.outlineWidth) >= 2; })()"
            )
        )
    assert seen == [True] * 6


async def test_the_page_works_without_script(town: Served, page: Page) -> None:
    await go(page, link(town), script=False)
    await click(page, "input[name=purpose][value=survey]")
    await click(page, "button[value=save]")
    await until(page, "location.search === '?done=saved'")
    assert "Your settings are saved" in await page.ask("document.querySelector('#done').textContent")
    (row,) = town.rows("SELECT purpose, state FROM consents")
    assert (row["purpose"], row["state"]) == ("survey", "refused")
    await click(page, "button[value=stop]")
    await until(page, "location.search === '?done=stop'")
    (row,) = town.rows("SELECT suppressed FROM contact_points WHERE id = 1")
    assert row["suppressed"] == "opted_out"
