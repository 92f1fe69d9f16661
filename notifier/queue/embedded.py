"""The queue inside one process: topics that wake whoever waits. Losing a wake-up costs at most one poll interval.

It also calls back: whoever stops a broadcast, or everything, has given back what is claimed and not begun.
"""

import asyncio
from collections.abc import Callable
from enum import StrEnum

POLL_SECONDS = 2.0  # the longest that work waits for somebody to notice it without a wake-up


class Topic(StrEnum):
    """What there may be work in."""

    COMPLAINTS = "complaints"  # stored, not yet seen by the detector
    BROADCASTS = "broadcasts"  # to start, plan, sweep or complete
    NOTIFICATIONS = "notifications"  # pending and due
    REPLIES = "replies"  # stored, not dealt with yet
    ON_CALL = "on_call"  # people to be woken now


class EmbeddedQueue:
    """Wakes waiters of a topic on the same event loop."""

    def __init__(self) -> None:
        self._events = {topic: asyncio.Event() for topic in Topic}
        self._give_back: list[Callable[[], None]] = []

    def wake(self, topic: Topic) -> None:
        """Tell the waiters of a topic that there is work."""
        self._events[topic].set()

    async def wait(self, topic: Topic, seconds: float = POLL_SECONDS) -> bool:
        """Wait until the topic is woken, at most real `seconds`; return whether it was."""
        event = self._events[topic]
        try:
            async with asyncio.timeout(seconds):
                await event.wait()
        except TimeoutError:
            return False
        event.clear()
        return True

    def on_recall(self, give_back: Callable[[], None]) -> None:
        """Have this called at each recall."""
        self._give_back.append(give_back)

    def forget(self, count: int) -> None:
        """Call the first `count` of them no more: those who asked are gone."""
        del self._give_back[:count]

    def asked(self) -> int:
        """Return how many are called at a recall."""
        return len(self._give_back)

    def recall(self) -> None:
        """Keep everything that is claimed and not begun from going out: when this returns, none of it begins any more.

        To be called after the commit that stops something. What may still go is claimed again.
        """
        for give_back in self._give_back:
            give_back()
