"""What really happened in a rehearsal: the receivers' own files against the ground truth.

In: the truth that the generator wrote, the mails and texts that the receivers kept, and what the story asked for (when
the night ended, who wrote to us, who said STOP). Out: figures and whether they are right. The daemon and its ledger are
never asked: it is their work that is judged.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from notifier.sandbox.smtp_receiver import Receipt, read_receipts
from notifier.sandbox.twilio_messages import TakenText, read_texts


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """What the rehearsal asked for, in real time."""

    updates: int  # that a mailbox had to hear
    by_night: int = 0  # of them, told while those with a telephone slept
    night_ended_at: datetime | None = None
    awake: frozenset[str] = frozenset()  # customers who wrote to us: they hear by night too
    stopped: Mapping[str, datetime] = field(default_factory=dict)  # numbers that said STOP, and when
    company: frozenset[str] = frozenset()  # numbers of its own people
    concerned: frozenset[str] = frozenset()  # addresses with news of something else: of planned work elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of a rehearsal."""

    affected: int  # customers without service, by the truth
    unreachable: int  # of them, those without mailbox and mobile number
    mailboxes: int  # that had to hear, by the truth; households and companies share some
    phones: int  # that had to hear: of customers who have one, and of those who look after them
    updates: int
    told_by_mail: int  # mailboxes that heard every update
    told_by_text: int  # telephones that heard every update since they were awake
    mails: int
    texts: int
    twice: int  # messages that repeat what the same address had been told
    missed: int  # updates that an address should have heard and did not
    told_though_unaffected: int  # addresses that heard of an outage that is not theirs
    woken: int  # texts by night to people who had neither written nor depend on the service
    after_stop: int  # messages to numbers that had said STOP, beyond the one confirmation

    @property
    def is_right(self) -> bool:
        """Tell whether everyone affected was told all of it once, and nobody else or against their wish."""
        wrong = (self.twice, self.missed, self.told_though_unaffected, self.woken, self.after_stop)
        return not any(wrong) and self.told_by_mail == self.mailboxes and self.told_by_mail + self.told_by_text > 0


@dataclass(frozen=True, slots=True)
class Heard:
    """One message as its reader saw it: of a mail subject and text."""

    at: datetime
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Town:
    """Who had to hear, by the truth."""

    customers: Mapping[str, Mapping[str, str]]
    mailboxes: frozenset[str]  # of those who have no mobile number
    phones: frozenset[str]
    priority: frozenset[str]  # phones of those who depend on the service: they hear everything, by night too
    awake: frozenset[str]  # phones of those who wrote to us, and of priority
    addresses: frozenset[str]  # every address of an affected customer


def judge(folder: Path, truth: Path, story: Story) -> Verdict:
    """Compare the mails and texts in a receivers' folder with a truth file."""
    town = read_town(truth, story.awake)
    receipts, texts = read_receipts(folder), read_texts(folder)
    texts = [text for text in texts if text.to not in story.company]
    heard = read_heard(folder, receipts, texts)
    stopped = story.stopped
    wanted = dict.fromkeys(town.mailboxes, story.updates)
    for number in town.phones:
        wanted[number] = story.updates if number in town.priority else story.updates - story.by_night
    for number, at in stopped.items():
        wanted[number] = min(wanted.get(number, 0), sum(1 for one in heard.get(number, ()) if one.at <= at))
    told = {address for address, updates in wanted.items() if len(_distinct(heard.get(address, ()))) >= updates}
    return Verdict(
        affected=len(town.customers),
        unreachable=sum(1 for one in town.customers.values() if not (one["email"] or one["mobile"] or one["carer"])),
        mailboxes=len(town.mailboxes),
        phones=len(town.phones),
        updates=story.updates,
        told_by_mail=len(told & town.mailboxes),
        told_by_text=len(told & town.phones),
        mails=len(receipts),
        texts=len(texts),
        twice=sum(sum(_distinct(messages).values()) - len(_distinct(messages)) for messages in heard.values()),
        missed=sum(max(0, updates - len(_distinct(heard.get(address, ())))) for address, updates in wanted.items()),
        told_though_unaffected=len(heard.keys() - town.addresses - story.concerned),
        woken=_woken(town, heard, story.night_ended_at),
        after_stop=sum(
            max(0, sum(1 for one in heard.get(number, ()) if one.at > at) - 1) for number, at in stopped.items()
        ),
    )


def read_town(truth: Path, awake: frozenset[str] = frozenset()) -> Town:
    """Return who has to hear: by text where there is a mobile number, else by mail; carers on their own."""
    with truth.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    customers = {row["customer_id"]: row for row in rows}
    phones = {number: row for row in rows for number in (row["mobile"], row["carer"]) if number}
    priority = {number for row in rows if row["priority"] == "yes" for number in (row["mobile"], row["carer"])}
    wrote = {number for row in rows if row["customer_id"] in awake for number in (row["mobile"], row["carer"])}
    return Town(
        customers=customers,
        mailboxes=frozenset(row["email"] for row in rows if row["email"] and not row["mobile"]),
        phones=frozenset(phones),
        priority=frozenset(priority),
        awake=frozenset(priority | wrote),
        addresses=frozenset(
            address for row in rows for address in (row["email"], row["mobile"], row["carer"]) if address
        ),
    )


def _woken(town: Town, heard: Mapping[str, Sequence[Heard]], until: datetime | None) -> int:
    if until is None:
        return 0
    asleep = town.phones - town.awake
    return sum(1 for number in asleep for one in heard.get(number, ()) if one.at < until)


def read_heard(folder: Path, receipts: Sequence[Receipt], texts: Sequence[TakenText]) -> dict[str, list[Heard]]:
    """Return what each address read, whatever the headers of a mail say."""
    heard: dict[str, list[Heard]] = defaultdict(list)
    for receipt in receipts:
        message = read_mail(folder, receipt)
        heard[receipt.recipient].append(Heard(receipt.received_at, f"{message['Subject']}\n{plain_text(message)}"))
    for text in texts:
        heard[text.to].append(Heard(text.taken_at, text.body))
    return heard


def _distinct(messages: Iterable[Heard]) -> Counter[str]:
    return Counter(one.words for one in messages)


def read_mail(folder: Path, receipt: Receipt) -> EmailMessage:
    """Return the mail of a receipt, parsed as a mail program would."""
    message = message_from_bytes((folder / "mail" / receipt.file).read_bytes(), policy=policy.default)
    if not isinstance(message, EmailMessage):
        raise TypeError(f"{receipt.file} is not a mail")
    return message


def plain_text(message: EmailMessage) -> str:
    """Return the text part of a mail."""
    part = message.get_body(("plain",))
    return "" if part is None else str(part.get_content())
