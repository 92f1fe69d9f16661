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
from notifier.sandbox.narration import calls_that_opened, cell_line, clock_time, evidence_line, proposal_line
from notifier.sandbox.onlooker import PATIENCE, POLL_SECONDS, Onlooker, Sentence
from notifier.sandbox.people import People
from notifier.sandbox.play import moved, play
from notifier.sandbox.processes import Rehearsal
from notifier.sandbox.simulate import Complaint, Outage
from notifier.sandbox.terminal import Screen
from notifier.sandbox.work_scenes import WorkScenes
from notifier.sandbox.works import Work

UPDATES = 5  # acknowledged, eta, delayed, a new eta, restored
BY_NIGHT = 1  # of them: who sleeps hears the second in the morning, and nothing of the first

ETA_AFTER = timedelta(minutes=16)  # the end of the night
NEW_ETA_AFTER = timedelta(minutes=40)
WORK_AFTER = timedelta(minutes=40)  # the end of the night: by then the light is back
PAUSE = timedelta(minutes=2)  # between two decisions of the commander
SCORE_RISE = 1.6  # how much higher a score must be to deserve a line of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """What is going to happen: complaints as if the morning began at `begins_at`, one outage, and planned work."""

    begins_at: datetime
    night_ends_at: datetime
    complaints: Sequence[Complaint]
    outage: Outage
    work: Work
    on_call: str  # the number of the person on call


class Morning:
    """One morning, scene by scene; `refused` counts complaints that the daemon would not take."""

    def __init__(
        self, today: Today, rehearsal: Rehearsal, daemon: Caller, people: People, screen: Screen, sentence: Sentence
    ) -> None:
        self._today, self._rehearsal, self._daemon, self._screen = today, rehearsal, daemon, screen
        self._people, self._outage = people, today.outage
        self._look = Onlooker(rehearsal, daemon, screen, sentence)
        self.work = WorkScenes(
            today.work, daemon, people, self._look, screen, folder=rehearsal.folder, on_call=today.on_call
        )
        self._enough = 0  # people whose calls opened the incident
        self._posted = self._counted = 0
        self.refused = 0
        self.wrote: set[str] = set()  # customers whose report was taken
        self.night_ended_at: datetime | None = None  # in real time

    async def play(self) -> None:
        """Play all scenes; raise when something that must happen does not, or a process ends."""
        later = self._look.now() - self._today.begins_at
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
            await self.work.play(self._enough)

    async def _watch_processes(self) -> None:
        while True:
            self._rehearsal.require_running()
            await asyncio.sleep(1)

    def _seen(self, _: Complaint, answer: dict[str, Any] | CallFailed) -> None:
        self._posted += 1
        if isinstance(answer, CallFailed):
            self.refused += 1
            self._screen.line(str(answer), at=self._look.now(), style="bad")
        else:
            self._counted += bool(answer["counted"])
            self.wrote.add(answer["customer"] or "")

    async def _until_suspected(self, fails_at: datetime) -> None:
        """Show complaints arriving and the score rising until the daemon has evidence from the whole place."""
        highest, is_out = 0.0, False
        until = fails_at + PATIENCE
        while (now := self._look.now()) < until:
            if not is_out and now >= fails_at:
                is_out = True
                self._screen.line("(the power just failed; nobody here knows it yet)", at=fails_at, style="warn")
            cells = await self._daemon.get("/v1/detection/cells?limit=3")
            line = f"{self._posted:>3} complaints, {self._counted} counted; {cell_line(cells)}"
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
        self._look.show_text("to the person on call", text)

    async def _confirm(self) -> int:
        """Have the commander see the evidence, and confirm one incident for the whole place; it takes in the others."""
        self._screen.heading("The daemon proposes; a person decides")
        suspected = sorted(await self._incidents("suspected"), key=lambda card: int(card["id"]))
        for card in suspected:
            view = await self._look.incident(int(card["id"]))
            self._screen.line(proposal_line(card), at=self._look.now(), style="warn")
            for evidence in sorted(view["evidence"], key=lambda one: -float(one["score"])):
                self._screen.line("   " + evidence_line(evidence))
            self._enough = self._enough or calls_that_opened(view)
        first = int(suspected[0]["id"])
        self._screen.line("the commander compares the place with the calls, and says which codes are out")
        place = ",".join(f"{self._outage.kind}:{code}" for code in self._outage.codes)
        await self._look.type("confirm", str(first), "--regions", place, "--crew", "being-sent", "--no-wait")
        await self._look.until_told(first, 1)
        for other in await self._incidents("suspected"):
            await self._look.type("dismiss", str(other["id"]))
        return first

    async def _let_them_sleep(self, incident: int) -> None:
        """Give an ETA by night, and see what waits go out once, at the end of the night, with the newest facts."""
        ends = self._today.night_ends_at
        self._screen.heading(f"Until {clock_time(ends)} it is night: texts wait, except for those who need to know")
        await self._look.wait(PAUSE)
        eta = clock_time(max(self._look.now(), ends) + ETA_AFTER)
        await self._look.type("eta", str(incident), eta, "--cause", "tree", "--no-wait")
        await self._look.until_told(incident, 2)
        await self.work.announce(max(self._look.now(), ends) + WORK_AFTER)
        self._screen.heading(f"The night ends at {clock_time(ends)}: what waited goes out, with the newest facts")
        await self._daemon.sleep_until(ends)
        self.night_ended_at = await self._daemon.really(ends)  # a slow machine comes here later than that
        self._screen.line("the night is over", at=self._look.now(), style="warn")
        await self._look.until_told(incident, 2, all_of_it=True)
        for locale, what in (("es", "a reader of Spanish wakes up to"), ("en", "and somebody else to")):
            number = self._people.somebody(locale, texts=1)
            self._look.show_text(what, self._people.texts_to(number)[0])
        self._screen.line(f"customers count on {eta}; the crew is late and the commander is busy", at=self._look.now())

    async def _keep_the_promise(self, incident: int) -> None:
        """See one reader opt out, and the daemon revise in time what it promised, without them; give another time."""
        self._screen.heading("A promise, and how it is kept; and a reader who has had enough")
        number = self._people.somebody("en", texts=1)
        words = "please stop texting me"
        self._screen.line(f"somebody texts back: {words}", at=self._look.now())
        text = await self._people.say(number, words)
        self._people.stopped[number] = text.taken_at - timedelta(microseconds=1)
        self._look.show_text("and hears one last time", text)
        await self._look.until_told(incident, 3)
        self._screen.line("told before the time lapsed, and no new time invented", at=self._look.now())
        await self._look.wait(PAUSE)
        await self._look.type("eta", str(incident), clock_time(self._look.now() + NEW_ETA_AFTER), "--no-wait")
        await self._look.until_told(incident, 4)

    async def _restore(self, incident: int) -> None:
        """Restore a part, then the rest, each held in case it drops again; hear from one for whom it is not back."""
        self._screen.heading("The light comes back, in one part before the other")
        await self._look.wait(PAUSE)
        first, *others = self._outage.codes
        if others:
            await self._look.type("restored", str(incident), "--part", f"{self._outage.kind}:{first}", "--no-wait")
            await self._look.until_told(incident, UPDATES)
            self._screen.line("the others keep the time they were given", at=self._look.now())
            await self._look.wait(PAUSE)
        await self._look.type("restored", str(incident), "--no-wait")
        await self._look.until_told(incident, UPDATES + bool(others))
        number = self._people.somebody("en", texts=UPDATES - BY_NIGHT)
        self._screen.line("somebody texts back: OUT", at=self._look.now())
        self._look.show_text("and hears", await self._people.say(number, "OUT"))
        view = await self._look.incident(incident)
        for promise in sorted(view["promises"], key=lambda one: int(one["id"])):
            kind = {"eta": "back by", "next_update": "next update by"}.get(promise["kind"], promise["kind"])
            due = clock_time(datetime.fromisoformat(promise["due_at"]))
            self._screen.line(f"promised: {kind} {due}: {promise['state']}", at=self._look.now())
        self._screen.line(f"incident #{incident} is {view['card']['state']}", at=self._look.now(), style="good")

    async def _make_amends(self, incident: int) -> None:
        """Show what was granted by rule, and have a manager answer for the rest."""
        self._screen.heading("What customers are owed: by rule up to a baseline, above it by a manager")
        owed = await self._until_counted(incident)
        for each in owed["sums"]:
            line = f"{each['tariff']}: {each['lines']:,} lines, {each['amount']} {owed['currency']}, {each['state']}"
            self._screen.line(line, at=self._look.now(), style="good" if each["state"] == "approved" else "warn")
        await self._look.type("credits", "approve", "--incident", str(incident), "--total", owed["waiting"])

    async def _until_counted(self, incident: int) -> dict[str, Any]:
        until = self._look.now() + PATIENCE
        while self._look.now() < until:
            owed: dict[str, Any] = await self._daemon.get(f"/v1/incidents/{incident}/credits")
            if owed["counted"] and owed["waiting_lines"]:
                return owed
            await asyncio.sleep(POLL_SECONDS)
        raise NotifierError("credits were not counted in time")

    async def _incidents(self, state: str) -> list[dict[str, Any]]:
        cards = await self._daemon.get(f"/v1/incidents?state={state}")
        return [card for card in cards if card["service"] == self._outage.service]

    async def _regions_with_evidence(self) -> set[str]:
        views = [await self._daemon.get(f"/v1/incidents/{card['id']}") for card in await self._incidents("suspected")]
        return {evidence["region"] for view in views for evidence in view["evidence"]}
