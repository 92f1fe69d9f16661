"""Tidying: the credits of incidents that are no more. Those of merged ones move; of dismissed ones, proposals end.

Chunk by chunk, each committed; what is left is found again. Nothing that somebody has answered for is ever lost: a line
whose step the other incident has too goes behind the last one there, unless it is only proposed, for then it is a twin.
"""

from notifier.domain.actor import DAEMON
from notifier.domain.credit import GOODWILL, CreditReason, CreditState
from notifier.stages import Surroundings
from notifier.storage.database import Transaction
from notifier.storage.repositories import credit_lines, credit_moves

CHUNK = 300  # lines in one transaction


class Tidying:
    """Moves and ends the credits of incidents that were merged or dismissed."""

    def __init__(self, around: Surroundings) -> None:
        self._database, self._clock, self._metrics = around.database, around.clock, around.metrics

    async def step(self) -> bool:
        """Tidy one chunk of one incident; return whether there may be more."""
        found = await self._database.read(credit_moves.to_tidy)
        if not found:
            return False
        incident_id, into = found[0]
        if into is None:
            rejected = await self._database.write(lambda tx: self._end(tx, incident_id))
            self._metrics.credit_lines.labels(CreditState.REJECTED, CreditReason.INCIDENT_DISMISSED).inc(rejected)
        else:
            await self._database.write(lambda tx: self._move(tx, incident_id, into))
        return True

    def _end(self, tx: Transaction, incident_id: int) -> int:
        lines = credit_lines.in_state(tx, CreditState.PROPOSED, incident_id=incident_id, at_most=CHUNK)
        credit_lines.reject(tx, lines, CreditReason.INCIDENT_DISMISSED, now=self._clock.now(), by=DAEMON.name)
        return len(lines)

    def _move(self, tx: Transaction, incident_id: int, into: int) -> None:
        lines = credit_moves.to_move(tx, incident_id, at_most=CHUNK)
        twins = []
        for line in lines:
            is_own = line.tariff == GOODWILL or line.state is not CreditState.PROPOSED
            if is_own or not credit_moves.is_taken(tx, line, into):
                credit_moves.move(tx, line, into)
            else:
                twins.append(line)
        credit_lines.reject(tx, twins, CreditReason.TWIN_AFTER_MERGE, now=self._clock.now(), by=DAEMON.name)
        if len(lines) < CHUNK:
            credit_moves.move_runs(tx, incident_id, into)
