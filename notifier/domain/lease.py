"""Leases: the time for which an owner may work on a row. Monotonic seconds, never the wall clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A claim on some rows by one owner until a monotonic deadline."""

    owner: str
    until: float  # monotonic seconds of the owner's host

    def is_held(self, *, monotonic: float) -> bool:
        """Tell whether the owner may still write."""
        return monotonic < self.until
