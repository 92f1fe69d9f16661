"""Everything that happens because time passed: which part looks for due work how often, and what a night has to do.

Intervals are of the daemon's clock; what can be woken early names its topic.
"""

from datetime import time, timedelta
from zoneinfo import ZoneInfo

from notifier.backtest.own import OwnBacktest
from notifier.queue.embedded import POLL_SECONDS, EmbeddedQueue, Topic
from notifier.scheduler import CalendarJob, Memory, Poller, Scheduler
from notifier.stages.automatic import Automatic
from notifier.stages.broadcasts import Course
from notifier.stages.looks_over import LooksOver
from notifier.stages.planned import Calendar
from notifier.stages.planning import Planning
from notifier.stages.promises import Promises
from notifier.web.parts import Parts

BASELINE_AT = time(0, 10)  # local: the day that ended is complete
LEDGER_AT = time(3, 10)
RETENTION_AT = time(3, 40)
BACKTEST_AT = time(4, 10)
PROMISES_EVERY = timedelta(seconds=10)
PLANNED_EVERY = timedelta(seconds=10)
ON_CALL_EVERY = timedelta(seconds=10)
SUBSIDED_EVERY = timedelta(minutes=1)
LOOKS_OVER_EVERY = timedelta(minutes=1)
SIGNALS_EVERY = timedelta(seconds=5)
AUTOMATIC_EVERY = timedelta(seconds=10)
GAUGES_EVERY = timedelta(seconds=5)
CREDIT_GAUGES_EVERY = timedelta(minutes=1)
POSTING_EVERY = timedelta(seconds=5)
REPORTERS_EVERY = timedelta(seconds=1)
HELPDESK_EVERY = timedelta(seconds=15)


def build_scheduler(
    parts: Parts,
    course: Course,
    planning: Planning,
    promises: Promises,
    calendar: Calendar,
    looks_over: LooksOver,
    automatic: Automatic,
    backtest: OwnBacktest,
    queue: EmbeddedQueue,
) -> Scheduler:
    """Return everything that happens because time passed."""

    async def look_after_broadcasts() -> bool:
        await course.start_due()
        more = await planning.step()
        await course.sweep()
        return more

    return Scheduler(
        clock=parts.clock,
        queue=queue,
        metrics=parts.metrics,
        time_zone=ZoneInfo(parts.config.regions.time_zone),
        pollers=(
            Poller(
                name="broadcasts",
                every=timedelta(seconds=POLL_SECONDS),
                run=look_after_broadcasts,
                topic=Topic.BROADCASTS,
            ),
            Poller(name="promises", every=PROMISES_EVERY, run=promises.watch),
            Poller(name="planned", every=PLANNED_EVERY, run=calendar.watch),
            Poller(name="on_call", every=ON_CALL_EVERY, run=parts.on_call.watch, topic=Topic.ON_CALL),
            Poller(name="replies", every=timedelta(seconds=POLL_SECONDS), run=parts.inbox.handle, topic=Topic.REPLIES),
            Poller(name="reporters", every=REPORTERS_EVERY, run=parts.inbox.tell_reporters),
            Poller(name="helpdesk", every=HELPDESK_EVERY, run=parts.helpdesk.step),
            Poller(name="subsided", every=SUBSIDED_EVERY, run=parts.detection.dismiss_subsided),
            Poller(name="signals", every=SIGNALS_EVERY, run=parts.signals.tidy),
            Poller(name="automatic", every=AUTOMATIC_EVERY, run=automatic.step),
            Poller(name="looks_over", every=LOOKS_OVER_EVERY, run=looks_over.look),
            Poller(name="credits", every=timedelta(seconds=POLL_SECONDS), run=parts.credits.step),
            Poller(name="posting", every=POSTING_EVERY, run=parts.credits.posting.step),
            Poller(name="credit_gauges", every=CREDIT_GAUGES_EVERY, run=parts.credits.measure),
            Poller(name="gauges", every=GAUGES_EVERY, run=parts.upkeep.measure),
        ),
        jobs=(
            CalendarJob(name="baseline", at=BASELINE_AT, run=parts.detection.refresh_baseline),
            CalendarJob(name="ledger", at=LEDGER_AT, run=parts.upkeep.check_ledger),
            CalendarJob(name="retention", at=RETENTION_AT, run=parts.upkeep.retain),
            CalendarJob(name="backtest", at=BACKTEST_AT, run=backtest.run),
        ),
        memory=Memory(last_run=parts.upkeep.last_run, ran=parts.upkeep.ran),
    )
