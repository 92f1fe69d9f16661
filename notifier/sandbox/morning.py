"""The scenes of the demo: what happens in the town between the first complaint, before dawn, and the light coming back.

In: a running daemon with a town and its history, and this morning's complaints. Out: lines on the screen, and the
commands of the commander, typed at a real terminal. Scenes wait for what the API and the receivers report, not for a
fixed time.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from notifier.domain.errors import NotifierError
from notifier.sandbox.alongside import alongside
from notifier.sandbox.caller import Caller, CallFailed
from notifier.sandbox.narration import (
    cell_line,
    clock_time,
    event_line,
    evidence_line,
    progress_line,
    proposal_line,
    waiting_line,
)
from notifier.sandbox.people import People
from notifier.sandbox.play import moved, play
from notifier.sandbox.processes import Rehearsal
from notifier.sandbox.simulate import Complaint, Outage
from notifier.sandbox.terminal import Screen
from notifier.sandbox.twilio_messages import TakenText
from notifier.sandbox.typist import Typist

UPDATES = 5  # acknowledged, eta, delayed, a new eta, restored
BY_NIGHT = 1  # of them: who sleeps hears the second in the morning, and nothing of the first

ETA_AFTER = timedelta(minutes=16)  # the end of the night
NEW_ETA_AFTER = timedelta(minutes=40)
PAUSE = timedelta(minutes=2)  # between two decisions of the commander
POLL_SECONDS = 0.25
PATIENCE = timedelta(minutes=60)  # of the town's clock, for anything that must happen
SCORE_RISE = 1.6  # how much higher a score must be to deserve a line of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What is going to happen: complaints as if the morning began at `begins_at`, and one outage."""

    begins_at: datetime
    night_ends_at: datetime
    complaints: Sequence[Complaint]
    outage: Outage
    on_call: str  # the number of the person on call


class Morning:
    """One morning, scene by scene; `refused` counts complaints that the daemon would not take."""

    def __init__(self, today: Today, rehearsal: Rehearsal, daemon: Caller, people: People, screen: Screen) -> None:
        self._today, self._rehearsal, self._daemon, self._screen = today, rehearsal, daemon, screen
        self._people, self._outage = people, today.outage
        self._posted = self._counted = 0
        self._shown: dict[int, int] = {}  # lines of an incident's timeline that are on the screen
        self.refused = 0
        self.wrote: set[str] = set()  # customers whose report was taken
        self.night_ended_at: datetime | None = None  # in real time

    async def play(self) -> None:
        """Play all scenes; raise when something that must happen does not, or a process ends."""
        later = self._now() - self._today.begins_at
        places = ", ".join(self._outage.codes)
        self._screen.heading(f"Before dawn: {self._outage.service} fails in {places}, and nobody has told us")
        complaints = play(moved(self._today.complaints, later), self._daemon, self._seen)
        async with alongside(self._watch_processes()), alongside(complaints):
            await self._until_suspected(self._outage.started_at + later)
            await self._wake()
            incident = await self._confirm()
            await self._let_them_sleep(incident)
            await self._keep_the_promise(incident)
            await self._restore(incident)
            await self._make_amends(incident)

    async def _watch_processes(self) -> None:
        while True:
            self._rehearsal.require_running()
            await asyncio.sleep(1)

    def _seen(self, _: Complaint, answer: dict[str, Any] | CallFailed) -> None:
        self._posted += 1
        if isinstance(answer, CallFailed):
            self.refused += 1
            self._screen.line(str(answer), at=self._now(), style="bad")
        else:
            self._counted += bool(answer["counted"])
            self.wrote.add(answer["customer"] or "")

    async def _until_suspected(self, fails_at: datetime) -> None:
        """Show complaints arriving and the score rising until the daemon has evidence from the whole place."""
        highest, is_out = 0.0, False
        until = fails_at + PATIENCE
        while (now := self._now()) < until:
            if not is_out and now >= fails_at:
                is_out = True
                self._screen.line("(the power just failed; nobody here knows it yet)", at=fails_at, style="warn")
            cells = await self._daemon.get("/v1/detection/cells?limit=3")
            line = f"complaints {self._posted:>3} ({self._counted} counted)  {cell_line(cells)}"
            if cells and cells[0]["score"] > max(1.0, highest * SCORE_RISE):
                highest = cells[0]["score"]
                self._screen.line(line, at=now)
            else:
                self._screen.moving(line, at=now)
            if {f"{self._outage.kind} {code}" for code in self._outage.codes} <= await self._regions_with_evidence():
                return
            await asyncio.sleep(POLL_SECONDS)
        raise NotifierError("the outage was not noticed in time")

    async def _wake(self) -> None:
        """Show what the person on call is sent."""
        self._screen.heading("Somebody is woken, by a route of their own")
        text = await self._people.until(
            lambda: next(iter(self._people.texts_to(self._today.on_call)), None), "the call of the person on call"
        )
        self._show_text("to the person on call", text)

    async def _confirm(self) -> int:
        """Have the commander see the evidence, and confirm one incident for the whole place; it takes in the others."""
        self._screen.heading("The daemon proposes; a person decides")
        suspected = sorted(await self._incidents("suspected"), key=lambda card: int(card["id"]))
        for card in suspected:
            view = await self._daemon.get(f"/v1/incidents/{card['id']}")
            self._show_events(view)
            self._screen.line(proposal_line(card), at=self._now(), style="warn")
            for evidence in sorted(view["evidence"], key=lambda one: -float(one["score"])):
                self._screen.line("   " + evidence_line(evidence))
        first = int(suspected[0]["id"])
        self._screen.line("the commander compares the place with the calls, and says which codes are out")
        place = ",".join(f"{self._outage.kind}:{code}" for code in self._outage.codes)
        await self._type("confirm", str(first), "--regions", place, "--crew", "being-sent", "--no-wait")
        await self._until_told(first, 1)
        for other in await self._incidents("suspected"):
            await self._type("dismiss", str(other["id"]))
        return first

    async def _let_them_sleep(self, incident: int) -> None:
        """Give an ETA by night, and see what waits go out once, at the end of the night, with the newest facts."""
        ends = self._today.night_ends_at
        self._screen.heading(f"Until {clock_time(ends)} it is night: texts wait, except for those who need to know")
        await self._wait(PAUSE)
        eta = clock_time(max(self._now(), ends) + ETA_AFTER)
        await self._type("eta", str(incident), eta, "--cause", "tree", "--no-wait")
        await self._until_told(incident, 2)
        await self._daemon.sleep_until(ends)
        self.night_ended_at = await self._daemon.really(ends)  # a slow machine comes here later than that
        self._screen.line("the night is over", at=self._now(), style="warn")
        await self._until_told(incident, 2, all_of_it=True)
        for locale, what in (("es", "a reader of Spanish wakes up to"), ("en", "and somebody else to")):
            number = self._people.somebody(locale, texts=1)
            self._show_text(what, self._people.texts_to(number)[0])
        self._screen.line(f"customers count on {eta}; the crew is late and the commander is busy", at=self._now())

    async def _keep_the_promise(self, incident: int) -> None:
        """See one reader opt out, and the daemon revise in time what it promised, without them; give another time."""
        self._screen.heading("A promise, and how it is kept; and a reader who has had enough")
        number = self._people.somebody("en", texts=1)
        words = "please stop texting me"
        self._screen.line(f"somebody texts back: {words}", at=self._now())
        text = await self._people.say(number, words)
        self._people.stopped[number] = text.taken_at - timedelta(microseconds=1)
        self._show_text("and hears one last time", text)
        await self._until_told(incident, 3)
        self._screen.line("told before the time lapsed, and no new time invented", at=self._now())
        await self._wait(PAUSE)
        await self._type("eta", str(incident), clock_time(self._now() + NEW_ETA_AFTER), "--no-wait")
        await self._until_told(incident, 4)

    async def _restore(self, incident: int) -> None:
        """Restore a part, then the rest, each held in case it drops again; hear from one for whom it is not back."""
        self._screen.heading("The light comes back, in one part before the other")
        await self._wait(PAUSE)
        first, *others = self._outage.codes
        if others:
            await self._type("restored", str(incident), "--part", f"{self._outage.kind}:{first}", "--no-wait")
            await self._until_told(incident, UPDATES)
            self._screen.line("the others keep the time they were given", at=self._now())
            await self._wait(PAUSE)
        await self._type("restored", str(incident), "--no-wait")
        await self._until_told(incident, UPDATES + bool(others))
        number = self._people.somebody("en", texts=UPDATES - BY_NIGHT)
        self._screen.line("somebody texts back: OUT", at=self._now())
        self._show_text("and hears", await self._people.say(number, "OUT"))
        view = await self._daemon.get(f"/v1/incidents/{incident}")
        self._show_events(view)
        for promise in sorted(view["promises"], key=lambda one: int(one["id"])):
            kind = {"eta": "back by", "next_update": "next update by"}.get(promise["kind"], promise["kind"])
            due = clock_time(datetime.fromisoformat(promise["due_at"]))
            self._screen.line(f"promised: {kind} {due}: {promise['state']}", at=self._now())
        self._screen.line(f"incident #{incident} is {view['card']['state']}", at=self._now(), style="good")

    async def _make_amends(self, incident: int) -> None:
        """Show what was granted by rule, and have a manager answer for the rest."""
        self._screen.heading("What customers are owed: by rule up to a baseline, above it by a manager")
        owed = await self._until_counted(incident)
        for each in owed["sums"]:
            line = f"{each['tariff']}: {each['lines']:,} lines, {each['amount']} {owed['currency']}, {each['state']}"
            self._screen.line(line, at=self._now(), style="good" if each["state"] == "approved" else "warn")
        await self._type("credits", "approve", "--incident", str(incident), "--total", owed["waiting"])

    async def _until_counted(self, incident: int) -> dict[str, Any]:
        until = self._now() + PATIENCE
        while self._now() < until:
            owed: dict[str, Any] = await self._daemon.get(f"/v1/incidents/{incident}/credits")
            if owed["counted"] and owed["waiting_lines"]:
                return owed
            await asyncio.sleep(POLL_SECONDS)
        raise NotifierError("credits were not counted in time")

    # --- what the scenes share ------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self._daemon.now()

    async def _wait(self, duration: timedelta) -> None:
        await self._daemon.sleep_until(self._now() + duration)

    async def _type(self, *arguments: str) -> None:
        """Have the commander type a command at a terminal."""
        self._screen.line()
        typist = Typist(self._rehearsal.environ, self._screen.quote)
        if code := await typist.run(*arguments):
            raise NotifierError(f"notifier {' '.join(arguments)} ended with {code}")

    async def _incidents(self, state: str) -> list[dict[str, Any]]:
        cards = await self._daemon.get(f"/v1/incidents?state={state}")
        return [card for card in cards if card["service"] == self._outage.service]

    async def _regions_with_evidence(self) -> set[str]:
        views = [await self._daemon.get(f"/v1/incidents/{card['id']}") for card in await self._incidents("suspected")]
        return {evidence["region"] for view in views for evidence in view["evidence"]}

    async def _until_told(self, incident: int, number: int, *, all_of_it: bool = False) -> None:
        """Show what happens to an incident until of its update of this number nothing is left but what waits.

        With `all_of_it` nothing may wait either.
        """
        until = self._now() + PATIENCE
        while self._now() < until:
            view = await self._daemon.get(f"/v1/incidents/{incident}")
            self._show_events(view)
            updates = [one for one in view["broadcasts"] if one["state"] not in ("draft", "cancelled")]
            updates.sort(key=lambda one: int(one["id"]))
            if len(updates) < number:
                self._screen.moving(waiting_line(view), at=self._now())
            elif is_told(updates[number - 1], all_of_it=all_of_it):
                self._screen.line(progress_line(updates[number - 1]), at=self._now(), style="good")
                return
            else:
                self._screen.moving(progress_line(updates[number - 1]), at=self._now())
            await asyncio.sleep(POLL_SECONDS)
        raise NotifierError(f"update {number} of incident {incident} was not completed in time")

    def _show_text(self, what: str, text: TakenText) -> None:
        self._screen.line(f"{what} (SMS, {text.segments} segment{'s' * (text.segments > 1)}):", at=self._now())
        self._screen.quote(text.body)

    def _show_events(self, view: dict[str, Any]) -> None:
        incident = int(view["card"]["id"])
        for entry in view["timeline"][self._shown.get(incident, 0) :]:
            self._screen.line(event_line(entry), at=datetime.fromisoformat(entry["at"]))
        self._shown[incident] = len(view["timeline"])


def is_told(broadcast: dict[str, Any], *, all_of_it: bool) -> bool:
    """Tell whether everything that may go out by now has gone out."""
    if broadcast["state"] == "completed":
        return True
    states, waits = broadcast["progress"]["states"], sum(each["messages"] for each in broadcast["progress"]["waiting"])
    under_way = states.get("pending", 0) + states.get("sending", 0) + states.get("in_doubt", 0) - waits
    began = broadcast["progress"]["planned"] and broadcast["started_at"] is not None
    return not all_of_it and began and under_way <= 0
