"""Signed tokens for links and envelope senders: opaque, not guessable, bound to one purpose, the same each time.

A token is a number sealed with the link secret: the tag authenticates it and hides it, so that it tells nothing about
how many customers there are. Hexadecimal, because a local part may lose its case on the way. Links do not expire: mails
are opened years later. Where a link must outlive its secret it names the key it was made with, and the keys before the
present one are still read.
"""

import hmac
from collections.abc import Sequence
from enum import StrEnum
from functools import lru_cache

from notifier.domain import consent

TAG_BYTES = 12
NUMBER_BYTES = 8
TOKEN_LENGTH = 40  # characters: the two above in hexadecimal
KEY_VERSION_LENGTH = 4  # characters before a token that names its key


class Purpose(StrEnum):
    """What a token is good for; one for one purpose is refused for any other."""

    UNSUBSCRIBE = "unsubscribe"  # number: contact point; from messages about outages
    UNSUBSCRIBE_PLANNED = "unsubscribe planned"
    UNSUBSCRIBE_SURVEY = "unsubscribe survey"
    UNSUBSCRIBE_OFFER = "unsubscribe offer"
    PREFERENCES = "preferences"  # number: contact point; with the version of its key
    FORM = "form"  # number: contact point; over what a form was shown with
    BOUNCE = "bounce"  # number: notification; the envelope sender and the Message-ID


UNSUBSCRIBES = {
    consent.Purpose.OUTAGE: Purpose.UNSUBSCRIBE,
    consent.Purpose.PLANNED: Purpose.UNSUBSCRIBE_PLANNED,
    consent.Purpose.SURVEY: Purpose.UNSUBSCRIBE_SURVEY,
    consent.Purpose.OFFER: Purpose.UNSUBSCRIBE_OFFER,
}
"""The purpose of the link to opt out, by what the message that carries it is for."""


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


def read_unsubscribe(secrets: Sequence[str], token: str) -> tuple[int, consent.Purpose] | None:
    """Return the contact point of a link to opt out and what it opts out of, or None; any of the secrets will do."""
    for secret in secrets:
        for purpose, made_for in UNSUBSCRIBES.items():
            number = read_token(secret, made_for, token)
            if number is not None:
                return number, purpose
    return None


def sign_versioned(secret: str, purpose: Purpose, number: int) -> str:
    """Return a token that names its key, so that it can be read after the key has been replaced."""
    return key_version(secret) + sign_token(secret, purpose, number)


def read_versioned(secrets: Sequence[str], purpose: Purpose, token: str) -> int | None:
    """Return the number of a token that names its key, or None; `secrets` are the present one and those before it."""
    version, rest = token[:KEY_VERSION_LENGTH], token[KEY_VERSION_LENGTH:]
    for secret in secrets:
        if version.lower() == key_version(secret):
            return read_token(secret, purpose, rest)
    return None


@lru_cache(maxsize=16)
def key_version(secret: str) -> str:
    """Return the name of a key: nothing about the key follows from it."""
    return _digest(secret, "version", b"").hex()[:KEY_VERSION_LENGTH]


def sign_form(secret: str, contact_point_id: int, shown: str) -> str:
    """Return the token of a form: good for this contact point, as long as its settings are those that were shown."""
    return _digest(secret, f"tag {Purpose.FORM}", f"{contact_point_id} {shown}".encode())[:TAG_BYTES].hex()


def is_form(secret: str, contact_point_id: int, shown: str, token: str) -> bool:
    """Tell whether a form was shown with these settings."""
    return hmac.compare_digest(sign_form(secret, contact_point_id, shown).encode(), token.encode("utf-8", "replace"))


def address_hash(secret: str, address: str) -> str:
    """Return the keyed hash by which a suppression outlives its contact point."""
    return _digest(secret, "address", address.encode()).hex()


def _digest(secret: str, purpose: str, data: bytes) -> bytes:
    keyed = _keyed(secret, purpose).copy()
    keyed.update(data)
    return keyed.digest()


@lru_cache(maxsize=64)
def _keyed(secret: str, purpose: str) -> hmac.HMAC:
    return hmac.new(secret.encode(), purpose.encode() + b"\0", "sha256")


def _sealed(number: bytes, mask: bytes) -> bytes:
    """Return the number with the mask laid over it; doing it again takes it off."""
    return (int.from_bytes(number, "big") ^ int.from_bytes(mask[:NUMBER_BYTES], "big")).to_bytes(NUMBER_BYTES, "big")
