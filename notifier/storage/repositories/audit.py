"""The audit log: who did what to what, when, why and from where. Append-only; nothing here changes or removes a row."""

from collections.abc import Mapping
from datetime import datetime

from notifier.domain.actor import Actor
from notifier.storage.database import Transaction
from notifier.storage.instants import to_json, to_micros

NOTHING: Mapping[str, object] = {}
TEST_SENT = "test_send.end"  # what a provider took of a test send


def record(
    tx: Transaction, *, at: datetime, actor: Actor, action: str, target: str, detail: Mapping[str, object] = NOTHING
) -> int:
    """Append one action, such as `keys.revoke` of `key 3`, and return its number.

    `detail` holds no address and no message.
    """
    return int(
        tx.scalar(
            "INSERT INTO audit (at, actor, action, target, detail, origin)"
            " VALUES (:at, :actor, :action, :target, :detail, :origin) RETURNING id",
            at=to_micros(at),
            actor=actor.name,
            action=action,
            target=target,
            detail=to_json(dict(detail)),
            origin=actor.origin,
        )
    )
