"""The verdict on a rehearsal: computed from what was received and what was true, and wrong when anything is."""

import csv
from email.message import EmailMessage

import pytest

from notifier.sandbox.simulate import TRUTH_COLUMNS
from notifier.sandbox.smtp_receiver import RECEIPT_COLUMNS
from notifier.sandbox.verdict import judge


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mail").mkdir()
    with (tmp_path / "receipts.csv").open("w") as file:
        file.write(",".join(RECEIPT_COLUMNS) + "\n")
    return tmp_path


def receive(folder, recipient, subject, text="Power is out."):
    number = len(list((folder / "mail").iterdir())) + 1
    name = f"{number:06d}.eml"
    message = EmailMessage()
    message["To"], message["Subject"], message["Message-ID"] = recipient, subject, f"<{number}@example.com>"
    message.set_content(text)
    (folder / "mail" / name).write_bytes(message.as_bytes())
    with (folder / "receipts.csv").open("a", newline="") as file:
        row = ("2026-03-04T18:00:00+00:00", recipient, "b@example.com", message["Message-ID"], name)
        csv.writer(file, lineterminator="\n").writerow(row)


def truth(folder, *rows):
    path = folder / "truth.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(TRUTH_COLUMNS)
        writer.writerows(
            (1, "power", "postal_code:94112", "", customer, site, email, "", "", "en", "no")
            for customer, site, email in rows
        )
    return path


def test_everyone_told_every_update_once_is_right(folder):
    for subject in ("out", "back"):
        receive(folder, "ana@example.com", subject)
    verdict = judge(folder, truth(folder, ("C1", "1", "ana@example.com"), ("C2", "1", "ana@example.com")), 2)
    assert (verdict.affected, verdict.addresses, verdict.told) == (2, 1, 1)
    assert verdict.is_right


def test_the_same_news_again_is_twice_whatever_its_message_id(folder):
    receive(folder, "ana@example.com", "out")
    receive(folder, "ana@example.com", "out")
    verdict = judge(folder, truth(folder, ("C1", "1", "ana@example.com")), 1)
    assert verdict.twice == 1
    assert not verdict.is_right


def test_an_update_that_did_not_come_is_missed(folder):
    receive(folder, "ana@example.com", "out")
    verdict = judge(folder, truth(folder, ("C1", "1", "ana@example.com"), ("C2", "1", "ben@example.com")), 2)
    assert verdict.missed == 1 + 2
    assert not verdict.is_right


def test_a_stranger_who_was_told_is_counted(folder):
    receive(folder, "ana@example.com", "out")
    receive(folder, "eve@example.com", "out")
    verdict = judge(folder, truth(folder, ("C1", "1", "ana@example.com")), 1)
    assert verdict.told_though_unaffected == 1
    assert not verdict.is_right


def test_a_customer_without_a_mailbox_is_unreachable_and_not_missed(folder):
    receive(folder, "ana@example.com", "out")
    verdict = judge(folder, truth(folder, ("C1", "1", "ana@example.com"), ("C2", "1", "")), 1)
    assert (verdict.unreachable, verdict.missed) == (1, 0)
    assert verdict.is_right


def test_silence_is_not_right(folder):
    assert not judge(folder, truth(folder), 1).is_right
