"""POST /webhooks/twilio/status: signed, quick, and about nothing but our own texts."""

import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from notifier.config import Provider, ProviderKind, Sender
from notifier.domain.notification import Channel
from notifier.providers.twilio_signature import signature_of
from tests.broadcasts import broadcast, contact_point, incident, notification
from tests.openapi import CONTRACT
from tests.served import Answer, Served

PUBLIC = "https://outages.example.com"
ACCOUNT, TOKEN, OLD_TOKEN = "AC" + "0" * 31 + "1", "the token", "the token before"
PATH = "/webhooks/twilio/status?notification=1&attempt=1"
FORM = {
    "MessageSid": "SM" + "a" * 32,
    "MessageStatus": "delivered",
    "AccountSid": ACCOUNT,
    "To": "+12125550147",
    "ToCity": "",
}


class Daemon(Served):
    """A daemon with Twilio behind its public address."""

    def __init__(self, folder: Path) -> None:
        files = Provider(name="outbox", kind=ProviderKind.FILE, directory=str(folder / "outbox"))
        sms = Provider(
            name="sms",
            kind=ProviderKind.TWILIO,
            channel=Channel.SMS,
            account_sid=ACCOUNT,
            auth_token=TOKEN,
            auth_token_secondary=OLD_TOKEN,
            sender="+14155550100",
        )
        super().__init__(folder, providers=(files, sms), sender=Sender(public_url=PUBLIC))

    async def status(
        self,
        form: Mapping[str, str] | list[tuple[str, str]],
        *,
        path: str = PATH,
        token: str = TOKEN,
        public: str = PUBLIC,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        pairs = list(form.items()) if isinstance(form, Mapping) else form
        signed = {"X-Twilio-Signature": signature_of(token, public + path, pairs), **(headers or {})}
        type_ = "application/x-www-form-urlencoded; charset=utf-8"
        return await self.post(path, data=urlencode(pairs).encode(), type_=type_, role=None, headers=signed)

    def state(self) -> str:
        return str(self.rows("SELECT state FROM notifications")[0]["state"])


@pytest.fixture
async def daemon(template: Path, tmp_path: Path) -> AsyncIterator[Daemon]:
    shutil.copyfile(template, tmp_path / "notifier.db")
    async with Daemon(tmp_path) as daemon:
        point = contact_point(daemon.database, 1)
        id_ = notification(daemon.database, broadcast(daemon.database, incident(daemon.database)), point)
        assert id_ == 1
        daemon.database.write_now(
            lambda tx: tx.run("UPDATE notifications SET channel = 'sms', state = 'sent', attempts = 1")
        )
        yield daemon


async def test_a_signed_status_moves_its_text_on(daemon: Daemon) -> None:
    answer = await daemon.status(FORM)
    assert (answer.status, answer.body) == (204, b"")
    assert daemon.state() == "delivered"


async def test_the_same_again_is_answered_the_same(daemon: Daemon) -> None:
    assert [(await daemon.status(FORM)).status for _ in range(2)] == [204, 204]
    assert len(daemon.rows("SELECT id FROM receipts")) == 1


async def test_the_second_token_signs_too(daemon: Daemon) -> None:
    assert (await daemon.status(FORM, token=OLD_TOKEN)).status == 204


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"token": "a stranger's"}, "another token"),
        ({"public": "http://127.0.0.1"}, "the address that a proxy sees"),
        ({"headers": {"X-Twilio-Signature": ""}}, "no signature"),
        ({"headers": {"X-Twilio-Signature": "aGVsbG8="}}, "a made-up one"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_what_twilio_did_not_sign_for_our_address_is_refused(
    daemon: Daemon, changes: dict[str, object], why: str
) -> None:
    answer = await daemon.status(FORM, **changes)  # type: ignore[arg-type]
    assert answer.status == 403, why
    assert daemon.state() == "sent"
    assert TOKEN.encode() not in answer.body


async def test_a_query_that_was_changed_on_the_way_is_refused(daemon: Daemon) -> None:
    pairs = list(FORM.items())
    given = signature_of(TOKEN, PUBLIC + PATH, pairs)
    answer = await daemon.status(FORM, path=PATH.replace("=1&", "=2&"), headers={"X-Twilio-Signature": given})
    assert answer.status == 403


async def test_host_and_forwarding_headers_are_not_believed(daemon: Daemon) -> None:
    forwarded = {"Host": "evil.example", "X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "http"}
    assert (await daemon.status(FORM, headers=forwarded)).status == 204
    assert (await daemon.status(FORM, public="http://evil.example", headers=forwarded)).status == 403


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/webhooks/twilio/status", FORM),  # of a service whose own callback points here
        ("/webhooks/twilio/status?notification=x&attempt=1", FORM),
        ("/webhooks/twilio/status?notification=999&attempt=1", FORM),
        ("/webhooks/twilio/status?notification=99999999999999999999&attempt=1", FORM),
        (PATH, FORM | {"MessageStatus": "teleported"}),
        (PATH, FORM | {"AccountSid": "AC" + "9" * 32}),
        (PATH, FORM | {"MessageSid": "made up"}),
        (PATH, {}),
    ],
)
async def test_a_signed_status_about_nothing_of_ours_is_taken_and_ignored(
    daemon: Daemon, path: str, form: dict[str, str]
) -> None:
    assert (await daemon.status(form, path=path)).status == 204
    assert daemon.state() == "sent"


async def test_a_field_given_twice_is_signed_twice(daemon: Daemon) -> None:
    assert (await daemon.status([*FORM.items(), ("To", "+12125550148")])).status == 204


async def test_new_fields_are_signed_and_ignored(daemon: Daemon) -> None:
    assert (await daemon.status(FORM | {"SomethingNew": "é ñ"})).status == 204
    assert daemon.state() == "delivered"


async def test_a_form_that_is_too_long_is_not_read(daemon: Daemon) -> None:
    assert (await daemon.status(FORM | {"x": "y" * 70_000})).status == 413


async def test_a_form_with_too_many_fields_is_refused(daemon: Daemon) -> None:
    assert (await daemon.status([(f"f{number}", "") for number in range(300)])).status == 400


async def test_json_is_no_form(daemon: Daemon) -> None:
    assert (await daemon.post(PATH, {"MessageStatus": "delivered"}, role=None)).status == 415


async def test_a_get_changes_nothing(daemon: Daemon) -> None:
    assert (await daemon.get(PATH, role=None)).status == 405


@pytest.mark.parametrize(
    ("sample", "state"), [("status_delivered.form", "delivered"), ("status_undelivered.form", "pending")]
)
async def test_a_sample_of_the_contract_is_understood(daemon: Daemon, sample: str, state: str) -> None:
    path = CONTRACT.parent / "samples" / sample
    if not path.exists():
        pytest.skip("the contract samples are not beside this checkout")
    text = path.read_text(encoding="utf-8").strip()
    form = parse_qsl(text, keep_blank_values=True)
    now = int(daemon.machine.parts.clock.now().timestamp() * 1e6)  # 30003 is tried again while it is news
    daemon.database.write_now(lambda tx: tx.run("UPDATE broadcasts SET started_at = :now", now=now))
    assert (await daemon.status(form)).status == 204
    assert daemon.state() == state
