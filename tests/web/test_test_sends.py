"""POST /v1/test-sends: to whom, what leaves, and that no ledger but the audit log knows of it."""

import email
import email.policy
import json
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notifier.config import Delivery, OnCall, Person, Provider, ProviderKind
from notifier.domain.actor import KeyRole
from notifier.domain.notification import Channel
from notifier.messages.wording import MESSAGE_KINDS
from tests.served import Answer, Served

GUEST, ON_CALL, PHONE = "ann@valley.net", "bert@valley.net", "+14155550123"


@pytest.fixture
async def trying(template: Path, tmp_path: Path) -> AsyncIterator[Served]:
    """Serve with a guest list, a person on call and a folder for each channel."""
    shutil.copyfile(template, tmp_path / "notifier.db")
    served = Served(
        tmp_path,
        delivery=Delivery(only_to=(GUEST, PHONE)),
        on_call=OnCall(people=(Person(name="Bert", email="Bert@valley.net"),)),
        providers=(
            Provider(name="outbox", kind=ProviderKind.FILE, directory=str(tmp_path / "mail")),
            Provider(name="texts", kind=ProviderKind.FILE, channel=Channel.SMS, directory=str(tmp_path / "texts")),
        ),
    )
    async with served:
        yield served


async def send(served: Served, to: str, role: KeyRole = KeyRole.MANAGER, **more: object) -> Answer:
    return await served.post("/v1/test-sends", {"to": to, **more}, role=role)


async def test_every_kind_in_every_locale_goes_to_a_guest_and_begins_with_test(trying: Served) -> None:
    answer = await send(trying, "Ann@Valley.net")
    *tried, last = answer.lines
    count = len(MESSAGE_KINDS) * len(trying.config.locales.available)
    assert last == {"done": True, "accepted": count, "of": count}
    assert {(one["kind"], one["locale"]) for one in tried} == {
        (str(kind), locale) for kind in MESSAGE_KINDS for locale in trying.config.locales.available
    }
    files = list((trying.folder / "mail" / "new").iterdir())
    assert len(files) == count
    for file in files:
        mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        assert mail["Subject"].startswith("TEST ")
        assert mail["To"] == GUEST
        text, page = (part.get_content() for part in mail.iter_parts())  # type: ignore[union-attr]
        assert text.startswith("TEST ")
        assert "<strong>TEST</strong>" in page


async def test_texts_go_to_a_number_in_their_segments(trying: Served) -> None:
    answer = await send(trying, "(415) 555-0123", kind="eta", locale="es")
    (tried, _) = answer.lines
    assert (tried["channel"], tried["result"]) == ("sms", "accepted")
    assert tried["segments"] >= 1
    (file,) = (trying.folder / "texts" / "new").iterdir()
    assert file.read_text().split("\n\n", 1)[1].startswith("TEST ")


async def test_only_the_audit_log_has_it_and_it_names_nobody(trying: Served) -> None:
    await send(trying, GUEST, kind="eta", locale="en")
    assert trying.rows("SELECT id FROM notifications") == trying.rows("SELECT id FROM broadcasts") == []
    (entry,) = trying.rows("SELECT actor, action, detail FROM audit WHERE action = 'test_send'")
    assert entry["actor"] == "a manager"
    assert json.loads(entry["detail"]) == {"channel": "email", "messages": 1, "to": "a***@valley.net", "anybody": False}


async def test_a_person_on_call_may_be_written_to_as_well(trying: Served) -> None:
    assert (await send(trying, ON_CALL, kind="eta", locale="en")).lines[-1]["accepted"] == 1


async def test_an_address_on_no_list_needs_another_word(trying: Served) -> None:
    refused = await send(trying, "eve@valley.net")
    assert refused.status == 409
    assert "neither on the guest list" in refused.json["detail"]
    assert (await send(trying, "eve@valley.net", kind="eta", locale="en", anybody=True)).lines[-1]["accepted"] == 1


async def test_who_does_not_want_to_hear_from_us_is_not_written_to(trying: Served) -> None:
    trying.database.write_now(
        lambda tx: tx.run(
            "INSERT INTO contact_points (kind, address, suppressed, created_at) VALUES ('email', :a, 'opted_out', 1)",
            a=GUEST,
        )
    )
    answer = await send(trying, GUEST, kind="eta", locale="en")
    assert (answer.status, trying.rows("SELECT id FROM audit WHERE action = 'test_send'")) == (409, [])


async def test_nothing_is_sent_while_everything_is_paused(trying: Served) -> None:
    await trying.post("/v1/pause-all")
    assert (await send(trying, GUEST, kind="eta")).status == 409


@pytest.mark.parametrize("wrong", [{"kind": "etta"}, {"locale": "xx"}])
async def test_what_there_is_none_of_is_named(trying: Served, wrong: dict[str, str]) -> None:
    answer = await send(trying, GUEST, **wrong)
    assert answer.status == 422
    assert answer.json["field"] in wrong


async def test_it_stops_where_the_provider_takes_nothing(trying: Served) -> None:
    (trying.folder / "mail").write_text("no folder can be made here")
    answer = await send(trying, GUEST)
    first, last = answer.lines[:1], answer.lines[-1]
    assert [one["result"] for one in first] == ["ours"]
    assert (len(answer.lines), last["accepted"]) == (2, 0)


async def test_commanders_send_no_tests(trying: Served) -> None:
    assert (await send(trying, GUEST, role=KeyRole.COMMANDER)).status == 403
