"""How often one caller may do something: so many at once, then so many per time, with bounded memory."""

from collections import OrderedDict
from collections.abc import Hashable
from datetime import timedelta

KEPT_AT_MOST = 10_000  # callers remembered; whoever was not seen for longest is forgotten first


class RateLimit:
    """A token bucket per caller."""

    def __init__(self, *, at_once: int, every: timedelta) -> None:
        """Allow `at_once`, and one more each time `every` has passed."""
        self._at_once, self._every_seconds = at_once, every.total_seconds()
        self._full_at: OrderedDict[Hashable, float] = OrderedDict()

    def wait(self, caller: Hashable, monotonic: float) -> float:
        """Take one turn and return 0, or return the seconds until there is one."""
        full_at = max(self._full_at.get(caller, monotonic), monotonic) + self._every_seconds
        over = full_at - monotonic - self._at_once * self._every_seconds
        if over > 1e-9:
            return over
        self._full_at[caller] = full_at
        self._full_at.move_to_end(caller)
        if len(self._full_at) > KEPT_AT_MOST:
            self._full_at.popitem(last=False)
        return 0.0
