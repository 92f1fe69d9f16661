"""Files of complaints: both formats, wall clocks, nested regions, and rows that cannot be meant."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifier.backtest.clock import clock_of
from notifier.backtest.complaint_stream import Reader, Refused, wrong_header
from notifier.backtest.running import kind_ranks
from notifier.domain.errors import InvalidInput
from tests.past_complaints import MONDAY, past, played, stream_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = {"ts": "2024-03-01T18:30:00-08:00", "region": "94110", "category": "power", "customer": "7"}


def refused(**cells: Any) -> list[Refused]:
    return list(Reader(NOW).take([(5, {name: cell for name, cell in (GOOD | cells).items() if cell})]))


def test_a_row_has_its_instant_and_shows_its_wall_clock() -> None:
    stream = stream_of([tuple(GOOD.values())])
    assert stream.moment(0).isoformat() == "2024-03-01T18:30:00-08:00"
    assert stream.moment(0) == datetime(2024, 3, 2, 2, 30, tzinfo=UTC)
    assert stream.services == ["power"]


def test_a_complaint_is_known_at_the_end_of_its_second_when_others_of_it_stand_before() -> None:
    first, second = MONDAY + timedelta(seconds=1), MONDAY + timedelta(seconds=2)
    parts = first + timedelta(microseconds=250)
    stream = stream_of([past(at, "94110", str(n)) for n, at in enumerate([first, first, parts, parts, second])])
    known = [stream.known_by(index) for index in range(len(stream))]
    assert known == [first, second, parts, parts, second]


@pytest.mark.parametrize("text", ["2024-03-01T18:30:00Z", "2024-03-01 18:30:00+00:00", "2024-03-01T18:30+0000"])
def test_times_may_be_written_in_every_way_of_the_standard(text: str) -> None:
    stream = stream_of([(text, "94110", "power", "7")])
    assert stream.moment(0).isoformat() == "2024-03-01T18:30:00+00:00"


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"ts": "yesterday"}, "ts 'yesterday' is no time; expected a time with its offset"),
        ({"ts": "2024-03-01T18:30:00"}, "ts '2024-03-01T18:30:00' has no UTC offset; expected a time with its offset"),
        ({"ts": "1999-03-01T18:30:00Z"}, "cannot be when it happened; expected a time from the year 2000 to tomorrow"),
        ({"ts": "2026-03-01T18:30:00Z"}, "cannot be when it happened; expected a time from the year 2000 to tomorrow"),
        ({"ts": ""}, "ts '' is no time"),
        ({"category": ""}, "category '' is empty; expected what does not work"),
        ({"customer": ""}, "customer '' is empty: nobody complains; expected who it was"),
    ],
)
def test_a_row_that_cannot_be_meant_is_refused_with_what_would_be_right(cells: dict[str, str], reason: str) -> None:
    if cells.get("ts") == "":  # the column is there, its cell is empty
        found = list(Reader(NOW).take([(5, {"ts": ""} | {k: v for k, v in GOOD.items() if k != "ts"})]))
    else:
        found = refused(**cells)
    assert [each.line for each in found] == [5]
    assert reason in found[0].reason


def test_a_refused_row_does_not_stop_the_others() -> None:
    reader = Reader(NOW)
    bad = {**GOOD, "ts": "?"}
    assert [each.line for each in reader.take([(2, GOOD), (3, bad), (4, GOOD)])] == [3]
    assert len(reader.stream) == 2


def test_the_format_of_the_import_is_taken_and_a_row_of_the_same_source_and_id_is_one() -> None:
    columns = ("occurred_at", "reporter", "customer_id", "service", "region", "external_id", "source")
    at = "2024-03-01T18:30:00-08:00"
    rows = [
        (at, "", "C-1", "power", "postal_code:94110", "1", "crm"),
        (at, "", "C-1", "power", "postal_code:94110", "1", "crm"),  # replayed
        (at, "(415) 555-0101", "", "power", "postal_code:94110", "1", "web"),
        (at, "+1 415 555 0101", "", "power", "postal_code:94110", "2", "web"),  # the same person
    ]
    stream = stream_of(rows, columns)
    assert (len(stream), stream.replayed) == (3, 1)
    assert stream.customer.tolist() == [0, 1, 1]
    assert stream.regions[1].kind == "postal_code"


@pytest.mark.parametrize(
    ("names", "problem"),
    [
        (["ts", "region", "category", "customer"], ""),
        (["ts", "region", "category", "customer", "note"], ""),
        (["occurred_at", "service", "region", "reporter", "text"], ""),
        (["ts", "regoin", "category", "customer"], "there is no column 'region'; did you mean 'regoin'?"),
        (["ts", "region", "category"], "there is no column customer"),
        (["time", "region"], "there is no column 'ts'"),
    ],
)
def test_a_header_that_is_not_understood_says_what_is_missing(names: list[str], problem: str) -> None:
    assert wrong_header(names).startswith(problem)
    assert bool(wrong_header(names)) == bool(problem)


def test_rows_that_are_not_in_order_are_put_in_order_and_ties_stay_as_they_are() -> None:
    later, sooner = MONDAY + timedelta(hours=1), MONDAY
    stream = stream_of([past(later, "a", "1"), past(sooner, "b", "2"), past(later, "c", "3")])
    assert [stream.places[place][0].code for place in stream.place] == ["b", "a", "c"]


def test_nested_regions_are_cells_narrow_before_wide() -> None:
    stream = stream_of(
        [
            past(MONDAY, "94110 | San Francisco", "1"),
            past(MONDAY, "node:N7|postal_code:94110|city:SF", "2"),
            past(MONDAY, "94112", "3"),
        ]
    )
    assert [region.code for region in stream.places[0]] == ["94110", "San Francisco"]
    ranks = kind_ranks(stream)
    assert ranks["node"] < ranks["postal_code"] < ranks["city"]
    assert ranks["level 1"] < ranks["level 2"]


def test_a_customer_counts_once_per_region_and_day() -> None:
    hours = (0, 1, 23.99, 24, 30)
    rows = [past(MONDAY + timedelta(hours=hour), "94110|SF", "same") for hour in hours]
    rows.append(past(MONDAY + timedelta(hours=31), "94112|SF", "same"))  # counts there, not again in the city
    backtest = played(stream_of(rows))
    assert backtest.run.counted == 3
    assert backtest.run.not_counted == {"repeat": 3}
    assert {key.region_id: len(times) for key, times in backtest.run.times.items()} == {1: 2, 2: 2, 3: 1}


def test_a_row_without_a_region_counts_nowhere() -> None:
    backtest = played(stream_of([past(MONDAY, "", "1"), past(MONDAY, "94110", "2")]))
    assert backtest.run.not_counted == {"no_region": 1}


def test_the_clock_is_the_one_the_file_shows_through_the_seasons() -> None:
    rows = [
        past(datetime.fromisoformat(at), "94110", at) for at in ("2024-03-09T12:00-08:00", "2024-03-11T12:00-07:00")
    ]
    stream = stream_of(rows)
    clock = clock_of("", stream.at_us, stream.offset_s)
    assert [clock.hour(at_us) % 24 for at_us in stream.at_us] == [12, 12]


def test_a_file_of_several_zones_at_once_is_taken_in_utc_unless_a_zone_is_named() -> None:
    rows = [
        past(datetime.fromisoformat(at), "94110", at) for at in ("2024-03-09T12:00-08:00", "2024-03-09T15:30-05:00")
    ]
    rows.append(past(datetime.fromisoformat("2024-03-09T13:00-08:00"), "94110", "3"))
    stream = stream_of(rows)
    assert clock_of("", stream.at_us, stream.offset_s).hour(stream.at_us[0]) % 24 == 20
    assert clock_of("America/New_York", stream.at_us, stream.offset_s).hour(stream.at_us[0]) % 24 == 15
    with pytest.raises(InvalidInput, match="no time zone 'Mars'"):
        clock_of("Mars", stream.at_us, stream.offset_s)
