"""A customer who texts the company: the signed request that Twilio makes of it, to a running daemon.

In: a number and what it says. Out: the request, as the carrier delivers it, and the daemon's status code. The same
message delivered again has the same id.
"""

import aiohttp

from notifier.providers.twilio_signature import HEADER, signature_of
from notifier.sandbox.twilio_messages import new_sid
from notifier.sandbox.twilio_receiver import ACCOUNT, TOKEN

PATH = "/webhooks/twilio/sms"
TIMEOUT_SECONDS = 15.0  # Twilio's own limit


async def text_us(
    url: str, *, sender: str, to: str, body: str, sid: str = "", account: str = ACCOUNT, token: str = TOKEN
) -> int:
    """Deliver one text to the daemon at `url`, which must be its public address, and return its status code."""
    sid = sid or new_sid()
    form = [
        ("ToCountry", "US"),
        ("ToState", ""),
        ("SmsMessageSid", sid),
        ("NumMedia", "0"),
        ("ToCity", ""),
        ("FromZip", ""),
        ("SmsSid", sid),
        ("FromState", ""),
        ("SmsStatus", "received"),
        ("FromCity", ""),
        ("Body", body),
        ("FromCountry", "US"),
        ("To", to),
        ("ToZip", ""),
        ("NumSegments", "1"),
        ("MessageSid", sid),
        ("AccountSid", account),
        ("From", sender),
        ("ApiVersion", "2010-04-01"),
    ]
    address = url.rstrip("/") + PATH
    headers = {HEADER: signature_of(token, address, form)}
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)) as session,
        session.post(address, data=form, headers=headers) as response,
    ):
        await response.read()
        return response.status
