"""Texts from customers by Twilio's webhook, over a real socket with real signatures, up to the answer they get."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

import pytest

from notifier.config import Inbound, OnCall, Person, Provider, ProviderKind, Sender
from notifier.domain.actor import Actor, KeyRole
from notifier.domain.notification import Channel
from notifier.domain.one_time_code import code_of
from notifier.providers.twilio_signature import signature_of
from notifier.stages.replies import Inbound as Arrived
from tests.served import Answer, Served

SAMPLES = Path(__file__).parents[3] / "shared" / "contracts" / "twilio" / "samples"
TOKEN, OTHER_TOKEN = "f" * 32, "e" * 32
PATH = "/webhooks/twilio/sms"
PUBLIC = "https://outages.example.net"
ANN, BOB = "+14155550111", "+14155550112"  # on file
EVE = "+14155550150"  # on call
SMS = Provider(
    name="texts",
    kind=ProviderKind.TWILIO,
    channel=Channel.SMS,
    account_sid="AC" + "0" * 31 + "1",
    auth_token=TOKEN,
    auth_token_secondary=OTHER_TOKEN,
    sender="+19175550100",
)


@pytest.fixture
async def town(template: Path, tmp_path: Path) -> AsyncIterator[Served]:
    shutil.copyfile(template, tmp_path / "notifier.db")
    mail = Provider(name="outbox", kind=ProviderKind.FILE, directory=str(tmp_path / "outbox"))
    async with Served(
        tmp_path,
        providers=(mail, SMS),
        sender=Sender(company="Valley Electric", public_url=PUBLIC),
        inbound=Inbound(helpdesk_address="desk@example.net"),
        on_call=OnCall(people=(Person(name="eve", sms=EVE),)),
    ) as served:
        rows = [row("C-1", "1", "12 Oak St, Springfield", ANN), row("C-2", "1", "14 Oak St, Springfield", BOB)]
        rows.append(row("C-2", "2", "Mill Rd 3, Springfield", BOB, label="Barn"))
        assert (await served.ndjson("/v1/customers/bulk", *rows)).lines[-1]["loaded"] == 3
        yield served


def row(customer: str, site: str, address: str, phone: str, *, label: str = "") -> dict[str, object]:
    return {
        "customer_id": customer,
        "site_id": site,
        "label": label,
        "address": address,
        "services": "power",
        "phone": phone,
        "regions": {"postal_code": "94110"},
    }


async def text(town: Served, body: str, *, sender: str = ANN, sid: str = "", token: str = TOKEN, **more: str) -> Answer:
    """Send a text as Twilio does; each is another one unless it has a sid."""
    number = len(town.rows("SELECT 1 AS one FROM replies")) + 1
    fields = {"MessageSid": sid or f"SM{number:032x}", "From": sender, "To": SMS.sender, "Body": body, "FromCity": ""}
    return await send(town, fields | {"NumMedia": "0", "AccountSid": SMS.account_sid} | more, token=token)


async def send(
    town: Served, fields: dict[str, str], *, token: str = TOKEN, path: str = "/webhooks/twilio/sms"
) -> Answer:
    signature = signature_of(token, PUBLIC + path, list(fields.items()))
    return await town.post(
        path,
        data=urlencode(fields).encode(),
        type_="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature},
        role=None,
    )


async def handle(town: Served) -> None:
    while await town.machine.parts.inbox.handle():
        pass


def answers(town: Served) -> list[str]:
    rows = town.rows("SELECT answer FROM notifications WHERE broadcast_id IS NULL ORDER BY id")
    return [row["answer"].partition('"kind":"')[2].partition('"')[0] for row in rows]


async def test_a_signed_text_is_stored_and_answered_with_empty_twiml(town: Served) -> None:
    answer = await text(town, "No power since 9")
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/xml; charset=utf-8")
    assert answer.body == b'<?xml version="1.0" encoding="UTF-8"?><Response/>'
    [stored] = town.rows("SELECT source, sender, meaning, text FROM replies")
    assert dict(stored) == {"source": "sms", "sender": ANN, "meaning": "complaint", "text": "No power since 9"}


async def test_a_token_that_is_being_replaced_signs_too(town: Served) -> None:
    assert (await text(town, "OUT", token=OTHER_TOKEN)).status == 200


@pytest.mark.parametrize("token", ["", "x" * 32])
async def test_what_is_not_signed_goes_no_further(town: Served, token: str) -> None:
    assert (await text(town, "STOP", token=token)).status == 403
    assert town.rows("SELECT 1 AS one FROM replies") == []


async def test_a_changed_field_breaks_the_signature(town: Served) -> None:
    fields = {"MessageSid": "SM1", "From": ANN, "Body": "OUT"}
    signature = signature_of(TOKEN, PUBLIC + PATH, list(fields.items()))
    answer = await town.post(
        PATH,
        data=urlencode(fields | {"Body": "STOP"}).encode(),
        type_="application/x-www-form-urlencoded",
        headers={"X-Twilio-Signature": signature},
        role=None,
    )
    assert answer.status == 403


@pytest.mark.skipif(not SAMPLES.exists(), reason="the samples are not here")
@pytest.mark.parametrize(("name", "meaning"), [("inbound_sms", "complaint"), ("inbound_stop_advanced_opt_out", "stop")])
async def test_the_official_samples_are_understood(town: Served, name: str, meaning: str) -> None:
    fields = dict(parse_qsl((SAMPLES / f"{name}.form").read_text().strip(), keep_blank_values=True))
    assert (await send(town, fields)).body == (SAMPLES / "twiml_empty.xml").read_bytes().strip()
    await handle(town)
    assert [row["meaning"] for row in town.rows("SELECT meaning FROM replies")] == [meaning]
    assert answers(town) == []  # a stranger, and an opt-out that Twilio has answered


async def test_a_stop_holds_when_it_is_answered_and_is_confirmed_once(town: Served) -> None:
    await text(town, "please stop texting me", sid="SM1")
    assert refused(town) == [ANN]
    assert answers(town) == ["opted_out"]
    await text(town, "please stop texting me", sid="SM1")
    await text(town, "STOP")
    await handle(town)
    assert answers(town) == ["opted_out"]


async def test_a_stop_delivered_again_after_a_start_changes_nothing(town: Served) -> None:
    await text(town, "STOP", sid="SM1")
    await text(town, "START")
    assert refused(town) == []
    await text(town, "STOP", sid="SM1")
    assert refused(town) == []
    assert answers(town) == ["opted_out", "opted_in"]


async def test_yes_is_an_opt_in_of_somebody_who_has_opted_out_and_of_nobody_else(town: Served) -> None:
    await text(town, "YES")
    await handle(town)
    assert answers(town) == []
    await text(town, "STOP")
    await text(town, "Yes")
    assert refused(town) == []
    assert answers(town) == ["opted_out", "opted_in"]


async def test_twilios_own_layer_has_answered_already(town: Served) -> None:
    await text(town, "Stop", OptOutType="STOP")
    assert refused(town) == [ANN]
    await text(town, "Start", OptOutType="START")
    assert refused(town) == []
    await text(town, "help", OptOutType="HELP")
    await handle(town)
    assert answers(town) == []


async def test_who_has_opted_out_is_answered_no_more(town: Served) -> None:
    await text(town, "STOP")
    await text(town, "STATUS")
    await handle(town)
    claimed = await town.machine.worker._lanes[1]._delivery.claim(Channel.SMS, 10)
    assert [str(one.kind) for one in claimed] == ["opted_out"]


async def test_the_opt_out_of_a_number_that_is_not_on_file_holds_when_it_comes(town: Served) -> None:
    stranger = "+14155550199"
    await text(town, "STOP", sender=stranger)
    assert answers(town) == []
    await town.ndjson("/v1/customers/bulk", row("C-9", "1", "9 Elm St", stranger))
    assert (
        town.rows(f"SELECT suppressed FROM contact_points WHERE address = '{stranger}'")[0]["suppressed"] == "opted_out"
    )


async def test_a_stranger_is_a_complaint_and_never_answered(town: Served) -> None:
    await text(town, "my power is out", sender="+14155550199")
    await handle(town)
    [complaint] = town.rows("SELECT reporter, verified, source FROM complaints")
    assert dict(complaint) == {"reporter": "+14155550199", "verified": 0, "source": "sms"}
    assert answers(town) == []


async def test_out_is_a_complaint_of_the_customer_and_answered(town: Served) -> None:
    await text(town, "OUT", sid="SM1")
    await text(town, "OUT", sid="SM1")
    await handle(town)
    [complaint] = town.rows("SELECT reporter, verified, source, external_id, text FROM complaints")
    assert dict(complaint) == {
        "reporter": "customer:C-1",
        "verified": 1,
        "source": "sms",
        "external_id": "SM1",
        "text": "OUT",
    }
    assert answers(town) == ["noted_out"]


async def test_somebody_with_several_sites_is_asked_which_one(town: Served) -> None:
    await text(town, "OUT", sender=BOB)
    await handle(town)
    assert (answers(town), town.rows("SELECT 1 AS one FROM complaints")) == (["which_site"], [])
    await text(town, "2", sender=BOB)
    await handle(town)
    assert answers(town) == ["which_site", "noted_out"]
    assert [row["reporter"] for row in town.rows("SELECT reporter FROM complaints")] == ["customer:C-2"]
    [said] = town.rows("SELECT s.label FROM replies AS r JOIN sites AS s ON s.id = r.site_id")
    assert said["label"] == "Barn"


async def test_a_site_that_is_named_needs_no_question(town: Served) -> None:
    await text(town, "barn is still out", sender=BOB)
    await text(town, "OUT 14 Oak", sender=BOB)
    await handle(town)
    assert "which_site" not in answers(town)


async def test_a_language_is_switched_and_confirmed_in_it(town: Served) -> None:
    await text(town, "ES")
    await handle(town)
    assert town.rows(f"SELECT locale FROM contact_points WHERE address = '{ANN}'")[0]["locale"] == "es"
    [one] = await town.machine.worker._lanes[1]._delivery.claim(Channel.SMS, 10)
    assert one.personal.locale == "es"


async def test_a_note_goes_to_the_helpdesk_once_and_is_not_answered(town: Served) -> None:
    await text(town, "Can a person call me about my meter?\r\nBcc: x@example.net")
    await handle(town)
    helpdesk = town.machine.parts.helpdesk
    await helpdesk.step()
    await helpdesk.step()
    [mail] = list((town.folder / "outbox" / "new").iterdir())
    content = mail.read_text()
    assert "To: desk@example.net" in content
    assert "Auto-Submitted: auto-generated" in content
    assert "> Can a person call me about my meter?" in content
    assert "\nBcc:" not in content
    assert answers(town) == []
    await helpdesk.close()


async def test_pictures_are_shown_and_change_no_meaning(town: Served) -> None:
    await text(town, "STOP", NumMedia="1", MediaUrl0="https://api.example.net/picture", MediaContentType0="image/jpeg")
    await text(town, "", sender=BOB, NumMedia="1", MediaUrl0="https://api.example.net/stop")
    await handle(town)
    rows = town.rows("SELECT meaning, text FROM replies ORDER BY id")
    assert [row["meaning"] for row in rows] == ["stop", "note"]
    assert rows[1]["text"] == "(a picture)\n--\nhttps://api.example.net/stop"


async def test_what_comes_from_the_helpdesk_does_not_go_back_to_it(town: Served) -> None:
    inbound = Arrived(source="email", external_id="m1", sender="Desk@example.net", text="We have got your mail.")
    await town.machine.parts.inbox.take(inbound)
    await handle(town)
    assert town.rows("SELECT 1 AS one FROM replies WHERE forward_due_at IS NOT NULL") == []


@pytest.mark.parametrize("fields", [{"From": ANN, "Body": "OUT"}, {"MessageSid": "SM1", "Body": "OUT"}])
async def test_what_is_no_text_is_refused(town: Served, fields: dict[str, str]) -> None:
    assert (await send(town, fields)).status == 422


async def test_the_longest_text_of_emoji_is_taken(town: Served) -> None:
    assert (await text(town, "\N{FIRE}" * 1_600)).status == 200


async def test_somebody_on_call_is_answered_at_once_and_is_no_customer(town: Served) -> None:
    answer = await text(town, "K7Q SEND", sender=EVE, sid="SM1")
    assert b"<Response><Message>This code is not valid" in answer.body
    assert (await text(town, "K7Q SEND", sender=EVE, sid="SM1")).body.endswith(b"<Response/>")
    [stored] = town.rows("SELECT meaning, text FROM replies")
    assert dict(stored) == {"meaning": "on_call", "text": ""}
    await text(town, "K7Q SEND")  # of a customer it is a note
    await handle(town)
    assert town.rows("SELECT meaning FROM replies ORDER BY id")[1]["meaning"] == "note"


async def test_somebody_on_call_who_writes_another_word_hears_the_words_and_no_helpdesk_sees_the_code(
    town: Served,
) -> None:
    parts = town.machine.parts
    await parts.on_call.test("eve", Actor(name="dan", role=KeyRole.COMMANDER))
    [call] = town.rows("SELECT code_salt FROM calls")
    code = code_of(parts.link_secret, call["code_salt"])
    answer = await text(town, f"{code.lower()} ok, got it", sender=EVE, sid="SM1")
    assert f"Reply {code} WAIT.".encode() in answer.body
    assert (await text(town, f"{code} ok", sender=EVE, sid="SM1")).body.endswith(b"<Response/>")
    await text(town, f"{code} ok", sender=ANN)  # a code is nothing in another hand
    await text(town, "STOP", sender=EVE)
    await handle(town)
    stored = town.rows("SELECT meaning, text, forward_due_at FROM replies ORDER BY id")
    assert [row["meaning"] for row in stored] == ["on_call", "note", "stop"]
    assert (stored[0]["text"], stored[0]["forward_due_at"]) == ("", None)
    assert b"You have it" in (await text(town, f"{code} WAIT", sender=EVE)).body


async def test_a_robot_is_answered_six_times_an_hour(town: Served) -> None:
    for _ in range(9):
        await text(town, "STATUS")
    await handle(town)
    assert answers(town) == ["no_outage"] * 6


async def test_a_stop_is_confirmed_also_to_somebody_who_wrote_a_lot(town: Served) -> None:
    for _ in range(6):
        await text(town, "STATUS")
    await handle(town)
    await text(town, "STOP")
    await text(town, "START")
    await text(town, "STOP")
    await handle(town)
    assert answers(town)[6:] == ["opted_out", "opted_out"]  # a machine that says START to itself is answered no more


def refused(town: Served) -> list[str]:
    rows = town.rows(
        """SELECT c.address FROM contact_points AS c LEFT JOIN consents AS o
           ON o.contact_point_id = c.id AND o.purpose = 'outage'
           WHERE c.suppressed = 'opted_out' OR o.state = 'refused' ORDER BY c.id"""
    )
    return [row["address"] for row in rows]
