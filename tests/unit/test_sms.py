"""A text is valid as long as it is news, and is reported to where nobody listens in."""

from datetime import UTC, datetime, timedelta

import pytest

from notifier.config import Sender
from notifier.domain.broadcast import Facts
from notifier.messages.sms import TextComposer, may_be_called_back, valid_for

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def _valid(*, eta: timedelta | None = None, update: timedelta | None = None, stale: timedelta = 4 * HOUR) -> timedelta:
    facts = Facts(
        service="power",
        eta_at=None if eta is None else NOW + eta,
        next_update_by=None if update is None else NOW + update,
    )
    return valid_for(facts, now=NOW, stale_at=NOW + stale)


def test_a_text_is_valid_until_the_next_time_that_it_promises() -> None:
    assert _valid(eta=2 * HOUR, update=HOUR) == HOUR
    assert _valid(eta=HOUR, update=2 * HOUR) == HOUR
    assert _valid(eta=-HOUR, update=3 * HOUR) == 3 * HOUR


def test_a_text_that_promises_nothing_is_valid_until_it_is_stale() -> None:
    assert _valid() == 4 * HOUR
    assert _valid(update=6 * HOUR) == 4 * HOUR


def test_it_is_valid_for_a_minute_at_least_and_for_ten_hours_at_most() -> None:
    assert _valid(update=timedelta(seconds=5)) == timedelta(minutes=1)
    assert _valid(stale=-HOUR) == timedelta(minutes=1)
    assert _valid(update=30 * HOUR, stale=40 * HOUR) == 10 * HOUR


@pytest.mark.parametrize(
    "url",
    [
        "https://outages.example.com",
        "https://10.0.0.1:8443/x",
        "http://127.0.0.1:8080",
        "http://localhost",
        "http://[::1]:80",
    ],
)
def test_who_is_reached_by_https_or_on_this_machine_is_reported_to(url: str) -> None:
    assert may_be_called_back(url)


@pytest.mark.parametrize(
    "url", ["http://outages.example.com", "http://10.0.0.1", "https://my_host.example", "ftp://127.0.0.1", ""]
)
def test_nobody_else_is(url: str) -> None:
    assert not may_be_called_back(url)


@pytest.mark.parametrize(
    ("public_url", "status_url"),
    [
        (
            "https://outages.example.com/notifier/",
            "https://outages.example.com/notifier/webhooks/twilio/status?notification=7&attempt=2",
        ),
        ("http://outages.example.com", ""),
    ],
)
def test_the_address_for_reports_names_notification_and_try(public_url: str, status_url: str) -> None:
    text = TextComposer(Sender(public_url=public_url)).compose(
        notification_id=7, attempt=2, recipient="+12125550147", body="Back.", segments=1, valid_for=HOUR
    )
    assert text.status_url == status_url
