"""API keys: made, found again by what a request carries, revoked at once.

A key is 256 bits of chance behind `ntf_`; the store keeps its SHA-256. Everything that may be used is in memory: one
daemon owns the store, so a key that is revoked here is revoked everywhere.
"""

import hashlib
import secrets
from collections.abc import Sequence

from notifier.clock import Clock
from notifier.domain.actor import DAEMON, Actor, KeyRole
from notifier.domain.errors import InvalidInput, NotFound, Refused, Unauthenticated
from notifier.storage.database import Database, Transaction
from notifier.storage.repositories import audit
from notifier.storage.repositories import keys as stored
from notifier.storage.repositories.keys import ActiveKey
from notifier.storage.views import KeyView, NewKeyView

PREFIX = "ntf_"
PREFIX_SHOWN = 8  # characters of a key that a list shows
NAME_AT_MOST = 60
FIRST_NAME = "operator"  # whose the manager key is that `serve` writes to a file: theirs who run the daemon
ORIGINS_REMEMBERED = 1_000  # actors kept in memory, one for each key and remote address


class Keys:
    """The keys of one daemon."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock
        self._by_hash: dict[bytes, ActiveKey] = {}
        self._actors: dict[tuple[bytes, str], Actor] = {}

    async def load(self) -> None:
        """Read the keys that may be used into memory; called at start and after every change."""
        self._remember(await self._database.read(stored.active))

    def actor(self, key: str, origin: str) -> Actor:
        """Return who a key belongs to; raise `Unauthenticated` when it is unknown or revoked.

        Constant time in the key: what is looked up is its hash, which tells nothing about keys that exist.
        """
        digest = hashlib.sha256(key.encode()).digest()
        actor = self._actors.get((digest, origin))
        return actor if actor is not None else self._meet(digest, origin)

    async def every(self) -> list[KeyView]:
        """Return all keys, revoked ones included."""
        return await self._database.read(stored.every)

    async def create(self, name: str, role: str, actor: Actor) -> NewKeyView:
        """Make a key; its secret is in the answer and nowhere else."""
        name, key_role = valid_name(name), valid_role(role)
        secret, now = PREFIX + secrets.token_urlsafe(32), self._clock.now()

        def save(tx: Transaction) -> KeyView:
            if any(known.name == name for known in stored.active(tx)):
                raise InvalidInput(f"a key named '{name}' exists", field="name", value=name, expected="another name")
            key_id = stored.create(
                tx, name=name, role=key_role, hash_=_hash(secret).hex(), prefix=secret[:PREFIX_SHOWN], now=now
            )
            detail = {"name": name, "role": str(key_role)}
            audit.record(tx, at=now, actor=actor, action="keys.create", target=f"key {key_id}", detail=detail)
            return _require(stored.find(tx, key_id), key_id)

        made = await self._database.write(save)
        await self.load()
        return NewKeyView(
            id=made.id,
            name=made.name,
            role=made.role,
            prefix=made.prefix,
            created_at=made.created_at,
            revoked_at=None,
            key=secret,
        )

    async def revoke(self, key_id: int, actor: Actor) -> KeyView:
        """Revoke a key at once; a revoked one stays as it is. Raise `Refused` for the last manager key."""
        now = self._clock.now()

        def save(tx: Transaction) -> KeyView:
            found = _require(stored.find(tx, key_id), key_id)
            if found.revoked_at is not None:
                return found
            _keep_a_manager(stored.active(tx), key_id)
            stored.revoke(tx, key_id, now=now)
            detail = {"name": found.name}
            audit.record(tx, at=now, actor=actor, action="keys.revoke", target=f"key {key_id}", detail=detail)
            return _require(stored.find(tx, key_id), key_id)

        revoked = await self._database.write(save)
        await self.load()
        return revoked

    def are_there(self) -> bool:
        """Tell whether any key may be used, as of the last `load`."""
        return bool(self._by_hash)

    async def first(self) -> NewKeyView:
        """Make the first manager key."""
        return await self.create(FIRST_NAME, KeyRole.MANAGER, DAEMON)

    def _remember(self, active: Sequence[ActiveKey]) -> None:
        self._by_hash = {bytes.fromhex(key.hash): key for key in active}
        self._actors.clear()

    def _meet(self, digest: bytes, origin: str) -> Actor:
        key = self._by_hash.get(digest)
        if key is None:
            raise Unauthenticated("the key is unknown or revoked")
        if len(self._actors) >= ORIGINS_REMEMBERED:
            self._actors.clear()
        actor = Actor(name=key.name, role=key.role, key_id=key.id, origin=origin)
        self._actors[digest, origin] = actor
        return actor


def valid_name(name: str) -> str:
    """Return the name of a key without surrounding space, or raise `InvalidInput`."""
    name = name.strip()
    if not name or len(name) > NAME_AT_MOST or not name.isprintable() or name == DAEMON.name:
        expected = f"1 to {NAME_AT_MOST} printable characters, not '{DAEMON.name}'"
        raise InvalidInput("this cannot be the name of a key", field="name", value=name, expected=expected)
    return name


def valid_role(role: str) -> KeyRole:
    """Return the role, or raise `InvalidInput`."""
    try:
        return KeyRole(role)
    except ValueError:
        expected = "one of " + ", ".join(KeyRole)
        raise InvalidInput(f"'{role}' is no role", field="role", value=role, expected=expected) from None


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _require(found: KeyView | None, key_id: int) -> KeyView:
    if found is None:
        raise NotFound("key", key_id)
    return found


def _keep_a_manager(active: Sequence[ActiveKey], key_id: int) -> None:
    managers = [key.id for key in active if key.role is KeyRole.MANAGER]
    if managers == [key_id]:
        raise Refused(f"key {key_id} is the last manager key; make another one first")
