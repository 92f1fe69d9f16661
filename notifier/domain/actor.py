"""Actors: who does something, with which role, from where. Every decision of a person is stored with its actor."""

from dataclasses import dataclass
from enum import StrEnum

from notifier.domain.errors import Forbidden


class KeyRole(StrEnum):
    """What an API key may do; each person's role includes those before it, `system` stands apart."""

    VIEWER = "viewer"  # read
    AGENT = "agent"  # look up customers, enter complaints
    COMMANDER = "commander"  # decide on incidents and broadcasts
    MANAGER = "manager"  # keys, import, approval of other managers' work
    SYSTEM = "system"  # feeds complaints, signals and the directory; decides nothing


_RANK = {KeyRole.VIEWER: 0, KeyRole.AGENT: 1, KeyRole.COMMANDER: 2, KeyRole.MANAGER: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts: the name of an API key, or the daemon itself."""

    name: str
    role: KeyRole
    key_id: int | None = None
    origin: str = ""  # remote address

    def require(self, role: KeyRole, *, or_system: bool = False) -> None:
        """Raise `Forbidden` unless this actor's role is `role` or above (or `system`, where that is enough)."""
        if self.role is KeyRole.SYSTEM:
            if or_system:
                return
        elif _RANK[self.role] >= _RANK[role]:
            return
        wanted = f"{role} or above" + (", or system" if or_system else "")
        raise Forbidden(f"key '{self.name}' has the role {self.role}; this needs {wanted}")


DAEMON = Actor(name="daemon", role=KeyRole.SYSTEM)
"""The daemon acting by itself."""

CUSTOMER = Actor(name="customer", role=KeyRole.SYSTEM)
"""Whoever holds a contact point, by a signed link, a text or a mail from it."""
