"""Who of an audience has heard too much lately: what claims decide reader by reader (`domain.caps`), for all at once.

In: what is to be told. Out: SQL that is true of a contact point whose message waits under a cap. Who wrote a moment ago
is answered all the same: that is asked beside it.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from notifier.domain import caps
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.caps import Caps
from notifier.domain.notification import Channel
from notifier.storage.instants import to_micros
from notifier.storage.repositories.audience import POINT, TOLD, UNREACHED

NOBODY = "1 = 0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lately:
    """What was heard lately, seen from one message."""

    kind: BroadcastKind
    facts: Facts
    is_safety: bool
    caps: Caps
    wrote_within: timedelta
    now: datetime

    def is_too_much(self, point: str, channel: Channel) -> str:
        """Return the condition that a contact point, named by the SQL `point`, has heard too much for this message."""
        if self.kind in caps.NEVER_CAPPED or self.is_safety:
            return NOBODY
        told = f"""FROM notifications AS h WHERE h.contact_point_id = {point} AND h.broadcast_id IS NOT NULL
                   AND h.state IN ({TOLD})"""
        found = []
        if self.caps.every:
            since = to_micros(self.now - self.caps.every)
            promised = caps.promised_by(self.facts, self.now)
            # a promise that falls due before the cap ends is kept
            upto = to_micros(promised - self.caps.every if promised else self.now)
            last = f"(SELECT MAX(h.sending_at) {told} AND h.sending_at > {since})"
            found.append(f"COALESCE({last}, 0) BETWEEN {since + 1} AND {upto}")
        if channel is Channel.SMS:
            texts = f"(SELECT count(*) {told} AND h.channel = '{channel}' AND h.sending_at > {self._micros(caps.DAY)})"
            found.append(f"{texts} >= {self.caps.sms_per_day}")
        return f"({' OR '.join(found)})" if found else NOBODY

    def mails(self, place: int) -> str:
        """Return the SQL of a count of mails that wait; `best` and `points` are those of `broadcasts`."""
        too_much = self.is_too_much("points.point", Channel.EMAIL)
        if too_much == NOBODY:
            return "SELECT 'capped', 'email', 0"
        wrote = self._micros(self.wrote_within)
        return f"""
            SELECT 'capped', 'email', count(*) FROM points
            WHERE place = {place} AND {too_much}
              AND NOT EXISTS (SELECT 1 FROM replies AS r
                              WHERE r.contact_point_id = points.point AND r.received_at >= {wrote})
              AND point NOT IN (
                  SELECT reach % {POINT} FROM best WHERE reach < {UNREACHED} AND customer_id IN (
                      SELECT customer_id FROM complaints
                      WHERE effective_at >= {wrote} AND received_at >= {wrote} AND verified = 1
                        AND customer_id IS NOT NULL))"""

    def _micros(self, ago: timedelta) -> int:
        return to_micros(self.now - ago)
