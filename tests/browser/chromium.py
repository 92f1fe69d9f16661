"""A headless Chromium, spoken to by its DevTools protocol: pages at a phone's width, light or dark, without images."""

import asyncio
import base64
import json
import os
import shutil
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

PHONE_WIDTH, PHONE_HEIGHT = 360, 740
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
PATIENCE_S = 30
MISSING = "these tests need Chromium: apt install chromium, or set NOTIFIER_CHROMIUM"

# For scripts: the contrast of a colour to what lies behind an element (WCAG 2.2, 1.4.3), and what that is.
CONTRAST = """
  const channel = (v) => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const parse = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor);
      if (color.length < 4 || color[3] > 0) return color;
    }
    return [255, 255, 255];
  };
  const ratio = (color, e) => {
    const [a, b] = [luminance(parse(color)), luminance(behind(e))];
    return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  };
"""


def find_chromium() -> str | None:
    """Return the program to run: `NOTIFIER_CHROMIUM`, else the first that is installed."""
    named = os.environ.get("NOTIFIER_CHROMIUM")
    return named or next((found for name in NAMES if (found := shutil.which(name))), None)


@asynccontextmanager
async def page_or_skip() -> "AsyncIterator[Page]":
    """Open a page; where there is no Chromium, skip the test, or fail it where none may be skipped."""
    program = find_chromium()
    if program is None:
        if os.environ.get("NOTIFIER_TESTS_SKIP_NOTHING"):
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    async with chromium(program) as page:
        yield page


class Page:
    """One page of the browser."""

    def __init__(self, socket_: aiohttp.ClientWebSocketResponse) -> None:
        self._socket, self._number = socket_, 0

    async def show(self, html: str, *, dark: bool = False, width: int = PHONE_WIDTH) -> None:
        """Show a document that may load nothing."""
        await self.call("Emulation.setDeviceMetricsOverride", **_metrics(width))
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        await self.call("Emulation.setEmulatedMedia", features=scheme)
        await self.call("Network.enable")
        await self.call("Network.setBlockedURLs", urls=["*"])
        frame = (await self.call("Page.getFrameTree"))["frameTree"]["frame"]["id"]
        await self.call("Page.setDocumentContent", frameId=frame, html=html)

    async def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        answer = await self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def screenshot(self, file: Path) -> None:
        """Write a picture of the whole page."""
        shot = await self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        await asyncio.to_thread(file.write_bytes, base64.b64decode(shot["data"]))

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        await self._socket.send_str(json.dumps({"id": self._number, "method": method, "params": parameters}))
        async with asyncio.timeout(PATIENCE_S):
            while True:
                answer = json.loads((await self._socket.receive()).data)
                if answer.get("id") == self._number:
                    assert "error" not in answer, answer
                    return answer["result"]


@asynccontextmanager
async def chromium(program: str) -> AsyncIterator[Page]:
    """Run a browser with an empty profile; it ends with the context."""
    port = _free_port()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            program,
            "--headless=new",
            "--no-sandbox",  # containers and root have none
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--hide-scrollbars",
            f"--remote-debugging-port={port}",
            f"--user-data-dir={profile}",
            "about:blank",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            async with aiohttp.ClientSession() as session:
                address = await _address_of_page(session, port)
                async with session.ws_connect(address, max_msg_size=0) as connection:
                    yield Page(connection)
        finally:
            process.terminate()
            try:
                async with asyncio.timeout(10):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()


async def _address_of_page(session: aiohttp.ClientSession, port: int) -> str:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            try:
                async with session.get(f"http://127.0.0.1:{port}/json") as answer:
                    pages = [each for each in await answer.json() if each["type"] == "page"]
                    if pages:
                        return str(pages[0]["webSocketDebuggerUrl"])
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.1)


def _metrics(width: int) -> dict[str, Any]:
    return {"width": width, "height": PHONE_HEIGHT, "deviceScaleFactor": 1, "mobile": True}


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
