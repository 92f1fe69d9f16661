"""A Twilio-compatible receiver for rehearsals: it takes texts over HTTP, lists them, and reports their statuses.

In: Twilio's REST API for messages (create, list, fetch, cancel) with Basic authentication on a loopback port. Out, in
its folder: `texts.csv` with one line per text it took (`twilio_messages`), and signed status callbacks to the URL that
came with each text. Fields are checked as the official description has them (`twilio_form`). On command it misbehaves
(`twilio_faults`). It sends no text to anyone.
"""

import asyncio
import base64
import contextlib
import hmac
import json
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from random import Random
from typing import NoReturn
from urllib.parse import parse_qsl, urlencode

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector, web

from notifier.providers.twilio_signature import HEADER, signature_of
from notifier.sandbox.twilio_faults import Callbacks, Fault, Faults, FaultsFile
from notifier.sandbox.twilio_form import Refusal, check, refusal
from notifier.sandbox.twilio_messages import Message, Messages, new_sid

ACCOUNT, TOKEN = "AC" + "0" * 31 + "1", "sandbox-token"  # of a receiver that sends nothing anywhere
CALLBACKS_AT_ONCE = 64
CALLBACK_SECONDS = 15.0  # Twilio's own limit
PAGE_SIZE, PAGE_AT_MOST = 50, 1_000
HTML = "<html><head><title>503 Service Temporarily Unavailable</title></head><body>nginx</body></html>"
FAULTS_EVERY_SECONDS = 0.2

_PATH = "/2010-04-01/Accounts/{account}/Messages"


class TwilioReceiver:
    """One receiver: what it has taken, and how it answers."""

    def __init__(self, folder: Path, *, account: str = ACCOUNT, token: str = TOKEN) -> None:
        self.folder, self.account, self.token = folder, account, token
        self.messages = Messages(folder)
        self.refused = 0
        self.faults = Faults()  # beside those of the folder, for tests in the same process
        self.callback_answers: list[int] = []
        self.stopped: set[str] = set()  # numbers that have said STOP: answered with 21610
        self._file = FaultsFile(folder)
        self._file_read_at, self._in_file = 0.0, Faults()
        self._chance = Random(1)
        self._gate = asyncio.Semaphore(CALLBACKS_AT_ONCE)
        self._reports: set[asyncio.Task[None]] = set()
        self._session: ClientSession | None = None

    def app(self) -> web.Application:
        """Return the API."""
        app = web.Application()
        app.router.add_post(_PATH + ".json", self._create)
        app.router.add_get(_PATH + ".json", self._list)
        app.router.add_get(_PATH + "/{sid}.json", self._fetch)
        app.router.add_post(_PATH + "/{sid}.json", self._update)
        app.router.add_delete(_PATH + "/{sid}.json", self._delete)
        app.on_cleanup.append(self._cleanup)
        return app

    # --- the API

    async def _create(self, request: web.Request) -> web.StreamResponse:
        if (answer := self._unknown(request)) is not None:
            return answer
        form = parse_qsl((await request.read()).decode("utf-8", "replace"), keep_blank_values=True)
        faults = self._current_faults()
        if faults.slow:
            await asyncio.sleep(faults.slow)
        fault = faults.drawn(self._chance.random())
        match fault:
            case Fault.REFUSE:
                return self._refuse(refusal(faults.code), faults.retry_after)
            case Fault.HTML:
                self.refused += 1
                return web.Response(status=503, text=HTML, content_type="text/html")
            case Fault.LOST_BEFORE:
                self._hang_up(request)
            case Fault.HANG_BEFORE:
                await asyncio.Event().wait()
            case _:
                pass
        refused = self._refusal(form)
        if refused is not None:
            return self._refuse(refused, 0.0)
        return await self._taken(request, self._take(dict(form)), fault, faults)

    def _refusal(self, form: Sequence[tuple[str, str]]) -> Refusal | None:
        refused = check(form, now=datetime.now(UTC))
        if refused is None and dict(form)["To"] in self.stopped:
            return refusal(21610)
        return refused

    def _take(self, form: dict[str, str]) -> Message:
        service = form.get("MessagingServiceSid", "")
        waits = "scheduled" if "SendAt" in form else "accepted" if service else "queued"
        now = datetime.now(UTC)
        message = Message(
            sid=new_sid(),
            account=self.account,
            to=form["To"],
            sender=form.get("From", ""),
            service=service,
            body=form.get("Body", ""),
            callback=form.get("StatusCallback", ""),
            status=waits,
            taken_at=now,
            validity=int(form.get("ValidityPeriod", "36000")),
        )
        self.messages.take(message)
        return message

    async def _taken(
        self, request: web.Request, message: Message, fault: Fault | None, faults: Faults
    ) -> web.StreamResponse:
        """Answer a message that was taken, or do not; it is reported in any case."""
        answer = json.dumps(message.view()).encode()
        if faults.callbacks == Callbacks.EARLY:
            await self._report(message, faults)
        elif message.status != "scheduled":
            task = asyncio.create_task(self._report(message, faults), name=f"report {message.sid}")
            self._reports.add(task)
            task.add_done_callback(self._reports.discard)
        if fault is Fault.LOST_AFTER:
            self._hang_up(request)
        if fault is Fault.HANG_AFTER:
            await asyncio.Event().wait()
        if fault is Fault.CUT:
            await self._cut(request, answer)
        return web.Response(status=201, body=answer, content_type="application/json", headers=_headers())

    async def _list(self, request: web.Request) -> web.StreamResponse:
        if (answer := self._unknown(request)) is not None:
            return answer
        if self._current_faults().list_fails:
            return self._refuse(refusal(20503), 0.0)
        query = request.query
        try:
            on, before, after = (_day(query.get(name)) for name in ("DateSent", "DateSent<", "DateSent>"))
            size, page = int(query.get("PageSize", PAGE_SIZE)), int(query.get("Page", 0))
        except ValueError:
            return self._refuse(refusal(20001, "of the list"), 0.0)
        size = min(max(1, size), PAGE_AT_MOST)
        found = self.messages.listed(
            to=query.get("To", ""), sender=query.get("From", ""), on=on, before=before, after=after
        )
        start = page * size
        shown = found[start : start + size]
        given = [(name, value) for name, value in query.items() if name not in ("Page", "PageToken", "PageSize")]

        def uri(number: int) -> str:
            return f"{request.path}?{urlencode([*given, ('PageSize', size), ('Page', number)])}"

        return _json(
            {
                "messages": [one.view() for one in shown],
                "end": start + max(0, len(shown) - 1),
                "first_page_uri": uri(0),
                "next_page_uri": uri(page + 1) if start + size < len(found) else None,
                "page": page,
                "page_size": size,
                "previous_page_uri": uri(page - 1) if page else None,
                "start": start,
                "uri": uri(page),
            }
        )

    async def _fetch(self, request: web.Request) -> web.StreamResponse:
        return self._unknown(request) or _json(self._of(request).view())

    async def _update(self, request: web.Request) -> web.StreamResponse:
        """Cancel a message that is scheduled, or blank the text of one that has ended."""
        if (answer := self._unknown(request)) is not None:
            return answer
        message, form = self._of(request), await request.post()
        if form.get("Status") == "canceled" and message.status == "scheduled":
            message.status = "canceled"
        elif form.get("Body") == "":
            message.body = ""
        else:
            return self._refuse(refusal(20001, "Status"), 0.0)
        return _json(message.view())

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        if (answer := self._unknown(request)) is not None:
            return answer
        self._of(request).body = ""
        return web.Response(status=204)

    def _unknown(self, request: web.Request) -> web.Response | None:
        """Return the refusal of a caller that is not the account, or None."""
        expected = "Basic " + base64.b64encode(f"{self.account}:{self.token}".encode()).decode()
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode("utf-8", "replace"), expected.encode()):
            answer = self._refuse(refusal(20003), 0.0)
            answer.headers["WWW-Authenticate"] = 'Basic realm="Twilio API"'
            return answer
        is_ours = request.match_info["account"] == self.account
        is_there = "sid" not in request.match_info or request.match_info["sid"] in self.messages.by_sid
        return None if is_ours and is_there else self._refuse(refusal(20404, request.path), 0.0)

    def _of(self, request: web.Request) -> Message:
        return self.messages.by_sid[request.match_info["sid"]]

    def _refuse(self, refused: Refusal, retry_after: float) -> web.Response:
        self.refused += 1
        answer = _json(refused.body(), status=refused.http)
        if retry_after:
            answer.headers["Retry-After"] = f"{retry_after:g}"
        return answer

    def _hang_up(self, request: web.Request) -> NoReturn:
        if request.transport is not None:
            request.transport.abort()
        raise asyncio.CancelledError

    async def _cut(self, request: web.Request, answer: bytes) -> NoReturn:
        response = web.StreamResponse(status=201, headers={"Content-Type": "application/json"})
        response.content_length = len(answer)
        await response.prepare(request)
        await response.write(answer[: len(answer) // 2])
        self._hang_up(request)

    def _current_faults(self) -> Faults:
        """Return what is commanded: by the folder, else by the test in the same process."""
        now = asyncio.get_running_loop().time()
        if now - self._file_read_at >= FAULTS_EVERY_SECONDS:
            self._file_read_at, self._in_file = now, self._file.current()
        return self.faults if self._in_file == Faults() else self._in_file

    # --- status callbacks

    async def _report(self, message: Message, faults: Faults) -> None:
        """Bring a message to its end, and tell so."""
        fails = faults.undelivered > 0 and self._chance.random() < faults.undelivered
        end = "undelivered" if fails else "delivered"
        steps = [end, "sent"] if faults.callbacks == Callbacks.REVERSED else ["sent", end]
        delay = 0.0 if faults.callbacks == Callbacks.EARLY else faults.callback_delay
        for place, status in enumerate(steps):
            if place == 0 or faults.callbacks != Callbacks.LATE:
                await asyncio.sleep(delay)
            if faults.callbacks != Callbacks.REVERSED or status == end:
                message.status = status
            message.sent_at = message.sent_at or datetime.now(UTC)
            message.updated_at = datetime.now(UTC)
            message.error_code = faults.error_code if fails and message.status == end else None
            if faults.callbacks != Callbacks.NEVER and message.callback:
                for _ in range(2 if faults.callbacks == Callbacks.TWICE else 1):
                    await self._call_back(message, status, faults.error_code if fails and status == end else None)

    async def _call_back(self, message: Message, status: str, error_code: int | None) -> None:
        """Post one status; once more when nobody could be reached, as Twilio does."""
        form = [
            ("SmsSid", message.sid),
            ("SmsStatus", status),
            ("MessageStatus", status),
            ("To", message.to),
            ("MessageSid", message.sid),
            ("AccountSid", self.account),
            ("From", message.sender),
            ("ApiVersion", "2010-04-01"),
        ]
        form += [("MessagingServiceSid", message.service)] if message.service else []
        form += [("ErrorCode", str(error_code))] if error_code is not None else []
        form += [("RawDlrDoneDate", f"{datetime.now(UTC):%y%m%d%H%M}")] if status != "sent" else []
        for _ in range(2):
            if await self.post(message.callback, form):
                return

    async def post(self, url: str, form: Sequence[tuple[str, str]]) -> bool:
        """Post a signed form as Twilio does; return False when nobody answered."""
        headers = {HEADER: signature_of(self.token, url, form), "Content-Type": "application/x-www-form-urlencoded"}
        session = self._client()
        try:
            async with self._gate, session.post(url, data=urlencode(form), headers=headers) as answer:
                await answer.read()
                self.callback_answers.append(answer.status)
        except (ClientError, TimeoutError, OSError):
            return False
        return True

    def _client(self) -> ClientSession:
        if self._session is None:
            self._session = ClientSession(
                timeout=ClientTimeout(total=CALLBACK_SECONDS), connector=TCPConnector(limit=CALLBACKS_AT_ONCE)
            )
        return self._session

    async def settled(self) -> None:
        """Wait until everything taken so far has been reported."""
        while self._reports:
            await asyncio.wait(set(self._reports))

    async def _cleanup(self, _app: web.Application) -> None:
        for task in self._reports:
            task.cancel()
        await asyncio.gather(*self._reports, return_exceptions=True)
        if self._session is not None:
            await self._session.close()
        self.messages.close()


def _headers() -> dict[str, str]:
    return {"Twilio-Concurrent-Requests": "1", "Twilio-Request-Id": new_sid("RQ")}


def _json(value: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=json.dumps(value).encode(), content_type="application/json")


def _day(given: str | None) -> date | None:
    return datetime.fromisoformat(given).date() if given else None


def run(folder: Path, host: str, port: int, *, account: str = ACCOUNT, token: str = TOKEN) -> None:
    """Receive texts until SIGINT or SIGTERM; raises `OSError` when the port is taken."""
    try:
        import uvloop
    except ImportError:
        factory: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(_run(folder, host, port, account, token))


async def _run(folder: Path, host: str, port: int, account: str, token: str) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with receiving_texts(folder, host=host, port=port, account=account, token=token) as (receiver, url):
        print(f"receiving texts on {url}, listing them in {folder}/texts.csv", flush=True)
        await stop.wait()
        print(f"took {len(receiver.messages.by_sid):,} texts, refused {receiver.refused:,}", flush=True)


@contextlib.asynccontextmanager
async def receiving_texts(
    folder: Path, *, host: str = "127.0.0.1", port: int = 0, account: str = ACCOUNT, token: str = TOKEN
) -> AsyncIterator[tuple[TwilioReceiver, str]]:
    """Run a receiver for the length of the block, on a free loopback port by default; yields it and its address."""
    receiver = TwilioReceiver(folder, account=account, token=token)
    runner = web.AppRunner(receiver.app(), access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port, backlog=256)
        await site.start()
        taken = runner.addresses[0][1]
        yield receiver, f"http://{f'[{host}]' if ':' in host else host}:{taken}"
    finally:
        await runner.cleanup()
