"""The customers' side of a rehearsal: who reads texts, what they are told, and what they text back.

In: the truth about who is affected, and the list of a receiver of texts. Out: texts as one customer sees them, and
answers delivered to the daemon as a carrier delivers them. The daemon is never asked.
"""

import asyncio
import csv
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from notifier.domain.errors import NotifierError
from notifier.sandbox.processes import SHORT_CODE
from notifier.sandbox.texting import text_us
from notifier.sandbox.twilio_messages import TakenText, read_texts

ANSWER_SECONDS = 20.0  # of real time, for a text in answer
LOOK_SECONDS = 0.25


class People:
    """Those with a telephone among the affected; `stopped` says who has said STOP, and when in real time."""

    def __init__(self, folder: Path, truth: Path, url: str) -> None:
        self._folder, self._url = folder, url
        with truth.open(newline="", encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row["mobile"]]
        self._rows = {row["mobile"]: row for row in rows}
        self._sites = Counter(row["mobile"] for row in rows)
        self._used: set[str] = set()
        self.stopped: dict[str, datetime] = {}

    def texts_to(self, number: str) -> list[TakenText]:
        """Return what a number was sent, oldest first."""
        return [text for text in read_texts(self._folder) if text.to == number]

    def somebody(self, locale: str, texts: int) -> str:
        """Return a number of a reader of this language with one site and so many texts so far; each is given once."""
        counts = Counter(text.to for text in read_texts(self._folder))
        for number, row in sorted(self._rows.items()):
            is_plain = self._sites[number] == 1 and row["priority"] == "no" and row["locale"] == locale
            if is_plain and counts[number] == texts and number not in self._used:
                self._used.add(number)
                return number
        raise NotifierError(f"nobody who reads '{locale}' has had {texts} texts")

    async def say(self, number: str, words: str) -> TakenText:
        """Text the company, and return the text that comes back."""
        before = len(self.texts_to(number))
        status, _ = await text_us(self._url, sender=number, to=SHORT_CODE, body=words)
        if status >= 300:
            raise NotifierError(f"the daemon refused a text with {status}")
        return await self.until(lambda: next(iter(self.texts_to(number)[before:]), None), f"an answer to '{words}'")

    async def until(self, look: Callable[[], TakenText | None], what: str) -> TakenText:
        """Wait for a text; raise when it does not come."""
        for _ in range(round(ANSWER_SECONDS / LOOK_SECONDS)):
            if (found := look()) is not None:
                return found
            await asyncio.sleep(LOOK_SECONDS)
        raise NotifierError(f"{what} did not come in {ANSWER_SECONDS:.0f} s")
