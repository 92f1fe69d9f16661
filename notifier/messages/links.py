"""Signed tokens for links and envelope senders: opaque, not guessable, bound to one purpose, the same each time.

A token is a number sealed with the link secret: the tag authenticates it and hides it, so that it tells nothing about
how many customers there are. Lower-case base 32, because a local part may lose its case on the way.
"""

import hmac
from base64 import b32decode, b32encode
from enum import StrEnum
from secrets import token_hex

TAG_BYTES = 12
NUMBER_BYTES = 8
TOKEN_LENGTH = 32  # characters: the two above in base 32, without padding


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
    sealed = bytes(a ^ b for a, b in zip(plain, mask, strict=False))
    return b32encode(tag + sealed).decode().lower()


def read_token(secret: str, purpose: Purpose, token: str) -> int | None:
    """Return the number a token stands for, or None when it is not one of ours for this purpose."""
    if len(token) != TOKEN_LENGTH or not token.isascii():
        return None
    try:
        raw = b32decode(token.upper())
    except ValueError:
        return None
    tag, sealed = raw[:TAG_BYTES], raw[TAG_BYTES:]
    mask = _digest(secret, f"mask {purpose}", tag)
    plain = bytes(a ^ b for a, b in zip(sealed, mask, strict=False))
    if not hmac.compare_digest(tag, _digest(secret, f"tag {purpose}", plain)[:TAG_BYTES]):
        return None
    return int.from_bytes(plain, "big")


def address_hash(secret: str, address: str) -> str:
    """Return the keyed hash by which a suppression outlives its contact point."""
    return _digest(secret, "address", address.encode()).hex()


def _digest(secret: str, purpose: str, data: bytes) -> bytes:
    return hmac.digest(secret.encode(), purpose.encode() + b"\0" + data, "sha256")
