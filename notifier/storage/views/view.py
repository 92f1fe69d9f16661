"""What every read model has in common."""

from msgspec import Struct


class View(Struct, frozen=True, kw_only=True):
    """Common options: immutable, keyword-only."""
