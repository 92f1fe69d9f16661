"""POST /webhooks/twilio/status: what Twilio reports about texts that it took.

The query names the notification and the try, as the text was sent with it; both are signed. A status that nobody here
knows, or one about a text that is not ours (any more), is answered like any other: Twilio could do nothing about it.
"""

import re

import structlog
from aiohttp import web

from notifier.config import Provider, ProviderKind
from notifier.domain.receipt import Receipt, ReceiptStatus
from notifier.messages.sms import STATUS_PATH
from notifier.web.parts import Parts
from notifier.web.webhooks.signed import signed_form

ON_CALL = "on_call"  # in the query: a text to somebody on call
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
_SMALL = re.compile(r"[0-9]{1,4}", re.ASCII)
_CODE = re.compile(r"[0-9]{1,9}", re.ASCII)
_SID = re.compile(r"[A-Z]{2}[0-9a-fA-F]{32}", re.ASCII)

log = structlog.get_logger(__name__)


def routes(parts: Parts) -> list[web.RouteDef]:
    """Return the endpoint; the signature is its key."""

    async def take(request: web.Request) -> web.StreamResponse:
        form = await signed_form(request, parts)
        if ON_CALL in request.query:
            await _to_on_call(request.query[ON_CALL], form.get("MessageStatus", ""), parts)
            return web.Response(status=204)
        receipt = _receipt(request, form, parts)
        if receipt is not None:
            await parts.receipts.take(receipt)
        return web.Response(status=204)

    return [web.post(STATUS_PATH, take)]


async def _to_on_call(route: str, given: str, parts: Parts) -> None:
    """Hand on what is reported about a text to somebody on call."""
    if _NUMBER.fullmatch(route) and given in set(ReceiptStatus):
        await parts.on_call.receive(int(route), ReceiptStatus(given))
    else:
        log.warning("a status report names no text to on-call")


def _receipt(request: web.Request, form: dict[str, str], parts: Parts) -> Receipt | None:
    """Return the receipt that a form is, or None when it is not about a text of ours."""
    notification, attempt = request.query.get("notification", ""), request.query.get("attempt", "")
    sid, provider = form.get("MessageSid", ""), _provider(form, parts)
    if not (provider and _NUMBER.fullmatch(notification) and _SMALL.fullmatch(attempt) and _SID.fullmatch(sid)):
        log.warning("a status report names no text of ours")
        return None
    try:
        status = ReceiptStatus(form.get("MessageStatus", ""))
    except ValueError:
        log.warning("a status report has an unknown status", status=form.get("MessageStatus", "")[:40])
        return None
    code = form.get("ErrorCode", "")
    return Receipt(
        notification_id=int(notification),
        attempt=int(attempt),
        provider=provider.name,
        provider_id=sid,
        status=status,
        code=int(code) if _CODE.fullmatch(code) else 0,
    )


def _provider(form: dict[str, str], parts: Parts) -> Provider | None:
    """Return the provider of the account that reports."""
    for provider in parts.config.providers:
        if provider.kind is ProviderKind.TWILIO and provider.account_sid == form.get("AccountSid"):
            return provider
    return None
