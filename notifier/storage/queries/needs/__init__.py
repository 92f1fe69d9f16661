"""What needs a person now, most urgent first, each with the commands to type next.

Texts are one line for people at three in the morning: no names, no addresses, no words of customers.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

from notifier.domain.playbook import Playbook
from notifier.storage.database import Transaction
from notifier.storage.queries.needs import alarms, feeds, owed, promised, storms, suspicions, updates, works
from notifier.storage.queries.needs.subject import clock, waiting
from notifier.storage.repositories import automatic, control
from notifier.storage.views import Need

_URGENCY = (
    "paused_all",
    "promise_missed",
    "promise",
    "approval",
    "rejected",
    "nobody_told",
    "cut_short",
    "paused",
    "delayed",
    "late_joiners",
    "event",
    "suspected",
    "planned",
    "alarm",
    "complaints_again",
    "looks_over",
    "held",
    "credits_held",
    "credits_failed",
    "credits_over_budget",
    "credits",
    "draft",
    "feed",
    "automatic",
)


def needs(
    tx: Transaction, now: datetime, playbooks: Mapping[str, Playbook], *, time_zone: str = "UTC", reader: str = ""
) -> list[Need]:
    """Return everything that waits for a person; times in the texts are in `time_zone`.

    `playbooks`, by service, say how often the daemon may go on by itself. `reader` is the name of the key that asks:
    what that key has sent is "yours".
    """
    zone = ZoneInfo(time_zone)
    due = [*promised.missed(tx, zone), *promised.in_danger(tx, now, zone, playbooks)]
    named = {need.incident_id for need in due}
    found = [
        *_paused_all(tx, zone),
        *due,
        *updates.approvals(tx, reader, now, zone, playbooks),
        *updates.rejected(tx, reader),
        *updates.nobody_told(tx),
        *updates.cut_short(tx),
        *updates.cut_by_merge(tx),
        *updates.paused(tx),
        *(need for need in promised.delayed(tx, zone) if need.incident_id not in named),
        *updates.left_out(tx),
        *storms.needs(tx),
        *suspicions.suspected(tx, zone, now),
        *works.needs(tx, now, zone, playbooks),
        *(need for _, need in alarms.open_alarms(tx, now, zone)),
        *alarms.unplaced(tx),
        *suspicions.complaints_again(tx, now),
        *suspicions.looks_over(tx, zone),
        *updates.held(tx),
        *owed.credits_held(tx, zone),
        *owed.credits_failed(tx),
        *owed.credits_waiting(tx),
        *updates.drafts(tx, now),
        *feeds.broken(tx, now, zone),
        *_not_automatic(tx),
    ]
    found = storms.gathered(tx, found, zone)
    return sorted(found, key=lambda need: (_URGENCY.index(need.kind), need.due_at or now))


def _not_automatic(tx: Transaction) -> Iterator[Need]:
    """Playbooks that ask for mode `automatic` and may not have it yet."""
    for name, reasons in automatic.closed(tx).items():
        if reasons:
            yield Need(
                kind="automatic",
                incident_id=None,
                broadcast_id=None,
                text=f"automatic is asked for by playbook {name}, but {'; '.join(reasons)}. Until then it proposes",
                due_at=None,
                next=[],
            )


def _paused_all(tx: Transaction, zone: ZoneInfo) -> Iterator[Need]:
    since = control.since(tx, control.PAUSED)
    if since is None:
        return
    messages = tx.scalar(
        """SELECT count(*) FROM broadcasts AS b JOIN notifications AS n ON n.broadcast_id = b.id AND n.state = 'pending'
           WHERE b.state IN ('sending', 'paused')"""
    )
    yield Need(
        kind="paused_all",
        incident_id=None,
        broadcast_id=None,
        text=(
            f"everything is paused since {clock(since.at, zone)} by {since.by}: no customer is written to, "
            f"{waiting(messages)}; people on call and the helpdesk still hear"
        ),
        due_at=None,
        next=["notifier resume-all"],
    )
