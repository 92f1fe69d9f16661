"""Keys, who asks with one, and what was done."""

from datetime import datetime

from notifier.storage.views.view import View


class AskerView(View, frozen=True, kw_only=True):
    """Whose key asks."""

    name: str
    role: str


class KeyView(View, frozen=True, kw_only=True):
    """One API key; the key itself is shown once, when it is made."""

    id: int
    name: str
    role: str
    prefix: str  # its first characters, to recognise it
    created_at: datetime
    revoked_at: datetime | None


class NewKeyView(KeyView, frozen=True, kw_only=True):
    """A key that was made just now, with its secret."""

    key: str


class AuditView(View, frozen=True, kw_only=True):
    """Who did what, on what, when, why and from where."""

    id: int
    at: datetime
    actor: str  # the name of a key, "daemon" or "customer"
    action: str  # "broadcasts.send"
    target: str  # "broadcast 7"
    origin: str  # the remote address; "" where there is none
    detail: dict[str, object]
