"""One-time codes: what an answer by SMS proves itself with, because a sender's number proves nothing.

A code is three characters, at least one letter and one digit, without those that look alike. It is the keyed hash of a
random salt: the store keeps the salt, which tells nothing, and a message that has to be sent again says the same code.
Of some 14,600 codes a stranger may try five per call.
"""

import hmac
import re
from collections.abc import Iterator
from itertools import count

LETTERS = "ACDEFGHJKLMNPQRTUVWXY"  # without B I O S Z: 8 1 0 5 2
DIGITS = "23456789"
LENGTH = 3
TRIES_AT_MOST = 5  # wrong codes from a person's number, before their codes are good for nothing
_SIGNS = LETTERS + DIGITS
_LOOKED_AT = 5  # words of a text that may be a code
_WORD = re.compile(rf"(?<![A-Za-z0-9])[A-Za-z0-9]{{{LENGTH}}}(?![A-Za-z0-9])")


def code_of(secret: str, salt: str) -> str:
    """Return the code that belongs to a salt."""
    for number in count():
        signs = _signs(hmac.digest(secret.encode(), f"on-call code {salt} {number}".encode(), "sha256"))
        code = "".join(next(signs, "") for _ in range(LENGTH))
        if len(code) == LENGTH and any(sign in LETTERS for sign in code) and any(sign in DIGITS for sign in code):
            return code
    raise AssertionError  # `count` never ends


def _signs(digest: bytes) -> Iterator[str]:
    """Spread bytes evenly over the signs: those beyond the last whole multiple are passed over."""
    most = 256 - 256 % len(_SIGNS)
    return (_SIGNS[byte % len(_SIGNS)] for byte in digest if byte < most)


def codes_in(text: str) -> list[str]:
    """Return the words of a text that may be codes, in capitals: of the right length, with a letter and a digit."""
    words = [word.upper() for word in _WORD.findall(text)]
    return [word for word in words if set(word) & set(LETTERS) and set(word) & set(DIGITS)][:_LOOKED_AT]


def is_code(secret: str, salt: str, given: str) -> bool:
    """Tell whether this is the code of a salt, in a time that does not depend on how much of it is right."""
    return hmac.compare_digest(code_of(secret, salt).encode(), given.strip().upper().encode("utf-8", "replace"))
