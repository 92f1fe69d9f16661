"""What a report of an alarm changes, and what the forms of reports mean; without a store."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from notifier.domain.errors import InvalidInput
from notifier.domain.signal import Known, Report, SignalResult, SignalState, calls_from, change
from notifier.domain.signal_forms import SITES_AT_MOST, Labels, Unreadable, fingerprint, instant, listed, own, read

NOON = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
LABELS = Labels(regions={"olt": "node", "region": ""}, sites="sites", service="service", names=("device", "alertname"))


def report(*, is_open: bool = True, started_at: datetime | None = NOON) -> Report:
    return Report(source="alertmanager", alarm="a", name="OLT-7", is_open=is_open, started_at=started_at)


def known(state: SignalState, *, started_at: datetime = NOON, **changes: Any) -> Known:
    values: dict[str, Any] = {"heard_at": NOON, "calls_from": NOON, "ended_at": None, **changes}
    return Known(id=1, state=state, started_at=started_at, **values)


@pytest.mark.parametrize(
    ("said", "before", "result"),
    [
        (report(), (), SignalResult.OPENED),
        (report(), (known(SignalState.OPEN),), SignalResult.REPEATED),
        (report(started_at=NOON + 4 * MINUTE), (known(SignalState.OPEN),), SignalResult.REPEATED),
        (report(started_at=NOON + HOUR), (known(SignalState.OPEN),), SignalResult.OPENED),
        (report(started_at=NOON - HOUR), (known(SignalState.OPEN),), SignalResult.LATE),
        (report(started_at=None), (known(SignalState.OPEN),), SignalResult.REPEATED),
        (report(), (known(SignalState.LAPSED),), SignalResult.OPENED),
        (report(started_at=NOON - HOUR), (known(SignalState.RESOLVED),), SignalResult.LATE),
        (report(is_open=False), (known(SignalState.OPEN),), SignalResult.RESOLVED),
        (report(is_open=False), (known(SignalState.LAPSED),), SignalResult.RESOLVED),
        (report(is_open=False), (known(SignalState.RESOLVED),), SignalResult.REPEATED),
        (report(is_open=False), (), SignalResult.RESOLVED),
        (report(is_open=False, started_at=None), (known(SignalState.OPEN),), SignalResult.RESOLVED),
        (report(is_open=False, started_at=NOON - HOUR), (known(SignalState.OPEN),), SignalResult.RESOLVED),
    ],
)
def test_what_a_report_changes(said: Report, before: tuple[Known, ...], result: SignalResult) -> None:
    assert change(said, before, NOON + 2 * HOUR).result is result


def test_an_old_end_does_not_end_what_goes_off_now() -> None:
    found = change(report(is_open=False, started_at=NOON - HOUR), (known(SignalState.OPEN),), NOON)
    assert found.known is None


def test_a_late_twin_is_told_from_one_that_goes_off_again() -> None:
    before = (known(SignalState.RESOLVED, heard_at=NOON),)
    assert change(report(), before, NOON + MINUTE).result is SignalResult.LATE
    assert change(report(), before, NOON + 3 * MINUTE).result is SignalResult.OPENED


def test_only_a_time_at_which_it_called_puts_the_next_call_off() -> None:
    called = known(SignalState.RESOLVED, calls_from=NOON, ended_at=NOON + MINUTE)
    quiet = known(SignalState.RESOLVED, calls_from=NOON + HOUR, ended_at=NOON + 20 * MINUTE)
    now = NOON + 30 * MINUTE
    assert calls_from((called,), now, every=HOUR) == NOON + HOUR
    assert calls_from((quiet, called), now, every=HOUR) == NOON + HOUR
    assert calls_from((known(SignalState.LAPSED, calls_from=None),), now, every=HOUR) == now


@pytest.mark.parametrize(
    ("given", "at"),
    [
        ("2026-03-02T20:00:00.123456789Z", NOON + timedelta(microseconds=123456)),
        ("2026-03-02T12:00:00-08:00", NOON),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        (None, None),
    ],
)
def test_instants(given: object, at: datetime | None) -> None:
    assert instant(given, "startsAt") == at


@pytest.mark.parametrize("given", [7, "noon", "2026-03-02T20:00:00", "9999-12-31T23:59:59-23:00", [], True])
def test_what_is_no_instant(given: object) -> None:
    with pytest.raises(InvalidInput):
        instant(given, "startsAt")


def test_labels_say_where_by_the_kinds_that_are_configured() -> None:
    alert = {
        "status": "firing",
        "labels": {"alertname": "Los", "olt": "OLT-7", "region": "city:Oakland", "sites": "C-1; C-2,2"},
        "startsAt": "2026-03-02T20:00:00Z",
    }
    _, (found,), left_out = read({"alerts": [alert], "truncatedAlerts": True}, LABELS)
    assert isinstance(found, Report)
    assert (found.name, found.service, left_out) == ("Los", "", 0)
    assert found.regions == (("node", "OLT-7"), ("", "city:Oakland"))
    assert found.sites == (("C-1",), ("C-2", "2"))
    assert found.alarm == fingerprint(
        {"sites": "C-1; C-2,2", "region": "city:Oakland", "olt": "OLT-7", "alertname": "Los"}
    )


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        {},
        {"labels": {"a": 1}},
        {"labels": [], "status": "firing"},
        {"labels": {"a": "b"}, "status": 1},
        {"labels": {"a": "b"}, "status": "firing"},
        {"labels": {"a": "b"}, "status": "firing", "startsAt": "0001-01-01T00:00:00Z"},
        {"labels": {str(n): "" for n in range(65)}, "status": "firing", "startsAt": "2026-03-02T20:00:00Z"},
    ],
)
def test_alerts_that_can_never_be_read(wrong: object) -> None:
    _, found, _ = read({"alerts": [wrong]}, LABELS)
    assert [type(each) for each in found] == [Unreadable]


def test_texts_are_one_line_that_every_database_holds() -> None:
    found = own({"id": "a\x00b\nc", "name": "x" * 500, "summary": "\ud800"})
    assert "\x00" not in found.alarm
    assert "\n" not in found.alarm
    assert len(found.name) == 80
    assert str(found.detail["summary"]).encode()


def test_a_list_of_sites_is_bounded() -> None:
    with pytest.raises(InvalidInput):
        listed("C-1 " * (SITES_AT_MOST + 1))
