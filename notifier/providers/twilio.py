"""The Twilio provider: texts by Twilio's API, with the official client on one HTTP session of ours.

The client builds the requests; `twilio_http` carries them and `twilio_codes` says what its errors mean. A text waits
here for its turn under the sender's rate in segments and for the end of a pause that Twilio asked for; until then it
can be called back. Of a request without a whole answer nobody knows: `ask` looks for its message in Twilio's list.
"""

import asyncio
import json
import re
import time
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from random import Random
from typing import TYPE_CHECKING, Any

import structlog

from notifier.clock import sleep
from notifier.config import Provider as ProviderSettings
from notifier.domain.delivery import Outcome, Result
from notifier.domain.receipt import ReceiptStatus
from notifier.domain.same_words import same_words
from notifier.domain.sms_sender import segments_per_second
from notifier.messages.sms import Text
from notifier.providers.brake import Bucket
from notifier.providers.registry import CannotTell, Found, Message, Recalled
from notifier.providers.smtp_replies import masked
from notifier.providers.twilio_codes import ALARMING, class_of, outcome_of

if TYPE_CHECKING:
    from twilio.rest import Client  # type: ignore[import-untyped]

    from notifier.providers.twilio_http import TwilioHttp

PAUSE = timedelta(seconds=1)  # after "too many requests", when Twilio does not say how long
ROOM_SECONDS = 0.05  # how often a text looks whether there is room for it, once that is less than it was
LISTED = 50  # messages to one number that are looked through
CLOCKS_DIFFER_AT_MOST = timedelta(minutes=2)

_NUMBER = re.compile(r"\+[0-9]|([0-9][^0-9]?){5}")

log = structlog.get_logger(__name__)


class TwilioProvider:
    """Hands texts to Twilio, at most `connections` at once."""

    def __init__(self, settings: ProviderSettings) -> None:
        self.settings = settings
        self._bucket = Bucket(segments_per_second(settings.sender, settings.segments_per_second))
        self._not_before = 0.0  # monotonic: Twilio has asked for a pause
        self._at_once, self._in_flight = float(settings.connections), 0
        self._random = Random()  # noqa: S311  # spreads tries, guards nothing
        self._http: TwilioHttp | None = None
        self._messages: Any = None  # of the client: it is typed, but slow to import

    @property
    def capacity(self) -> int:
        """Return how many texts may be with it at once: no more than two seconds of the sender's rate, and at least 2.

        What waits here for its turn was checked when it was claimed; an opt-out after that would come too late.
        """
        per_second = segments_per_second(self.settings.sender, self.settings.segments_per_second)
        return min(self.settings.connections, max(2, int(2 * per_second)))

    async def open(self) -> None:
        """Import the client and make it ready; it talks to nobody yet."""
        if self._messages is None:
            client, self._http = await asyncio.to_thread(_client, self.settings)
            self._messages = client.messages

    async def send(self, message: Message, recalled: asyncio.Event) -> Outcome:
        """Hand one text over and return what became of it; raise `Recalled` when it is called back before its turn."""
        if not isinstance(message, Text):
            raise TypeError("Twilio carries texts only")
        await self.open()
        await self._wait_for_turn(message.segments, recalled)
        self._in_flight += 1
        try:
            outcome = await self._create(message)
        finally:
            self._in_flight -= 1
        self._pace(outcome)
        return outcome

    def _pace(self, outcome: Outcome) -> None:
        """Send fewer at once, and after a pause, when it was too much; more again while it is not."""
        if outcome.result is Result.ACCEPTED:
            self._at_once = min(self._at_once + 1 / self._at_once, float(self.capacity))
        elif outcome.code.startswith("429"):
            pause = outcome.retry_after or PAUSE * (0.5 + self._random.random())
            self._at_once = max(1.0, self._at_once / 2)
            self._not_before = max(self._not_before, time.monotonic() + pause.total_seconds())

    async def close(self) -> None:
        """Close every connection; they are made anew when there is something to send."""
        if self._http is not None:
            await self._http.close()

    async def _wait_for_turn(self, segments: int, recalled: asyncio.Event) -> None:
        """Wait for a place under the rate, and until Twilio wants to hear from us again."""
        if recalled.is_set():
            raise Recalled
        wait = self._bucket.reserve(monotonic=time.monotonic(), places=segments)
        if wait > 0 and await sleep(wait, recalled):
            self._bucket.give_back(segments)
            raise Recalled
        while (pause := self._not_before - time.monotonic()) > 0 or self._in_flight >= int(self._at_once):
            if await sleep(max(pause, ROOM_SECONDS), recalled):
                raise Recalled

    async def _create(self, text: Text) -> Outcome:
        from notifier.providers.twilio_http import NoAnswer, NotSent, Refused

        try:
            created = await self._messages.create_async(**self._fields(text))
        except NotSent as error:
            return Outcome(result=Result.OURS, answer=masked(str(error)))
        except NoAnswer as error:
            return Outcome(result=Result.UNKNOWN, answer=masked(str(error)))
        except Refused as error:
            return self._refused(error.status, error.text, error.retry_after)
        except (ValueError, TypeError, KeyError, AttributeError) as error:  # a success that cannot be read
            return Outcome(result=Result.UNKNOWN, answer=f"the answer cannot be read: {type(error).__name__}")
        if not created.sid:
            return Outcome(result=Result.UNKNOWN, answer="the answer names no message")
        return Outcome(
            result=Result.ACCEPTED, code="201", answer=str(created.status), provider_id=created.sid, size=len(text.body)
        )

    def _fields(self, text: Text) -> dict[str, object]:
        settings = self.settings
        fields: dict[str, object] = {
            "to": text.recipient,
            "body": text.body,
            "validity_period": max(1, min(36_000, int(text.valid_for.total_seconds()))),
            "risk_check": "enable" if settings.risk_check else "disable",
        }
        if settings.messaging_service_sid:
            fields["messaging_service_sid"] = settings.messaging_service_sid
        else:
            fields["from_"] = settings.sender
        if text.status_url:
            fields["status_callback"] = text.status_url
        return fields

    def _refused(self, status: int, text: str, retry_after: timedelta | None) -> Outcome:
        code, _ = _error(text)
        if class_of(code, status) in ALARMING:
            log.error("refused for a reason of ours", provider=self.settings.name, http=status, code=code)
        return _outcome(status, text, retry_after)

    async def try_login(self) -> Outcome:
        """Ask for one message of the account, which needs the same login as sending one."""
        from notifier.providers.twilio_http import NoAnswer, NotSent, Refused

        await self.open()
        try:
            await self._messages.list_async(limit=1, page_size=1)
        except Refused as error:  # whoever asks hears it: no line in the log as well
            return _outcome(error.status, error.text, error.retry_after)
        except (NotSent, NoAnswer, ValueError, TypeError, KeyError, AttributeError) as error:
            return Outcome(result=Result.OURS, answer=masked(str(error)))
        return Outcome(result=Result.ACCEPTED, code="200")

    # --- what became of a text

    async def ask(self, recipient: str, *, body: str, began_at: datetime, known: Collection[str]) -> Found | None:
        """Return the message of these words that a try since `began_at` (real time) made, or None when there is none.

        `known` are the messages to that number of which we know otherwise. Where an account keeps no bodies, number and
        time have to do. Raises `CannotTell`.
        """
        from notifier.providers.twilio_http import NoAnswer, NotSent, Refused

        await self.open()
        try:
            # by number only: Twilio's date filter is about `date_sent`, which a queued message does not have yet
            listed = await self._messages.list_async(to=recipient, limit=LISTED, page_size=LISTED)
        except (NotSent, NoAnswer, Refused, ValueError, TypeError, KeyError, AttributeError) as error:
            raise CannotTell(masked(str(error))) from error
        since = began_at - CLOCKS_DIFFER_AT_MOST
        ours = [one for one in listed if one.sid not in known and self._is_ours(one) and _created(one) >= since]
        said = [(one, same_words(body, str(one.body or ""))) for one in ours]
        found = [one for one, same in said if same] or [one for one, same in said if same is None]
        return _found(min(found, key=_created)) if found else None

    def _is_ours(self, listed: Any) -> bool:
        if str(listed.direction) != "outbound-api":
            return False
        if self.settings.messaging_service_sid:
            return bool(listed.messaging_service_sid == self.settings.messaging_service_sid)
        return bool(listed.from_ == self.settings.sender)


def _client(settings: ProviderSettings) -> "tuple[Client, TwilioHttp]":
    from twilio.rest import Client

    from notifier.providers.twilio_http import TwilioHttp

    http = TwilioHttp(seconds=settings.timeout.total_seconds(), connections=settings.connections)
    # an environment of its own: TWILIO_EDGE or TWILIO_REGION of the process would change the host
    client = Client(settings.account_sid, settings.auth_token, http_client=http, environment={"": ""})
    client.api.base_url = settings.base_url.rstrip("/")
    return client, http


def _outcome(status: int, text: str, retry_after: timedelta | None) -> Outcome:
    code, words = _error(text)
    return outcome_of(status, code, masked(_without_numbers(words)), retry_after)


def _error(text: str) -> tuple[int, str]:
    """Return the code and the words of an error; 0 and "" when it is not in Twilio's format."""
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict):
            code = found.get("code")
            return (code if isinstance(code, int) else 0), str(found.get("message") or found.get("title") or "")
    return 0, "not an answer of Twilio"


def _without_numbers(words: str) -> str:
    """Return words without the numbers they name: they go into the ledger and the log."""
    return " ".join("***" if _NUMBER.search(word) else word for word in words.split())


def _created(listed: Any) -> datetime:
    created = listed.date_created
    if isinstance(created, str):
        created = parsedate_to_datetime(created)
    return created.astimezone(UTC) if isinstance(created, datetime) else datetime.min.replace(tzinfo=UTC)


def _found(listed: Any) -> Found:
    try:
        status = ReceiptStatus(str(listed.status))
    except ValueError:
        status = ReceiptStatus.ACCEPTED  # it is there, whatever Twilio calls that
    return Found(provider_id=listed.sid, status=status, code=int(listed.error_code or 0))
