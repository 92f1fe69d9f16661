"""The SMTP provider against a real server that misbehaves at every stage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from notifier.config import Provider, ProviderKind, Tls
from notifier.domain.delivery import Outcome, Result, Suppress
from notifier.messages.mime import Mail
from notifier.providers import Recalled
from notifier.providers.smtp import SmtpProvider
from tests.integration.relay import HANG_UP, SILENCE, Relay, running

GOING = asyncio.Event()  # never set: nothing is called back
BOTH = pytest.mark.parametrize("pipelining", [False, True], ids=["lock-step", "pipelining"])


def mail(number: int = 1, *, body: bytes = b"Hello\r\n") -> Mail:
    return Mail(
        notification_id=number,
        sender=f"bounces+{number}@valley.example",
        recipient=f"customer{number}@example.net",
        data=b"Subject: test\r\n\r\n" + body,
    )


def settings(port: int, **changes: object) -> Provider:
    values = {"name": "relay", "kind": ProviderKind.SMTP, "port": port, "timeout": timedelta(seconds=5)}
    return Provider(**{**values, **changes})  # type: ignore[arg-type]


@asynccontextmanager
async def provider_for(relay: Relay, **changes: object) -> AsyncIterator[SmtpProvider]:
    provider = SmtpProvider(settings(relay.port, **changes))
    await provider.open()
    try:
        yield provider
    finally:
        await provider.close()


async def outcomes(relay: Relay, count: int, **changes: object) -> list[Outcome]:
    """Send some mails one after the other."""
    async with provider_for(relay, **changes) as provider:
        return [await provider.send(mail(number), GOING) for number in range(1, count + 1)]


def only(number: int, reply: str):  # type: ignore[no-untyped-def]
    return lambda address: reply if f"customer{number}@" in address or f"+{number}@" in address else None


@BOTH
async def test_mails_arrive_byte_for_byte_over_one_connection(pipelining: bool) -> None:
    body = b"first\r\n.\r\n..two dots\r\nlast\r\n"
    async with running(Relay(pipelining=pipelining)) as relay, provider_for(relay) as provider:
        said = [await provider.send(mail(number, body=body), GOING) for number in (1, 2, 3)]
    assert [(outcome.result, outcome.code) for outcome in said] == [(Result.ACCEPTED, "250")] * 3, said
    assert said[0].provider_id == "4Bx9"
    assert said[0].size == len(mail(body=body).data)
    assert relay.received == [(f"customer{n}@example.net", mail(n, body=body).data) for n in (1, 2, 3)]
    assert relay.senders == [f"bounces+{n}@valley.example" for n in (1, 2, 3)]
    assert relay.connections == 1


@BOTH
@pytest.mark.parametrize("stage", ["mail", "rcpt", "dot"])
async def test_a_temporary_refusal_is_tried_again_and_the_next_mail_passes(pipelining: bool, stage: str) -> None:
    relay = Relay(pipelining=pipelining, **{stage: only(1, "451 4.3.0 not now")})  # type: ignore[arg-type]
    async with running(relay):
        first, second = await outcomes(relay, 2)
    assert (first.result, first.code) == (Result.TEMPORARY, "451 4.3.0")
    assert second.result is Result.ACCEPTED
    assert [recipient for recipient, _ in relay.received] == ["customer2@example.net"]


@BOTH
async def test_a_refused_recipient_is_suppressed_by_its_code_and_the_connection_goes_on(pipelining: bool) -> None:
    relay = Relay(pipelining=pipelining, rcpt=only(1, "550 5.1.1 <customer1@example.net> unknown"))
    async with running(relay):
        first, second = await outcomes(relay, 2)
    assert (first.result, first.suppress) == (Result.PERMANENT, Suppress.AT_ONCE)
    assert first.answer == "5.1.1 <***> unknown"
    assert second.result is Result.ACCEPTED
    assert relay.connections == 1
    assert relay.resets == 1
    assert [recipient for recipient, _ in relay.offered] == ["customer2@example.net"]


@BOTH
async def test_a_refused_message_is_read_by_its_code(pipelining: bool) -> None:
    relay = Relay(pipelining=pipelining, dot=only(1, "554 5.7.1 looks like spam"))
    async with running(relay):
        first, second = await outcomes(relay, 2)
    assert (first.result, first.suppress) == (Result.OURS, Suppress.NO)
    assert second.result is Result.ACCEPTED


@BOTH
@pytest.mark.parametrize("stage", ["mail", "rcpt", "dot"])
async def test_421_ends_the_connection_and_a_new_one_goes_on(pipelining: bool, stage: str) -> None:
    relay = Relay(pipelining=pipelining, **{stage: only(1, "421 4.3.2 closing")})  # type: ignore[arg-type]
    async with running(relay):
        first, second = await outcomes(relay, 2)
    assert (first.result, first.code) == (Result.TEMPORARY, "421 4.3.2")
    assert second.result is Result.ACCEPTED
    assert relay.connections == 2


@BOTH
@pytest.mark.parametrize("stage", ["mail", "rcpt"])
async def test_a_hang_up_before_the_dot_is_temporary(pipelining: bool, stage: str) -> None:
    relay = Relay(pipelining=pipelining, **{stage: only(1, HANG_UP)})  # type: ignore[arg-type]
    async with running(relay):
        first, second = await outcomes(relay, 2)
    assert first.result is Result.TEMPORARY
    assert second.result is Result.ACCEPTED
    assert [recipient for recipient, _ in relay.offered] == ["customer2@example.net"]


@BOTH
async def test_a_hang_up_after_the_dot_leaves_the_outcome_unknown(pipelining: bool) -> None:
    relay = Relay(pipelining=pipelining, dot=only(1, HANG_UP))
    async with running(relay):
        first, second = await outcomes(relay, 2)
    assert first.result is Result.UNKNOWN
    assert second.result is Result.ACCEPTED


@BOTH
async def test_silence_after_the_dot_leaves_the_outcome_unknown(pipelining: bool) -> None:
    relay = Relay(pipelining=pipelining, dot=only(1, SILENCE))
    async with running(relay):
        first, second = await outcomes(relay, 2, timeout=timedelta(seconds=0.3))
    assert first.result is Result.UNKNOWN
    assert second.result is Result.ACCEPTED
    assert relay.connections == 2


@BOTH
async def test_silence_before_the_dot_is_temporary(pipelining: bool) -> None:
    relay = Relay(pipelining=pipelining, rcpt=only(1, SILENCE))
    async with running(relay):
        first, second = await outcomes(relay, 2, timeout=timedelta(seconds=0.3))
    assert first.result is Result.TEMPORARY
    assert second.result is Result.ACCEPTED


async def test_a_kept_connection_that_the_relay_closed_is_replaced_without_a_failed_attempt() -> None:
    async with running(Relay()) as relay, provider_for(relay) as provider:
        await provider.send(mail(1), GOING)
        relay.transports[0].abort()
        assert (await provider.send(mail(2), GOING)).result is Result.ACCEPTED
    assert relay.connections == 2


async def test_a_message_that_waits_for_its_turn_can_be_called_back_and_one_in_the_dialogue_cannot() -> None:
    recalled = asyncio.Event()
    async with running(Relay(rcpt=only(1, SILENCE))) as relay, provider_for(relay, connections=1) as provider:
        first, second = (asyncio.create_task(provider.send(mail(number), recalled)) for number in (1, 2))
        while not relay.senders:  # noqa: ASYNC110  # the relay tells nobody
            await asyncio.sleep(0.01)
        recalled.set()
        relay.transports[0].abort()
        assert (await first).result is Result.TEMPORARY
        with pytest.raises(Recalled):
            await second
    assert relay.senders == ["bounces+1@valley.example"]


async def test_nobody_listening_is_ours() -> None:
    async with running(Relay()) as relay:
        port = relay.port
    outcome = await SmtpProvider(settings(port)).send(mail(), GOING)
    assert outcome.result is Result.OURS
    assert outcome.answer


async def test_a_connection_is_closed_after_its_share_of_messages() -> None:
    async with running(Relay()) as relay:
        await outcomes(relay, 4, messages_per_connection=2)
    assert relay.connections == 2
    assert len(relay.received) == 4


async def test_a_message_bigger_than_the_relay_takes_is_ours_and_never_offered() -> None:
    async with running(Relay(size=1000)) as relay, provider_for(relay) as provider:
        outcome = await provider.send(mail(body=b"x" * 2000 + b"\r\n"), GOING)
        assert (outcome.result, outcome.code) == (Result.OURS, "5.3.4")
        assert (await provider.send(mail(2), GOING)).result is Result.ACCEPTED
    assert relay.senders == ["bounces+2@valley.example"]


@BOTH
async def test_starttls_with_login_hands_over(pipelining: bool) -> None:
    async with running(Relay(pipelining=pipelining), starttls=True, password="right") as relay:
        said = await outcomes(relay, 3, tls=Tls.STARTTLS, tls_verify=False, username="notifier", password="right")
    assert [(outcome.result, outcome.code) for outcome in said] == [(Result.ACCEPTED, "250")] * 3, said


async def test_implicit_tls_hands_over() -> None:
    async with running(Relay(), implicit_tls=True) as relay:
        (outcome,) = await outcomes(relay, 1, tls=Tls.IMPLICIT, tls_verify=False)
    assert outcome.result is Result.ACCEPTED


async def test_a_wrong_password_is_ours() -> None:
    async with running(Relay(), starttls=True, password="right") as relay:
        (outcome,) = await outcomes(relay, 1, tls=Tls.STARTTLS, tls_verify=False, username="notifier", password="wrong")
    assert (outcome.result, outcome.code) == (Result.OURS, "535 5.7.8")


async def test_a_certificate_that_does_not_hold_is_ours_and_nothing_is_said_in_the_clear() -> None:
    async with running(Relay(), starttls=True) as relay:
        (outcome,) = await outcomes(relay, 1, tls=Tls.STARTTLS)
    assert outcome.result is Result.OURS
    assert relay.senders == []


async def test_a_relay_without_starttls_is_refused_when_it_is_demanded() -> None:
    async with running(Relay()) as relay:
        (outcome,) = await outcomes(relay, 1, tls=Tls.STARTTLS, tls_verify=False)
    assert outcome.result is Result.OURS
    assert relay.senders == []
