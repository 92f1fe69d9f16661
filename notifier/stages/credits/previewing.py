"""Previewing: what counting an incident would grant now, as if service came back at this minute. Nothing is stored."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from notifier.domain.credit import CreditState
from notifier.domain.errors import NotFound, Refused
from notifier.domain.tariff import Spell, Tariff
from notifier.stages import Surroundings
from notifier.stages.credits.counting import CHUNK, SINCE, Counted, Rules, count, rules_of
from notifier.storage.database import Transaction
from notifier.storage.queries import credits as shown
from notifier.storage.repositories import control, credit_runs
from notifier.storage.repositories.credit_runs import Run
from notifier.storage.views import CreditsPreview

_NEWEST = 2**62
NO_RUN = 0  # of an outage that has not ended: later than none


class Previewing:
    """Says what an incident would cost."""

    def __init__(self, around: Surroundings, tariffs: Sequence[Tariff]) -> None:
        self._database, self._clock = around.database, around.clock
        self._rules: Rules = rules_of(around, tariffs)

    async def preview(self, incident_id: int, at: datetime | None = None) -> CreditsPreview:
        """Return what would be granted if service came back at a time, now unless it is given."""
        now = self._clock.now()
        until_at = at or now
        runs = await self._database.read(lambda tx: _runs(tx, incident_id, until_at))
        customers = lines = amount = by_rule = 0
        held: Counter[str] = Counter()
        tariffs: Counter[str] = Counter()
        for run in runs:
            after: int | None = 0
            while after is not None:
                counted = await self._database.read(lambda tx, run=run, after=after: self._chunk(tx, run, after, now))  # type: ignore[misc]
                after = counted.upto
                customers, lines = customers + counted.customers, lines + len(counted.new)
                for each in counted.new:
                    amount += each.line.amount
                    tariffs[each.line.tariff] += each.line.amount
                    if each.state is CreditState.APPROVED:
                        by_rule += each.line.amount
                    else:
                        held[each.reason] += 1
        currency = self._rules.currency
        return CreditsPreview(
            incident_id=incident_id,
            currency=currency,
            at=until_at,
            customers=customers,
            lines=lines,
            amount=shown.amount(amount, currency),
            by_rule=shown.amount(by_rule, currency),
            held=dict(sorted(held.items())),
            by_tariff={name: shown.amount(found, currency) for name, found in sorted(tariffs.items())},
        )

    def _chunk(self, tx: Transaction, run: Run, after: int, now: datetime) -> Counted:
        _, disruption = credit_runs.disruption(tx, run)
        return count(tx, credit_runs.moved_to(run, after), disruption, self._rules, now=now, at_most=CHUNK)


def _runs(tx: Transaction, incident_id: int, until_at: datetime) -> list[Run]:
    """Return what is to be counted: the runs there are, or the outage so far of who was told last."""
    row = tx.row("SELECT state, service FROM incidents WHERE id = :id", id=incident_id)
    if row is None:
        raise NotFound("incident", incident_id)
    if row["state"] in ("resolved", "closed"):
        return credit_runs.of_incidents(tx, [incident_id])
    told = credit_runs.newest_told(tx, incident_id)
    if told is None:
        raise Refused(f"nobody has been told of incident {incident_id} yet: there is no audience to count")
    broadcast_id, part_id = told
    switched_on = control.since(tx, SINCE)
    since = until_at if switched_on is None else switched_on.at
    from_at = credit_runs.failed_at(tx, part_id, since=since)
    return [
        Run(
            id=NO_RUN,
            incident_id=incident_id,
            part_id=part_id,
            broadcast_id=broadcast_id,
            service=row["service"],
            spell=Spell(from_at=min(from_at, until_at), until_at=until_at),
            customers=credit_runs.customers_of(tx, incident_id),
            newest_site_id=_NEWEST,
            counted_to=0,
        )
    ]
