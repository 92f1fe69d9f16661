"""Texts that customers send us, by Twilio's webhook.

In: a signed form per text, perhaps more than once. Out: `<Response/>`, when it is stored and a STOP in it holds. We
answer customers through our own outbound path, where every message is in the ledger; only somebody on call is answered
right here. Twilio's own layer says by `OptOutType` that it has answered an opt-out itself.
"""

from xml.sax.saxutils import escape

from aiohttp import web

from notifier.domain.one_time_code import codes_in
from notifier.domain.reply import Meaning
from notifier.stages.replies import Inbound
from notifier.web.parts import Parts
from notifier.web.problem import Rejected
from notifier.web.webhooks.signed import signed_form

PATH = "/webhooks/twilio/sms"
SOURCE = "sms"
SID_AT_MOST = 64
PICTURES_AT_MOST = 10
_XML = '<?xml version="1.0" encoding="UTF-8"?>'
_ABOUT_CONSENT = (Meaning.STOP, Meaning.START)  # hold, whatever else a text says
_REPLIED = {"STOP": Meaning.STOP, "START": Meaning.START, "HELP": Meaning.HELP}


def routes(parts: Parts) -> list[web.RouteDef]:
    """Return the endpoint; the signature is its key."""

    async def receive(request: web.Request) -> web.StreamResponse:
        fields = await signed_form(request, parts)
        sid, sender = fields.get("MessageSid", ""), fields.get("From", "")
        if not sid or not sender or len(sid) > SID_AT_MOST:
            raise Rejected(422, "this is no text", field="MessageSid", expected="MessageSid, From and Body")
        inbound = Inbound(
            source=SOURCE,
            external_id=sid,
            sender=sender,
            text=_text(fields),
            replied=_REPLIED.get(fields.get("OptOutType", "").upper()),
        )
        reply = parts.inbox.reader.read(inbound.text)
        if reply.meaning is Meaning.ON_CALL and parts.on_call.knows(sender):
            said = await parts.on_call.answer(reply.code, reply.decision, sender) if await _is_new(inbound) else ""
            return _twiml(said)
        if (explained := await _explained(inbound, reply.meaning)) is not None:
            return _twiml(explained if await _is_new(inbound) else "")
        await parts.inbox.take(inbound)
        return _twiml()

    async def _explained(inbound: Inbound, meaning: Meaning) -> str | None:
        """Return what somebody on call hears who wrote a good code with other words; None for all other texts."""
        if not parts.on_call.knows(inbound.sender) or inbound.replied is not None or meaning in _ABOUT_CONSENT:
            return None
        codes = codes_in(inbound.text)
        return await parts.on_call.explain(codes, inbound.sender) if codes else None

    async def _is_new(inbound: Inbound) -> bool:
        return await parts.inbox.note(inbound)

    return [web.post(PATH, receive)]


def _text(fields: dict[str, str]) -> str:
    """Return what was written; pictures stand under a signature mark, where they are seen and mean nothing."""
    body, count = fields.get("Body", ""), fields.get("NumMedia", "0")
    pictures = [url for number in range(PICTURES_AT_MOST) if (url := fields.get(f"MediaUrl{number}", ""))]
    if not pictures or count == "0":
        return body
    return "\n".join([body.strip() or "(a picture)", "--", *pictures])


def _twiml(text: str = "") -> web.Response:
    """Return TwiML, always as text/xml: any other type is Twilio's error 12300."""
    message = f"<Response><Message>{escape(text)}</Message></Response>" if text else "<Response/>"
    headers = {"Cache-Control": "no-store"}
    return web.Response(text=f"{_XML}{message}", content_type="text/xml", charset="utf-8", headers=headers)
