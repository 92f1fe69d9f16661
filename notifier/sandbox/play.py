"""Play a recorded stream of complaints against a running daemon, at the pace of the daemon's own clock.

In: complaints in order of time. Out: one POST /v1/complaints each, at the moment its `occurred_at` comes. A stream of
another day is moved as a whole, so that it begins now.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from notifier.sandbox.caller import Caller, CallFailed
from notifier.sandbox.simulate import Complaint

IN_FLIGHT_AT_MOST = 16

Seen = Callable[[Complaint, dict[str, Any] | CallFailed], None]
"""Told of every complaint and the daemon's answer to it."""


def moved(stream: Sequence[Complaint], by: timedelta) -> list[Complaint]:
    """Return the stream with every time moved, and with ids of its own, so that it can be played again and again."""
    seconds = round(by.total_seconds())
    return [
        replace(one, occurred_at=one.occurred_at + by, external_id=f"{one.external_id}@{seconds}") for one in stream
    ]


async def play(stream: Sequence[Complaint], daemon: Caller, seen: Seen) -> None:
    """Post every complaint when its time comes; those whose time has passed are posted at once."""
    in_flight = asyncio.Semaphore(IN_FLIGHT_AT_MOST)
    async with asyncio.TaskGroup() as tasks:
        for complaint in stream:
            await daemon.sleep_until(complaint.occurred_at)
            await in_flight.acquire()
            task = tasks.create_task(_post(complaint, daemon, seen))
            task.add_done_callback(lambda _: in_flight.release())


async def _post(complaint: Complaint, daemon: Caller, seen: Seen) -> None:
    body = {name: value for name, value in complaint.fields().items() if value}
    try:
        answer = await daemon.post("/v1/complaints", body)
    except CallFailed as error:
        if error.status == 0:
            raise
        seen(complaint, error)
        return
    seen(complaint, answer)
