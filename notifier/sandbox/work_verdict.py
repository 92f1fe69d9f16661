"""What those really heard whom planned work interrupts, and nothing else: the receivers' own files against the truth.

In: the truth about the work, what the receivers kept, and what the story asked for in real time. Out: figures and
whether they are right. Each address has to read one message before it begins, one when it is done, and in between none,
but for those who called: they read one that names the work. The daemon and its ledger are never asked.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from notifier.sandbox.smtp_receiver import read_receipts
from notifier.sandbox.twilio_messages import read_texts
from notifier.sandbox.verdict import Heard, read_heard, read_town

NAMED = "planned work"  # in what those read who call, and read English


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkStory:
    """What the rehearsal asked for."""

    began_at: datetime  # in real time
    done_at: datetime  # in real time, just before anybody said that it is
    callers: frozenset[str]  # addresses that called in between, of readers of English
    on_call: str  # the number of the person on call
    names: tuple[str, ...]  # of its place, as a call would say them
    concerned: frozenset[str] = frozenset()  # addresses with news of something else: nothing is said of these


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkVerdict:
    """The outcome."""

    addresses: int  # that had to hear of the work and of nothing else
    noticed: int  # that read one message before it began
    callers: int
    answered: int  # callers who read one message that names the work, while it lasted
    told_done: int  # that read one message once it was done
    beyond: int  # messages about anything more, to any address of a site there
    calls: int  # of the person on call, about its place

    @property
    def is_right(self) -> bool:
        """Tell whether everybody heard of the work, whoever called was told of it, and nobody heard of an outage."""
        everybody = self.noticed == self.told_done == self.addresses > 0
        return everybody and self.answered == self.callers > 0 and not self.beyond and not self.calls


def judge_work(folder: Path, truth: Path, story: WorkStory) -> WorkVerdict:
    """Compare the mails and texts in a receivers' folder with the truth about planned work."""
    town = read_town(truth)
    wanted = (town.mailboxes | town.phones) - story.concerned
    there = town.addresses - story.concerned
    texts = read_texts(folder)
    mails = [receipt for receipt in read_receipts(folder) if receipt.recipient in there]
    heard = read_heard(folder, mails, texts)
    before, during, after = (
        {address: [one for one in heard.get(address, ()) if _is_in(one, story) == phase] for address in there}
        for phase in ("before", "during", "after")
    )
    asked = story.callers & wanted
    answered = sum(1 for each in asked if len(during[each]) == 1 and NAMED in during[each][0].words.casefold())
    return WorkVerdict(
        addresses=len(wanted),
        noticed=_having_one(before, wanted),
        callers=len(story.callers),
        answered=answered,
        told_done=_having_one(after, wanted),
        beyond=sum(
            max(0, len(phase[address]) - allowed)
            for phase, who in ((before, wanted), (during, asked), (after, wanted))
            for address in there
            for allowed in (int(address in who),)
        ),
        calls=sum(1 for each in texts if each.to == story.on_call and any(name in each.body for name in story.names)),
    )


def _is_in(one: Heard, story: WorkStory) -> str:
    if one.at < story.began_at:
        return "before"
    return "during" if one.at < story.done_at else "after"


def _having_one(messages: Mapping[str, Sequence[Heard]], addresses: frozenset[str]) -> int:
    return sum(1 for address in addresses if len(messages[address]) == 1)
