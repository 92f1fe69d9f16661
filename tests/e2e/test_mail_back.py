"""Mail that comes back to a daemon, as a process: by LMTP and over HTTP, once each, before and after a kill."""

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from notifier.sandbox.processes import free_port
from tests.bounces import bounce, reply
from tests.e2e.test_serve import Daemon, until
from tests.stores import ON_BOTH, TestStore

HOMES = 4

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def daemon(tmp_path: Path, store: TestStore) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, store)
    daemon.lmtp_port = free_port()  # type: ignore[attr-defined]
    daemon.write(
        inbound={"lmtp_listen": f"127.0.0.1:{daemon.lmtp_port}"},  # type: ignore[attr-defined]
        providers=[{"name": "outbox", "kind": "file", "directory": str(tmp_path / "outbox")}],
    )
    yield daemon
    daemon.stop_all()


def tell_everybody(daemon: Daemon) -> dict[str, EmailMessage]:
    """Import some homes and tell them of an outage; return the mail of each, by address."""
    row = {"site_id": "1", "services": "power", "regions": {"postal_code": "94110"}}
    homes = [
        {"customer_id": f"C-{n}", "address": f"{n} Oak St", "email": f"home{n}@example.net", **row}
        for n in range(HOMES)
    ]
    daemon.rows(*homes, path="/v1/customers/bulk")
    draft = daemon.call("POST", "/v1/incidents", {"service": "power", "regions": ["postal_code:94110"]})
    daemon.call("POST", f"/v1/broadcasts/{draft['broadcast']['id']}/send", {"count": HOMES})
    until(lambda: len(daemon.outbox()) == HOMES, "the broadcast")
    until(lambda: daemon.call("GET", f"/v1/broadcasts/{draft['broadcast']['id']}")["state"] == "completed", "its end")
    return {mail["To"]: mail for mail in daemon.outbox()}


def token(mail: EmailMessage) -> str:
    return str(mail["Return-Path"]).partition("+")[2].partition("@")[0]


def bring(daemon: Daemon, raw: bytes, recipient: str, *, sender: str = "") -> int:
    """Hand a mail over by LMTP and return the code of the verdict."""
    with smtplib.LMTP("127.0.0.1", daemon.lmtp_port, timeout=30) as server:  # type: ignore[attr-defined]
        server.ehlo_or_helo_if_needed()
        server.mail(sender)
        server.rcpt(recipient)
        return server.data(raw)[0]


def states(daemon: Daemon) -> dict[str, Any]:
    rows = daemon.store.query(
        "SELECT c.address, n.state, c.suppressed FROM notifications AS n JOIN contact_points AS c"
        " ON c.id = n.contact_point_id WHERE n.broadcast_id IS NOT NULL"
    )
    return {address: (state, suppressed) for address, state, suppressed in rows}


@ON_BOTH
def test_what_comes_back_stops_addresses_and_counts_complaints_once(daemon: Daemon) -> None:
    first = daemon.start("--migrate")
    mails = tell_everybody(daemon)
    gone = bounce("home0@example.net", token=token(mails["home0@example.net"]))
    assert bring(daemon, gone, f"bounces+{token(mails['home0@example.net'])}@example.com") == 250
    first.kill()  # right after the 250: it is stored
    daemon.start()
    assert bring(daemon, gone, f"bounces+{token(mails['home0@example.net'])}@example.com") == 250

    full = bounce("home1@example.net", token=token(mails["home1@example.net"]), answer="552 5.2.2 full", status="5.2.2")
    (daemon.folder / "full.eml").write_bytes(full)
    answered = daemon.call("POST", "/v1/bounces", full, type_="message/rfc822")
    assert (answered["verdict"], answered["effect"]) == ("soft", "undelivered")

    still_out = reply(
        "OUT\n\nOn Sunday Example Utility wrote:\n> Sorry.",
        token=token(mails["home2@example.net"]),
        sender="Home <home2@example.net>",
    )
    assert bring(daemon, still_out, "help@example.com", sender="home2@example.net") == 250
    thanks = reply("Thank you!", token=token(mails["home3@example.net"]), message_id="<thanks@example.net>")
    assert bring(daemon, thanks, "help@example.com", sender="home3@example.net") == 250

    assert states(daemon) == {
        "home0@example.net": ("undelivered", "bad_address"),
        "home1@example.net": ("undelivered", None),
        "home2@example.net": ("sent", None),
        "home3@example.net": ("sent", None),
    }
    until(lambda: daemon.store.query("SELECT 1 FROM complaints"), "a complaint out of the answer")
    assert daemon.store.query("SELECT source, reporter FROM complaints") == [("email", "customer:C-2")]
    assert daemon.store.query("SELECT COUNT(*) FROM mail_reports WHERE kind = 'dsn'") == [(2,)]
