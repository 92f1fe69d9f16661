"""The Twilio provider against a receiver that speaks Twilio's API and fails in every way it can."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web

from notifier.config import Provider, ProviderKind
from notifier.domain.delivery import Outcome, Result, Suppress
from notifier.domain.notification import Channel
from notifier.domain.receipt import ReceiptStatus
from notifier.messages.mime import Mail
from notifier.messages.sms import Text
from notifier.providers import CannotTell, Recalled, create
from notifier.providers.twilio import TwilioProvider
from notifier.sandbox.twilio_faults import Faults
from notifier.sandbox.twilio_receiver import ACCOUNT, TOKEN, TwilioReceiver, receiving_texts
from tests.openapi import CONTRACT

SENDER = "+14155550100"


def text(number: int = 1, **changes: object) -> Text:
    values = {
        "notification_id": number,
        "attempt": 1,
        "recipient": f"+1212555{number:04d}",
        "body": "We're sorry, your power is out. Back by 6:30 pm.",
        "segments": 1,
        "valid_for": timedelta(hours=1),
    }
    return Text(**{**values, **changes})  # type: ignore[arg-type]


def settings(url: str, **changes: object) -> Provider:
    values = {
        "name": "sms",
        "kind": ProviderKind.TWILIO,
        "channel": Channel.SMS,
        "base_url": url,
        "account_sid": ACCOUNT,
        "auth_token": TOKEN,
        "sender": SENDER,
        "segments_per_second": 1_000.0,
        "timeout": timedelta(seconds=2),
    }
    return Provider(**{**values, **changes})  # type: ignore[arg-type]


@pytest.fixture
async def receiver(tmp_path: Path) -> AsyncIterator[tuple[TwilioReceiver, str]]:
    async with receiving_texts(tmp_path) as (running, url):
        yield running, url


@asynccontextmanager
async def provider_for(url: str, **changes: object) -> AsyncIterator[TwilioProvider]:
    provider = TwilioProvider(settings(url, **changes))
    await provider.open()
    try:
        yield provider
    finally:
        await provider.close()


async def outcome_under(receiver: tuple[TwilioReceiver, str], message: Text | None = None, **faults: object) -> Outcome:
    running, url = receiver
    running.faults = Faults(**faults)  # type: ignore[arg-type]
    async with provider_for(url) as provider:
        return await provider.send(message or text(), asyncio.Event())


async def test_a_text_is_taken_with_everything_twilio_is_told(receiver: tuple[TwilioReceiver, str]) -> None:
    running, url = receiver
    async with provider_for(url) as provider:
        outcome = await provider.send(text(valid_for=timedelta(minutes=90)), asyncio.Event())
    (message,) = running.messages.by_sid.values()
    assert (outcome.result, outcome.code, outcome.provider_id) == (Result.ACCEPTED, "201", message.sid)
    assert (message.to, message.sender, message.service) == ("+12125550001", SENDER, "")
    assert message.body == text().body
    assert message.validity == 5_400


async def test_a_messaging_service_sends_instead_of_a_number(receiver: tuple[TwilioReceiver, str]) -> None:
    running, url = receiver
    service = "MG" + "a" * 32
    async with provider_for(url, sender="", messaging_service_sid=service) as provider:
        await provider.send(text(), asyncio.Event())
    (message,) = running.messages.by_sid.values()
    assert (message.sender, message.service) == ("", service)


async def test_a_text_is_never_valid_for_longer_than_twilio_keeps_one(receiver: tuple[TwilioReceiver, str]) -> None:
    outcome = await outcome_under(receiver, text(valid_for=timedelta(days=2)))
    assert outcome.result is Result.ACCEPTED
    assert [one.validity for one in receiver[0].messages.by_sid.values()] == [36_000]


async def test_many_at_once_each_get_their_own_answer(receiver: tuple[TwilioReceiver, str]) -> None:
    running, url = receiver
    async with provider_for(url, connections=8) as provider:
        said = await asyncio.gather(*(provider.send(text(number), asyncio.Event()) for number in range(200)))
    to = {message.sid: message.to for message in running.messages.by_sid.values()}
    assert [to[one.provider_id] for one in said] == [text(number).recipient for number in range(200)]


@pytest.mark.parametrize(
    ("code", "result", "suppress"),
    [
        (20429, Result.TEMPORARY, Suppress.NO),
        (21611, Result.TEMPORARY, Suppress.NO),
        (20503, Result.TEMPORARY, Suppress.NO),
        (20500, Result.UNKNOWN, Suppress.NO),
        (63038, Result.PERMANENT, Suppress.NO),
        (20003, Result.OURS, Suppress.NO),
        (21606, Result.OURS, Suppress.NO),
        (21408, Result.PERMANENT, Suppress.NO),
        (21211, Result.PERMANENT, Suppress.AT_ONCE),
        (21610, Result.PERMANENT, Suppress.OPTED_OUT),
        (21614, Result.PERMANENT, Suppress.NOT_MOBILE),
    ],
)
async def test_a_refusal_means_what_its_code_says(
    receiver: tuple[TwilioReceiver, str], code: int, result: Result, suppress: Suppress
) -> None:
    outcome = await outcome_under(receiver, refuse=1.0, code=code)
    assert (outcome.result, outcome.suppress) == (result, suppress)
    assert outcome.code.endswith(str(code))


async def test_the_words_of_a_refusal_name_no_number(receiver: tuple[TwilioReceiver, str]) -> None:
    outcome = await outcome_under(receiver, text(recipient="+123"))
    assert outcome.code == "400 21211"
    assert "123" not in outcome.answer
    assert "Invalid" in outcome.answer


async def test_a_pause_that_twilio_asks_for_is_kept_for_all_that_follow(receiver: tuple[TwilioReceiver, str]) -> None:
    running, url = receiver
    running.faults = Faults(refuse=1.0, code=20429, retry_after=0.4)
    async with provider_for(url) as provider:
        refused = await provider.send(text(1), asyncio.Event())
        running.faults = Faults()
        began = time.monotonic()
        taken = await provider.send(text(2), asyncio.Event())
    assert refused.retry_after == timedelta(seconds=0.4)
    assert taken.result is Result.ACCEPTED
    assert time.monotonic() - began >= 0.35


async def test_after_too_many_requests_fewer_are_sent_at_once(receiver: tuple[TwilioReceiver, str]) -> None:
    running, url = receiver
    running.faults = Faults(refuse=1.0, code=20429, retry_after=0.01)
    async with provider_for(url, connections=8) as provider:
        await provider.send(text(), asyncio.Event())
        await provider.send(text(), asyncio.Event())
        assert int(provider._at_once) == 2
        running.faults = Faults()
        await asyncio.gather(*(provider.send(text(number), asyncio.Event()) for number in range(60)))
        assert int(provider._at_once) == 8


@pytest.mark.parametrize(
    ("faults", "taken"),
    [
        ({"lost_before": 1.0}, 0),
        ({"lost_after": 1.0}, 1),
        ({"hang_before": 1.0}, 0),
        ({"hang_after": 1.0}, 1),
        ({"cut": 1.0}, 1),
        ({"html": 1.0}, 0),
    ],
    ids=lambda each: next(iter(each)) if isinstance(each, dict) else "",
)
async def test_without_a_whole_answer_nobody_knows_and_the_list_tells(
    receiver: tuple[TwilioReceiver, str], faults: dict[str, float], taken: int
) -> None:
    running, url = receiver
    running.faults = Faults(**faults)  # type: ignore[arg-type]
    began_at = datetime.now(UTC)
    async with provider_for(url, timeout=timedelta(seconds=0.5)) as provider:
        outcome = await provider.send(text(), asyncio.Event())
        running.faults = Faults()
        found = await provider.ask(text().recipient, body=text().body, began_at=began_at, known=())
    assert outcome.result is Result.UNKNOWN
    assert [found.provider_id] == list(running.messages.by_sid) if taken and found else found is None
    assert len(running.messages.by_sid) == taken


async def test_the_list_is_not_asked_about_what_other_tries_made(receiver: tuple[TwilioReceiver, str]) -> None:
    _, url = receiver
    began_at = datetime.now(UTC)
    async with provider_for(url) as provider:
        first = await provider.send(text(), asyncio.Event())
        ask: Callable[..., object] = provider.ask
        assert await ask(text().recipient, body=text().body, began_at=began_at, known={first.provider_id}) is None
        later = began_at + timedelta(minutes=5)
        assert await ask(text().recipient, body=text().body, began_at=later, known=()) is None
        assert await ask("+12125559999", body=text().body, began_at=began_at, known=()) is None


async def test_of_two_texts_to_one_number_the_one_of_these_words_is_found(
    receiver: tuple[TwilioReceiver, str],
) -> None:
    _, url = receiver
    began_at = datetime.now(UTC)
    others = ("Your power is back.", f"TEST {text().body}", "NOTIFIER #7 power 94110")
    async with provider_for(url) as provider:
        for body in others:
            await provider.send(text(body=body), asyncio.Event())
        assert await provider.ask(text().recipient, body=text().body, began_at=began_at, known=()) is None
        sent = await provider.send(text(), asyncio.Event())
        found = await provider.ask(text().recipient, body=text().body, began_at=began_at, known=())
    assert found is not None
    assert found.provider_id == sent.provider_id


async def test_where_an_account_keeps_no_words_number_and_time_tell(receiver: tuple[TwilioReceiver, str]) -> None:
    running, url = receiver
    began_at = datetime.now(UTC)
    async with provider_for(url) as provider:
        await provider.send(text(), asyncio.Event())
        (taken,) = running.messages.by_sid.values()
        taken.body = ""
        found = await provider.ask(text().recipient, body=text().body, began_at=began_at, known=())
    assert found is not None
    assert found.provider_id == taken.sid


async def test_messages_of_other_senders_to_that_number_are_not_ours(receiver: tuple[TwilioReceiver, str]) -> None:
    _, url = receiver
    began_at = datetime.now(UTC)
    async with provider_for(url, sender="+14155550199") as other, provider_for(url) as provider:
        await other.send(text(), asyncio.Event())
        assert await provider.ask(text().recipient, body=text().body, began_at=began_at, known=()) is None


async def test_what_the_list_says_of_a_failure_is_told(receiver: tuple[TwilioReceiver, str]) -> None:
    running, url = receiver
    running.faults = Faults(undelivered=1.0, error_code=30003, callback_delay=0)
    began_at = datetime.now(UTC)
    async with provider_for(url) as provider:
        await provider.send(text(), asyncio.Event())
        await running.settled()
        found = await provider.ask(text().recipient, body=text().body, began_at=began_at, known=())
    assert found is not None
    assert (found.status, found.code) == (ReceiptStatus.UNDELIVERED, 30003)


async def test_a_list_that_fails_says_nothing(receiver: tuple[TwilioReceiver, str]) -> None:
    running, url = receiver
    running.faults = Faults(list_fails=True)
    async with provider_for(url) as provider:
        with pytest.raises(CannotTell):
            await provider.ask(text().recipient, body=text().body, began_at=datetime.now(UTC), known=())


async def test_who_cannot_be_reached_at_all_was_sent_nothing() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        async with provider_for(f"http://127.0.0.1:{closed.getsockname()[1]}") as provider:
            outcome = await provider.send(text(), asyncio.Event())
            with pytest.raises(CannotTell):
                await provider.ask(text().recipient, body=text().body, began_at=datetime.now(UTC), known=())
    assert outcome.result is Result.OURS


async def test_a_wrong_token_stops_the_sender_and_blames_nobody(receiver: tuple[TwilioReceiver, str]) -> None:
    async with provider_for(receiver[1], auth_token="wrong") as provider:
        outcome = await provider.send(text(), asyncio.Event())
    assert (outcome.result, outcome.code, outcome.suppress) == (Result.OURS, "401 20003", Suppress.NO)


async def test_a_wrong_account_stops_the_sender(receiver: tuple[TwilioReceiver, str]) -> None:
    async with provider_for(receiver[1] + "/elsewhere") as provider:
        outcome = await provider.send(text(), asyncio.Event())
    assert outcome.result is Result.OURS


async def test_segments_are_handed_over_as_fast_as_the_sender_may(receiver: tuple[TwilioReceiver, str]) -> None:
    async with provider_for(receiver[1], segments_per_second=20.0) as provider:
        began = time.monotonic()
        for number in range(5):
            await provider.send(text(number, segments=2), asyncio.Event())
    assert time.monotonic() - began >= 8 / 20 - 0.21  # 10 segments, less the first text and a burst of 0.2 s


async def test_what_waits_for_its_turn_can_be_called_back(receiver: tuple[TwilioReceiver, str]) -> None:
    running, url = receiver
    recalled = asyncio.Event()
    async with provider_for(url, segments_per_second=0.1) as provider:
        await provider.send(text(1), asyncio.Event())
        waiting = asyncio.create_task(provider.send(text(2), recalled))
        await asyncio.sleep(0.05)
        recalled.set()
        with pytest.raises(Recalled):
            await waiting
    assert len(running.messages.by_sid) == 1


async def test_it_can_be_closed_and_used_again(receiver: tuple[TwilioReceiver, str]) -> None:
    provider = TwilioProvider(settings(receiver[1]))
    for number in (1, 2):
        assert (await provider.send(text(number), asyncio.Event())).result is Result.ACCEPTED
        await provider.close()


async def test_the_environment_of_the_process_does_not_change_the_host(
    receiver: tuple[TwilioReceiver, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TWILIO_EDGE", "dublin"), ("TWILIO_REGION", "ie1"), ("HTTPS_PROXY", "http://127.0.0.1:1")):
        monkeypatch.setenv(name, value)
    async with provider_for(receiver[1]) as provider:
        assert (await provider.send(text(), asyncio.Event())).result is Result.ACCEPTED


async def test_it_carries_no_mail() -> None:
    provider = create(settings("http://127.0.0.1:1"))
    with pytest.raises(TypeError):
        await provider.send(
            Mail(notification_id=1, sender="a@b.example", recipient="c@d.example", data=b""), asyncio.Event()
        )


@pytest.mark.parametrize(
    ("sample", "status", "result"),
    [("error_21211.json", 400, Result.PERMANENT), ("error_429.json", 429, Result.TEMPORARY)],
)
async def test_an_error_of_the_contract_is_understood(sample: str, status: int, result: Result) -> None:
    path = CONTRACT.parent / "samples" / sample
    if not path.exists():
        pytest.skip("the contract samples are not beside this checkout")
    text_of_sample = path.read_text(encoding="utf-8")

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=text_of_sample, content_type="application/json")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with provider_for(f"http://127.0.0.1:{runner.addresses[0][1]}") as provider:
            outcome = await provider.send(text(), asyncio.Event())
    finally:
        await runner.cleanup()
    assert outcome.result is result
    assert outcome.code.endswith(str(json.loads(text_of_sample)["code"]))
    assert "+1212" not in outcome.answer
