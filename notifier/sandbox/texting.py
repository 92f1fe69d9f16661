"""A customer who texts the company: the signed request that Twilio makes of it, to a running daemon.

In: a number and what it says. Out: the request, as the carrier delivers it, and the daemon's status code. The same
message delivered again has the same id.
"""

import html
import re

import aiohttp

from notifier.providers.twilio_signature import HEADER, signature_of
from notifier.sandbox.twilio_messages import new_sid
from notifier.sandbox.twilio_receiver import ACCOUNT, TOKEN

PATH = "/webhooks/twilio/sms"
TIMEOUT_SECONDS = 15.0  # Twilio's own limit

_WORDS = re.compile(r"<Message>(.*?)</Message>", re.DOTALL)


async def text_us(
    url: str, *, sender: str, to: str, body: str, sid: str = "", account: str = ACCOUNT, token: str = TOKEN
) -> tuple[int, str]:
    """Deliver one text to the daemon at `url`, which must be its public address.

    Returns its status code, and the words it answers with in the same breath: only people on call get any.
    """
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
        answer = await response.text()
        return response.status, "\n".join(html.unescape(words) for words in _WORDS.findall(answer))
