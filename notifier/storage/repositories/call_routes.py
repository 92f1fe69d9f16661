"""What is handed over to a person on call on each route: the call, that somebody has it, that it is over.

Each is committed before it is handed over, and its outcome after it. What was not recorded when a daemon died is handed
over again at the next start: people may be called twice, and are never not called.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from notifier.domain.on_call import Route, RouteState, Says
from notifier.domain.receipt import ReceiptStatus, Standing, standing
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories.on_call import StoredCall, call_of

PROBLEM_AT_MOST = 200  # characters of what a provider said
_CAME_BACK, _ARRIVED = (
    ", ".join(f"'{status}'" for status in ReceiptStatus if standing([status]) is each)
    for each in (Standing.NOT_ARRIVED, Standing.ARRIVED)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRoute:
    """Something to be handed over now."""

    id: int
    call: StoredCall
    route: Route
    says: Says
    text: str
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """What became of one hand-over; `due_at` when it is tried again, None when it is not."""

    route_id: int
    state: RouteState
    provider: str = ""
    provider_id: str = ""
    problem: str = ""
    due_at: datetime | None = None


def to_hand_over(tx: Transaction, call_id: int, route: Route, says: Says, text: str, *, now: datetime) -> None:
    """Store something to be handed over, once per call, route and what it says."""
    tx.run(
        """INSERT INTO call_routes (call_id, route, says, text, due_at) VALUES (:call, :route, :says, :text, :now)
           ON CONFLICT (call_id, route, says) DO NOTHING""",
        call=call_id,
        route=route,
        says=says,
        text=text,
        now=to_micros(now),
    )


def due(tx: Transaction, *, now: datetime) -> list[DueRoute]:
    """Return what is to be handed over now, calls first."""
    rows = tx.rows(
        """SELECT c.*, r.id AS route_id, r.route, r.says, r.text AS said, r.attempts
           FROM call_routes AS r JOIN calls AS c ON c.id = r.call_id
           WHERE r.state = 'waiting' AND r.due_at <= :now
           ORDER BY CASE WHEN r.says = 'call' THEN 0 ELSE 1 END, r.id""",
        now=to_micros(now),
    )
    return [
        DueRoute(
            id=row["route_id"],
            call=call_of(row),
            route=Route(row["route"]),
            says=Says(row["says"]),
            text=row["said"],
            attempts=row["attempts"],
        )
        for row in rows
    ]


def record(tx: Transaction, tried: Tried, *, now: datetime) -> None:
    """Store what became of a hand-over; what was called off meanwhile stays so unless it went out.

    A receipt may have been faster: what came back is no hope any more.
    """
    tx.run(
        f"""UPDATE call_routes
           SET state = CASE WHEN receipt IN ({_CAME_BACK}) THEN 'failed'
                            WHEN state = 'waiting' OR :handed = 1 THEN :state ELSE state END,
               attempts = attempts + 1, provider = :provider, provider_id = :provider_id, problem = :problem,
               due_at = COALESCE(:due, due_at), handed_over_at = CASE WHEN :handed = 1 THEN :now ELSE handed_over_at END
           WHERE id = :id""",
        handed=int(tried.state is RouteState.HANDED_OVER),
        state=tried.state,
        provider=tried.provider,
        provider_id=tried.provider_id,
        problem=tried.problem[:PROBLEM_AT_MOST],
        due=to_micros(tried.due_at),
        now=to_micros(now),
        id=tried.route_id,
    )


def call_off(tx: Transaction, call_id: int) -> None:
    """Hand over nothing more of a call that is not needed any more."""
    tx.run(
        """UPDATE call_routes SET state = 'failed', problem = CASE WHEN problem = '' THEN 'not needed any more'
                                                                    ELSE problem END
           WHERE call_id = :id AND says = 'call' AND state = 'waiting'""",
        id=call_id,
    )


def receive(tx: Transaction, route_id: int, status: ReceiptStatus) -> bool:
    """Note what a provider said later of a message; tell whether it came back. What has arrived stays so."""
    came_back = standing([status]) is Standing.NOT_ARRIVED
    changed = tx.run(
        f"""UPDATE call_routes SET receipt = :status, state = CASE WHEN :back = 1 THEN 'failed' ELSE state END
            WHERE id = :id AND receipt NOT IN ({_CAME_BACK}, {_ARRIVED})""",
        status=status,
        back=int(came_back),
        id=route_id,
    )
    return came_back and changed > 0


def routes_of(tx: Transaction, call_ids: Sequence[int]) -> Mapping[int, list[Row]]:
    """Return every route of some calls, by call."""
    found: dict[int, list[Row]] = {call_id: [] for call_id in call_ids}
    for call_id in call_ids:
        found[call_id] = tx.rows("SELECT * FROM call_routes WHERE call_id = :id ORDER BY id", id=call_id)
    return found
