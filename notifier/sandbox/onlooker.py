"""What all scenes of the demo share: the clock of the town, a commander at a terminal, and incidents as they change.

In: a running daemon. Out: lines on the screen, each line of an incident's timeline once, and commands typed at a real
terminal. It waits for what the API reports, not for a fixed time.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from notifier.domain.errors import NotifierError
from notifier.sandbox.caller import Caller
from notifier.sandbox.narration import progress_line, waiting_line
from notifier.sandbox.processes import Rehearsal
from notifier.sandbox.terminal import Screen
from notifier.sandbox.twilio_messages import TakenText
from notifier.sandbox.typist import Typist

Sentence = Callable[[dict[str, Any]], str]
"""Says in words what an entry of a timeline is."""

POLL_SECONDS = 0.25
PATIENCE = timedelta(minutes=60)  # of the town's clock, for anything that must happen


class Onlooker:
    """Looks at a daemon, shows what happens, and types what a commander decides."""

    def __init__(self, rehearsal: Rehearsal, daemon: Caller, screen: Screen, sentence: Sentence) -> None:
        self._rehearsal, self._daemon, self._screen, self._sentence = rehearsal, daemon, screen, sentence
        self._shown: dict[int, int] = {}  # lines of an incident's timeline that are on the screen

    def now(self) -> datetime:
        """Return the time of the town."""
        return self._daemon.now()

    def say(self, text: str, *, style: str = "") -> None:
        """Show a line with the time of the town."""
        self._screen.line(text, at=self.now(), style=style)

    async def wait(self, duration: timedelta) -> None:
        """Let time go by in the town."""
        await self._daemon.sleep_until(self.now() + duration)

    async def type(self, *arguments: str) -> None:
        """Have the commander type a command at a terminal."""
        self._screen.line()
        typist = Typist(self._rehearsal.environ, self._screen.quote)
        if code := await typist.run(*arguments):
            raise NotifierError(f"notifier {' '.join(arguments)} ended with {code}")

    async def incident(self, incident: int) -> dict[str, Any]:
        """Return an incident as the API shows it, and show what is new in its timeline."""
        view: dict[str, Any] = await self._daemon.get(f"/v1/incidents/{incident}")
        for entry in view["timeline"][self._shown.get(incident, 0) :]:
            self._screen.line(self._sentence(entry), at=datetime.fromisoformat(entry["at"]))
        self._shown[incident] = len(view["timeline"])
        return view

    async def until_told(self, incident: int, number: int, *, all_of_it: bool = False) -> None:
        """Show what happens to an incident until of its update of this number nothing is left but what waits.

        With `all_of_it` nothing may wait either.
        """
        until = self.now() + PATIENCE
        while self.now() < until:
            view = await self.incident(incident)
            updates = [one for one in view["broadcasts"] if one["state"] not in ("draft", "cancelled")]
            updates.sort(key=lambda one: int(one["id"]))
            if len(updates) < number:
                self._screen.moving(waiting_line(view), at=self.now())
            elif is_told(updates[number - 1], all_of_it=all_of_it):
                self._screen.line(progress_line(updates[number - 1]), at=self.now(), style="good")
                return
            else:
                self._screen.moving(progress_line(updates[number - 1]), at=self.now())
            await asyncio.sleep(POLL_SECONDS)
        raise NotifierError(f"update {number} of incident {incident} was not completed in time")

    def show_text(self, what: str, text: TakenText) -> None:
        """Show a text as somebody reads it."""
        self.say(f"{what} (SMS, {text.segments} segment{'s' * (text.segments > 1)}):")
        self._screen.quote(text.body)


def is_told(broadcast: dict[str, Any], *, all_of_it: bool) -> bool:
    """Tell whether everything that may go out by now has gone out."""
    if broadcast["state"] == "completed":
        return True
    states, waits = broadcast["progress"]["states"], sum(each["messages"] for each in broadcast["progress"]["waiting"])
    under_way = states.get("pending", 0) + states.get("sending", 0) + states.get("in_doubt", 0) - waits
    began = broadcast["progress"]["planned"] and broadcast["started_at"] is not None
    return not all_of_it and began and under_way <= 0
