"""The checklist before customers hear from us, on both databases: what was really done, as the store remembers it."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from notifier.config import Config, Delivery, OnCall, Person, Provider, ProviderKind, Sender, Sms
from notifier.domain.actor import DAEMON
from notifier.domain.automatic import Backtested
from notifier.domain.go_live import GoLiveCheck, Standing
from notifier.domain.notification import Channel
from notifier.domain.playbook import Mode
from notifier.stages.go_live import look
from notifier.storage.backup import Copy, note_copy
from notifier.storage.database import Database, Transaction
from notifier.storage.instants import to_micros
from notifier.storage.repositories import audit, automatic, control
from tests.reply_desk import STANDARD, ReplyDesk

MARY, JOSE = "+14155550111", "+14155550112"
RELAY = Provider(name="relay", kind=ProviderKind.SMTP, host="relay.valley.net")
CARRIER = Provider(name="carrier", kind=ProviderKind.TWILIO, channel=Channel.SMS, sender="+14155550100")
ALL = Config(
    providers=(RELAY, CARRIER),
    sender=Sender(public_url="https://outages.valley.net"),
    sms=Sms(registration="C1A2B3C"),
    on_call=OnCall(people=(Person(name="Ann", sms=MARY), Person(name="Bo", sms=JOSE))),
)
DAY = timedelta(days=1)


class Desk(ReplyDesk):
    """A desk that is asked what is missing."""

    def checks(self, config: Config = ALL, mode: Mode = Mode.PROPOSE, **states: str) -> dict[str, GoLiveCheck]:
        plan = replace(STANDARD, mode=mode)
        playbooks = dict.fromkeys(plan.services, plan)
        now = self.clock.now()
        view = self.database.read_now(lambda tx: look(tx, config, playbooks, states, now))
        assert view.ready == all(each.state is not Standing.MISSING for each in view.checks)
        assert all(each.do for each in view.checks if each.state is Standing.MISSING)
        return {each.name: each for each in view.checks}

    def write(self, work: object) -> None:
        self.database.write_now(work)  # type: ignore[arg-type]

    def call(self, person: str, at: datetime | None, *, reason: str = "test", outcome: str = "answered") -> None:
        def save(tx: Transaction) -> None:
            tx.run(
                """INSERT INTO calls (person, reason, text, verbs, called_at, answered_at, outcome)
                   VALUES (:person, :reason, 'a test', '|wait|', :now, :at, :outcome)""",
                person=person,
                reason=reason,
                now=to_micros(self.clock.now()),
                at=None if at is None else to_micros(at),
                outcome=outcome,
            )

        self.write(save)

    def tested(self, channel: Channel, provider: str, accepted: int, of: int = 3, *, guest: bool = True) -> None:
        detail = {"channel": channel, "provider": provider, "accepted": accepted, "of": of, "guest": guest}
        now = self.clock.now()
        self.write(
            lambda tx: audit.record(
                tx, at=now, actor=DAEMON, action=audit.TEST_SENT, target="one address", detail=detail
            )
        )


@pytest.fixture
async def desk(database: Database) -> Desk:
    desk = Desk(database)
    region = desk.town.region("94110")
    desk.home("12", MARY, region)
    desk.home("14", JOSE, region)
    return desk


def missing(checks: dict[str, GoLiveCheck]) -> set[str]:
    return {name for name, each in checks.items() if each.state is Standing.MISSING}


def test_at_the_beginning_everything_that_must_be_tried_is_missing(desk: Desk) -> None:
    checks = desk.checks()
    assert missing(checks) == {"on_call", "stop_works", "guest_list_tried", "backup"}
    assert checks["on_call"].why == "Ann and Bo answered no test within 90 days"
    assert checks["backtest"].state is Standing.UNKNOWN


def test_each_person_must_have_answered_a_test_themselves_and_lately(desk: Desk) -> None:
    now = desk.clock.now()
    desk.call("Ann", now)
    desk.call("Bo", None, outcome="unanswered")
    desk.call("Bo", now, reason="suspected")
    desk.call("Bo", now, outcome="elsewhere")
    one = desk.checks()["on_call"]
    assert (one.state, one.do) == (Standing.MISSING, "notifier on-call test --person Bo")
    desk.call("Bo", now)
    assert desk.checks()["on_call"].state is Standing.OK
    desk.clock.go_on(91 * DAY)
    assert "on_call" in missing(desk.checks())
    assert "nobody is on call" in desk.checks(replace(ALL, on_call=OnCall()))["on_call"].why


async def test_stop_works_once_a_text_said_stop_and_then_start(desk: Desk) -> None:
    await desk.text("+14155559999", "STOP")  # of nobody on file: it stopped nothing
    assert "no STOP by text" in desk.checks()["stop_works"].why
    await desk.text(MARY, "STOP")
    assert "no START after it" in desk.checks()["stop_works"].why
    await desk.text(JOSE, "START")  # of somebody else
    assert "stop_works" in missing(desk.checks())
    desk.clock.go_on(DAY)
    await desk.text(MARY, "START")
    assert desk.checks()["stop_works"].state is Standing.OK
    desk.clock.go_on(DAY)
    await desk.text(JOSE, "STOP")  # a customer's; the pair holds
    assert desk.checks()["stop_works"].state is Standing.OK


async def test_a_stop_by_mail_says_nothing_about_texts(desk: Desk) -> None:
    desk.home("16", "+14155550113", desk.town.region("94111"), email="eve@example.net")
    await desk.text("eve@example.net", "STOP", source="email")
    await desk.text("eve@example.net", "START", source="email")
    assert "stop_works" in missing(desk.checks())
    assert desk.checks(replace(ALL, providers=(RELAY,)))["stop_works"].state is Standing.OK


def test_a_test_to_a_guest_must_be_taken_whole_by_each_channel(desk: Desk) -> None:
    desk.tested(Channel.EMAIL, "relay", 3)
    desk.tested(Channel.SMS, "carrier", 3, guest=False)
    assert desk.checks()["guest_list_tried"].why.startswith("no test to a guest by sms;")
    desk.tested(Channel.SMS, "carrier", 3)
    assert desk.checks()["guest_list_tried"].state is Standing.OK
    desk.tested(Channel.SMS, "carrier", 2)
    assert "only 2 of 3" in desk.checks()["guest_list_tried"].why
    other = replace(ALL, providers=(replace(RELAY, name="another"),))
    assert "no test to a guest by email" in desk.checks(other)["guest_list_tried"].why
    guests = replace(ALL, delivery=Delivery(only_to=(MARY,)))
    assert "1 address is still on it" in desk.checks(guests)["guest_list_over"].why


def test_a_backup_is_noted_without_its_folder_and_grows_old(desk: Desk) -> None:
    copy, now = Copy(path=Path("/srv/secret/monday.backup"), bytes=4096, revision="0001"), desk.clock.now()
    desk.write(lambda tx: note_copy(tx, copy, now=now))
    line = desk.checks()["backup"]
    assert (line.state, line.why.split(";")[0]) == (Standing.OK, "monday.backup, made today")
    desk.clock.go_on(8 * DAY)
    assert "8 days ago" in desk.checks()["backup"].why
    assert "backup" in missing(desk.checks())


def test_the_backtest_is_the_one_that_mode_automatic_goes_by(desk: Desk) -> None:
    assert "backtest" in missing(desk.checks(mode=Mode.AUTOMATIC))
    done = Backtested(ran_at=desk.clock.now(), days=55, complaints=900, would_confirm=4, likely=5.0, certain=9.0)
    desk.write(lambda tx: automatic.save_backtest(tx, done))
    assert desk.checks(mode=Mode.AUTOMATIC)["backtest"].state is Standing.OK
    desk.write(lambda tx: automatic.save_backtest(tx, replace(done, days=12)))
    assert "there are 12" in desk.checks(mode=Mode.AUTOMATIC)["backtest"].why
    assert "mode" in missing(desk.checks(mode=Mode.OBSERVE))


def test_in_mode_propose_the_backtest_is_told_and_only_too_many_outages_are_in_the_way(desk: Desk) -> None:
    def check() -> GoLiveCheck:
        return desk.checks(mode=Mode.PROPOSE)["backtest"]

    assert (check().state, check().do) == (Standing.UNKNOWN, "notifier rehearse TICKETS.csv")
    done = Backtested(ran_at=desk.clock.now(), days=55, complaints=900, would_confirm=4, likely=5.0, certain=9.0)
    desk.write(lambda tx: automatic.save_backtest(tx, done))
    assert check().state is Standing.OK
    assert check().why == "over 55 days of your complaints, today; it would have proposed as certain 4"
    desk.write(lambda tx: automatic.save_backtest(tx, replace(done, days=12)))
    assert check().state is Standing.UNKNOWN
    assert "there are 12; a person confirms everything" in check().why
    desk.write(lambda tx: automatic.save_backtest(tx, replace(done, would_confirm=400)))
    assert check().state is Standing.MISSING
    assert "raise detection.certain" in check().why


def test_providers_must_lead_away_and_work(desk: Desk) -> None:
    assert desk.checks()["providers"].state is Standing.OK
    assert "carrier is stopped" in desk.checks(carrier="stopped: 401")["providers"].why
    assert "providers" in missing(desk.checks(Config()))
    here = replace(ALL, providers=(replace(RELAY, host="127.0.0.1"),))
    assert desk.checks(here)["providers"].state is Standing.UNKNOWN
    stand_in = replace(ALL, providers=(replace(CARRIER, base_url="http://127.0.0.1:9"),))
    assert "providers" in missing(desk.checks(stand_in))


def test_number_links_reach_keys_and_pause_are_looked_at(desk: Desk) -> None:
    assert "number_registered" in missing(desk.checks(replace(ALL, sms=Sms())))
    assert desk.checks(replace(ALL, sms=Sms(registration="exempt")))["number_registered"].state is Standing.OK
    assert desk.checks(replace(ALL, sms=Sms(), providers=(RELAY,)))["number_registered"].state is Standing.OK
    assert "public_url" in missing(desk.checks(replace(ALL, sender=Sender(public_url="http://valley.net"))))
    assert "public_url" in missing(desk.checks(replace(ALL, sender=Sender(public_url="https://127.0.0.1"))))
    unreached = desk.checks(replace(ALL, providers=(RELAY,)))["directory"]
    assert (unreached.state, unreached.why.startswith("0 of 2 customers")) == (Standing.MISSING, True)
    desk.write(lambda tx: control.put(tx, control.PAUSED, "1", now=desk.clock.now(), actor=DAEMON))
    assert desk.checks()["nothing_paused"].do == "notifier resume-all"
