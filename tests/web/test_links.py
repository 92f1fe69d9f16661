"""Unsubscribe by a signed link: opening it changes nothing, one POST is enough, and it works at once."""

import pytest

from notifier.domain import consent
from notifier.messages.links import UNSUBSCRIBES, Purpose, sign_token
from tests.served import Answer, Served


@pytest.fixture
async def town(served: Served) -> Served:
    await served.import_customers()
    return served


def link(town: Served, contact_point_id: int = 1, purpose: Purpose = Purpose.UNSUBSCRIBE) -> str:
    return "/u/" + sign_token(town.machine.parts.link_secret, purpose, contact_point_id)


def refused(town: Served, purpose: str = "outage") -> list[int]:
    return [
        row["contact_point_id"]
        for row in town.rows(
            f"SELECT contact_point_id FROM consents WHERE state = 'refused' AND purpose = '{purpose}' ORDER BY 1"
        )
    ]


async def click(
    town: Served, path: str, data: bytes = b"List-Unsubscribe=One-Click", type_: str | None = None
) -> Answer:
    return await town.post(path, data=data, type_=type_ or "application/x-www-form-urlencoded", role=None)


async def test_opening_the_link_shows_a_form_and_changes_nothing(town: Served) -> None:
    answer = await town.get(link(town), role=None)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/html")
    assert b'<form method="post">' in answer.body
    assert b"Bay &amp; Sons" in answer.body
    assert b"@example.net" not in answer.body
    assert (await town.call("HEAD", link(town), role=None)).status == 200
    assert refused(town) == []


async def test_one_click_opts_out_at_once_without_cookies_or_redirect(town: Served) -> None:
    answer = await click(town, link(town, 2))
    assert answer.status == 200
    assert "Set-Cookie" not in answer.headers
    assert "Location" not in answer.headers
    assert refused(town) == [2]


async def test_multipart_is_as_good_as_a_form(town: Served) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--b--\r\n'
    assert (await click(town, link(town), body, "multipart/form-data; boundary=b")).status == 200
    assert refused(town) == [1]


async def test_one_click_is_idempotent(town: Served) -> None:
    for _ in range(3):
        assert (await click(town, link(town))).status == 200
    assert len(town.rows("SELECT id FROM consent_log")) == 1


async def test_an_empty_post_is_enough(town: Served) -> None:
    assert (await town.post(link(town), role=None)).status == 200
    assert refused(town) == [1]


@pytest.mark.parametrize("change", ["x", "", "wrong-purpose", "truncated"])
async def test_a_link_that_is_not_ours_does_nothing(town: Served, change: str) -> None:
    good = link(town)
    wrong = {
        "x": "/u/x",
        "": good[:-1] + ("a" if good[-1] != "a" else "b"),
        "wrong-purpose": link(town, purpose=Purpose.BOUNCE),
        "truncated": good[:-4],
    }[change]
    for answer in (await town.get(wrong, role=None), await click(town, wrong)):
        assert answer.status == 404
        assert b"This link does not work" in answer.body  # a customer reads it
    assert refused(town) == []


async def test_something_that_is_no_form_is_refused(town: Served) -> None:
    answer = await click(town, link(town), b"{}", "application/json")
    assert answer.status == 415
    assert refused(town) == []


async def test_a_page_is_not_cached_indexed_or_framed(town: Served) -> None:
    headers = (await town.get(link(town), role=None)).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("purpose", consent.Purpose)
async def test_a_link_opts_out_of_what_its_message_was_for(town: Served, purpose: consent.Purpose) -> None:
    assert (await click(town, link(town, 3, UNSUBSCRIBES[purpose]))).status == 200
    assert [each for each in consent.Purpose if refused(town, each)] == [purpose]


async def test_a_link_of_a_contact_point_that_is_gone_does_not_work(town: Served) -> None:
    assert (await click(town, link(town, 99))).status == 404


async def test_a_page_is_in_the_language_of_its_reader(town: Served) -> None:
    town.database.write_now(lambda tx: tx.run("UPDATE contact_points SET locale = 'es' WHERE id = 1"))
    assert b'lang="es"' in (await town.get(link(town), role=None)).body
    answer = await town.get("/u/x", role=None, headers={"Accept-Language": "fr-CA, en;q=0.5"})
    assert b'lang="fr"' in answer.body
