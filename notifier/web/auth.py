"""Who asks: the API key of a request, as `Authorization: Bearer ntf_...`."""

from aiohttp import web

from notifier.domain.actor import Actor
from notifier.domain.errors import Unauthenticated
from notifier.stages.keys import Keys

SCHEME = "Bearer "


def authenticate(request: web.Request, keys: Keys) -> Actor:
    """Return who asks, or raise `Unauthenticated`."""
    given = request.headers.get("Authorization")
    if given is None:
        raise Unauthenticated("no key was given; expected the header 'Authorization: Bearer ntf_...'")
    if not given.startswith(SCHEME) and given[: len(SCHEME)].lower() != SCHEME.lower():
        raise Unauthenticated("the Authorization header has another scheme; expected 'Bearer ntf_...'")
    return keys.actor(given[len(SCHEME) :].strip(), request.remote or "")
