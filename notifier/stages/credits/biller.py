"""The biller's webhook: one signed POST per line, and what its answer means.

The Idempotency-Key is the line's id with the moment it was made, always the same: whatever is handed over again, the
biller books it once. The signature is `t=SECONDS,v1=HEX`, HMAC-SHA256 by the shared secret over `SECONDS.BODY`. It
never follows a redirect.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

import aiohttp
import msgspec

from notifier.config import Posting
from notifier.domain.credit import month_name
from notifier.domain.text import clean_line
from notifier.storage.queries.credits import amount
from notifier.storage.repositories.credit_posting import ToPost

ANSWER_AT_MOST = 4_000  # bytes that are read of an answer
SHOWN_AT_MOST = 200  # characters of it that are kept
REFERENCE_AT_MOST = 100
RETRY_AFTER_AT_MOST = timedelta(hours=6)
_AGAIN = (408, 409, 423, 425, 429)  # 409: another try under the same key is under way
_SERVER = 500
_LONG = re.compile(r"[0-9A-Za-z+/_=-]{40,}|https?://\S+")


class Taken(StrEnum):
    """What the biller did with a line."""

    YES = "yes"
    NO = "no"  # and never will
    NOT_YET = "not_yet"  # or nobody knows: tried again under the same key


@dataclass(frozen=True, slots=True, kw_only=True)
class BillersAnswer:
    """What one try came to."""

    taken: Taken
    reference: str = ""
    problem: str = ""
    retry_after: timedelta | None = None


class _Said(msgspec.Struct, kw_only=True):
    """What of an answer is understood."""

    reference: str | int = ""
    detail: str = ""
    error: str = ""


class Biller:
    """Hands lines over, on one session of its own."""

    def __init__(self, settings: Posting) -> None:
        self._settings = settings
        self._timeout = aiohttp.ClientTimeout(total=settings.timeout.total_seconds(), connect=5.0)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, line: ToPost, now: datetime) -> BillersAnswer:
        """Hand a line over once."""
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout, headers={"User-Agent": "Notifier"})
        body = msgspec.json.encode(_body(line))
        headers = {
            "Content-Type": "application/json",
            "Idempotency-Key": line.key,
            "Notifier-Signature": signature(self._settings.secret, body, now),
        }
        try:
            async with self._session.post(
                self._settings.url, data=body, headers=headers, allow_redirects=False
            ) as answer:
                said = await answer.content.read(ANSWER_AT_MOST)
                return answered(answer.status, said, answer.headers.get("Retry-After", ""))
        except TimeoutError:
            return BillersAnswer(taken=Taken.NOT_YET, problem="no answer in time")
        except aiohttp.InvalidURL:
            return BillersAnswer(taken=Taken.NOT_YET, problem="credits.posting.url is no address")
        except (aiohttp.ClientError, OSError) as error:
            return BillersAnswer(taken=Taken.NOT_YET, problem=type(error).__name__)

    async def close(self) -> None:
        """Close every connection."""
        if self._session is not None:
            await self._session.close()
            self._session = None


def _body(line: ToPost) -> dict[str, object]:
    body: dict[str, object] = {
        "id": line.id,
        "incident": line.incident_id,
        "customer": line.customer,
        "tariff": line.tariff,
        "amount": amount(line.amount, line.currency),
        "amount_minor": line.amount,
        "currency": line.currency,
        "bill_month": month_name(line.bill_month),
        "reverses": line.reverses,
    }
    if line.site:  # owed for one site, by a tariff that is per site
        body["site"] = line.site
    return body


def signature(secret: str, body: bytes, at: datetime) -> str:
    """Return the value of `Notifier-Signature` for a body."""
    seconds = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={seconds},v1={digest}"


def answered(status: int, said: bytes, retry_after: str = "") -> BillersAnswer:
    """Return what an HTTP answer means: 2xx is booked; others of `_AGAIN` and 5xx are tried again; the rest is no."""
    try:
        found = msgspec.json.decode(said, type=_Said)
    except msgspec.MsgspecError:
        found = _Said(detail=said.decode("utf-8", "replace"))
    shown = _LONG.sub("***", clean_line(found.detail or found.error))[:SHOWN_AT_MOST]
    problem = f"{status} {shown}".strip()
    if 200 <= status < 300:
        return BillersAnswer(taken=Taken.YES, reference=clean_line(str(found.reference))[:REFERENCE_AT_MOST])
    if status in _AGAIN or status >= _SERVER:
        return BillersAnswer(taken=Taken.NOT_YET, problem=problem, retry_after=_seconds(retry_after))
    return BillersAnswer(taken=Taken.NO, problem=problem)


def _seconds(retry_after: str) -> timedelta | None:
    if not (retry_after.isascii() and retry_after.isdecimal()):
        return None
    return min(timedelta(seconds=int(retry_after[:6])), RETRY_AFTER_AT_MOST)
