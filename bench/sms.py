"""Texts a second: our provider beside the official client's own asynchronous session and beside raw aiohttp.

All three post the same texts with 32 in flight to a stub of Twilio's API in a process of its own, one after the other
in every round. Raw aiohttp sends what is ready and looks at nothing of the answer: it is the bound, not a peer.

`python -m bench.sms [--texts 4000] [--rounds 3]` runs it.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import time
import warnings
from base64 import b64encode
from collections.abc import Awaitable, Callable
from datetime import timedelta
from urllib.parse import urlencode

import aiohttp
from aiohttp import web
from yarl import URL

from notifier.config import Provider, ProviderKind
from notifier.domain.delivery import Result
from notifier.domain.notification import Channel
from notifier.messages.sms import Text
from notifier.providers.twilio import TwilioProvider

ACCOUNT, TOKEN, SENDER = "AC" + "0" * 32, "token", "55501"
AT_ONCE = 32
BODY = "Valley Power: we're sorry, your power is out at 12 Oak St. We expect it back by 6:30 pm. Next update by 5 pm."
PATH = f"/2010-04-01/Accounts/{ACCOUNT}/Messages.json"
Send = Callable[[int], Awaitable[None]]


def serve(ready: "multiprocessing.Queue[int]") -> None:
    """Answer every request with a message, as fast as aiohttp can."""
    answer = json.dumps({"sid": "SM" + "a" * 32, "status": "queued", "to": "+14155550147", "body": BODY}).encode()

    async def create(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=201, body=answer, content_type="application/json")

    async def run() -> None:
        app = web.Application()
        app.router.add_post(PATH, create)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ready.put(runner.addresses[0][1])
        await asyncio.Event().wait()

    _loop().run(run())


def _loop() -> asyncio.Runner:
    try:
        import uvloop
    except ImportError:
        return asyncio.Runner()
    return asyncio.Runner(loop_factory=uvloop.new_event_loop)


async def rate(send: Send, texts: int) -> float:
    """Return how many texts a second go out with `AT_ONCE` in flight."""
    numbers = iter(range(texts))

    async def sender() -> None:
        for number in numbers:
            await send(number)

    began = time.perf_counter()
    await asyncio.gather(*(sender() for _ in range(AT_ONCE)))
    return texts / (time.perf_counter() - began)


async def ours(url: str, texts: int) -> float:
    """Measure the provider."""
    settings = Provider(
        name="sms",
        kind=ProviderKind.TWILIO,
        channel=Channel.SMS,
        base_url=url,
        account_sid=ACCOUNT,
        auth_token=TOKEN,
        sender=SENDER,
        connections=AT_ONCE,
        segments_per_second=1e6,
        timeout=timedelta(seconds=10),
    )
    provider, going = TwilioProvider(settings), asyncio.Event()

    async def send(number: int) -> None:
        text = Text(
            notification_id=number,
            attempt=1,
            recipient=f"+1415{5550000 + number}",
            body=BODY,
            segments=1,
            valid_for=timedelta(hours=1),
            status_url=f"https://outages.example.com/webhooks/twilio/status?notification={number}&attempt=1",
        )
        outcome = await provider.send(text, going)
        assert outcome.result is Result.ACCEPTED, outcome

    try:
        await send(0)
        return await rate(send, texts)
    finally:
        await provider.close()


async def official(url: str, texts: int) -> float:
    """Measure the official client on its own session."""
    from twilio.http.async_http_client import AsyncTwilioHttpClient  # type: ignore[import-untyped]
    from twilio.rest import Client  # type: ignore[import-untyped]

    http = AsyncTwilioHttpClient()
    client = Client(ACCOUNT, TOKEN, http_client=http)
    client.api.base_url = url

    async def send(number: int) -> None:
        await client.messages.create_async(
            to=f"+1415{5550000 + number}",
            from_=SENDER,
            body=BODY,
            validity_period=3600,
            risk_check="disable",
            status_callback=f"https://outages.example.com/webhooks/twilio/status?notification={number}&attempt=1",
        )

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of its Basic authentication
            await send(0)
            return await rate(send, texts)
    finally:
        await http.close()


async def raw(url: str, texts: int) -> float:
    """Measure aiohttp with everything ready."""
    authorization = "Basic " + b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
    headers = {"Authorization": authorization, "Content-Type": "application/x-www-form-urlencoded"}
    to = URL(url + PATH)
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=AT_ONCE)) as session:

        async def send(number: int) -> None:
            data = urlencode({"To": f"+1415{5550000 + number}", "From": SENDER, "Body": BODY, "ValidityPeriod": 3600})
            async with session.post(to, data=data.encode()) as answer:
                await answer.read()

        await send(0)
        return await rate(send, texts)


def main() -> None:
    """Measure and print the medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    ready: multiprocessing.Queue[int] = multiprocessing.Queue()
    stub = multiprocessing.Process(target=serve, args=(ready,), daemon=True)
    stub.start()
    url = f"http://127.0.0.1:{ready.get(timeout=30)}"
    found: dict[str, list[float]] = {"ours": [], "official": [], "raw": []}
    try:
        for _ in range(given.rounds):
            for name, measure in (("ours", ours), ("official", official), ("raw", raw)):
                with _loop() as loop:
                    found[name].append(loop.run(measure(url, given.texts)))
    finally:
        stub.terminate()
        stub.join()
    medians = {name: statistics.median(rates) for name, rates in found.items()}
    for name, rates in found.items():
        print(f"{name:10}{medians[name]:10,.0f} texts/s   rounds {', '.join(f'{each:,.0f}' for each in rates)}")
    beside = [f"ours / {name} {medians['ours'] / medians[name]:.2f}" for name in ("official", "raw")]
    print(", ".join(beside))


if __name__ == "__main__":
    main()
