"""Mail that comes back, handed in over HTTP: one mail a request, as it is."""

from aiohttp import web

from notifier.domain.actor import KeyRole
from notifier.stages.mail_reports import MAIL_AT_MOST
from notifier.web.problem import Rejected
from notifier.web.route import Call, answer, post, read_within, wrong_type

MAIL = "message/rfc822"
TYPES = (MAIL, "message/global")


async def take(call: Call) -> web.StreamResponse:
    """Store one mail and do what follows from it."""
    query = call.query("recipient", "sender")
    given = call.request.content_type
    if given not in TYPES:
        raise wrong_type(given, MAIL)
    try:
        raw = await read_within(call.request.clone(client_max_size=MAIL_AT_MOST))
    except web.HTTPRequestEntityTooLarge:
        raise Rejected(413, f"the mail is over {MAIL_AT_MOST // 1024 // 1024} MiB") from None
    recipients = (query["recipient"],) if "recipient" in query else ()
    understood = await call.parts.mail_reports.take(raw, recipients, envelope_sender=query.get("sender"))
    return answer(understood, 200 if understood.duplicate else 201)


ROUTES = (post("/v1/bounces", KeyRole.MANAGER, take, or_system=True),)
