"""What really happened in a rehearsal: the receiver's own files against the ground truth.

In: the truth that the generator wrote and the mails that the receiver kept. Out: five figures and whether they are
right. The daemon and its ledger are never asked: it is their work that is judged.
"""

import csv
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from hashlib import sha256
from pathlib import Path

from notifier.sandbox.smtp_receiver import Receipt, read_receipts


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The outcome of a rehearsal in which every affected address had to hear `updates` updates."""

    affected: int  # customers without service, by the truth
    addresses: int  # mailboxes that had to hear, by the truth; households and companies share some
    unreachable: int  # affected customers who have no mailbox
    updates: int
    told: int  # of those mailboxes, the ones that heard every update
    mails: int
    twice: int  # mails that repeat what the same mailbox had been told
    missed: int  # updates that a mailbox should have heard and did not
    told_though_unaffected: int  # mailboxes that heard of an outage that is not theirs

    @property
    def is_right(self) -> bool:
        """Tell whether everyone affected was told everything once, and nobody else anything."""
        return not (self.twice or self.missed or self.told_though_unaffected) and 0 < self.told == self.addresses


def judge(folder: Path, truth: Path, updates: int) -> Verdict:
    """Compare the mails in a receiver's folder with a truth file."""
    with truth.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    customers: Mapping[str, set[str]] = defaultdict(set)
    for row in rows:
        customers[row["customer_id"]].add(row["email"])
    wanted = {row["email"] for row in rows if row["email"]}
    receipts = read_receipts(folder)
    heard = _told(folder, receipts)
    return Verdict(
        affected=len(customers),
        addresses=len(wanted),
        unreachable=sum(1 for emails in customers.values() if emails == {""}),
        updates=updates,
        told=sum(1 for address in wanted if len(heard.get(address, ())) >= updates),
        mails=len(receipts),
        twice=sum(count - 1 for texts in heard.values() for count in texts.values()),
        missed=sum(max(0, updates - len(heard.get(address, ()))) for address in wanted),
        told_though_unaffected=len(set(heard) - wanted),
    )


def _told(folder: Path, receipts: Sequence[Receipt]) -> dict[str, Counter[str]]:
    """Return what each recipient read, and how often the same: by subject and text, whatever the headers say."""
    heard: dict[str, Counter[str]] = defaultdict(Counter)
    for receipt in receipts:
        message = read_mail(folder, receipt)
        said = sha256(f"{message['Subject']}\n{plain_text(message)}".encode()).hexdigest()
        heard[receipt.recipient][said] += 1
    return heard


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
