"""What was really done before customers hear from us, as the store remembers it. In an open transaction."""

from dataclasses import dataclass
from datetime import datetime

import msgspec

from notifier.domain.actor import CUSTOMER
from notifier.domain.go_live import TestSent
from notifier.domain.notification import Channel
from notifier.domain.on_call import CallOutcome, CallReason
from notifier.storage.backup import BACKED_UP
from notifier.storage.database import Transaction
from notifier.storage.instants import to_instant
from notifier.storage.repositories.audit import TEST_SENT

WORDS_READ = 1000  # the newest STOP and START; a company with more of them has had one of each
TESTS_READ = 200
_STOP, _START = "contact_points.opt_out", "contact_points.opt_in"
_BY_REPLY = ("sms", "email")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What was tried, and when."""

    answered: dict[str, datetime]
    stopped: dict[str, datetime]
    started: dict[str, datetime]
    tests: dict[Channel, TestSent]
    backup: tuple[datetime, str] | None
    keys: int


def tried(tx: Transaction) -> Tried:
    """Return everything the checklist asks the store for."""
    stopped, started = _words(tx)
    return Tried(
        answered=_answered(tx), stopped=stopped, started=started, tests=_tests(tx), backup=_backup(tx), keys=_keys(tx)
    )


def _answered(tx: Transaction) -> dict[str, datetime]:
    """Return, by person, the newest test that this person answered."""
    rows = tx.tuples(
        """SELECT person, MAX(answered_at) FROM calls
           WHERE reason = :test AND outcome = :answered AND answered_at IS NOT NULL GROUP BY person""",
        test=CallReason.TEST,
        answered=CallOutcome.ANSWERED,
    )
    return {str(person): to_instant(at) for person, at in rows}


def _words(tx: Transaction) -> tuple[dict[str, datetime], dict[str, datetime]]:
    """Return, by source, the newest STOP that took effect; and the START of the same contact point after it, if any.

    A pair wins over a newer STOP without a START: customers say STOP every day, and only a test says START after it.
    """
    rows = tx.tuples(
        """SELECT at, action, target, detail FROM audit
           WHERE action IN (:stop, :start) AND actor = :customer ORDER BY id DESC LIMIT :most""",
        stop=_STOP,
        start=_START,
        customer=CUSTOMER.name,
        most=WORDS_READ,
    )
    stopped: dict[str, datetime] = {}
    started: dict[str, datetime] = {}
    later: dict[tuple[str, str], datetime] = {}  # source, contact point -> its START
    for at, action, target, detail in rows:
        source = msgspec.json.decode(detail).get("source", "")
        if source not in _BY_REPLY:
            continue  # by the link of a mail, or by an agent
        if action == _START:
            later.setdefault((source, target), to_instant(at))
        elif source not in started:
            if (back := later.get((source, target))) is not None:
                stopped[source], started[source] = to_instant(at), back
            else:
                stopped.setdefault(source, to_instant(at))
    return stopped, started


def _tests(tx: Transaction) -> dict[Channel, TestSent]:
    """Return, by channel, the newest test send to a guest that ran to its end."""
    rows = tx.tuples(
        "SELECT at, detail FROM audit WHERE action = :action ORDER BY id DESC LIMIT :most",
        action=TEST_SENT,
        most=TESTS_READ,
    )
    found: dict[Channel, TestSent] = {}
    for at, detail in rows:
        said = msgspec.json.decode(detail)
        if said["guest"]:
            test = TestSent(at=to_instant(at), provider=said["provider"], accepted=said["accepted"], of=said["of"])
            found.setdefault(Channel(said["channel"]), test)
    return found


def _backup(tx: Transaction) -> tuple[datetime, str] | None:
    row = tx.row("SELECT at, detail FROM audit WHERE action = :action ORDER BY id DESC LIMIT 1", action=BACKED_UP)
    return None if row is None else (to_instant(row["at"]), str(msgspec.json.decode(row["detail"])["file"]))


def _keys(tx: Transaction) -> int:
    """Count the names that may send or approve; two keys of one name are one person."""
    return int(
        tx.scalar(
            """SELECT COUNT(DISTINCT LOWER(name)) FROM api_keys
               WHERE revoked_at IS NULL AND role IN ('commander', 'manager')"""
        )
    )
