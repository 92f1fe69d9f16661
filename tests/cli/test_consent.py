"""`notifier consent` and `broadcasts unreached`: what is asked of the daemon, and what a person reads."""

import csv
import io
import json
from typing import Any

import pytest

from notifier.storage.views import ConsentsView, ConsentView, SaidView, SuppressionView, UnreachedView
from tests.cli.conftest import Run
from tests.cli_views import customer
from tests.fake_daemon import NOON, FakeDaemon, problem


def consent(**changes: Any) -> ConsentView:
    return ConsentView(
        **{
            "purpose": "outage",
            "allowed": True,
            "reason": "basis",
            "explanation": "nothing said; covered by the service contract",
            "basis": "service contract",
            "source": "",
            "wording": "",
            "changed_at": None,
            **changes,
        }
    )


REFUSED = consent(
    purpose="survey",
    allowed=False,
    reason="refused",
    explanation="said no",
    basis="",
    source="call of 2026-06-26",
    wording="do not ask\x1b[2J",
    changed_at=NOON,
)
CARD = ConsentsView(
    id=42,
    kind="email",
    contact_point="j***@example.com",
    locale="es",
    suppression=None,
    consents=[consent(), REFUSED],
    channels_off=["sms"],
    quiet_from="22:00",
    quiet_until="07:00",
    muted_sites=["C-1001/2"],
    paused_incidents=[7],
    history=[
        SaidView(
            at=NOON,
            purpose="survey",
            state="refused",
            basis="",
            source="call of 2026-06-26",
            wording="do not ask",
            actor="ann",
        )
    ],
)
STOPPED = SuppressionView(reason="opted_out", source="sms", wording="STOP", actor="customer", since=NOON)
FEW = [
    UnreachedView(
        customer="C-1",
        name="=HYPERLINK(1)",
        site="1",
        label="Barn",
        address="1 Oak St, Springfield",
        priority=True,
        call=["+14155550101"],
        why=["email: failed (permanent failure)", "sms: bad address"],
    ),
    UnreachedView(
        customer="C-2",
        name="José\x1b[2J",
        site="1",
        label="",
        address="",
        priority=False,
        call=[],
        why=["nothing on file"],
    ),
]


def test_a_contact_point_is_shown_with_what_may_be_written_why_and_every_word(
    notifier: Run, daemon: FakeDaemon
) -> None:
    daemon.on("GET", "/v1/contact-points/42/consents", CARD)
    result = notifier("consent", "show", "42")
    assert result.exit_code == 0
    assert "outage  yes: nothing said; covered by the service contract" in result.stdout
    assert "survey  no: said no, source: call of 2026-06-26" in result.stdout
    assert "from 22:00 until 07:00" in result.stdout
    assert "C-1001/2" in result.stdout
    assert "#7" in result.stdout
    assert all(len(line) <= 72 and line.isprintable() for line in result.stdout.splitlines())


def test_an_address_that_is_stopped_says_so_first(notifier: Run, daemon: FakeDaemon) -> None:
    view = ConsentsView(**{**{name: getattr(CARD, name) for name in CARD.__struct_fields__}, "suppression": STOPPED})
    daemon.on("GET", "/v1/contact-points/42/consents", view)
    lines = notifier("consent", "show", "42").stdout.splitlines()
    assert lines[0].endswith("STOPPED")
    assert lines[1].strip().startswith("NOTHING: opted out since")
    assert lines[2].strip() == '"STOP"'


@pytest.mark.parametrize(
    ("typed", "path", "body"),
    [
        (
            "set 42 survey refused --source call --wording no",
            "consents",
            {"purpose": "survey", "state": "refused", "source": "call", "wording": "no", "basis": ""},
        ),
        ("suppress 42 --source call", "suppress", {"reason": "opted_out", "source": "call", "wording": ""}),
        (
            "suppress 42 --source call --reason by_person",
            "suppress",
            {"reason": "by_person", "source": "call", "wording": ""},
        ),
        ("unsuppress 42 --source call", "unsuppress", {"source": "call"}),
    ],
)
def test_what_an_agent_notes_is_sent_with_its_source(
    notifier: Run, daemon: FakeDaemon, typed: str, path: str, body: dict[str, str]
) -> None:
    daemon.on("POST", f"/v1/contact-points/42/{path}", CARD)
    assert notifier("consent", *typed.split()).exit_code == 0
    assert daemon.last("POST", f"/v1/contact-points/42/{path}").json() == body
    assert json.loads(notifier("consent", *typed.split(), "--json").stdout)["id"] == 42


@pytest.mark.parametrize(
    "typed", ["set 42 survey refused", "set 42 fun granted --source x", "set 42 survey --source x"]
)
def test_a_note_without_source_purpose_or_state_is_wrong_usage(notifier: Run, daemon: FakeDaemon, typed: str) -> None:
    assert notifier("consent", *typed.split()).exit_code == 2
    assert daemon.asked == []


def test_a_customer_is_shown_with_the_consent_of_each_address(notifier: Run, daemon: FakeDaemon) -> None:
    view = customer()
    (point, *rest) = view.contact_points
    said = type(point)(
        **{
            **{name: getattr(point, name) for name in point.__struct_fields__},
            "consents": [consent(), REFUSED],
            "quiet_from": "22:00",
            "quiet_until": "07:00",
            "channels_off": ["sms"],
            "paused_incidents": [7],
        }
    )
    daemon.on("GET", "/v1/customers/C-1001", customer(contact_points=[said, *rest]))
    shown = notifier("customers", "show", "C-1001").stdout
    assert "What we may write to them about" in shown
    assert f"(contact point {point.id})" in shown
    assert "survey  no: said no, source: call of 2026-06-26" in shown
    assert "no texts from 22:00 until 07:00" in " ".join(shown.split())


# --- broadcasts unreached


def listed(daemon: FakeDaemon, *, whole: bool = True) -> None:
    end = [{"done": True, "sites": len(FEW)}] if whole else []
    body = b"".join(json_line(each) for each in [*FEW, *end])
    daemon.on("GET", "/v1/broadcasts/17/unreached", lambda _: body)


def json_line(value: object) -> bytes:
    import msgspec

    return msgspec.json.encode(value) + b"\n"


def test_who_was_not_reached_is_shown_to_be_called(notifier: Run, daemon: FakeDaemon) -> None:
    listed(daemon)
    result = notifier("broadcasts", "unreached", "17")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "C-1/1  =HYPERLINK(1)  PRIORITY"
    assert "    call +14155550101" in lines
    assert "    no telephone number on file" in lines
    assert lines[-1] == "2 sites of 2 customers not reached, 1 with priority."
    assert all(len(line) <= 72 and line.isprintable() for line in lines)


def test_the_csv_is_safe_for_spreadsheets(notifier: Run, daemon: FakeDaemon) -> None:
    listed(daemon)
    header, first, second = csv.reader(io.StringIO(notifier("broadcasts", "unreached", "17", "--csv").stdout))
    assert header == ["priority", "customer", "name", "site", "label", "address", "call", "why"]
    assert first == [
        *("yes", "C-1", "'=HYPERLINK(1)", "1", "Barn", "1 Oak St, Springfield", "'+14155550101"),
        "email: failed (permanent failure); sms: bad address",
    ]
    assert second[2] == "José [2J"


def test_json_is_one_object_a_line(notifier: Run, daemon: FakeDaemon) -> None:
    listed(daemon)
    lines = notifier("broadcasts", "unreached", "17", "--json").stdout.splitlines()
    assert [json.loads(line)["customer"] for line in lines] == ["C-1", "C-2"]


def test_a_list_that_broke_off_is_not_taken_for_whole(notifier: Run, daemon: FakeDaemon) -> None:
    listed(daemon, whole=False)
    result = notifier("broadcasts", "unreached", "17", "--csv")
    assert result.exit_code == 1
    assert "broke off" in result.stderr


def test_nobody_unreached_and_no_broadcast_are_said(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/broadcasts/17/unreached", lambda _: json_line({"done": True, "sites": 0}))
    assert notifier("broadcasts", "unreached", "17").stdout == "Everyone was reached, or still may be.\n"
    daemon.on("GET", "/v1/broadcasts/17/unreached", problem(404, "there is no broadcast 17"))
    assert notifier("broadcasts", "unreached", "17").exit_code == 1
