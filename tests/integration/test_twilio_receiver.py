"""The Twilio-compatible receiver agrees with Twilio's own description, and reports as Twilio does."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, web
from twilio.request_validator import RequestValidator
from twilio.rest import Client

from notifier.sandbox.twilio_faults import Callbacks, Fault, Faults, FaultsFile, write_faults
from notifier.sandbox.twilio_form import MAGIC_FROM, MAGIC_TO
from notifier.sandbox.twilio_messages import read_texts
from notifier.sandbox.twilio_receiver import ACCOUNT, TOKEN, TwilioReceiver, receiving_texts
from tests.openapi import Description

TWILIO = Description()
needs_description = pytest.mark.skipif(not TWILIO.is_there, reason="the contract samples are not beside this checkout")
BASIC = "Basic " + base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
GOOD = {"To": "+12125550147", "From": "+14155550100", "Body": "Back by 6:30 pm."}
SERVICE = "MG" + "0" * 32
SOON = (datetime.now(UTC) + timedelta(hours=1)).isoformat()


class Api:
    """A caller of one receiver."""

    def __init__(self, receiver: TwilioReceiver, url: str, session: ClientSession) -> None:
        self.receiver, self.session = receiver, session
        self.base = f"{url}/2010-04-01/Accounts/{ACCOUNT}/Messages"

    async def create(self, form: Any, authorization: str = BASIC) -> tuple[int, Any, Any]:
        headers = {"Authorization": authorization, "Content-Type": "application/x-www-form-urlencoded"}
        pairs = list(form.items()) if isinstance(form, dict) else form
        async with self.session.post(self.base + ".json", data=urlencode(pairs), headers=headers) as answer:
            return answer.status, json.loads(await answer.text()), answer.headers

    async def get(self, path: str) -> tuple[int, Any]:
        async with self.session.get(self.base + path, headers={"Authorization": BASIC}) as answer:
            return answer.status, await answer.json()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with receiving_texts(tmp_path) as (receiver, url), ClientSession() as session:
        yield Api(receiver, url, session)


def without(name: str, **changes: str) -> dict[str, str]:
    return {key: value for key, value in {**GOOD, **changes}.items() if key != name}


# --- agreement with the official description

FORMS: list[dict[str, str]] = [
    GOOD,
    without("From", MessagingServiceSid=SERVICE),
    GOOD | {"StatusCallback": "https://outages.example.com/webhooks/twilio/status?notification=1&attempt=1"},
    GOOD | {"ValidityPeriod": "3600", "RiskCheck": "disable"},
    GOOD | {"ValidityPeriod": "soon"},
    GOOD | {"ValidityPeriod": "1.5"},
    GOOD | {"Attempt": "1"},
    GOOD | {"Attempt": "first"},
    GOOD | {"RiskCheck": "off"},
    GOOD | {"ScheduleType": "later"},
    GOOD | {"TrafficType": "paid"},
    GOOD | {"AddressRetention": "keep"},
    GOOD | {"ContentRetention": "keep"},
    GOOD | {"SmartEncoded": "yes"},
    GOOD | {"SmartEncoded": "true", "ProvideFeedback": "false", "ForceDelivery": "true", "SendAsMms": "false"},
    GOOD | {"SendAsMms": "1"},
    GOOD | {"ShortenUrls": "no"},
    GOOD | {"MaxPrice": "cheap"},
    GOOD | {"MaxPrice": "0.02"},
    GOOD | {"ApplicationSid": "AP" + "f" * 32},
    GOOD | {"ApplicationSid": "AP12"},
    GOOD | {"ContentSid": "HX" + "A" * 32},
    GOOD | {"ContentSid": "CX" + "A" * 32},
    without("From", MessagingServiceSid="MG12"),
    without("From", MessagingServiceSid="MG" + "g" * 32),
    without("From", MessagingServiceSid=SERVICE, SendAt=SOON, ScheduleType="fixed"),
    without("From", MessagingServiceSid=SERVICE, SendAt="tomorrow", ScheduleType="fixed"),
    GOOD | {"StatusCallback": "not a url"},
    without("To"),
]


@needs_description
@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
async def test_what_the_description_refuses_is_refused_and_what_it_allows_is_taken(
    api: Api, form: dict[str, str]
) -> None:
    status, answer, _ = await api.create(form)
    wrong = TWILIO.wrong_form(list(form.items()))
    assert (status == 201) == (not wrong), (wrong, answer)


@needs_description
@pytest.mark.parametrize("name", sorted(TWILIO.examples()) if TWILIO.is_there else [])
async def test_an_official_example_is_taken_unless_a_rule_beside_the_schema_says_no(api: Api, name: str) -> None:
    example = TWILIO.examples()[name]
    pairs = [
        (key, _word(each)) for key, value in example.items() for each in (value if isinstance(value, list) else [value])
    ]
    assert TWILIO.wrong_form(pairs) == []
    status, answer, _ = await api.create(pairs)
    to_itself = example.get("From") == example["To"]  # Twilio's own answer would be 21266
    other_channel = not example["To"].startswith("+")
    assert (status == 201) == (not (to_itself or other_channel)), answer
    if to_itself:
        assert answer["code"] == 21266
        assert (await api.create([*pairs, ("From", GOOD["From"])]))[0] == 201


@needs_description
async def test_every_answer_has_the_shape_of_the_description(api: Api) -> None:
    _, created, _ = await api.create(GOOD)
    _, by_service, _ = await api.create(without("From", MessagingServiceSid=SERVICE))
    await api.receiver.settled()
    _, listed = await api.get(".json?To=%2B12125550147&PageSize=1")
    _, fetched = await api.get(f"/{created['sid']}.json")
    message = TWILIO.answer("post", ".json", "201")
    for answer in (created, by_service, fetched):
        assert TWILIO.wrong(answer, message) == []
    assert TWILIO.wrong(listed, TWILIO.answer("get", ".json", "200")) == []
    schema = TWILIO._all["components"]["schemas"]["api.v2010.account.message"]["properties"]
    assert set(created) == set(schema)
    assert (created["status"], created["num_segments"]) == ("queued", "1")
    assert (by_service["status"], by_service["num_segments"], by_service["from"]) == ("accepted", "0", None)


# --- rules that a schema cannot say


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (without("To"), 21604),
        (GOOD | {"To": "2125550147"}, 21211),
        (GOOD | {"To": "+1 212 555 0147"}, 21211),
        (GOOD | {"To": "+0125550147"}, 21211),
        (GOOD | {"To": "72345"}, 21211),
        (without("From"), 21603),
        (GOOD | {"MessagingServiceSid": SERVICE}, 20001),
        (without("From", MessagingServiceSid="MG12"), 21701),
        (GOOD | {"From": "no number!"}, 21212),
        (GOOD | {"From": GOOD["To"]}, 21266),
        (without("Body"), 21619),
        (GOOD | {"Body": ""}, 21619),
        (GOOD | {"Body": "x" * 1601}, 21617),
        (GOOD | {"ValidityPeriod": "0"}, 20001),
        (GOOD | {"ValidityPeriod": "36001"}, 20001),
        (GOOD | {"StatusCallback": "https://my_host.example/x"}, 21609),
        (GOOD | {"StatusCallback": "ftp://host.example/x"}, 21609),
        (GOOD | {"SendAt": SOON, "ScheduleType": "fixed"}, 35114),
        (without("From", MessagingServiceSid=SERVICE, SendAt="2020-01-01T00:00:00+00:00", ScheduleType="fixed"), 35114),
        (GOOD | {"ShortenUrls": "true"}, 20001),
        *((GOOD | {"To": number}, code) for number, code in MAGIC_TO.items()),
        *((GOOD | {"From": number}, code) for number, code in MAGIC_FROM.items()),
    ],
)
async def test_a_rule_of_the_documentation_is_kept(api: Api, form: dict[str, str], code: int) -> None:
    status, answer, _ = await api.create(form)
    assert (answer["code"], answer["status"]) == (code, status)
    assert answer["more_info"].endswith(str(code))
    assert not api.receiver.messages.by_sid


@pytest.mark.parametrize("body", ["x" * 1600, "€" * 1600])
async def test_1600_characters_are_taken(api: Api, body: str) -> None:
    assert (await api.create(GOOD | {"Body": body}))[0] == 201


@pytest.mark.parametrize("sender", ["72345", "+18005550100", "Valley Co"])
async def test_short_codes_toll_free_numbers_and_names_may_send(api: Api, sender: str) -> None:
    assert (await api.create(GOOD | {"From": sender}))[0] == 201


@pytest.mark.parametrize("authorization", ["", "Basic d3Jvbmc=", "Bearer x", BASIC[:-1] + "\u00e9"])
async def test_nobody_but_the_account_is_served(api: Api, authorization: str) -> None:
    status, answer, headers = await api.create(GOOD, authorization)
    assert (status, answer["code"]) == (401, 20003)
    assert "WWW-Authenticate" in headers


async def test_no_two_messages_have_the_same_sid(api: Api) -> None:
    created = await asyncio.gather(*(api.create(GOOD) for _ in range(50)))
    assert len({answer["sid"] for _, answer, _ in created}) == 50


async def test_a_number_that_said_stop_is_refused(api: Api) -> None:
    api.receiver.stopped.add(GOOD["To"])
    assert (await api.create(GOOD))[1]["code"] == 21610


async def test_what_was_taken_is_listed_in_its_folder(api: Api) -> None:
    body = 'Line one\nline "two", é'
    _, created, _ = await api.create(GOOD | {"Body": body, "StatusCallback": "http://127.0.0.1:1/x?notification=1"})
    (text,) = read_texts(api.receiver.folder)
    assert (text.sid, text.to, text.sender, text.segments) == (created["sid"], GOOD["To"], GOOD["From"], 1)
    assert (text.body, text.callback) == (body, "http://127.0.0.1:1/x?notification=1")


# --- lists, by the official client


async def test_the_official_client_lists_by_number_and_date(api: Api) -> None:
    for number in range(5):
        await api.create(GOOD | {"To": f"+1212555{number:04d}"})
    for _ in range(4):
        await api.create(GOOD)
    await api.receiver.settled()
    client = Client(ACCOUNT, TOKEN)
    client.api.base_url = api.base.split("/2010")[0]
    today, day = datetime.now(UTC), timedelta(days=1)

    def count(**filters: Any) -> int:
        return len(client.messages.list(**filters))

    def look() -> list[int]:
        try:
            return [
                count(),
                count(to=GOOD["To"]),
                count(to=GOOD["To"], page_size=1),
                count(to=GOOD["To"], limit=3),
                count(date_sent_after=today - day),
                count(date_sent_after=today + day),
                count(date_sent_before=today + day),
                count(date_sent_before=today - day),
                count(date_sent=today),
                count(from_="+19995550100"),
            ]
        finally:
            client.http_client.session.close()

    assert await asyncio.to_thread(look) == [9, 4, 4, 3, 9, 0, 9, 0, 9, 0]


async def test_a_message_that_is_not_there_is_404(api: Api) -> None:
    assert await api.get("/SM" + "0" * 32 + ".json") == (404, (await api.get("/SM" + "0" * 32 + ".json"))[1])


async def test_a_scheduled_message_can_be_cancelled(api: Api) -> None:
    form = without("From", MessagingServiceSid=SERVICE, SendAt=SOON, ScheduleType="fixed")
    _, created, _ = await api.create(form)
    path = f"{api.base}/{created['sid']}.json"
    async with api.session.post(path, data={"Status": "canceled"}, headers={"Authorization": BASIC}) as answer:
        assert (await answer.json())["status"] == "canceled"


# --- status callbacks


class Listener:
    """Hears status callbacks."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        self.wrong: list[str] = []
        self.url = ""

    async def hear(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        url = self.url + request.rel_url.raw_path_qs
        if not RequestValidator(TOKEN).validate(url, form, request.headers["X-Twilio-Signature"]):
            self.wrong.append(url)
        self.heard.append({key: str(value) for key, value in form.items()})
        return web.Response(status=204)

    @property
    def statuses(self) -> list[str]:
        return [one["MessageStatus"] for one in self.heard]


@pytest.fixture
async def listener() -> AsyncIterator[Listener]:
    listener = Listener()
    app = web.Application()
    app.router.add_post("/status", listener.hear)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield listener
    await runner.cleanup()
    assert listener.wrong == []


async def _reported(api: Api, listener: Listener, **faults: Any) -> list[str]:
    api.receiver.faults = Faults(**{"callback_delay": 0.01} | faults)
    status, _, _ = await api.create(GOOD | {"StatusCallback": f"{listener.url}/status?notification=7&attempt=1"})
    assert status == 201
    heard_before = list(listener.statuses)
    await api.receiver.settled()
    return heard_before if faults.get("callbacks") == Callbacks.EARLY else listener.statuses


@pytest.mark.parametrize(
    ("callbacks", "statuses"),
    [
        (Callbacks.NORMAL, ["sent", "delivered"]),
        (Callbacks.EARLY, ["sent", "delivered"]),
        (Callbacks.LATE, ["sent", "delivered"]),
        (Callbacks.TWICE, ["sent", "sent", "delivered", "delivered"]),
        (Callbacks.REVERSED, ["delivered", "sent"]),
        (Callbacks.NEVER, []),
    ],
)
async def test_statuses_are_reported_signed_as_commanded(
    api: Api, listener: Listener, callbacks: Callbacks, statuses: list[str]
) -> None:
    assert await _reported(api, listener, callbacks=callbacks) == statuses


async def test_a_failure_is_reported_with_its_code(api: Api, listener: Listener) -> None:
    assert await _reported(api, listener, undelivered=1.0, error_code=30007) == ["sent", "undelivered"]
    assert listener.heard[1]["ErrorCode"] == "30007"
    assert "ErrorCode" not in listener.heard[0]


@pytest.mark.parametrize("sample", ["status_delivered.form", "status_undelivered.form"])
async def test_a_callback_has_the_fields_of_the_samples(api: Api, listener: Listener, sample: str) -> None:
    from urllib.parse import parse_qs

    from tests.openapi import CONTRACT

    path = CONTRACT.parent / "samples" / sample
    if not path.exists():
        pytest.skip("the contract samples are not beside this checkout")
    await _reported(api, listener, undelivered=float("undelivered" in sample), error_code=30003)
    expected = set(parse_qs(path.read_text(encoding="utf-8").strip(), keep_blank_values=True))
    assert expected <= set(listener.heard[-1])


async def test_nobody_to_report_to_stops_nothing(api: Api) -> None:
    await api.create(GOOD | {"StatusCallback": "http://127.0.0.1:1/status"})
    await api.receiver.settled()
    assert [one.status for one in api.receiver.messages.by_sid.values()] == ["delivered"]


# --- misbehaviour on command


def test_each_fault_has_its_share() -> None:
    faults = Faults(refuse=0.25, lost_after=0.25, cut=0.5)
    assert [faults.drawn(chance) for chance in (0.1, 0.3, 0.6)] == [Fault.REFUSE, Fault.LOST_AFTER, Fault.CUT]
    assert Faults().drawn(0.0) is None


@pytest.mark.parametrize("wrong", [{"refuse": 1.5}, {"cut": 0.6, "html": 0.6}, {"callbacks": "odd"}, {"slow": -1}])
def test_faults_that_cannot_be_are_refused(wrong: dict[str, Any]) -> None:
    from notifier.domain.errors import InvalidInput

    with pytest.raises(InvalidInput):
        Faults(**wrong)


async def test_faults_are_read_from_the_folder_again_when_they_change(api: Api) -> None:
    write_faults(api.receiver.folder, Faults(refuse=1.0, code=20429, retry_after=3))
    await asyncio.sleep(0.25)
    status, answer, headers = await api.create(GOOD)
    assert (status, answer["code"], headers["Retry-After"]) == (429, 20429, "3")
    write_faults(api.receiver.folder, Faults())
    await asyncio.sleep(0.25)
    assert (await api.create(GOOD))[0] == 201


def test_faults_that_are_not_understood_are_ignored(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "twilio_faults.json").write_text("{", encoding="utf-8")
    assert FaultsFile(tmp_path).current() == Faults()
    assert "not understood" in capsys.readouterr().out


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
