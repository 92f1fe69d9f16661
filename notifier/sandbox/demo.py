"""The demo: one morning in a made-up town, from the first complaint to restoration, in about two minutes.

Everything is real but the people: the daemon and the receivers of mails and texts are processes of their own, the town
comes in by `notifier customers import`, complaints by HTTP, a commander types the commands an operator would type, and
customers text back. Only the clock is accelerated. At the end the receivers' files are compared with the generator's
truth; the daemon is not asked.

In: `DemoPlan`. Out: the exit code, and a folder with the mails, the texts, the logs and the database.
"""

import asyncio
import json
import shutil
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from notifier.domain.errors import NotifierError, Refused
from notifier.sandbox import simulate
from notifier.sandbox.caller import Caller
from notifier.sandbox.morning import BY_NIGHT, UPDATES, Morning, Today
from notifier.sandbox.narration import ZONE
from notifier.sandbox.onlooker import Sentence
from notifier.sandbox.people import People
from notifier.sandbox.processes import Rehearsal, stop_leftovers
from notifier.sandbox.simulate import Outage, StreamPlan
from notifier.sandbox.smtp_receiver import Receipt, read_receipts
from notifier.sandbox.terminal import Screen
from notifier.sandbox.town import COMPANY_AREA_CODE, TownPlan, sites_of, write_town
from notifier.sandbox.typist import run_plainly
from notifier.sandbox.verdict import Story, Verdict, judge, plain_text, read_mail, read_town
from notifier.sandbox.work_verdict import WorkVerdict, judge_work
from notifier.sandbox.works import plan_work
from notifier.sandbox.works import truth as truth_of_work

STARTS_AT = datetime(2026, 3, 4, 6, 14, tzinfo=ZONE)
NIGHT_ENDS_AT = datetime(2026, 3, 4, 7, 15, tzinfo=ZONE)
ON_CALL = f"+1{COMPANY_AREA_CODE}5550199"
CODES = ("94112", "94113", "94114")
SERVICE = "power"
OUTAGE_AFTER = timedelta(minutes=3)
CALLERS = 0.06  # of the affected customers call
CALLERS_AT_LEAST = 24  # also in a small town: an outage that nobody calls about is not noticed
CALL_DELAY = timedelta(minutes=8)
WEEKS = 8

MARK = "made-by-notifier-demo"  # only a folder with this file is ever removed
SETTINGS: dict[str, dict[str, Any]] = {
    "regions": {"watched": ["postal_code", "city", "area_code"], "time_zone": ZONE.key},
    "sender": {"company": "Valley Electric"},
    "locales": {"available": ["en", "es", "fr"]},
    "caps": {"every": "1 min"},  # a morning of updates goes by in minutes
    "inbound": {"personal_every": "20 min"},
    "on_call": {"people": [{"name": "Kim", "sms": ON_CALL}]},
    "credits": {  # mails may wait half a minute of real time for the credits that they name
        "enabled": True,
        "incident_baseline": "100000",
        "budget": "200000",
        "mail_waits": "30 min",
    },
}
TARIFFS: tuple[dict[str, Any], ...] = (
    {
        "name": "morning-home",
        "account_types": ["residential"],
        "amount": "5.00",
        "tests": [{"name": "an hour", "account_type": "residential", "credit": "5.00"}],
    },
    {
        "name": "morning-business",  # more than a customer's baseline: it waits for a manager
        "account_types": ["business"],
        "amount": "60.00",
        "tests": [{"name": "an hour", "account_type": "business", "credit": "60.00"}],
    },
)
OF_EACH_TARIFF: dict[str, Any] = {
    "valid_from": "2026-01-01",
    "source": "the demo",
    "currency": "USD",
    "services": [SERVICE],
    "enabled": True,
    "longer_than": "30 min",
    "counts": "begun",
    "steps_at_most": 1,
}
PLAYBOOK = {
    "name": "demo",
    "services": [SERVICE],
    "channels": ["sms", "email"],
    "night": {"begins": "21:00", "ends": f"{NIGHT_ENDS_AT:%H:%M}", "down": {"rule": "hold"}},
    "next_update_within": "1 h",
    "warn_before": "10 min",
    "delay_before": "5 min",
    "hold_before_restored": "5 min",
    "planned_notice_lead": "30 min",
    "planned_reminder": "0 s",
    "safety": ["wires", "generator", "medical"],
    "self_help": ["main-breaker"],
}

LABEL_WIDTH = 34

_Row = tuple[str, int, bool | None]
"""What was counted, how much, and whether that is right; None: it is no question of right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPlan:
    """What is to be played; the rate is how many times faster than real the town's clock runs."""

    folder: Path = Path("var/demo")
    keep: bool = False
    rate: float = 60.0
    customers: int = 20_000
    seed: int = 1


async def run(plan: DemoPlan, sentence: Sentence) -> int:
    """Play the demo and return its exit code; whatever happens, what it started is stopped."""
    screen = Screen(ZONE)
    _clear(plan.folder, screen)
    tariffs = plan.folder.resolve() / "tariffs"
    settings = SETTINGS | {"credits": SETTINGS["credits"] | {"tariffs": str(tariffs)}}
    rehearsal = Rehearsal(plan.folder, settings=settings, playbook=PLAYBOOK, with_texts=True)
    (rehearsal.folder / MARK).touch()
    _write_tariffs(tariffs)
    try:
        return await _Demo(plan, rehearsal, screen, sentence).run()
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


def _write_tariffs(folder: Path) -> None:
    """Write what customers are owed this morning."""
    folder.mkdir(parents=True, exist_ok=True)
    for tariff in TARIFFS:
        tests = [each | {"outages": ["2026-03-04T06:17/2026-03-04T07:17"]} for each in tariff["tests"]]
        text = json.dumps(OF_EACH_TARIFF | tariff | {"tests": tests}, indent=1)  # YAML takes it as it is
        (folder / f"{tariff['name']}.yaml").write_text(text, encoding="utf-8")


class _Demo:
    """What comes before and after the morning."""

    def __init__(self, plan: DemoPlan, rehearsal: Rehearsal, screen: Screen, sentence: Sentence) -> None:
        self._plan, self._rehearsal, self._screen, self._sentence = plan, rehearsal, screen, sentence
        self._folder = rehearsal.folder

    async def run(self) -> int:
        today = self._write_town()
        await self._start()
        async with Caller(self._rehearsal.url, self._rehearsal.token) as daemon:
            await self._import()
            await daemon.follow_clock(self._plan.rate)
            people = People(self._folder, self._folder / "truth.csv", self._rehearsal.url)
            morning = Morning(today, self._rehearsal, daemon, people, self._screen, self._sentence)
            await morning.play()
        story = Story(
            updates=UPDATES,
            by_night=BY_NIGHT,
            night_ended_at=morning.night_ended_at,
            awake=frozenset(morning.wrote),
            stopped=people.stopped,
            company=frozenset({ON_CALL}),
            concerned=read_town(self._folder / "work.csv").addresses,
        )
        verdict = await asyncio.to_thread(judge, self._folder, self._folder / "truth.csv", story)
        others = read_town(self._folder / "truth.csv").addresses
        work_story = morning.work.story(concerned=others)
        work = await asyncio.to_thread(judge_work, self._folder, self._folder / "work.csv", work_story)
        refused = morning.refused + morning.work.refused
        self._show_verdict(verdict, work, refused)
        self._show_mails(others - story.concerned)
        if self._plan.keep:
            await self._keep_running()
        return 0 if verdict.is_right and work.is_right and not refused else 1

    def _write_town(self) -> Today:
        """Write the town, its history, this morning's complaints and the truth about the outage."""
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
        affected = len({site.customer_id for site in town if outage.affects(site)})
        outage = replace(outage, callers=max(CALLERS * affected, CALLERS_AT_LEAST))
        streams = StreamPlan(
            live_from=STARTS_AT, weeks=WEEKS, outages=(outage,), time_zone=ZONE.key, seed=self._plan.seed
        )
        live = simulate.live(streams, town)
        work = plan_work(town, live, outage, NIGHT_ENDS_AT)
        write_town(self._folder / "town.csv", town)
        past = simulate.write_complaints(self._folder / "history.csv", simulate.history(streams, town))
        simulate.write_complaints(self._folder / "live.csv", live)
        simulate.write_truth(self._folder / "truth.csv", simulate.truth(streams, town))
        simulate.write_truth(self._folder / "work.csv", truth_of_work(work, town))
        codes = {kind: len({site.region(kind) for site in town}) for kind in ("postal_code", "area_code")}
        self._screen.line(
            f"{self._plan.customers:,} customers with {len(town):,} sites in {codes['postal_code']} postal codes and"
            f" {codes['area_code']} area codes (415 and 628 are one region)"
        )
        self._screen.line(f"{past:,} complaints in the {WEEKS} weeks before this morning")
        return Today(
            begins_at=STARTS_AT,
            night_ends_at=NIGHT_ENDS_AT,
            complaints=live,
            outage=outage,
            work=work,
            on_call=ON_CALL,
        )

    async def _start(self) -> None:
        """Start the receivers and the daemon."""
        receiver = await asyncio.to_thread(self._rehearsal.start_receiver)
        texts = await asyncio.to_thread(self._rehearsal.start_texts)
        clock = f"{STARTS_AT.isoformat()},{self._plan.rate:g}"
        daemon = await asyncio.to_thread(self._rehearsal.start_daemon, "--clock", clock)
        self._screen.line(
            f"daemon (process {daemon.pid}) at {self._rehearsal.url}, receivers of mails (process {receiver.pid}) and"
            f" of texts (process {texts.pid}); the clock runs {self._plan.rate:g} times as fast"
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

    def _show_verdict(self, verdict: Verdict, work: WorkVerdict, refused: int) -> None:
        self._screen.heading("Checked against the receivers' files and the generator's truth, not the ledger")
        for label, value, holds in (
            *_of_outage(verdict),
            *_of_work(work),
            ("complaints refused", refused, not refused),
        ):
            mark = {None: "", True: "ok", False: "WRONG"}[holds]
            line = f"  {label:<{LABEL_WIDTH}} {value:>8,}  {mark}".rstrip()
            self._screen.line(line, style="bad" if holds is False else "")

    def _show_mails(self, people: frozenset[str]) -> None:
        """Show the first and the last update as one customer of the outage reads them."""
        receipts = read_receipts(self._folder)
        theirs = [receipt for receipt in receipts if receipt.recipient in people]
        if not theirs:
            return
        person = theirs[len(theirs) // 3].recipient
        theirs = [receipt for receipt in theirs if receipt.recipient == person]
        for receipt in (theirs[0], theirs[-1]) if len(theirs) > 1 else theirs:
            self._show_mail(receipt)
        mails = self._plan.folder / "mail"
        self._screen.line()
        self._screen.line(f"all {len(receipts):,} mails are in {mails}, all texts in {self._plan.folder}/texts.csv")

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
            ("notifier sandbox text +14155550142 STATUS", "what a customer is told who asks"),
            (f"notifier simulate play {folder}/live.csv", "the same morning again"),
            (f"notifier sandbox fault --dir {folder} --refuse 0.3", "a mail relay with a bad day"),
        ):
            self._screen.line(f"  {command:<52} # {what}")
        while True:
            self._rehearsal.require_running()
            await asyncio.sleep(1)


def _of_outage(verdict: Verdict) -> list[_Row]:
    return [
        ("customers affected", verdict.affected, None),
        ("of them without mailbox or mobile", verdict.unreachable, None),
        ("mailboxes that had to hear", verdict.mailboxes, None),
        (f"told all {verdict.updates} updates", verdict.told_by_mail, verdict.told_by_mail == verdict.mailboxes > 0),
        ("telephones that had to hear", verdict.phones, None),
        ("told all since they were awake", verdict.told_by_text, verdict.told_by_text == verdict.phones > 0),
        ("twice", verdict.twice, verdict.twice == 0),
        ("missed", verdict.missed, verdict.missed == 0),
        ("told though unaffected", verdict.told_though_unaffected, verdict.told_though_unaffected == 0),
        ("woken without need", verdict.woken, verdict.woken == 0),
        ("told after a STOP", verdict.after_stop, verdict.after_stop == 0),
        ("mails received", verdict.mails, None),
        ("texts received", verdict.texts, None),
    ]


def _of_work(work: WorkVerdict) -> list[_Row]:
    return [
        ("planned work: addresses to hear", work.addresses, None),
        ("told before it began, once", work.noticed, work.noticed == work.addresses > 0),
        ("called while it lasted", work.callers, None),
        ("told of the work when they called", work.answered, work.answered == work.callers > 0),
        ("told that it is done, once", work.told_done, work.told_done == work.addresses),
        ("told anything else there", work.beyond, work.beyond == 0),
        ("calls of the person on call for it", work.calls, work.calls == 0),
    ]
