"""POST /v1/bounces: a mail as it came, and what it was taken to mean."""

from notifier.domain.actor import KeyRole
from notifier.messages.links import Purpose, sign_token
from tests.bounces import bounce
from tests.broadcasts import broadcast, contact_point, incident, notification
from tests.served import Answer, Served

RFC822 = "message/rfc822"


async def hand_in(served: Served, raw: bytes, query: str = "", role: KeyRole = KeyRole.SYSTEM) -> Answer:
    return await served.post(f"/v1/bounces{query}", data=raw, type_=RFC822, role=role)


def told(served: Served) -> str:
    """Write a message that was sent, and return its token."""
    database = served.database
    id_ = notification(database, broadcast(database, incident(database)), contact_point(database, 1))
    database.write_now(lambda tx: tx.run("UPDATE notifications SET state = 'sent', attempts = 1"))
    return sign_token(served.machine.parts.link_secret, Purpose.BOUNCE, id_)


async def test_a_bounce_is_answered_with_what_was_understood_and_done(served: Served) -> None:
    answer = await hand_in(served, bounce("customer1@example.net", token=told(served)))
    assert answer.status == 201
    assert answer.json["effect"] == "suppressed"
    assert answer.json["verdict"] == "suppress_address"
    assert answer.json["code"] == "550 5.1.1"
    assert "@" not in answer.json["words"]
    assert served.rows("SELECT suppressed FROM contact_points") == [{"suppressed": "bad_address"}]


async def test_the_same_bounce_again_is_known(served: Served) -> None:
    raw = bounce("customer1@example.net", token=told(served))
    await hand_in(served, raw)
    again = await hand_in(served, raw)
    assert (again.status, again.json["duplicate"]) == (200, True)


async def test_the_envelope_may_be_given_where_no_header_repeats_it(served: Served) -> None:
    recipient = f"bounces%2B{told(served)}@example.com"
    answer = await hand_in(served, bounce("customer1@example.net", token="x"), f"?recipient={recipient}&sender=")
    assert answer.json["effect"] == "suppressed"


async def test_a_mail_about_nothing_of_ours_is_stored_and_does_nothing(served: Served) -> None:
    answer = await hand_in(served, bounce())
    assert (answer.status, answer.json["effect"], answer.json["notification"]) == (201, "unidentified", None)


async def test_a_mail_larger_than_a_usual_body_is_taken(served: Served) -> None:
    raw = bounce(answer="550 5.1.1 no") + b"\r\n" + b"x" * 300_000
    assert (await hand_in(served, raw)).status == 201


async def test_what_is_no_mail_is_refused(served: Served) -> None:
    assert (await hand_in(served, b"")).status == 422
    assert (await served.post("/v1/bounces", {"mail": 1})).status == 415


async def test_agents_hand_in_no_mail(served: Served) -> None:
    assert (await hand_in(served, bounce(), role=KeyRole.AGENT)).status == 403
