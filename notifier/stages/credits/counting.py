"""Counting: on restoration, what each customer of the audience is owed, chunk by chunk.

In: updates that said "restored" and whose audience is complete. Out: credit lines, proposed, or approved by rule within
the baselines. Each chunk commits by itself with how far it came, so a killed daemon goes on there; a step that has a
line is never made again, so counting twice changes nothing. Other incidents that were out at the same time count as one
outage: what they gave is not given again.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog

from notifier.domain.actor import DAEMON, Actor, KeyRole
from notifier.domain.credit import (
    NOTHING_YET,
    CreditState,
    Granted,
    Limits,
    Line,
    already_billed,
    by_rule,
    lines,
    month_of,
    of_site,
    steps_by_tariff,
)
from notifier.domain.errors import Refused
from notifier.domain.incident import IncidentState
from notifier.domain.money import parse_amount
from notifier.domain.tariff import Disruption, OwedFor, Payer, Spell, Tariff, joined
from notifier.queue.embedded import Topic
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.repositories import audit, control, credit_lines, credit_moves, credit_reconciling, credit_runs
from notifier.storage.repositories.credit_lines import NewLine
from notifier.storage.repositories.credit_runs import Member, Run

CHUNK = 1_000  # customers in one look
FIRST_CHUNK, SMALLEST_CHUNK = 200, 20  # customers in one transaction
CHUNK_SECONDS = 0.06  # aimed at; well below the 0.2 s that a write transaction may take
SINCE = control.CREDITS_SINCE

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What credits are computed by."""

    tariffs: tuple[Tariff, ...]
    limits: Limits
    currency: str
    zone: ZoneInfo
    has_yearly_caps: bool
    has_sites: bool  # a tariff is per site


def rules_of(around: Surroundings, tariffs: Sequence[Tariff]) -> Rules:
    """Return the rules of a configuration."""
    settings = around.config.credits
    amounts = {
        key: parse_amount(getattr(settings, key), settings.currency)
        for key in ("customer_baseline", "incident_baseline", "budget", "agent_baseline")
    }
    return Rules(
        tariffs=tuple(tariffs),
        limits=Limits(**amounts),
        currency=settings.currency,
        zone=ZoneInfo(around.config.regions.time_zone),
        has_yearly_caps=any(each.per_month_at_most or each.per_year_at_most for each in tariffs),
        has_sites=any(each.enabled and each.per is OwedFor.SITE for each in tariffs),
    )


@dataclass(slots=True)
class Counted:
    """What one chunk came to."""

    new: list[NewLine] = field(default_factory=list)
    billed: dict[int, Line] = field(default_factory=dict)  # lines that only billing knew, and what they are
    customers: int = 0
    upto: int | None = None  # None: that was all


class Counting:
    """Computes what customers are owed."""

    def __init__(self, around: Surroundings, tariffs: Sequence[Tariff]) -> None:
        self._database, self._clock, self._queue = around.database, around.clock, around.queue
        self._metrics, self._enabled = around.metrics, around.config.credits.enabled
        self._rules = rules_of(around, tariffs)
        self._since: datetime | None = None
        self._size = FIRST_CHUNK

    async def step(self) -> bool:
        """Begin the runs that are due and count one chunk; return whether there may be more."""
        since = await self._switched_on()
        if since is None:
            return False
        due = await self._database.read(lambda tx: credit_runs.to_begin(tx, since=since))
        for broadcast_id in due:
            await self._database.write(lambda tx, which=broadcast_id: self._begin(tx, which, since))  # type: ignore[misc]
        if await self._database.read(credit_runs.unfinished) is None:
            return False
        counted = await self._database.write(self._count)
        for each in counted.new:
            self._metrics.credit_lines.labels(each.state, each.reason).inc()
        if counted.upto is None:
            self._queue.wake(Topic.NOTIFICATIONS)  # mails that wait to name their credits
        return True

    async def again(self, incident_id: int, actor: Actor) -> int:
        """Let an incident be counted once more, for those who joined its audience since; return its runs."""
        actor.require(KeyRole.MANAGER)

        def work(tx: Transaction) -> int:
            found = credit_runs.again(tx, incident_id)
            if not found:
                raise Refused(f"incident {incident_id} has not been counted; it is when it is restored")
            audit.record(
                tx, at=self._clock.now(), actor=actor, action="credits.count", target=f"incident {incident_id}"
            )
            return found

        return await self._database.write(work)

    async def _switched_on(self) -> datetime | None:
        """Return since when credits are switched on; None while they are not."""
        if self._enabled and self._since is not None:
            return self._since
        now = self._clock.now()

        def work(tx: Transaction) -> datetime | None:
            known = control.since(tx, SINCE)
            if not self._enabled:
                if known is not None:
                    control.clear(tx, SINCE)
                return None
            if known is None:
                control.put(tx, SINCE, "on", now=now, actor=DAEMON)
                return now
            return known.at

        if not self._enabled and await self._database.read(lambda tx: control.get(tx, SINCE)) is None:
            return None
        self._since = await self._database.write(work)
        return self._since

    def _begin(self, tx: Transaction, broadcast_id: int, since: datetime) -> None:
        credit_runs.begin(tx, broadcast_id, since=since, now=self._clock.now())

    def _count(self, tx: Transaction) -> Counted:
        began = self._clock.monotonic()
        counted = self._count_chunk(tx)
        seconds = max(self._clock.monotonic() - began, 0.001)
        wanted = self._size * CHUNK_SECONDS / seconds
        self._size = int(min(max(wanted, self._size / 4, SMALLEST_CHUNK), self._size * 2, CHUNK))
        return counted

    def _count_chunk(self, tx: Transaction) -> Counted:
        run, now = credit_runs.unfinished(tx), self._clock.now()
        if run is None:
            return Counted()
        state, disruption = credit_runs.disruption(tx, run)
        if state is IncidentState.MERGED:  # since: its lines follow, and count as given already
            into = tx.scalar("SELECT merged_into FROM incidents WHERE id = :id", id=run.incident_id)
            credit_moves.move_runs(tx, run.incident_id, int(into))
            return Counted(upto=0)
        is_off = state is IncidentState.DISMISSED
        counted = Counted() if is_off else count(tx, run, disruption, self._rules, now=now, at_most=self._size)
        for line_id, line in counted.billed.items():
            credit_reconciling.become(tx, line_id, line)
        if counted.new:
            month = month_of(run.spell.until_at, self._rules.zone)
            credit_lines.add_all(
                tx,
                run.incident_id,
                counted.new,
                run_id=run.id,
                currency=self._rules.currency,
                month=month,
                now=now,
                by=DAEMON.name,
            )
        credit_runs.save_progress(tx, run.id, counted.upto, now=now)
        if counted.upto is None:
            owed = credit_lines.owed_by(tx, run.incident_id, self._rules.currency)
            detail = {"part": run.part_id, "owed": owed, "currency": self._rules.currency}
            target = f"incident {run.incident_id}"
            audit.record(tx, at=now, actor=DAEMON, action="credits.counted", target=target, detail=detail)
            log.info("credits counted", incident=run.incident_id, part=run.part_id)
        return counted


def count(
    tx: Transaction, run: Run, disruption: Disruption, rules: Rules, *, now: datetime, at_most: int = CHUNK
) -> Counted:
    """Return the lines that the next customers of a run are owed and do not have; writes nothing."""
    found = credit_runs.members(tx, run.broadcast_id, after=run.counted_to, at_most=at_most)
    if not found:
        return Counted()
    first, last = found[0].customer_id, found[-1].customer_id
    around = _Around.of(tx, run, first, last, has_sites=rules.has_sites)
    had = credit_lines.granted(tx, around.incidents, run.incident_id, first, last)
    month = month_of(run.spell.until_at, rules.zone)
    elsewhere: Mapping[int, Mapping[tuple[str, int], int]] = {}
    if rules.has_yearly_caps:
        elsewhere = credit_lines.of_other_incidents(tx, around.incidents, first, last, year=month // 100)
    owed_by_spells: dict[tuple[int, ...], list[tuple[Tariff, int]]] = {}
    same: dict[tuple[tuple[int, ...], Payer], list[Line]] = {}
    of_incident = credit_lines.owed_by(tx, run.incident_id, rules.currency)
    counted = Counted(customers=len(found), upto=last if len(found) == at_most else None)

    def owed_in(runs: tuple[int, ...]) -> list[tuple[Tariff, int]]:
        if runs not in owed_by_spells:
            spells = joined(around.spells[run_id] for run_id in runs)
            owed_by_spells[runs] = steps_by_tariff(rules.tariffs, disruption, spells, rules.zone)
        return owed_by_spells[runs]

    for member in found:
        runs = around.runs_of(member.customer_id)
        owed = owed_in(runs)
        if not owed:
            continue
        granted = had.get(member.customer_id)
        if rules.has_sites:
            granted = _with_caps(granted or NOTHING_YET, elsewhere.get(member.customer_id, {}), month)
            new = _by_site(member, owed, granted, around, owed_in)
        elif granted is None and member.customer_id not in elsewhere:
            if (runs, member.payer) not in same:
                same[runs, member.payer] = lines(0, owed, member.payer, NOTHING_YET)
            new = [_for(member, line) for line in same[runs, member.payer]]
        else:
            granted = _with_caps(granted or NOTHING_YET, elsewhere.get(member.customer_id, {}), month)
            new = lines(member.customer_id, owed, member.payer, granted)
        granted = granted or NOTHING_YET
        became, new, is_doubtful = already_billed(new, granted)
        counted.billed |= became
        if not new:
            continue
        state, reason = by_rule(new, granted, rules.limits, of_incident=of_incident, is_doubtful=is_doubtful)
        approved = state is CreditState.APPROVED
        of_incident += sum(line.amount for line in new) if approved else 0
        counted.new += [
            NewLine(
                line=line,
                state=state,
                reason=reason,
                bill_month=month_of(now, rules.zone, later=line.bill_after_months) if approved else None,
            )
            for line in new
        ]
    return counted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Around:
    """A run with the other outages that its customers had at that time."""

    incidents: tuple[int, ...]  # whose lines count as given
    spells: Mapping[int, Spell]  # by run
    audiences: Mapping[int, set[int]]  # by run: customers of the range; not of the run itself
    run_id: int
    sites: Mapping[int, Mapping[int, set[int]]]  # by run and customer; empty where no tariff is per site

    @classmethod
    def of(cls, tx: Transaction, run: Run, first: int, last: int, *, has_sites: bool) -> "_Around":
        own = credit_runs.of_incidents(tx, [run.incident_id])
        beside = credit_runs.beside(tx, run, own)
        others = [each for each in (*own, *credit_runs.of_incidents(tx, beside or [0])) if each.id != run.id]
        taken_in = credit_moves.taken_in(tx, run.incident_id)
        return cls(
            incidents=tuple(sorted({run.incident_id, *beside, *taken_in})),
            spells={each.id: each.spell for each in (run, *others)},
            audiences={each.id: credit_runs.members_between(tx, each.broadcast_id, first, last) for each in others},
            run_id=run.id,
            sites={each.id: credit_runs.sites_between(tx, each, first, last) for each in (run, *others)}
            if has_sites
            else {},
        )

    def runs_of(self, customer_id: int) -> tuple[int, ...]:
        """Return the runs that a customer of the range was out in."""
        others = (run_id for run_id, customers in self.audiences.items() if customer_id in customers)
        return (self.run_id, *sorted(others))

    def sites_of(self, customer_id: int) -> list[int]:
        """Return the sites of a customer that were out in this run, ascending."""
        return sorted(self.sites[self.run_id].get(customer_id, ()))

    def runs_of_site(self, customer_id: int, site_id: int) -> tuple[int, ...]:
        """Return the runs that a site was out in."""
        others = (run_id for run_id in self.audiences if site_id in self.sites[run_id].get(customer_id, ()))
        return (self.run_id, *sorted(others))


def _by_site(
    member: Member,
    owed: Sequence[tuple[Tariff, int]],
    granted: Granted,
    around: _Around,
    owed_in: Callable[[tuple[int, ...]], list[tuple[Tariff, int]]],
) -> list[Line]:
    """Return the new lines of a customer where tariffs are per site; one whose sites nobody knows any more has one."""
    sites = around.sites_of(member.customer_id)
    whole = [each for each in owed if each[0].per is OwedFor.CUSTOMER or not sites]
    new = lines(member.customer_id, whole, member.payer, granted)
    for site_id in sites:
        of = [each for each in owed_in(around.runs_of_site(member.customer_id, site_id)) if each[0].per is OwedFor.SITE]
        new += lines(member.customer_id, of, member.payer, of_site(granted, site_id), site_id=site_id)
    return new


def _for(member: Member, line: Line) -> Line:
    return Line(
        customer_id=member.customer_id,
        tariff=line.tariff,
        tariff_from=line.tariff_from,
        step=line.step,
        amount=line.amount,
        bill_after_months=line.bill_after_months,
    )


def _with_caps(granted: Granted, elsewhere: Mapping[tuple[str, int], int], month: int) -> Granted:
    """Return what a customer has, with what other incidents gave in the same month and year."""
    in_month = {tariff: amount for (tariff, of), amount in elsewhere.items() if of == month}
    in_year: dict[str, int] = {}
    for (tariff, _), amount in elsewhere.items():
        in_year[tariff] = in_year.get(tariff, 0) + amount
    return replace(granted, in_month=in_month, in_year=in_year)
