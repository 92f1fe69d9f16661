"""The verdict on a rehearsal: computed from what was received and what was true, and wrong when anything is."""

import csv
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

import pytest

from notifier.sandbox.simulate import TRUTH_COLUMNS
from notifier.sandbox.smtp_receiver import RECEIPT_COLUMNS
from notifier.sandbox.twilio_messages import COLUMNS as TEXT_COLUMNS
from notifier.sandbox.verdict import Story, judge

AT = datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
PHONE, CARER = "+14155550142", "+14155550143"


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mail").mkdir()
    (tmp_path / "receipts.csv").write_text(",".join(RECEIPT_COLUMNS) + "\n")
    (tmp_path / "texts.csv").write_text(",".join(TEXT_COLUMNS) + "\n")
    return tmp_path


def receive(folder, recipient, subject, text="Power is out."):
    number = len(list((folder / "mail").iterdir())) + 1
    name = f"{number:06d}.eml"
    message = EmailMessage()
    message["To"], message["Subject"], message["Message-ID"] = recipient, subject, f"<{number}@example.com>"
    message.set_content(text)
    (folder / "mail" / name).write_bytes(message.as_bytes())
    with (folder / "receipts.csv").open("a", newline="") as file:
        row = (AT.isoformat(), recipient, "b@example.com", message["Message-ID"], name)
        csv.writer(file, lineterminator="\n").writerow(row)


def text(folder, number, body, minutes=0):
    at = (AT + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")
    with (folder / "texts.csv").open("a", newline="") as file:
        csv.writer(file, lineterminator="\n").writerow((at, "SM1", number, "+15005550006", 1, "", body))


def truth(folder, *rows):
    """Write a truth of (customer, site, email) with more columns by name where a row ends with a dict."""
    path = folder / "truth.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, TRUTH_COLUMNS, restval="")
        writer.writeheader()
        for customer, site, email, *more in rows:
            writer.writerow({"customer_id": customer, "site_id": site, "email": email, **(more[0] if more else {})})
    return path


def told(updates, **changes):
    return Story(updates=updates, **changes)


def test_everyone_told_every_update_once_is_right(folder):
    for subject in ("out", "back"):
        receive(folder, "ana@example.com", subject)
    path = truth(folder, ("C1", "1", "ana@example.com"), ("C2", "1", "ana@example.com"))
    verdict = judge(folder, path, told(2))
    assert (verdict.affected, verdict.mailboxes, verdict.told_by_mail) == (2, 1, 1)
    assert verdict.is_right


def test_the_same_news_again_is_twice_whatever_its_message_id(folder):
    receive(folder, "ana@example.com", "out")
    receive(folder, "ana@example.com", "out")
    verdict = judge(folder, truth(folder, ("C1", "1", "ana@example.com")), told(1))
    assert verdict.twice == 1
    assert not verdict.is_right


def test_an_update_that_did_not_come_is_missed(folder):
    receive(folder, "ana@example.com", "out")
    verdict = judge(folder, truth(folder, ("C1", "1", "ana@example.com"), ("C2", "1", "ben@example.com")), told(2))
    assert verdict.missed == 1 + 2
    assert not verdict.is_right


def test_a_stranger_who_was_told_is_counted(folder):
    receive(folder, "ana@example.com", "out")
    text(folder, "+14155550199", "out")
    verdict = judge(folder, truth(folder, ("C1", "1", "ana@example.com")), told(1))
    assert verdict.told_though_unaffected == 1
    assert not verdict.is_right


def test_people_of_the_company_are_no_strangers(folder):
    receive(folder, "ana@example.com", "out")
    text(folder, "+14155550199", "NOTIFIER #1")
    story = told(1, company=frozenset({"+14155550199"}))
    assert judge(folder, truth(folder, ("C1", "1", "ana@example.com")), story).is_right


def test_a_customer_without_any_address_is_unreachable_and_not_missed(folder):
    receive(folder, "ana@example.com", "out")
    verdict = judge(folder, truth(folder, ("C1", "1", "ana@example.com"), ("C2", "1", "")), told(1))
    assert (verdict.unreachable, verdict.missed) == (1, 0)
    assert verdict.is_right


def test_who_has_a_mobile_number_hears_by_text_and_a_carer_too(folder):
    path = truth(folder, ("C1", "1", "ana@example.com", {"mobile": PHONE, "carer": CARER}))
    text(folder, PHONE, "out")
    verdict = judge(folder, path, told(1))
    assert (verdict.mailboxes, verdict.phones, verdict.told_by_text, verdict.missed) == (0, 2, 1, 1)
    text(folder, CARER, "out")
    assert judge(folder, path, told(1)).is_right


def test_who_sleeps_hears_what_was_said_since_the_night_was_over(folder):
    path = truth(folder, ("C1", "1", "", {"mobile": PHONE}))
    text(folder, PHONE, "back by nine", minutes=5)
    text(folder, PHONE, "back", minutes=50)
    assert judge(folder, path, told(3, by_night=1, night_ended_at=AT)).is_right
    assert judge(folder, path, told(3, by_night=1, night_ended_at=AT + timedelta(minutes=6))).woken == 1


@pytest.mark.parametrize(
    ("more", "awake", "missed"), [({"priority": "yes"}, frozenset(), 1), ({}, frozenset({"C1"}), 0)]
)
def test_who_depends_on_it_must_hear_by_night_too_and_who_wrote_may(folder, more, awake, missed):
    path = truth(folder, ("C1", "1", "", {"mobile": PHONE, **more}))
    text(folder, PHONE, "out", minutes=-20)
    verdict = judge(folder, path, told(2, by_night=1, night_ended_at=AT, awake=awake))
    assert (verdict.woken, verdict.missed) == (0, missed)


def test_who_said_stop_hears_one_confirmation_and_nothing_after_it(folder):
    path = truth(folder, ("C1", "1", "", {"mobile": PHONE}), ("C2", "1", "ana@example.com"))
    for subject in ("out", "back"):
        receive(folder, "ana@example.com", subject)
    text(folder, PHONE, "out")
    text(folder, PHONE, "no more texts", minutes=3)
    story = told(2, stopped={PHONE: AT + timedelta(minutes=2)})
    assert judge(folder, path, story).is_right
    text(folder, PHONE, "back", minutes=9)
    assert judge(folder, path, story).after_stop == 1


def test_silence_is_not_right(folder):
    assert not judge(folder, truth(folder), told(1)).is_right
