"""A form that Twilio has posted and signed: whatever is not signed goes no further.

The URL that was signed is `sender.public_url` and the path and query of the request byte for byte; `Host` and
forwarding headers are never believed. Any token of any Twilio provider of the configuration may have signed it.
"""

from urllib.parse import parse_qsl

from aiohttp import web

from notifier.config import ProviderKind
from notifier.providers.twilio_signature import HEADER, is_signed
from notifier.web.parts import Parts
from notifier.web.problem import Rejected
from notifier.web.route import read_within

FORM = "application/x-www-form-urlencoded"
FORM_AT_MOST = 64 * 1024  # a text of 1,600 emoji is 20 KiB of it
FIELDS_AT_MOST = 200


async def signed_form(request: web.Request, parts: Parts) -> dict[str, str]:
    """Return the fields of a signed form; raise `Rejected` with 403, 413, 415 or 400."""
    if request.content_type != FORM:
        raise Rejected(415, "this is no form", field="Content-Type", expected=FORM)
    try:
        body = await read_within(request.clone(client_max_size=FORM_AT_MOST))
    except web.HTTPRequestEntityTooLarge:
        raise Rejected(413, f"the form is over {FORM_AT_MOST // 1024} KiB") from None
    pairs = _pairs(body)
    url = parts.config.sender.public_url.rstrip("/") + request.rel_url.raw_path_qs
    if not is_signed(_tokens(parts), url, pairs, request.headers.get(HEADER, "")):
        raise Rejected(403, "the signature is not Twilio's for this address; see sender.public_url and auth_token")
    return dict(pairs)


def _pairs(body: bytes) -> list[tuple[str, str]]:
    """Return every field, blank ones too: they are all signed."""
    try:
        return parse_qsl(
            body.decode("ascii"), keep_blank_values=True, strict_parsing=bool(body), max_num_fields=FIELDS_AT_MOST
        )
    except ValueError:
        raise Rejected(400, "the form cannot be read", expected=FORM) from None


def _tokens(parts: Parts) -> list[str]:
    return [
        token
        for provider in parts.config.providers
        if provider.kind is ProviderKind.TWILIO
        for token in (provider.auth_token, provider.auth_token_secondary)
        if token
    ]
