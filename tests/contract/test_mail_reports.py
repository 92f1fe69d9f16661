"""Mail that comes back, in both databases: whose message it is, what it stops, and that it does so once."""

import json
from pathlib import Path

import pytest

from notifier.config import Config
from notifier.domain.errors import InvalidInput, Overloaded
from notifier.domain.mail_effect import MailEffect
from notifier.domain.mail_report import understand
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.messages.links import Purpose, sign_token
from notifier.metrics import Metrics
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages import Surroundings, mail_reports
from notifier.stages.mail_reports import Letter, MailReports, Understood
from notifier.storage.database import Database, Row, Transaction
from tests.bounces import bounce, complaint, crlf, letter, reply
from tests.broadcasts import NOW, broadcast, contact_point, incident, notification
from tests.complaint_desk import SetClock

SECRET, OLD_SECRET = "secret", "secret of last year"
SAMPLES = Path("../shared/contracts/smtp")
ADDRESS = "customer1@example.net"


class Hearing:
    """Takes letters and says what it was told to say."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def by_mail(self, letter: Letter, /) -> MailEffect:
        self.letters.append(letter)
        return MailEffect.NOTED


class Desk:
    """A store with one message that was handed over, and the mail that comes back for it."""

    def __init__(self, database: Database) -> None:
        self.database, self.metrics, self.hearing = database, Metrics(), Hearing()
        self.point = contact_point(database, 1)
        self.broadcast = broadcast(database, incident(database))
        self.id = notification(database, self.broadcast, self.point)
        self.set(state="sent")
        around = Surroundings(
            database=database,
            config=Config(),
            clock=SetClock(NOW),
            queue=EmbeddedQueue(),
            metrics=self.metrics,
            playbooks={"power": Playbook(name="power", services=("power",), channels=(Channel.EMAIL, Channel.SMS))},
        )
        self.reports = MailReports(around, (SECRET, OLD_SECRET), self.hearing)

    @property
    def token(self) -> str:
        return sign_token(SECRET, Purpose.BOUNCE, self.id)

    def set(self, *, state: str, attempts: int = 1) -> None:
        self.database.write_now(
            lambda tx: tx.run(
                "UPDATE notifications SET state = :state, attempts = :n, provider = 'relay', provider_id = 'q1',"
                " ended_at = 1 WHERE id = :id",
                state=state,
                n=attempts,
                id=self.id,
            )
        )

    async def take(self, raw: bytes, *recipients: str) -> Understood:
        return await self.reports.take(raw, recipients)

    def rows(self, sql: str) -> list[Row]:
        return self.database.read_now(lambda tx: tx.rows(sql))

    def state(self) -> tuple[str, str]:
        (row,) = self.rows(f"SELECT state, reason FROM notifications WHERE id = {self.id}")
        return row["state"], row["reason"]

    def suppressed(self) -> str | None:
        (row,) = self.rows(f"SELECT suppressed FROM contact_points WHERE id = {self.point}")
        return None if row["suppressed"] is None else str(row["suppressed"])

    def counted(self, kind: str, effect: str) -> float:
        return float(self.metrics.mail_reports.labels(kind, effect)._value.get())


@pytest.fixture
def desk(database: Database) -> Desk:
    return Desk(database)


async def test_a_bounce_of_no_such_mailbox_ends_the_message_and_stops_the_address(desk: Desk) -> None:
    understood = await desk.take(bounce(ADDRESS, token=desk.token))
    assert understood.effect is MailEffect.SUPPRESSED
    assert (understood.notification, understood.code) == (desk.id, "550 5.1.1")
    assert desk.state() == ("undelivered", "provider_reported")
    assert desk.suppressed() == "bad_address"
    (why,) = desk.rows("SELECT reason, source FROM suppressions")
    assert why == {"reason": "bad_address", "source": "mail report 550 5.1.1"}
    (receipt,) = desk.rows("SELECT notification_id, provider, status, code FROM receipts")
    assert receipt == {"notification_id": desk.id, "provider": "relay", "status": "undelivered", "code": "550"}
    (sent,) = desk.rows("SELECT ended_at, provider_id FROM notifications")
    assert sent == {"ended_at": 1, "provider_id": "q1"}  # when it was handed over, and as what


async def test_a_mail_that_did_not_arrive_is_followed_by_a_text_to_the_same_customer(desk: Desk) -> None:
    def add_phone(tx: Transaction) -> None:
        tx.run("INSERT INTO contact_points (kind, address, created_at) VALUES ('mobile', '+14155550123', 1)")
        tx.run(
            """INSERT INTO links (contact_point_id, site_id, role, customer_id)
               SELECT (SELECT MAX(id) FROM contact_points), site_id, role, customer_id FROM links"""
        )

    desk.database.write_now(add_phone)
    await desk.take(bounce(ADDRESS, token=desk.token))
    assert desk.rows("SELECT channel, state, fallback_of FROM notifications ORDER BY id") == [
        {"channel": "email", "state": "undelivered", "fallback_of": None},
        {"channel": "sms", "state": "pending", "fallback_of": desk.id},
    ]


async def test_the_same_bounce_again_changes_nothing(desk: Desk) -> None:
    raw = bounce(ADDRESS, token=desk.token, answer="550 5.2.1 mailbox disabled")
    first, again = await desk.take(raw), await desk.take(raw)
    assert not first.duplicate
    assert again.duplicate
    assert again.effect is first.effect is MailEffect.UNDELIVERED
    assert len(desk.rows("SELECT id FROM receipts")) == len(desk.rows("SELECT id FROM mail_reports")) == 1
    assert desk.rows("SELECT soft_bounces FROM contact_points") == [{"soft_bounces": 1}]
    assert desk.counted("dsn", "undelivered") == 1


async def test_a_full_mailbox_ends_the_message_and_never_stops_the_address(desk: Desk) -> None:
    for number in range(5):
        raw = bounce(
            ADDRESS, token=desk.token, status="5.2.2", answer="552 5.2.2 mailbox full", message_id=f"<{number}@x>"
        )
        understood = await desk.take(raw)
        assert (understood.effect, understood.verdict) == (MailEffect.UNDELIVERED, "soft")
    assert desk.state()[0] == "undelivered"
    assert desk.suppressed() is None


async def test_a_mailbox_called_disabled_twice_is_believed(desk: Desk) -> None:
    answer = "550 5.2.1 The account is disabled"
    await desk.take(bounce(ADDRESS, token=desk.token, answer=answer, status="5.2.1", message_id="<1@x>"))
    assert desk.suppressed() is None
    await desk.take(bounce(ADDRESS, token=desk.token, answer=answer, status="5.2.1", message_id="<2@x>"))
    assert desk.suppressed() == "bad_address"


@pytest.mark.parametrize("action", ["delayed", "relayed", "delivered", "expanded"])
async def test_what_is_no_failure_changes_nothing(desk: Desk, action: str) -> None:
    understood = await desk.take(bounce(ADDRESS, token=desk.token, action=action))
    assert understood.effect is MailEffect.NONE
    assert desk.state()[0] == "sent"
    assert desk.suppressed() is None
    assert desk.rows("SELECT id FROM receipts") == []


async def test_a_note_of_absence_changes_nothing(desk: Desk) -> None:
    raw = letter("I am away.", to=f"bounces+{desk.token}@example.com", headers="Auto-Submitted: auto-replied")
    understood = await desk.take(raw)
    assert (understood.kind, understood.effect) == ("auto_reply", MailEffect.NONE)
    assert understood.notification == desk.id
    assert desk.state()[0] == "sent"
    assert desk.hearing.letters == []


async def test_a_complaint_stops_the_address_and_leaves_the_message_as_it_is(desk: Desk) -> None:
    understood = await desk.take(complaint(token=desk.token, recipient=ADDRESS))
    assert (understood.kind, understood.effect) == ("arf", MailEffect.SUPPRESSED)
    assert desk.suppressed() == "complaint"
    assert desk.state()[0] == "sent"


@pytest.mark.parametrize("token", ["0" * 40, sign_token("another secret", Purpose.BOUNCE, 1)])
async def test_without_a_token_of_ours_nobody_is_stopped(desk: Desk, token: str) -> None:
    understood = await desk.take(bounce(ADDRESS, token=token))
    assert (understood.effect, understood.notification) == (MailEffect.UNIDENTIFIED, None)
    assert desk.suppressed() is None
    assert desk.state()[0] == "sent"
    (kept,) = desk.rows("SELECT kind, verdict, effect, words FROM mail_reports")
    assert kept["verdict"] == "suppress_address"
    assert ADDRESS not in kept["words"]
    assert desk.counted("dsn", "unidentified") == 1


async def test_a_token_for_a_link_is_none_for_a_bounce(desk: Desk) -> None:
    understood = await desk.take(bounce(ADDRESS, token=sign_token(SECRET, Purpose.UNSUBSCRIBE, desk.id)))
    assert understood.effect is MailEffect.UNIDENTIFIED


async def test_a_bounce_of_last_years_secret_is_still_ours(desk: Desk) -> None:
    understood = await desk.take(bounce(ADDRESS, token=sign_token(OLD_SECRET, Purpose.BOUNCE, desk.id)))
    assert understood.effect is MailEffect.SUPPRESSED


async def test_the_envelope_alone_identifies_a_bounce(desk: Desk) -> None:
    raw = bounce(ADDRESS, token="x" * 40)
    understood = await desk.take(raw, f"bounces+{desk.token}@bounces.example.com")
    assert understood.notification == desk.id


async def test_a_failure_of_an_address_we_did_not_write_to_stops_nobody(desk: Desk) -> None:
    understood = await desk.take(bounce("forwarded@example.org", token=desk.token))
    assert (understood.effect, understood.verdict) == (MailEffect.UNDELIVERED, "ambiguous")
    assert desk.suppressed() is None


async def test_an_end_state_that_stands_already_stays(desk: Desk) -> None:
    desk.set(state="superseded")
    await desk.take(bounce(ADDRESS, token=desk.token))
    assert desk.state()[0] == "superseded"
    assert desk.suppressed() == "bad_address"


async def test_an_opt_out_is_not_replaced_by_a_bounce(desk: Desk) -> None:
    desk.database.write_now(lambda tx: tx.run("UPDATE contact_points SET suppressed = 'opted_out'"))
    await desk.take(bounce(ADDRESS, token=desk.token))
    assert desk.suppressed() == "opted_out"


async def test_a_bounce_that_is_faster_than_the_ledger_must_come_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mail_reports.taking, "NOT_RECORDED_SECONDS", 0.001)
    desk.set(state="sending")
    with pytest.raises(Overloaded):
        await desk.take(bounce(ADDRESS, token=desk.token))
    assert desk.suppressed() is None
    assert desk.rows("SELECT id FROM mail_reports") == []
    desk.set(state="sent")
    assert (await desk.take(bounce(ADDRESS, token=desk.token))).effect is MailEffect.SUPPRESSED


async def test_an_answer_to_a_message_is_handed_on_once_with_its_contact_point(desk: Desk) -> None:
    raw = reply("OUT again", token=desk.token)
    first, again = await desk.take(raw), await desk.take(raw)
    (heard,) = desk.hearing.letters
    assert (heard.notification_id, heard.contact_point_id) == (desk.id, desk.point)
    assert (heard.text.strip(), heard.sender) == ("OUT again", "jo@example.net")
    assert (first.effect, again.duplicate) == (MailEffect.NOTED, True)


async def test_a_letter_that_answers_nothing_is_handed_on_without_a_contact_point(desk: Desk) -> None:
    await desk.take(letter("Hello?"))
    (heard,) = desk.hearing.letters
    assert (heard.notification_id, heard.contact_point_id) == (None, None)


async def test_what_is_no_mail_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput):
        await desk.take(b"  \r\n")


@pytest.mark.skipif(not SAMPLES.exists(), reason="../shared/contracts is not here")
async def test_every_real_sample_stops_the_address_exactly_when_its_label_says_so(desk: Desk) -> None:
    labels = json.loads((SAMPLES / "bounces_labels.json").read_text())
    for name, rows in labels.items():
        raw = (SAMPLES / "bounces" / name).read_bytes()
        found = understand(raw).failures
        address = (found[0].recipient if found else "") or ADDRESS
        forget(desk, address)
        await desk.take(crlf(f"Delivered-To: bounces+{desk.token}@example.com\n") + raw)
        allowed = {"suppress_address": "bad_address", "complaint": "complaint"}.get(rows[0]["advice"])
        assert desk.suppressed() in (allowed, None), name
        if rows[0]["advice"] == "suppress_address":
            assert desk.suppressed() == "bad_address", name


def forget(desk: Desk, address: str) -> None:
    """Let the message have gone to another address, to which nothing has happened."""
    desk.set(state="sent")
    desk.database.write_now(lambda tx: tx.run("DELETE FROM mail_reports"))  # two samples are one and the same mail
    desk.database.write_now(
        lambda tx: tx.run(
            "UPDATE contact_points SET suppressed = NULL, soft_bounces = 0, address = :address", address=address
        )
    )
