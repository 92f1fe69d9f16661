"""How a replayed storm is judged: in time, too late, dismissed too early, and incidents that nothing explains."""

from datetime import UTC, datetime, timedelta

from bench.storm_data import Outage, Storm, Ticket
from bench.storm_score import Opened, score, text

NOON = datetime(2019, 10, 26, 19, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
FIFTH = NOON + 5 * MINUTE


def storm(*, tickets: int = 5, cause: str = "weather") -> Storm:
    return Storm(
        begin=NOON - 60 * MINUTE,
        end=NOON + 600 * MINUTE,
        history=(),
        tickets=tuple(
            Ticket(at=NOON + (i + 1) * MINUTE, zip="94110", id=str(i), customer=f"Z94110-{i}") for i in range(tickets)
        ),
        outages=(Outage(at=NOON, zip="94110", id="o", customers=80, cause=cause),),
        places={"94110": ("San Francisco", "415")},
        population={"94110": 20},
    )


def opened(at: datetime, *, ended: datetime | None = None, zip_: str = "94110") -> Opened:
    return Opened(
        id=1,
        place=zip_,
        kinds=frozenset({"postal_code"}),
        zips=frozenset({zip_}),
        started_at=at,
        opened_at=at,
        ended_at=ended,
        grade="likely",
    )


def test_an_incident_that_is_open_at_the_fifth_ticket_is_in_time() -> None:
    report = score(storm(), [opened(FIFTH - MINUTE)])
    assert (report.outages, report.found, report.already_open, report.recall) == (1, 1, 1, 1.0)


def test_half_an_hour_after_the_fifth_ticket_is_in_time_and_later_is_not() -> None:
    assert score(storm(), [opened(FIFTH + 30 * MINUTE)]).minutes == (30.0,)
    assert score(storm(), [opened(FIFTH + 31 * MINUTE)]).recall == 0


def test_one_that_was_dismissed_before_or_lies_elsewhere_does_not_help() -> None:
    gone, elsewhere = opened(NOON, ended=FIFTH - MINUTE), opened(NOON, zip_="94112")
    assert score(storm(), [gone, elsewhere]).found == 0


def test_announced_outages_and_those_with_few_tickets_are_not_judged() -> None:
    assert score(storm(cause="psps"), []).outages == 0
    assert score(storm(tickets=4), []).outages == 0


def test_incidents_that_no_outage_explains_are_listed() -> None:
    report = score(storm(), [opened(NOON), opened(NOON, zip_="94112")])
    assert [one.place for one in report.without_outage] == ["94112"]
    assert "no outage: incident 1, 94112" in text(storm(), report)
