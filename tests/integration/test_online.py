"""`check --online` against servers of 127.0.0.1: names, a mail relay, an API, a daemon; what it finds and says."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from click.testing import CliRunner
from msgspec.structs import replace

from notifier.cli.check import check
from notifier.cli.online import Finding, State, reach
from notifier.cli.online.names import Names
from notifier.cli.online.sender import check_sender
from notifier.cli.online.spf import Check, Verdict
from notifier.config import Config, Provider, ProviderKind, Sender, Server, Storage, Tls
from notifier.domain.mail_dns import Address, as_address
from notifier.storage.migrate import upgrade
from tests.config_file import written
from tests.integration.relay import Relay, running
from tests.name_server import NameServer, Zone

RELAY = "198.51.101.7"  # a public address in nobody's use
GOOD: Zone = {
    ("valley.net", "TXT"): ["v=spf1 ip4:198.51.101.0/24 -all"],
    ("valley.net", "MX"): ["10 mx.valley.net."],
    ("mx.valley.net", "A"): ["192.0.2.25"],
    ("mail1._domainkey.valley.net", "TXT"): ["v=DKIM1; k=rsa; p=" + "A" * 390],
    ("_dmarc.valley.net", "TXT"): ["v=DMARC1; p=none; rua=mailto:dmarc@valley.net"],
    ("relay.valley.net", "A"): [RELAY],
}


def sending(host: str = "relay.valley.net", *, bounces: str = "", selector: str = "mail1") -> Config:
    return Config(
        sender=Sender(address="outages@valley.net", bounce_domain=bounces, dkim_selector=selector),
        providers=(Provider(name="relay", kind=ProviderKind.SMTP, host=host),),
    )


async def found(zone: Zone, config: Config | None = None, *, silent: tuple[str, ...] = ()) -> dict[str, Finding]:
    """Return the findings about the sender by the first word of what they are about."""
    async with NameServer(zone, silent=silent) as server:
        findings = await check_sender(config or sending(), Names(server.address))
    return {each.what.split()[0]: each for each in findings}


# --- the DNS of the sender


async def test_a_domain_that_is_well_is_well_in_everything() -> None:
    findings = await found(GOOD)
    assert {each.state for each in findings.values()} == {State.OK}
    assert list(findings) == ["SPF", "DKIM", "DMARC", "alignment", "MX"]


@pytest.mark.parametrize(
    ("records", "state", "said"),
    [
        ([], State.PROBLEM, "there is no record"),
        (["v=spf1 -all", "v=spf1 ~all"], State.PROBLEM, "there are 2 records"),
        (["v=spf1 +all"], State.PROBLEM, "+all lets anybody"),
        (["v=spf1 ip4:192.0.2.0/24 -all"], State.WARNING, "does not name the addresses of relay.valley.net"),
        (["v=spf1 include:nowhere.valley.net -all"], State.PROBLEM, "permerror"),
        (["v=spf1 a:relay.valley.net"], State.WARNING, "says nothing about everybody else"),
        (["v=spf1 a:relay.valley.net ~all"], State.OK, "v=spf1 a:relay.valley.net ~all"),
    ],
)
async def test_spf_is_judged_as_receivers_judge_it(records: list[str], state: State, said: str) -> None:
    spf = (await found({**GOOD, ("valley.net", "TXT"): records}))["SPF"]
    assert (spf.state, said in spf.found) == (state, True)
    assert spf.do or state is State.OK


async def test_a_relay_on_this_machine_is_looked_for_in_no_record() -> None:
    assert (await found(GOOD, sending("127.0.0.1")))["SPF"].state is State.OK


@pytest.mark.parametrize(
    ("records", "state"),
    [(["v=DKIM1; p="], State.PROBLEM), ([], State.PROBLEM), (["nothing of it"], State.PROBLEM)],
)
async def test_a_selector_needs_a_key(records: list[str], state: State) -> None:
    dkim = (await found({**GOOD, ("mail1._domainkey.valley.net", "TXT"): records}))["DKIM"]
    assert dkim.state is state


async def test_a_selector_that_nobody_configured_cannot_be_judged() -> None:
    dkim = (await found(GOOD, sending(selector="")))["DKIM"]
    assert (dkim.state, "sender.dkim_selector" in dkim.do) == (State.WARNING, True)


async def test_dmarc_is_found_at_the_organisations_domain() -> None:
    config = replace(sending(), sender=Sender(address="a@news.valley.net", dkim_selector="mail1"))
    findings = await found({**GOOD, ("news.valley.net", "TXT"): ["v=spf1 -all"]}, config)
    assert "_dmarc.valley.net" in findings["DMARC"].found
    assert findings["alignment"].state is State.OK


async def test_no_dmarc_record_is_a_problem() -> None:
    findings = await found({name: records for name, records in GOOD.items() if not name[0].startswith("_dmarc")})
    assert findings["DMARC"].state is State.PROBLEM
    assert "alignment" not in findings


@pytest.mark.parametrize(
    ("bounces", "record", "selector", "state"),
    [
        ("bounces.valley.net", "v=DMARC1; p=none", "mail1", State.OK),
        ("bounces.valley.net", "v=DMARC1; p=none; aspf=s", "mail1", State.WARNING),
        ("carrier.example", "v=DMARC1; p=none", "mail1", State.WARNING),
        ("carrier.example", "v=DMARC1; p=none", "", State.PROBLEM),
    ],
)
async def test_from_and_bounces_must_be_aligned_or_dkim_alone_carries_it(
    bounces: str, record: str, selector: str, state: State
) -> None:
    zone = {**GOOD, ("_dmarc.valley.net", "TXT"): [record]}
    assert (await found(zone, sending(bounces=bounces, selector=selector)))["alignment"].state is state


@pytest.mark.parametrize(
    ("records", "state"),
    [
        ({("b.valley.net", "MX"): ["0 ."]}, State.PROBLEM),
        ({("b.valley.net", "MX"): ["10 gone.valley.net."]}, State.PROBLEM),
        ({("b.valley.net", "MX"): ["20 gone.valley.net.", "10 mx.valley.net."]}, State.OK),
        ({("b.valley.net", "A"): ["192.0.2.9"]}, State.WARNING),
        ({}, State.PROBLEM),
    ],
)
async def test_bounces_need_somebody_who_takes_them(records: Zone, state: State) -> None:
    assert (await found({**GOOD, **records}, sending(bounces="b.valley.net")))["MX"].state is state


async def test_a_name_server_that_says_nothing_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("notifier.cli.online.names.ASK_SECONDS", 0.2)
    findings = await found(GOOD, silent=("_dmarc.valley.net",))
    assert findings["DMARC"].state is State.PROBLEM
    assert "no name server answers" in findings["DMARC"].found
    assert findings["SPF"].state is State.OK


# --- SPF


def address(text: str) -> Address:
    found_ = as_address(text)
    assert found_ is not None
    return found_


@pytest.mark.parametrize(
    ("zone", "verdict"),
    [
        ({("d.net", "TXT"): ["v=spf1 include:a.net -all"], ("a.net", "TXT"): ["v=spf1 ip4:192.0.2.1 -all"]}, "pass"),
        ({("d.net", "TXT"): ["v=spf1 include:a.net -all"], ("a.net", "TXT"): ["v=spf1 ip4:192.0.2.2 -all"]}, "fail"),
        ({("d.net", "TXT"): ["v=spf1 redirect=a.net"], ("a.net", "TXT"): ["v=spf1 ip4:192.0.2.1 ?all"]}, "pass"),
        ({("d.net", "TXT"): ["v=spf1 mx ~all"], ("d.net", "MX"): ["1 m.net."], ("m.net", "A"): ["192.0.2.1"]}, "pass"),
        ({("d.net", "TXT"): ["v=spf1 a/24 ~all"], ("d.net", "A"): ["192.0.2.77"]}, "pass"),
        ({("d.net", "TXT"): ["v=spf1 exists:%{i}.x.net"]}, "unknown"),
        ({("d.net", "TXT"): ["v=spf1"]}, "neutral"),
        ({("d.net", "TXT"): ["v=spf1 include:d.net -all"]}, "permerror"),
        ({("d.net", "TXT"): [f"v=spf1 {' '.join(f'a:h{n}.net' for n in range(11))} -all"]}, "permerror"),
        ({("d.net", "A"): ["192.0.2.1"]}, "none"),
    ],
)
async def test_spf_lets_an_address_send_or_not(zone: Zone, verdict: str) -> None:
    async with NameServer(zone) as server:
        assert await Check(Names(server.address)).of("d.net", address("192.0.2.1")) == Verdict(verdict)


# --- carriers


async def provider(settings: Provider) -> Finding:
    return (await reach.check_provider(settings))[0]


async def test_a_relay_lets_us_in_with_tls_and_login_and_gets_no_mail() -> None:
    async with running(Relay(), starttls=True, password="right") as relay:
        good = Provider(
            name="relay",
            kind=ProviderKind.SMTP,
            host="localhost",
            port=relay.port,
            tls=Tls.STARTTLS,
            tls_verify=False,
            username="us",
            password="right",
        )
        assert (await provider(good)).state is State.OK
        refused = await provider(replace(good, password="wrong"))
        assert relay.offered == relay.senders == []
    assert refused.state is State.PROBLEM
    assert refused.found.startswith("535")
    assert "username, password" in refused.do


async def test_a_relay_that_is_not_there_is_a_problem() -> None:
    async with running(Relay()) as relay:
        port = relay.port
    finding = await provider(Provider(name="relay", kind=ProviderKind.SMTP, port=port))
    assert (finding.state, finding.do) == (State.PROBLEM, "see host, port and tls")


@pytest.fixture
async def twilio() -> AsyncIterator[TestServer]:
    """Serve the list of messages to the account that knows its token."""

    async def refused(_: web.Request) -> web.Response:
        return web.json_response({"code": 20003, "message": "Authenticate", "status": 401}, status=401)

    app = web.Application()
    app.router.add_get(f"/2010-04-01/Accounts/AC{'0' * 32}/Messages.json", refused)
    app.router.add_get(f"/2010-04-01/Accounts/AC{'1' * 32}/Messages.json", _empty_list)
    server = TestServer(app)
    await server.start_server()
    yield server
    await server.close()


async def _empty_list(_: web.Request) -> web.Response:
    return web.json_response({"messages": [], "page": 0, "page_size": 1, "uri": "/", "next_page_uri": None})


async def test_twilio_knows_the_account_or_says_no(twilio: TestServer, capfd: pytest.CaptureFixture[str]) -> None:
    good = Provider(
        name="texts",
        kind=ProviderKind.TWILIO,
        base_url=str(twilio.make_url("")).rstrip("/"),
        account_sid="AC" + "1" * 32,
        auth_token="t" * 32,
        sender="+14155550100",
    )
    assert (await provider(good)).state is State.OK
    refused = await provider(replace(good, account_sid="AC" + "0" * 32))
    assert refused.state is State.PROBLEM
    assert "account_sid, auth_token" in refused.do
    assert "Authenticate" in refused.found
    assert capfd.readouterr() == ("", ""), "what is wrong is said in one line of the list, and not in a log as well"


async def test_a_folder_takes_files_or_not(tmp_path: Path) -> None:
    assert (await provider(Provider(name="o", kind=ProviderKind.FILE, directory=str(tmp_path / "a")))).state is State.OK
    (tmp_path / "b").write_text("a file")
    assert (
        await provider(Provider(name="o", kind=ProviderKind.FILE, directory=str(tmp_path / "b")))
    ).state is State.PROBLEM


# --- the store


async def test_the_store_is_empty_ready_or_not_writable(tmp_path: Path) -> None:
    config = Config(storage=Storage(url=f"sqlite:///{tmp_path / 'n.db'}"))
    assert (await reach.check_store(config)).state is State.WARNING
    upgrade(config.storage.url)
    assert (await reach.check_store(config)).state is State.OK
    missing = Config(storage=Storage(url=f"sqlite:///{tmp_path / 'nowhere' / 'n.db'}"))
    assert (await reach.check_store(missing)).state is not State.OK


# --- our own address and the time


class Front:
    """An address that answers /healthz as a daemon does."""

    def __init__(self, instance: str = "one", *, status: int = 200) -> None:
        self.instance, self.status = instance, status
        app = web.Application()
        app.router.add_get("/healthz", self._answer)
        self.server = TestServer(app)

    async def _answer(self, _: web.Request) -> web.Response:
        return web.Response(status=self.status, headers={"Notifier-Instance": self.instance} if self.instance else {})

    @property
    def listen(self) -> str:
        return f"127.0.0.1:{self.server.port}"


@pytest.fixture
async def fronts() -> AsyncIterator[list[Front]]:
    made = [Front(), Front("another"), Front(status=502)]
    for each in made:
        await each.server.start_server()
    yield made
    for each in made:
        await each.server.close()


async def public(daemon: str, url: str) -> list[Finding]:
    config = Config(server=Server(listen=daemon), sender=Sender(public_url=url))
    return (await reach.check_public_url(config))[0]


async def test_the_public_address_leads_to_this_daemon(fronts: list[Front]) -> None:
    daemon, another, broken = fronts
    found_, here = await public(daemon.listen, f"http://{daemon.listen}")
    assert (found_.state, here.state) == (State.OK, State.WARNING)
    assert "customers cannot follow" in here.found
    assert (await public(daemon.listen, f"http://{another.listen}"))[0].found.endswith("but not this daemon")
    assert (await public(daemon.listen, f"http://{broken.listen}"))[0].found.endswith("the answer is 502")


async def test_no_daemon_at_all_is_said_as_that(fronts: list[Front]) -> None:
    await fronts[0].server.close()
    (finding,) = await public(fronts[0].listen, f"http://{fronts[0].listen}")
    assert finding.found.startswith("no daemon answers at")
    assert finding.do == "start it: notifier serve"


@pytest.mark.parametrize(
    ("apart", "state"),
    [(timedelta(seconds=2), State.OK), (timedelta(minutes=-1), State.WARNING), (timedelta(minutes=6), State.PROBLEM)],
)
def test_the_clock_is_compared_with_the_others(apart: timedelta, state: State) -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    clocks = [
        reach.Clock(whose="a", shown_at=now, ours_at=now),
        reach.Clock(whose="b", shown_at=now + apart, ours_at=now),
    ]
    assert reach.check_clock(clocks).state is state
    assert reach.check_clock([]).state is State.OK


def test_a_relay_may_tell_the_time_in_its_greeting() -> None:
    (clock,) = reach._of_greeting("relay", f"mx.valley.net ESMTP Exim 4.96 {format_datetime(datetime.now(UTC))}")
    assert abs(clock.shown_at - clock.ours_at) < timedelta(seconds=5)
    assert reach._of_greeting("relay", "mx.valley.net ESMTP Postfix") == []


# --- the command


def test_the_command_says_everything_and_its_answer_is_no_with_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOTIFIER_CONFIG", raising=False)
    file = written(tmp_path, "server: {listen: '127.0.0.1:1'}\nsender: {public_url: 'http://127.0.0.1:1'}\n")
    result = CliRunner().invoke(check, ["--config", str(file), "--online"])
    assert result.exit_code == 1
    assert "PROBLEM public URL: no daemon answers" in result.output
    assert "-> start it: notifier serve" in result.output
    assert "WARNING database" in result.output
    assert max(map(len, result.output.splitlines())) <= 72
    said = json.loads(CliRunner().invoke(check, ["--config", str(file), "--online", "--json"]).output)
    assert said["ok"] is False
    assert {"database", "public URL", "clock"} <= {each["what"] for each in said["online"]}


def test_without_online_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NOTIFIER_CONFIG", raising=False)
    result = CliRunner().invoke(check, ["--json"])
    assert (result.exit_code, json.loads(result.output)["online"]) == (0, [])
