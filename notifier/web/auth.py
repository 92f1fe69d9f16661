"""Who asks: the API key of a request, as `Authorization: Bearer ntf_...`.

Machines that only know Basic give it as the password, under any name, where an endpoint takes that.
"""

import base64
import binascii

from aiohttp import web

from notifier.domain.actor import Actor
from notifier.domain.errors import Unauthenticated
from notifier.stages.keys import Keys

SCHEME = "Bearer "
BASIC = "basic "


def authenticate(request: web.Request, keys: Keys, *, basic: bool = False) -> Actor:
    """Return who asks, or raise `Unauthenticated`; with `basic` the key may be a password."""
    given = request.headers.get("Authorization")
    if given is None:
        raise Unauthenticated("no key was given; expected the header 'Authorization: Bearer ntf_...'")
    if basic and given[: len(BASIC)].lower() == BASIC:
        return keys.actor(_password(given[len(BASIC) :].strip()), request.remote or "")
    if not given.startswith(SCHEME) and given[: len(SCHEME)].lower() != SCHEME.lower():
        raise Unauthenticated("the Authorization header has another scheme; expected 'Bearer ntf_...'")
    return keys.actor(given[len(SCHEME) :].strip(), request.remote or "")


def _password(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode("ascii").partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        raise Unauthenticated("the Authorization header cannot be read; expected the key as a password") from None
