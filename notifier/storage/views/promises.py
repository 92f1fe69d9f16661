"""Promises, as they are shown."""

from datetime import datetime

from notifier.storage.views.view import View


class PromiseView(View, frozen=True, kw_only=True):
    """One promise and what became of it."""

    id: int
    kind: str
    due_at: datetime
    state: str
    made_at: datetime
    ended_at: datetime | None
    automatic_in_row: int
    warned_at: datetime | None
