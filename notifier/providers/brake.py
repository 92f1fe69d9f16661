"""When a provider is used, slowed or stopped: judged from its outcomes, in monotonic seconds.

An outcome that is ours (credentials, reputation, no connection) stops it: what is claimed goes back, an alarm is
raised, and after a while one message probes it. Many temporary failures in a row only slow it down. What carriers
report afterwards may halt it too, for longer: then an answer proves nothing, and only a report of arrival ends it, or
a few probes that nobody complains about.
"""

from notifier.domain.delivery import Outcome, Result

STOP_FIRST_SECONDS = 5.0
STOP_AT_MOST_SECONDS = 300.0
SLOW_SECONDS = 1.0
SLOW_AT_MOST_SECONDS = 30.0
TEMPORARY_IN_ROW = 20  # failures after which it is slowed
HALT_FIRST_SECONDS = 600.0
HALT_AT_MOST_SECONDS = 3_600.0
PROBE_SECONDS = 60.0  # for the report about a probe
PROBES = 3  # without a bad report


class Brake:
    """What one provider's outcomes say about using it now."""

    def __init__(self) -> None:
        self._until = 0.0  # nothing is begun before
        self._stops = 0  # in a row
        self._temporary = 0  # in a row
        self._slows = 0  # in a row
        self._halts = 0  # in a row, by reports
        self._probes_left = 0  # above 0: halted
        self.reason = ""  # why it is stopped, without addresses; "" while it is used

    @property
    def is_stopped(self) -> bool:
        """Tell whether it was stopped and has not taken a probe since."""
        return bool(self.reason)

    def wait(self, *, monotonic: float) -> float:
        """Return for how many seconds nothing may be begun."""
        return max(0.0, self._until - monotonic)

    def observe(self, outcome: Outcome, *, began: float, monotonic: float) -> bool:
        """Take an outcome into account; return True when this one stopped the provider."""
        match outcome.result:
            case Result.OURS:
                return self._stop(outcome, began, monotonic)
            case Result.ACCEPTED if self._probes_left > 1:
                if began >= self._until:  # what was under way is no probe
                    self._probes_left -= 1
                    self._until = monotonic + PROBE_SECONDS
            case Result.TEMPORARY | Result.UNKNOWN | Result.PERMANENT if self._probes_left:
                pass
            case Result.ACCEPTED | Result.PERMANENT:
                self._probes_left = 0
                self._stops = self._temporary = self._slows = 0
                self.reason = ""
            case Result.TEMPORARY | Result.UNKNOWN:
                self.reason = ""  # it answers again
                self._temporary += 1
                if self._temporary >= TEMPORARY_IN_ROW:
                    self._slow(monotonic)
            case Result.RENDER_FAILED:
                pass
        return False

    def halt(self, reason: str, *, monotonic: float) -> bool:
        """Stop it because of what carriers report; return False when it is halted already."""
        if self._probes_left == PROBES and monotonic < self._until:
            return False  # about what went out before
        self._halts += 1
        self._probes_left = PROBES
        self._until = monotonic + min(HALT_FIRST_SECONDS * 2 ** (self._halts - 1), HALT_AT_MOST_SECONDS)
        self.reason = reason
        return True

    def arrived(self) -> None:
        """Take into account that a message got to its reader: a probe has, when it is halted and probing."""
        if not self._probes_left:
            self._halts = 0
        elif self._probes_left < PROBES:
            self._halts = self._probes_left = 0
            self._until, self.reason = 0.0, ""

    def _stop(self, outcome: Outcome, began: float, monotonic: float) -> bool:
        if began < self._until and self.is_stopped:
            return False  # was under way when another one stopped it
        self._stops += 1
        self._until = monotonic + min(STOP_FIRST_SECONDS * 2 ** (self._stops - 1), STOP_AT_MOST_SECONDS)
        self.reason = f"{outcome.code} {outcome.answer}".strip() or "refused"
        return True

    def _slow(self, monotonic: float) -> None:
        self._temporary = 0
        self._slows += 1
        self._until = max(self._until, monotonic + min(SLOW_SECONDS * 2 ** (self._slows - 1), SLOW_AT_MOST_SECONDS))


class Bucket:
    """Spreads hand-overs so that a rate per second is kept, with a small burst (GCRA)."""

    BURST_SECONDS = 0.2

    def __init__(self, rate: float) -> None:
        self._step = 1.0 / rate if rate > 0 else 0.0
        self._next = 0.0

    def reserve(self, *, monotonic: float, places: int = 1) -> float:
        """Take places and return how many seconds to wait for them."""
        if not self._step:
            return 0.0
        self._next = max(self._next + self._step * places, monotonic - self.BURST_SECONDS)
        return max(0.0, self._next - monotonic)

    def give_back(self, places: int = 1) -> None:
        """Give places back that were taken and not used."""
        self._next -= self._step * places
