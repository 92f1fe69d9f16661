"""Planned work in the demo: announced by night; once it has begun those who forgot it call, and no incident opens.

In: a running daemon, and where the work is. Out: lines on the screen, and when, in real time, it began and was done,
for whoever compares what was received.
"""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from notifier.domain.errors import NotifierError
from notifier.sandbox.caller import Caller, CallFailed
from notifier.sandbox.narration import clock_time
from notifier.sandbox.onlooker import PATIENCE, POLL_SECONDS, Onlooker
from notifier.sandbox.people import People
from notifier.sandbox.play import moved, play
from notifier.sandbox.simulate import Complaint
from notifier.sandbox.smtp_receiver import read_receipts
from notifier.sandbox.terminal import Screen
from notifier.sandbox.work_verdict import WorkStory
from notifier.sandbox.works import LASTS, Work

STEP = timedelta(minutes=5)  # to which people round what they announce


class WorkScenes:
    """Two scenes around one piece of work; `refused` counts complaints that the daemon would not take."""

    def __init__(
        self, work: Work, daemon: Caller, people: People, look: Onlooker, screen: Screen, *, folder: Path, on_call: str
    ) -> None:
        self._work, self._daemon, self._people, self._look, self._screen = work, daemon, people, look, screen
        self._folder, self._on_call = folder, on_call
        self._incident = 0
        self._begins_at = self._began_at = self._done_at = datetime.min.replace(tzinfo=UTC)
        self._called = self._explained = 0
        self.refused = 0

    async def announce(self, not_before: datetime) -> None:
        """Have the commander announce the work, to begin on the first full five minutes from then on."""
        place = self._work.place
        self._screen.heading(f"Meanwhile: work on the lines of {place}, later today, is announced")
        self._begins_at = not_before + (datetime.min.replace(tzinfo=UTC) - not_before) % STEP
        self._look.say("customers have to know days before; in this demo 30 minutes are enough")
        window = [("--from", self._begins_at), ("--until", self._begins_at + LASTS)]
        await self._look.type(
            *("planned", "open", "--service", self._work.interrupts.service, "--regions", f"postal_code:{place}"),
            *(word for option, at in window for word in (option, clock_time(at))),
            *("--cause", "maintenance", "--no-wait"),
        )
        (card,) = await self._daemon.get("/v1/incidents?state=scheduled")
        self._incident = int(card["id"])
        await self._look.until_told(self._incident, 1)

    async def play(self, enough: int) -> None:
        """Let it begin; hear those who call meanwhile, and say that it is done. `enough` calls opened an incident."""
        place = self._work.place
        self._screen.heading("The planned work begins, and some had forgotten it")
        await self._daemon.sleep_until(self._begins_at)
        self._began_at = await self._daemon.really(self._begins_at)
        before = await self._incidents()
        await self._until_begun()
        number = len(self._work.calls)
        callers = f"{number} customer{'s' * (number > 1)} of {place}"
        self._look.say(f"{callers} call by and by; this morning {enough} calls were enough to wake somebody")
        await play(moved(self._work.calls, self._look.now() - self._work.begins_at), self._daemon, self._seen)
        await self._until_answered()
        self._look.say(f"{self._explained} of {self._called} calls explained by the work: they are no evidence")
        self._show_answer()
        opened = [
            each for each in await self._incidents() - before if any(name in each[1] for name in self._work.names)
        ]
        if opened or self._explained != number:
            raise NotifierError(
                f"planned work in {place} did not explain the calls from there: {opened or 'some count'}"
            )
        self._look.say(f"no incident is opened in {place}, and nobody is woken", style="good")
        self._done_at = datetime.now(UTC)
        await self._look.type("restored", str(self._incident), "--no-wait")
        await self._look.until_told(self._incident, 2)
        view = await self._look.incident(self._incident)
        self._look.say(f"incident #{self._incident} is {view['card']['state']}", style="good")

    def story(self, concerned: frozenset[str]) -> WorkStory:
        """Return what those in its place had to hear; nothing is asked about addresses concerned by something else."""
        return WorkStory(
            began_at=self._began_at,
            done_at=self._done_at,
            callers=self._work.callers,
            on_call=self._on_call,
            names=self._work.names,
            concerned=concerned,
        )

    def _seen(self, _: Complaint, answer: dict[str, Any] | CallFailed) -> None:
        self._called += 1
        if isinstance(answer, CallFailed):
            self.refused += 1
            self._look.say(str(answer), style="bad")
        else:
            self._explained += answer["not_counted"] == "planned_work"

    async def _incidents(self) -> set[tuple[int, str]]:
        return {(int(card["id"]), card["place"]) for card in await self._daemon.get("/v1/incidents")}

    async def _until_begun(self) -> None:
        until = self._look.now() + PATIENCE
        while (await self._look.incident(self._incident))["card"]["state"] == "scheduled":
            if self._look.now() > until:
                raise NotifierError("the planned work did not begin in time")
            await asyncio.sleep(POLL_SECONDS)

    async def _until_answered(self) -> None:
        """Wait until everybody who called has heard since it began, by the receivers' own files."""
        until = self._look.now() + PATIENCE
        while left := self._work.callers - await asyncio.to_thread(self._heard):
            if self._look.now() > until:
                raise NotifierError(f"{len(left)} who called during planned work were told nothing")
            await asyncio.sleep(POLL_SECONDS)

    def _heard(self) -> set[str]:
        mails = {mail.recipient for mail in read_receipts(self._folder) if mail.received_at >= self._began_at}
        return mails | {
            number
            for number in self._work.callers
            if any(text.taken_at >= self._began_at for text in self._people.texts_to(number))
        }

    def _show_answer(self) -> None:
        """Show what one of them reads, where anybody has a telephone."""
        for number in sorted(self._work.callers):
            if number.startswith("+"):
                self._look.show_text("one of them reads", self._people.texts_to(number)[-1])
                return
