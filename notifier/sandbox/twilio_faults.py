"""How the Twilio-compatible receiver misbehaves: on command, by shares of what it is asked.

`twilio_faults.json` in its folder (written by `notifier sandbox twilio-fault`) is read again whenever it changes.
"""

import json
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path

from notifier.domain.errors import InvalidInput


class Fault(StrEnum):
    """What can happen to one request instead of an answer."""

    REFUSE = "refuse"  # 4xx or 5xx in Twilio's words, with `code`
    HTML = "html"  # 503 from something between us that is not Twilio
    LOST_BEFORE = "lost_before"  # the connection is lost, the message was not taken
    LOST_AFTER = "lost_after"  # the connection is lost, the message was taken
    HANG_BEFORE = "hang_before"  # no answer ever, not taken
    HANG_AFTER = "hang_after"  # no answer ever, taken
    CUT = "cut"  # half of a 201: taken


class Callbacks(StrEnum):
    """How the statuses of a message that was taken are reported."""

    NORMAL = "normal"  # sent, then delivered, after the answer
    EARLY = "early"  # all of them before the answer
    LATE = "late"  # after `callback_delay`
    TWICE = "twice"  # each one twice
    REVERSED = "reversed"  # delivered first
    NEVER = "never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """How the receiver misbehaves; each share is of all requests that create a message."""

    slow: float = 0.0  # seconds before each answer
    refuse: float = 0.0
    code: int = 20429  # of `refuse`, with the HTTP status that Twilio gives it
    retry_after: float = 0.0  # seconds in the Retry-After of a refusal; 0 = none
    html: float = 0.0
    lost_before: float = 0.0
    lost_after: float = 0.0
    hang_before: float = 0.0
    hang_after: float = 0.0
    cut: float = 0.0
    callbacks: str = Callbacks.NORMAL
    callback_delay: float = 0.05  # seconds between the steps; `late`: before the first
    undelivered: float = 0.0  # share of what was taken that does not arrive
    error_code: int = 30003  # and why
    list_fails: bool = False  # the list of messages answers 503

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        shares = [getattr(self, fault) for fault in Fault]
        if any(not 0 <= share <= 1 for share in (*shares, self.undelivered)) or sum(shares) > 1 + 1e-9:
            raise InvalidInput("a share lies between 0 and 1, and all together are at most 1", field="faults")
        if min(self.slow, self.retry_after, self.callback_delay) < 0:
            raise InvalidInput("seconds are not negative", field="faults")
        if self.callbacks not in tuple(Callbacks):
            known = ", ".join(Callbacks)
            raise InvalidInput(f"'{self.callbacks}' is no way to report", field="callbacks", expected=known)

    def drawn(self, chance: float) -> Fault | None:
        """Return what happens to a request, by a number in [0, 1)."""
        for fault in Fault:
            share: float = getattr(self, fault)
            if chance < share:
                return fault
            chance -= share
        return None


def write_faults(folder: Path, faults: Faults) -> None:
    """Tell the receiver of a folder to misbehave from now on; `Faults()` makes it well again."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / "twilio_faults.json.new"
    temporary.write_text(json.dumps(asdict(faults)) + "\n", encoding="utf-8")
    temporary.replace(folder / "twilio_faults.json")


class FaultsFile:
    """The faults of a folder, read again when the file changes."""

    def __init__(self, folder: Path) -> None:
        self._path, self._changed, self._faults = folder / "twilio_faults.json", 0, Faults()

    def current(self) -> Faults:
        """Return what is commanded now; what is not understood is said and ignored."""
        try:
            changed = self._path.stat().st_mtime_ns
            if changed != self._changed:
                self._changed = changed
                given = json.loads(self._path.read_text(encoding="utf-8"))
                known = {field.name for field in fields(Faults)}
                self._faults = Faults(**{name: value for name, value in given.items() if name in known})
        except FileNotFoundError:
            self._faults, self._changed = Faults(), 0
        except (ValueError, TypeError, AttributeError, InvalidInput) as error:
            print(f"twilio_faults.json is not understood and ignored: {error}", flush=True)
        return self._faults
