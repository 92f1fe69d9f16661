"""The sandbox receiver against a real SMTP client."""

import asyncio
import smtplib
from asyncio import to_thread
from email.message import EmailMessage

import pytest

from notifier.domain.errors import InvalidInput
from notifier.sandbox.smtp_receiver import Faults, Receiver, read_receipts, receiving, serve, write_faults


def mail(message_id="<1@example.com>", text="Hello\n.\n..two dots\n"):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "outages@example.com", "ana@example.com", "Power out"
    message["Message-ID"] = message_id
    message.set_content(text)
    return message


def send(port, message, *, count=1):
    with smtplib.SMTP("127.0.0.1", port, timeout=10) as client:
        for _ in range(count):
            client.send_message(message, from_addr="bounces+7@example.com", to_addrs=["ana@example.com"])


async def test_a_mail_is_kept_as_it_was_sent_and_listed_with_its_envelope(tmp_path):
    async with receiving(tmp_path) as (_, port):
        await to_thread(send, port, mail())
    (receipt,) = read_receipts(tmp_path)
    assert (receipt.recipient, receipt.sender) == ("ana@example.com", "bounces+7@example.com")
    assert receipt.message_id == "<1@example.com>"
    kept = (tmp_path / "mail" / receipt.file).read_bytes()
    assert kept.endswith(b"\r\nHello\r\n.\r\n..two dots\r\n")


async def test_several_mails_on_one_connection_are_several_receipts(tmp_path):
    async with receiving(tmp_path) as (receiver, port):
        await to_thread(send, port, mail(), count=5)
    assert receiver.accepted == len(read_receipts(tmp_path)) == 5


async def test_the_list_goes_on_where_it_was_after_a_restart(tmp_path):
    for _ in range(2):
        async with receiving(tmp_path) as (_, port):
            await to_thread(send, port, mail())
    assert [one.file for one in read_receipts(tmp_path)] == ["000001.eml", "000002.eml"]


async def test_it_refuses_on_command_and_keeps_nothing_of_what_it_refused(tmp_path):
    write_faults(tmp_path, Faults(refuse=1, code=550, text="5.1.1 no such mailbox"))
    async with receiving(tmp_path) as (_, port):
        with pytest.raises(smtplib.SMTPDataError, match="no such mailbox"):
            await to_thread(send, port, mail())
    assert read_receipts(tmp_path) == []


async def test_it_hangs_up_after_keeping_a_mail_on_command(tmp_path):
    write_faults(tmp_path, Faults(drop=1))
    async with receiving(tmp_path) as (_, port):
        with pytest.raises(smtplib.SMTPServerDisconnected):
            await to_thread(send, port, mail())
    assert len(read_receipts(tmp_path)) == 1


def test_it_hangs_up_on_uvloop_too(tmp_path):
    uvloop = pytest.importorskip("uvloop")

    async def drop() -> None:
        await test_it_hangs_up_after_keeping_a_mail_on_command(tmp_path)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(drop())


async def test_it_stops_at_once_while_a_client_stays_connected(tmp_path, unused_tcp_port, capsys):
    receiver, stop = Receiver(tmp_path), asyncio.Event()
    serving = asyncio.create_task(serve(receiver, "127.0.0.1", unused_tcp_port, stop))
    while not serving.done() and "receiving" not in capsys.readouterr().out:  # noqa: ASYNC110 - it says so nowhere else
        await asyncio.sleep(0.01)
    greeting, client = await asyncio.open_connection("127.0.0.1", unused_tcp_port)
    await greeting.readline()
    stop.set()
    async with asyncio.timeout(5):
        await serving
    client.close()
    await client.wait_closed()
    receiver.close()


async def test_faults_that_make_no_sense_are_refused():
    with pytest.raises(InvalidInput):
        Faults(refuse=2)
    with pytest.raises(InvalidInput):
        Faults(code=250)


async def test_a_message_id_on_a_continuation_line_is_found(tmp_path):
    async with receiving(tmp_path) as (_, port):
        await to_thread(send, port, mail(message_id="<" + "x" * 90 + "@example.com>"))
    assert read_receipts(tmp_path)[0].message_id == "<" + "x" * 90 + "@example.com>"
