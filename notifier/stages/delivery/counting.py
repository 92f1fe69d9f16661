"""Counts notifications by the state they reached."""

from collections import Counter
from collections.abc import Iterable

from notifier.domain.delivery import Next
from notifier.domain.notification import Channel, NotificationState
from notifier.metrics import Metrics


def count(metrics: Metrics, channel: Channel, ends: Iterable[Next]) -> None:
    """Count what reached a state; what waits for another try shows in `attempts_total`."""
    for (state, reason), number in Counter((one.state, one.reason) for one in ends).items():
        if state is not NotificationState.PENDING:
            metrics.notifications.labels(channel, state, reason).inc(number)
