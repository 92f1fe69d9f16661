"""The preference page: whoever has the signed link sets what holds; opening changes nothing; nothing else is shown."""

import asyncio
import logging
import re
from urllib.parse import urlencode

import pytest

from notifier.messages.links import Purpose, sign_token, sign_versioned
from notifier.web import preferences
from tests.served import ROWS, Answer, Served

FORM = "application/x-www-form-urlencoded"
ALL = {"purpose": ["outage", "planned", "survey"], "channel": ["email"], "site": ["1", "2"], "locale": ["en"]}


@pytest.fixture
async def town(served: Served) -> Served:
    first = {**ROWS[0], "site_id": "2", "label": "Barn", "address": "4 Mill Rd, Springfield"}
    answer = await served.ndjson("/v1/customers/bulk", ROWS[0], first, *ROWS[1:])
    assert answer.lines[-1]["loaded"] == len(ROWS) + 1, answer.body
    return served


def link(town: Served, contact_point_id: int = 1, secret: str | None = None) -> str:
    return "/p/" + sign_versioned(secret or town.machine.parts.link_secret, Purpose.PREFERENCES, contact_point_id)


async def opened(town: Served, path: str | None = None) -> str:
    answer = await town.get(path or link(town), role=None)
    assert answer.status == 200, answer.body
    return answer.body.decode()


def token(page: str) -> str:
    found = re.search(r'name="form" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


async def sent(
    town: Served, fields: dict[str, list[str]], *, form: str | None = None, path: str | None = None
) -> Answer:
    """Send a form as the page of this minute has it, or with another token."""
    form = token(await opened(town, path)) if form is None else form
    body = urlencode({"form": [form], **fields}, doseq=True).encode()
    return await town.post(path or link(town), data=body, type_=FORM, role=None)


async def saved(town: Served, **changes: list[str]) -> None:
    answer = await sent(town, {"do": ["save"], **ALL, **changes})
    assert answer.status == 303, answer.body
    assert "done=saved" in answer.headers["Location"]


def consents(town: Served) -> list[tuple[str, str, str]]:
    rows = town.rows("SELECT purpose, state, source FROM consents ORDER BY purpose")
    return [(row["purpose"], row["state"], row["source"]) for row in rows]


# --- looking


async def test_opening_the_page_changes_nothing(town: Served) -> None:
    before = [list(map(dict, town.rows(f"SELECT * FROM {table}"))) for table in ("contact_points", "consents", "audit")]
    await opened(town)
    assert (await town.call("HEAD", link(town), role=None)).status == 200
    after = [list(map(dict, town.rows(f"SELECT * FROM {table}"))) for table in ("contact_points", "consents", "audit")]
    assert before == after


async def test_the_page_shows_a_masked_address_and_street_lines_and_nothing_else_personal(town: Served) -> None:
    page = await opened(town)
    assert "c***@example.net" in page
    assert "1 Oak St" in page
    assert "Barn, 4 Mill Rd" in page
    for hidden in ("customer1@", "Springfield", "C-1", "Customer 1", "94110"):
        assert hidden not in page


async def test_the_page_needs_no_script_and_is_not_stored_indexed_or_framed(town: Served) -> None:
    answer = await town.get(link(town), role=None)
    assert b"<script" not in answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("wrong", ["x", "", "purpose", "unversioned", "gone"])
async def test_a_wrong_link_is_not_found_in_the_readers_language(town: Served, wrong: str) -> None:
    good, secret = link(town), town.machine.parts.link_secret
    path = {
        "x": "/p/x",
        "": good[:-1] + ("a" if good[-1] != "a" else "b"),
        "purpose": "/p/" + sign_versioned(secret, Purpose.BOUNCE, 1),
        "unversioned": "/p/" + sign_token(secret, Purpose.PREFERENCES, 1),
        "gone": link(town, 99),
    }[wrong]
    for answer in (
        await town.get(path, role=None, headers={"Accept-Language": "es-MX,es;q=0.9"}),
        await town.post(path, data=b"do=stop", type_=FORM, role=None, headers={"Accept-Language": "es"}),
    ):
        assert answer.status == 404
        assert "Este enlace no funciona" in answer.body.decode()


async def test_a_link_made_with_the_key_before_still_works(town: Served) -> None:
    parts = town.machine.parts
    object.__setattr__(parts, "link_secrets", (parts.link_secret, "the secret of last year"))
    page = await opened(town, link(town, 1, "the secret of last year"))
    assert "c***@example.net" in page
    assert (await town.get(link(town, 1, "a secret of nobody"), role=None)).status == 404


@pytest.mark.parametrize(("locale", "words"), [("es", "Sus mensajes de"), ("fr-CA", "Vos messages de")])
async def test_the_page_is_in_the_contact_points_language(town: Served, locale: str, words: str) -> None:
    town.database.write_now(lambda tx: tx.run("UPDATE contact_points SET locale = :locale", locale=locale))
    page = await opened(town)
    assert words in page
    assert f'<html lang="{locale[:2]}">' in page


# --- saving


async def test_a_page_saved_as_it_is_changes_nothing_and_makes_no_yes(town: Served) -> None:
    answer = await sent(town, {"do": ["save"], **ALL})
    assert answer.headers["Location"].endswith("?done=same#done")
    assert consents(town) == []
    assert town.rows("SELECT id FROM audit WHERE action = 'contact_points.preferences'") == []


async def test_consent_is_set_per_purpose_with_its_source(town: Served) -> None:
    await saved(town, purpose=["outage", "offer"])
    assert consents(town) == [
        ("offer", "granted", "preference page"),
        ("planned", "refused", "preference page"),
        ("survey", "refused", "preference page"),
    ]


async def test_everything_on_the_page_is_saved(town: Served) -> None:
    await saved(town, channel=[], site=["2"], quiet_from=["22:00"], quiet_until=["06:30"])
    (point,) = town.rows("SELECT channels_off, quiet_from, quiet_until, chosen FROM contact_points WHERE id = 1")
    assert dict(point) == {"channels_off": "|email|", "quiet_from": 1320, "quiet_until": 390, "chosen": "|quiet|"}
    assert [row["site_id"] for row in town.rows("SELECT site_id FROM muted_sites")] == [1]
    page = await opened(town)
    assert 'value="22:00"' in page
    await saved(town)
    (point,) = town.rows("SELECT channels_off, quiet_from, quiet_until FROM contact_points WHERE id = 1")
    assert dict(point) == {"channels_off": "", "quiet_from": None, "quiet_until": None}
    assert town.rows("SELECT site_id FROM muted_sites") == []


async def test_an_incident_is_paused_and_heard_of_again(town: Served) -> None:
    def happen(tx: object) -> None:
        tx.run(  # type: ignore[attr-defined]
            """INSERT INTO incidents (service, state, playbook, started_at, opened_at, opened_by, correlation_id)
               VALUES ('power', 'confirmed', 'power', 1, 1, 'test', 'c')"""
        )
        tx.run("INSERT INTO parts (id, incident_id) VALUES (1, 1)")  # type: ignore[attr-defined]
        tx.run(  # type: ignore[attr-defined]
            """INSERT INTO broadcasts (incident_id, part_id, kind, state, facts, created_at, created_by, correlation_id)
               VALUES (1, 1, 'eta', 'sending', '{}', 1, 'test', 'c')"""
        )
        tx.run(  # type: ignore[attr-defined]
            """INSERT INTO notifications (broadcast_id, contact_point_id, channel, due_at, planned_at)
               VALUES (1, 1, 'email', 1, 1)"""
        )

    town.database.write_now(happen)
    assert "Nothing more about this outage: power" in await opened(town)
    await saved(town, pause=["1"])
    assert [dict(row)["incident_id"] for row in town.rows("SELECT * FROM pauses")] == [1]
    await saved(town)
    assert town.rows("SELECT * FROM pauses") == []


async def test_sites_and_incidents_of_others_are_no_choices(town: Served) -> None:
    await sent(town, {"do": ["save"], **ALL, "site": ["1", "2", "5"], "pause": ["7", "-1", "x", "9" * 30]})
    assert town.rows("SELECT * FROM pauses") == []
    assert town.rows("SELECT * FROM muted_sites") == []


@pytest.mark.parametrize(
    ("begin", "until", "words"),
    [
        ("22:00", "", "give both times"),
        ("25:00", "07:00", "give times such as"),
        ("07:00", "07:00", "must be different"),
        ("<b>", "07:00", "give times such as"),
    ],
)
async def test_hours_that_cannot_be_are_said_and_nothing_is_saved(
    town: Served, begin: str, until: str, words: str
) -> None:
    answer = await sent(town, {"do": ["save"], **ALL, "purpose": [], "quiet_from": [begin], "quiet_until": [until]})
    page = answer.body.decode()
    assert answer.status == 422
    assert words in page
    assert 'role="alert"' in page
    assert 'aria-invalid="true"' in page
    assert "<title>Please check: " in page
    assert "<b>" not in page
    assert consents(town) == []
    again = re.findall(r'name="purpose" value="\w+"( checked)?', page)
    assert again == [""] * 4, "what was typed is still there"


async def test_a_language_that_is_not_offered_is_refused(town: Served) -> None:
    assert (await sent(town, {"do": ["save"], **ALL, "locale": ["tlh"]})).status == 422


async def test_the_change_is_in_the_audit_log_without_values(town: Served) -> None:
    await saved(town, purpose=["outage"], quiet_from=["22:00"], quiet_until=["06:30"])
    (row,) = town.rows("SELECT actor, target, detail FROM audit WHERE action = 'contact_points.preferences'")
    assert (row["actor"], row["target"]) == ("customer", "contact point 1")
    assert row["detail"] == (
        '{"source":"preference page","changed":["consent.planned","consent.survey","quiet hours"]}'
    )


# --- stop and start


async def test_everything_is_stopped_and_started_again_from_the_page(town: Served) -> None:
    answer = await sent(town, {"do": ["stop"]})
    assert answer.headers["Location"].endswith("?done=stop#done")
    (row,) = town.rows("SELECT suppressed FROM contact_points WHERE id = 1")
    assert row["suppressed"] == "opted_out"
    page = await opened(town, link(town) + "?done=stop")
    assert "You get no messages from us" in page
    assert 'role="status"' in page
    await sent(town, {"do": ["start"]})
    (row,) = town.rows("SELECT suppressed FROM contact_points WHERE id = 1")
    assert row["suppressed"] is None
    assert consents(town) == [("outage", "granted", "preference page")]
    said = [row["action"] for row in town.rows("SELECT action FROM audit WHERE action LIKE 'contact%' ORDER BY id")]
    assert said == ["contact_points.opt_out", "contact_points.opt_in"]


async def test_what_an_agent_stopped_is_not_started_from_the_page(town: Served) -> None:
    town.database.write_now(lambda tx: tx.run("UPDATE contact_points SET suppressed = 'by_person'"))
    page = await opened(town)
    assert "We cannot write to this address at the moment" in page
    assert "Send me messages again" not in page


# --- who may


async def test_a_change_is_confirmed_by_one_message_of_its_kind(town: Served) -> None:
    await saved(town, purpose=["outage"])
    await sent(town, {"do": ["stop"]})
    await sent(town, {"do": ["stop"]})
    await sent(town, {"do": ["start"]})
    rows = town.rows("SELECT contact_point_id, cause_kind, channel, answer FROM notifications ORDER BY id")
    assert {(row["contact_point_id"], row["cause_kind"], row["channel"]) for row in rows} == {
        (1, "preferences", "email")
    }
    assert [row["answer"] for row in rows] == [
        *('{"kind":"preferences"}', '{"kind":"opted_out"}'),
        '{"kind":"opted_in"}',
    ]


@pytest.mark.parametrize("form", ["", "0" * 24, "x", "\udcff\u0000"])
async def test_a_form_without_the_pages_token_changes_nothing(town: Served, form: str) -> None:
    answer = await sent(town, {"do": ["stop"]}, form=form.encode("utf-8", "replace").decode())
    assert answer.status == 409
    assert [row["suppressed"] for row in town.rows("SELECT suppressed FROM contact_points")] == [None] * 5


async def test_the_token_of_another_contact_points_form_is_no_good(town: Served) -> None:
    other = token(await opened(town, link(town, 2)))
    assert (await sent(town, {"do": ["stop"]}, form=other)).status == 409


async def test_stop_is_stop_on_an_old_page_and_when_it_is_pressed_twice(town: Served) -> None:
    *_, stop = re.findall(r'name="form" value="([0-9a-f]+)"', await opened(town))
    await saved(town, purpose=["outage"])
    for _ in range(2):
        answer = await sent(town, {"do": ["stop"]}, form=stop)
        assert (answer.status, answer.headers["Location"].partition("?")[2]) == (303, "done=stop#done")
    assert (await sent(town, {"do": ["save"], **ALL}, form=stop)).status == 409  # it is good for nothing else
    assert (await sent(town, {"do": ["stop"]}, form=stop, path=link(town, 2))).status == 409
    rows = town.rows("SELECT suppressed FROM contact_points ORDER BY id")
    assert [row["suppressed"] for row in rows[:2]] == ["opted_out", None]


async def test_of_two_pages_open_at_a_time_the_older_one_undoes_nothing(town: Served) -> None:
    first = token(await opened(town))
    await saved(town, purpose=["outage"])
    answer = await sent(town, {"do": ["save"], **ALL}, form=first)
    assert answer.status == 409
    assert "changed in the meantime" in answer.body.decode()
    assert [purpose for purpose, _, _ in consents(town)] == ["planned", "survey"]


async def test_of_many_saves_at_once_one_is_taken(town: Served) -> None:
    form = token(await opened(town))
    answers = await asyncio.gather(
        *(sent(town, {"do": ["save"], **ALL, "purpose": ["outage"]}, form=form) for _ in range(8))
    )
    assert sorted(answer.status for answer in answers) == [303] + [409] * 7
    assert len(town.rows("SELECT id FROM consent_log")) == 2


async def test_something_that_is_no_form_or_too_long_is_refused(town: Served) -> None:
    path = link(town)
    assert (await town.post(path, data=b"{}", type_="application/json", role=None)).status == 415
    assert (await town.post(path, data=b"a=1&" * 1_001, type_=FORM, role=None)).status == 413
    assert (await town.post(path, data=b"a" * 70_000, type_=FORM, role=None)).status == 413


async def test_too_many_saves_have_to_wait(town: Served) -> None:
    path = link(town)
    for _ in range(preferences.SAVES_AT_ONCE):
        await town.post(path, data=b"", type_=FORM, role=None)
    answer = await town.post(path, data=b"", type_=FORM, role=None)
    assert answer.status == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert (await town.post(link(town, 2), data=b"", type_=FORM, role=None)).status == 409, "others need not wait"


async def test_no_token_is_ever_logged(
    town: Served, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        await saved(town, purpose=["outage"])
        await town.get("/p/secret-of-somebody", role=None)
    written = caplog.text + "".join(capsys.readouterr())
    assert link(town).removeprefix("/p/") not in written
    assert "secret-of-somebody" not in written
