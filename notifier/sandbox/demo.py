"""The demo: one evening in a made-up town, from the first complaint to restoration, in under two minutes.

Everything is real but the people: the daemon and the mail receiver are processes of their own, the town comes in by
`notifier customers import`, complaints by HTTP, and a commander types the commands an operator would type. Only the
clock is accelerated. At the end the receiver's files are compared with the generator's truth; the daemon is not asked.

In: `DemoPlan`. Out: the exit code, and a folder with the mails, the logs and the database.
"""

import asyncio
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from notifier.domain.errors import NotifierError, Refused
from notifier.sandbox import simulate
from notifier.sandbox.alongside import alongside
from notifier.sandbox.caller import Caller, CallFailed
from notifier.sandbox.narration import (
    ZONE,
    cell_line,
    clock_time,
    event_line,
    evidence_line,
    progress_line,
    waiting_line,
)
from notifier.sandbox.play import moved, play
from notifier.sandbox.processes import Rehearsal, stop_leftovers
from notifier.sandbox.simulate import Complaint, Outage, StreamPlan
from notifier.sandbox.smtp_receiver import Receipt, read_receipts
from notifier.sandbox.terminal import Screen
from notifier.sandbox.town import TownPlan, sites_of, write_town
from notifier.sandbox.typist import Typist, run_plainly
from notifier.sandbox.verdict import Verdict, judge, plain_text, read_mail

STARTS_AT = datetime(2026, 3, 4, 17, 30, tzinfo=ZONE)
CODES = ("94112", "94113", "94114")
SERVICE = "power"
OUTAGE_AFTER = timedelta(minutes=3)
CALLERS = 0.12  # of the affected customers call
CALL_DELAY = timedelta(minutes=6)
WEEKS = 8

ETA_AFTER, NEW_ETA_AFTER = timedelta(minutes=28), timedelta(minutes=40)
PAUSE = timedelta(minutes=2)  # between two decisions of the commander
POLL_SECONDS = 0.25
PATIENCE = timedelta(minutes=45)  # of the town's clock, for anything that must happen
MARK = "made-by-notifier-demo"  # only a folder with this file is ever removed
SETTINGS: dict[str, dict[str, Any]] = {
    "regions": {"watched": ["postal_code", "city", "area_code"], "time_zone": ZONE.key},
    "sender": {"company": "Valley Electric"},
}
PLAYBOOK = {
    "name": "demo",
    "services": [SERVICE],
    "next_update_within": "30 min",
    "warn_before": "10 min",
    "delay_before": "5 min",
    "hold_before_restored": "5 min",
    "safety": ["wires", "generator", "medical"],
    "self_help": ["main-breaker"],
}
UPDATES = 5  # acknowledged, eta, delayed, a new eta, restored


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """What is to be played; the rate is how many times faster than real the town's clock runs."""

    folder: Path = Path("var/demo")
    keep: bool = False
    rate: float = 60.0
    customers: int = 20_000
    seed: int = 1


async def run(plan: DemoPlan) -> int:
    """Play the demo and return its exit code; whatever happens, what it started is stopped."""
    screen = Screen(ZONE)
    _clear(plan.folder, screen)
    rehearsal = Rehearsal(plan.folder, settings=SETTINGS, playbook=PLAYBOOK)
    (rehearsal.folder / MARK).touch()
    try:
        return await _Evening(plan, rehearsal, screen).run()
    except NotifierError as error:
        screen.line(f"the demo stopped: {error}", style="bad")
        screen.line(f"logs are in {plan.folder}/*.log")
        return 1
    finally:
        rehearsal.stop()


def _clear(folder: Path, screen: Screen) -> None:
    """Remove what an earlier demo left, running or lying there; refuse a folder that no demo has made."""
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / MARK).exists():
        raise Refused(f"{folder} holds something that no demo put there; give an empty or new --dir")
    if leftovers := stop_leftovers(folder.resolve()):
        screen.line(f"stopped {leftovers} processes that an interrupted demo had left running")
    shutil.rmtree(folder)


class _Evening:
    """The scenes, in order."""

    def __init__(self, plan: DemoPlan, rehearsal: Rehearsal, screen: Screen) -> None:
        self._plan, self._rehearsal, self._screen = plan, rehearsal, screen
        self._folder = rehearsal.folder
        self._posted = self._counted = self._refused = self._shown = 0

    async def run(self) -> int:
        self._write_town()
        await self._start()
        async with Caller(self._rehearsal.url, self._rehearsal.token) as self._daemon:
            await self._import()
            await self._daemon.follow_clock()
            verdict = await self._play()
        self._show_verdict(verdict)
        self._show_mails()
        if self._plan.keep:
            await self._keep_running()
        return 0 if verdict.is_right else 1

    # --- before the curtain ---------------------------------------------------------------------------------------

    def _write_town(self) -> None:
        """Write the town, its history and the truth about tonight's outage."""
        self._screen.heading("A town of nobody real")
        town = list(sites_of(TownPlan(customers=self._plan.customers, seed=self._plan.seed)))
        outage = Outage(
            kind="postal_code",
            codes=CODES,
            started_at=STARTS_AT + OUTAGE_AFTER,
            callers=CALLERS,
            delay=CALL_DELAY,
            service=SERVICE,
        )
        self._streams = StreamPlan(
            live_from=STARTS_AT, weeks=WEEKS, outages=(outage,), time_zone=ZONE.key, seed=self._plan.seed
        )
        write_town(self._folder / "town.csv", town)
        weeks = simulate.write_complaints(self._folder / "history.csv", simulate.history(self._streams, town))
        simulate.write_truth(self._folder / "truth.csv", simulate.truth(self._streams, town))
        self._live = simulate.live(self._streams, town)
        simulate.write_complaints(self._folder / "live.csv", self._live)
        codes = {kind: len({site.region(kind) for site in town}) for kind in ("postal_code", "area_code")}
        self._screen.line(
            f"{self._plan.customers:,} customers with {len(town):,} sites in {codes['postal_code']} postal codes and"
            f" {codes['area_code']} area codes (415 and 628 are one region)"
        )
        self._screen.line(f"{weeks:,} complaints in the {WEEKS} weeks before tonight")

    async def _start(self) -> None:
        """Start the receiver and the daemon."""
        receiver = await asyncio.to_thread(self._rehearsal.start_receiver)
        clock = f"{STARTS_AT.isoformat()},{self._plan.rate:g}"
        daemon = await asyncio.to_thread(self._rehearsal.start_daemon, "--clock", clock)
        self._screen.line(
            f"daemon (process {daemon.pid}) at {self._rehearsal.url}, mail receiver (process {receiver.pid}) on port"
            f" {self._rehearsal.smtp_port}; the clock runs {self._plan.rate:g} times as fast"
        )

    async def _import(self) -> None:
        """Load the directory and the history by the commands an operator uses."""
        for arguments in (("customers", "import", "town.csv"), ("complaints", "import", "--history", "history.csv")):
            *words, name = arguments
            self._screen.line(f"$ notifier {' '.join(arguments)}", style="strong")
            code, output = await run_plainly(
                self._rehearsal.environ, self._folder / "commands.log", *words, str(self._folder / name)
            )
            self._screen.quote("\n".join(line for line in output.splitlines()[-6:] if line.strip()))
            if code:
                raise NotifierError(f"notifier {' '.join(arguments)} ended with {code}")

    # --- the play -------------------------------------------------------------------------------------------------

    async def _play(self) -> Verdict:
        """Let the evening happen, and judge it."""
        begins = self._daemon.now()
        stream = moved(self._live, begins - self._streams.live_from)
        fails_at = begins + OUTAGE_AFTER
        self._screen.heading(f"An evening: {SERVICE} fails in {', '.join(CODES)}, and nobody has told us")
        async with alongside(self._watch_processes()), alongside(play(stream, self._daemon, self._seen)):
            await self._until_suspected(fails_at)
            incident = await self._confirm()
            await self._promise(incident)
            await self._restore(incident)
        return await asyncio.to_thread(judge, self._folder, self._folder / "truth.csv", UPDATES)

    async def _watch_processes(self) -> None:
        while True:
            self._rehearsal.require_running()
            await asyncio.sleep(1)

    def _seen(self, _: Complaint, answer: dict[str, Any] | CallFailed) -> None:
        self._posted += 1
        if isinstance(answer, CallFailed):
            self._refused += 1
        else:
            self._counted += bool(answer["counted"])

    async def _until_suspected(self, fails_at: datetime) -> None:
        """Show complaints arriving and the score rising until the daemon proposes incidents for the whole place."""
        highest, is_out = 0.0, False
        until = fails_at + PATIENCE
        while self._daemon.now() < until:
            now = self._daemon.now()
            if not is_out and now >= fails_at:
                is_out = True
                self._screen.line(f"(the power just failed: {', '.join(CODES)})", at=fails_at, style="warn")
            cells = await self._daemon.get("/v1/detection/cells?limit=3")
            line = f"complaints {self._posted:>3} ({self._counted} counted)   " + cell_line(cells)
            if cells and cells[0]["score"] >= highest + 2:
                highest = cells[0]["score"]
                self._screen.line(line, at=now)
            else:
                self._screen.moving(line, at=now)
            places = {card["place"] for card in await self._incidents("suspected")}
            if sum(any(code in place for place in places) for code in CODES) == len(CODES):
                return
            await asyncio.sleep(POLL_SECONDS)
        raise NotifierError("the outage was not noticed in time")

    async def _confirm(self) -> int:
        """Have the commander see the evidence, confirm one incident for the whole place and dismiss its siblings."""
        self._screen.heading("The daemon proposes; a person decides")
        suspected = sorted(await self._incidents("suspected"), key=lambda card: card["id"])
        for card in suspected:
            view = await self._daemon.get(f"/v1/incidents/{card['id']}")
            for evidence in view["evidence"][:1]:
                self._screen.line(evidence_line(card, evidence), at=datetime.fromisoformat(evidence["at"]))
        first = int(suspected[0]["id"])
        places = ",".join(f"postal_code:{code}" for code in CODES)
        await self._type("confirm", str(first), "--regions", places, "--crew", "being-sent", "--no-wait")
        await self._until_told(first, 1)
        for other in await self._incidents("suspected"):
            await self._type("dismiss", str(other["id"]))
        return first

    async def _promise(self, incident: int) -> None:
        """Give an ETA, let it come close, see the daemon revise it in time, and give another."""
        self._screen.heading("A promise, and how it is kept")
        await self._wait(PAUSE)
        eta = self._daemon.now() + ETA_AFTER
        await self._type("eta", str(incident), clock_time(eta), "--cause", "tree", "--no-wait")
        await self._until_told(incident, 2)
        self._screen.line(f"customers were told {clock_time(eta)}; the crew is late and says nothing", at=self._now())
        await self._until_told(incident, 3)
        self._screen.line("the daemon said so before the time lapsed, without inventing a new one", at=self._now())
        await self._wait(PAUSE)
        await self._type("eta", str(incident), clock_time(self._daemon.now() + NEW_ETA_AFTER), "--no-wait")
        await self._until_told(incident, 4)

    async def _restore(self, incident: int) -> None:
        """Restore service, hold the news in case it drops again, and see it out."""
        self._screen.heading("Service is back")
        await self._wait(2 * PAUSE)
        await self._type("restored", str(incident), "--no-wait")
        await self._until_told(incident, 5)
        view = await self._daemon.get(f"/v1/incidents/{incident}")
        for promise in view["promises"]:
            kind = {"eta": "back by", "next_update": "next update by"}.get(promise["kind"], promise["kind"])
            due = datetime.fromisoformat(promise["due_at"])
            self._screen.line(f"promise: {kind} {clock_time(due):<6} {promise['state']}", at=self._now())
        self._screen.line(f"incident #{incident} is {view['card']['state']}", at=self._now(), style="good")

    # --- what the scenes share ------------------------------------------------------------------------------------

    def _now(self) -> datetime:
        return self._daemon.now()

    async def _type(self, *arguments: str) -> None:
        """Have the commander type a command at a terminal."""
        self._screen.line()
        typist = Typist(self._rehearsal.environ, self._screen.quote)
        if code := await typist.run(*arguments):
            raise NotifierError(f"notifier {' '.join(arguments)} ended with {code}")

    async def _wait(self, duration: timedelta) -> None:
        await self._daemon.sleep_until(self._daemon.now() + duration)

    async def _incidents(self, state: str) -> list[dict[str, Any]]:
        cards = await self._daemon.get(f"/v1/incidents?state={state}")
        return [card for card in cards if card["service"] == SERVICE]

    async def _until_told(self, incident: int, number: int) -> None:
        """Show what happens to an incident until its broadcast of this number is completed."""
        until = self._daemon.now() + PATIENCE
        while self._daemon.now() < until:
            view = await self._daemon.get(f"/v1/incidents/{incident}")
            for entry in view["timeline"][self._shown :]:
                if line := event_line(entry):
                    self._screen.line(line, at=datetime.fromisoformat(entry["at"]))
            self._shown = len(view["timeline"])
            sent = sorted(
                (one for one in view["broadcasts"] if one["state"] not in ("draft", "cancelled")),
                key=lambda one: int(one["id"]),
            )
            if len(sent) >= number:
                broadcast = sent[number - 1]
                self._screen.moving(progress_line(broadcast), at=self._now())
                if broadcast["state"] == "completed":
                    self._screen.line(progress_line(broadcast), at=self._now(), style="good")
                    return
            else:
                self._screen.moving(waiting_line(view), at=self._now())
            await asyncio.sleep(POLL_SECONDS)
        raise NotifierError(f"update {number} of incident {incident} was not completed in time")

    # --- after the curtain ----------------------------------------------------------------------------------------

    def _show_verdict(self, verdict: Verdict) -> None:
        self._screen.heading("Checked against the receiver's files and the generator's truth, not the ledger")
        rows: list[tuple[str, int, bool | None]] = [
            ("customers affected", verdict.affected, None),
            ("of them without any mailbox", verdict.unreachable, None),
            ("mailboxes that had to hear", verdict.addresses, None),
            (f"told all {verdict.updates} updates", verdict.told, verdict.told == verdict.addresses > 0),
            ("twice", verdict.twice, verdict.twice == 0),
            ("missed", verdict.missed, verdict.missed == 0),
            ("told though unaffected", verdict.told_though_unaffected, verdict.told_though_unaffected == 0),
            ("mails received", verdict.mails, None),
            ("complaints posted, refused", self._refused, self._refused == 0),
        ]
        for label, value, holds in rows:
            mark = {None: "", True: "ok", False: "WRONG"}[holds]
            self._screen.line(f"  {label:<32} {value:>8,}  {mark}", style="bad" if holds is False else "")

    def _show_mails(self) -> None:
        """Show the first and the last update as one customer reads them."""
        receipts = read_receipts(self._folder)
        if not receipts:
            return
        person = receipts[len(receipts) // 3].recipient
        theirs = [receipt for receipt in receipts if receipt.recipient == person]
        for receipt in (theirs[0], theirs[-1]) if len(theirs) > 1 else theirs:
            self._show_mail(receipt)
        mails = self._plan.folder / "mail"
        self._screen.line(
            f"\nall {len(receipts):,} mails are in {mails}, the receipts in {self._plan.folder}/receipts.csv"
        )

    def _show_mail(self, receipt: Receipt) -> None:
        message = read_mail(self._folder, receipt)
        self._screen.heading(f"What a customer reads ({receipt.file})")
        head = "\n".join(f"{name}: {message[name]}" for name in ("From", "To", "Subject"))
        self._screen.quote(f"{head}\n\n{plain_text(message).strip()}")

    async def _keep_running(self) -> None:
        """Leave it running until Ctrl-C, and say what can be done with it."""
        folder, incident = self._plan.folder, 1
        self._screen.heading("It goes on running; Ctrl-C ends it. Try in another terminal:")
        self._screen.line(f"  export NOTIFIER_URL={self._rehearsal.url} NOTIFIER_TOKEN=$(cat {folder}/token)")
        for command, what in (
            ("notifier", "what needs a person"),
            ("notifier status", "the daemon at a glance"),
            (f"notifier incidents show {incident}", "the whole story"),
            ("notifier customers show C000024", "what one customer was told"),
            (f"notifier sandbox receipts --dir {folder}", "what the receiver took"),
            (f"notifier simulate play {folder}/live.csv", "the same evening again"),
            (f"notifier sandbox fault --dir {folder} --refuse 0.3", "a mail relay with a bad day"),
        ):
            self._screen.line(f"  {command:<52} # {what}")
        while True:
            self._rehearsal.require_running()
            await asyncio.sleep(1)
