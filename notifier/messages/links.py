"""Signed tokens for links and envelope senders: opaque, not guessable, bound to one purpose, the same each time.

A token is a number sealed with the link secret: the tag authenticates it and hides it, so that it tells nothing about
how many customers there are. Hexadecimal, because a local part may lose its case on the way.
"""

import hmac
from enum import StrEnum
from functools import lru_cache
from secrets import token_hex

TAG_BYTES = 12
NUMBER_BYTES = 8
TOKEN_LENGTH = 40  # characters: the two above in hexadecimal


class Purpose(StrEnum):
    """What a token is good for; one for one purpose is refused for any other."""

    UNSUBSCRIBE = "unsubscribe"  # number: contact point
    BOUNCE = "bounce"  # number: notification; the envelope sender and the Message-ID


def new_secret() -> str:
    """Return a secret for `sign_token`, 256 bits."""
    return token_hex(32)


def sign_token(secret: str, purpose: Purpose, number: int) -> str:
    """Return the token that stands for a number; the same number gives the same token."""
    plain = number.to_bytes(NUMBER_BYTES, "big")
    tag = _digest(secret, f"tag {purpose}", plain)[:TAG_BYTES]
    mask = _digest(secret, f"mask {purpose}", tag)
    return (tag + _sealed(plain, mask)).hex()


def read_token(secret: str, purpose: Purpose, token: str) -> int | None:
    """Return the number a token stands for, or None when it is not one of ours for this purpose."""
    if len(token) != TOKEN_LENGTH:
        return None
    try:
        raw = bytes.fromhex(token)
    except ValueError:
        return None
    tag, sealed = raw[:TAG_BYTES], raw[TAG_BYTES:]
    mask = _digest(secret, f"mask {purpose}", tag)
    plain = _sealed(sealed, mask)
    if not hmac.compare_digest(tag, _digest(secret, f"tag {purpose}", plain)[:TAG_BYTES]):
        return None
    return int.from_bytes(plain, "big")


def address_hash(secret: str, address: str) -> str:
    """Return the keyed hash by which a suppression outlives its contact point."""
    return _digest(secret, "address", address.encode()).hex()


def _digest(secret: str, purpose: str, data: bytes) -> bytes:
    keyed = _keyed(secret, purpose).copy()
    keyed.update(data)
    return keyed.digest()


@lru_cache(maxsize=16)
def _keyed(secret: str, purpose: str) -> hmac.HMAC:
    return hmac.new(secret.encode(), purpose.encode() + b"\0", "sha256")


def _sealed(number: bytes, mask: bytes) -> bytes:
    """Return the number with the mask laid over it; doing it again takes it off."""
    return (int.from_bytes(number, "big") ^ int.from_bytes(mask[:NUMBER_BYTES], "big")).to_bytes(NUMBER_BYTES, "big")
