"""The session of a commander at 03:00, keystroke by keystroke, at a terminal, against a real daemon and real carriers.

What the terminal shows is compared, line by line, with the recording beside this file. Where our words differ from
the sketch they come from, ours say more: which evidence and how sure; the local zone and the distance of every time;
the wording that customers read for a cause; who is called, by name. Lines are at most 72 columns.
"""

import contextlib
import csv
import json
import os
import re
import sqlite3
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import pytest

from notifier.cli.access import Access
from notifier.cli.client import Client
from notifier.sandbox.processes import Rehearsal, notifier
from notifier.sandbox.twilio_messages import read_texts
from tests.cli.terminal import Terminal
from tests.telephones import number

T = TypeVar("T")

RECORDING = Path(__file__).with_name("three_in_the_morning.txt")
NIGHT = datetime(2026, 6, 27, 10, 6, 30, tzinfo=UTC)  # 03:06:30 in Riverside
ANN = "+14155560001"
PLAYBOOK = {
    "name": "internet",
    "services": ["internet"],
    "channels": ["sms", "email"],
    "audience_limit": 5000,
    "next_update_within": "1 h",
    "night": {"begins": "21:00", "ends": "07:00", "down": {"rule": "hold"}},
}
HALF_A_MINUTE = timedelta(seconds=30)
BY_TEXT, BY_MAIL, BY_NOTHING = 1031, 141, 42
EVERYBODY = BY_TEXT + BY_MAIL + BY_NOTHING
WROTE, PRIORITY = range(20, 36), range(9)  # customers by their numbers, all with telephones
WROTE_BY_MAIL = range(BY_TEXT, BY_TEXT + 2)

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("three_in_the_morning")]


def call(rehearsal: Rehearsal, path: str, body: object = None) -> Any:
    """Ask the daemon for something, or for something to be done."""
    client = Client(Access(url=rehearsal.url, token=rehearsal.token, origin="a test"))
    try:
        return json.loads((client.get(path) if body is None else client.post(path, body)).body)
    finally:
        client.close()


def until(found: Callable[[], list[T]]) -> list[T]:
    """Wait for something to be there."""
    end = time.monotonic() + 60
    while not (there := found()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.05)
    return there


class Night:
    """A town whose internet is out, its daemon, and a commander at a terminal."""

    def __init__(self, rehearsal: Rehearsal, folder: Path) -> None:
        self.rehearsal, self.folder, self.shown = rehearsal, folder, ""
        self.environment = {
            **rehearsal.environ,
            "TZ": "America/Los_Angeles",
            "COLUMNS": "72",
            "NO_COLOR": "1",
            "TERM": "xterm",
        }

    def at(self, *arguments: str) -> Terminal:
        """Run a command at a terminal; `keep` adds what it showed to the recording."""
        self.shown += f"$ {' '.join(['notifier', *arguments])}\n"
        return Terminal(list(arguments), self.environment)

    def keep(self, person: Terminal, *, code: int = 0) -> None:
        """Wait for the end of a command and keep what it showed."""
        assert person.ends() == code, person.text
        counted = re.sub(
            r"(\r *\d+ s, any key takes it back \.\.\. )+", " 30 s, any key takes it back ...", person.text
        )
        self.shown += "".join(f"{line.rstrip()}\n" for line in counted.strip("\n").split("\n"))

    def types_the_number(self, *arguments: str, count: int = EVERYBODY) -> None:
        """Run a command that tells, and type its number."""
        with self.at(*arguments) as person:
            person.sees(f"Type {count} to send")
            person.type(f"{count}\n")
            self.keep(person)

    def card(self) -> dict[str, Any]:
        card: dict[str, Any] = call(self.rehearsal, "/v1/incidents/42")["card"]
        return card


def people(path: Path) -> None:
    """Write the directory: 1,214 customers in two postal codes behind one node."""
    columns = (
        *("customer_id", "site_id", "address", "services", "priority", "locale", "email", "phone", "phone_kind"),
        *("region.postal_code", "region.city", "region.node"),
    )
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns, restval="")
        writer.writeheader()
        for which in range(EVERYBODY):
            row = {
                "customer_id": f"C-{which}",
                "site_id": "1",
                "address": f"{which + 1} Oak St, Riverside",
                "services": "internet",
                "priority": "yes" if which in PRIORITY else "no",
                "locale": "fr" if which % 39 == 38 else "es" if which % 4 == 3 else "en",
                "region.postal_code": "94110" if which % 2 == 0 else "94112",
                "region.city": "Riverside",
                "region.node": "OLT-7",
            }
            if which < BY_TEXT:
                row |= {"phone": number(which), "phone_kind": "mobile"}
            elif which < BY_TEXT + BY_MAIL:
                row |= {"email": f"c{which}@example.com"}
            writer.writerow(row)


def complain(rehearsal: Rehearsal) -> None:
    """Let 18 customers and two strangers complain within eleven minutes, in one list: one look at them opens it."""
    said = ("no internet", "No internet!", "se cayó el internet", "wifi is dead, call 415-555-0123")
    first = NIGHT - timedelta(minutes=12)
    lines: list[dict[str, str]] = [
        {
            "customer_id": f"C-{which}",
            "text": said[n % len(said)],
            "occurred_at": (first + n * HALF_A_MINUTE).isoformat(),
        }
        for n, which in enumerate((*WROTE, *WROTE_BY_MAIL))
    ]
    lines += [
        {
            "reporter": f"+1415556900{n}",
            "source": "web",
            "source_address": f"192.0.2.{n + 1}",
            "region": f"postal_code:{code}",
            "text": "internet is down",
            "occurred_at": (NIGHT - 2 * HALF_A_MINUTE).isoformat(),
        }
        for n, code in enumerate(("94110", "94112"))
    ]
    client = Client(Access(url=rehearsal.url, token=rehearsal.token, origin="a test"))
    texts = (json.dumps({"service": "internet", **line}).encode() + b"\n" for line in lines)
    answers = [json.loads(answer) for answer in client.stream("/v1/complaints/bulk", texts)]
    client.close()
    assert [each["status"] for each in answers if "line" in each] == [201] * len(lines), answers


@pytest.fixture
def night(rehearse: Callable[..., Rehearsal], store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Night:
    monkeypatch.chdir(tmp_path)
    on_call = {"answer_within": "10 min", "people": [{"name": "Ann", "sms": ANN}]}
    rehearsal = rehearse(PLAYBOOK, on_call=on_call, delivery={"take_back": "30 s"}, caps={"every": "1 s"})
    config = json.loads(rehearsal.config.read_text())
    config["services"] = [{"name": "internet", "words": {"en": "internet"}}]
    rehearsal.config.write_text(json.dumps(config))
    subprocess.run(notifier("db", "upgrade", "--config", str(rehearsal.config)), check=True, capture_output=True)
    with contextlib.closing(sqlite3.connect(store.path)) as connection, connection:
        at = int((NIGHT - timedelta(days=40)).timestamp() * 1_000_000)
        connection.execute(
            "INSERT INTO incidents (id, service, state, playbook, started_at, opened_at, opened_by, resolved_at,"
            " closed_at, correlation_id) VALUES (41, 'internet', 'closed', 'internet', ?, ?, 'ann', ?, ?, 'c')",
            [at] * 4,
        )
        connection.execute("INSERT INTO parts (incident_id, state) VALUES (41, 'restored')")
    rehearsal.start_daemon("--clock", f"{NIGHT.isoformat()},6")
    people(rehearsal.folder / "people.csv")
    done = subprocess.run(
        notifier("customers", "import", str(rehearsal.folder / "people.csv")),
        env={**os.environ, **rehearsal.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    complain(rehearsal)
    until(lambda: call(rehearsal, "/v1/incidents?state=suspected"))
    return Night(rehearsal, tmp_path)


def test_the_session_runs_as_it_was_recorded(night: Night) -> None:
    woken = until(lambda: [text for text in read_texts(night.rehearsal.folder) if text.to == ANN])[0]
    night.shown += f"SMS {woken.body}\n"
    with night.at() as person:
        night.keep(person)
    with night.at("read", "42") as person:
        night.keep(person)
    with night.at("tell", "42") as person:
        for question in ("[d]: ", "[15]: ", "Enter = not known: ", "next update by ["):
            person.sees(question)
            person.type("\n")
        person.sees(f"Type {EVERYBODY} to send")
        person.type(f"{EVERYBODY}\n")
        night.keep(person)
    assert night.card()["told"] == 166
    night.types_the_number("eta", "42", "6:30", "--cause", "cable-cut")
    night.types_the_number("eta", "42", "+4h")
    night.types_the_number("restored", "42", "--part", "94112", count=EVERYBODY // 2)
    with night.at("oops", "42") as person:
        person.sees("Which? 1, 2, 3, q to leave: ")
        person.type("3\n")
        person.sees("to stop, q to leave: ")
        person.type(f"{1006 + EVERYBODY // 2}\n")
        person.sees("Type 166 to send")
        person.type("166\n")
        night.keep(person)
    (night.folder / "shown.txt").write_text(night.shown)  # copy it over the recording when it is meant to change
    assert masked(night.shown) == masked(RECORDING.read_text("utf-8"))
    assert max(map(len, night.shown.split("\n", 1)[1].splitlines())) <= 72
    assert len((night.folder / "unreachable-42.csv").read_text().splitlines()) == BY_NOTHING + 1
    assert night.card()["state"] == "dismissed"
    heard = {text.to for text in read_texts(night.rehearsal.folder)} - {ANN}
    assert heard == {number(which) for which in (*WROTE, *PRIORITY)}


def masked(shown: str) -> list[str]:
    """Return the words of a session without what differs from night to night: times, distances, codes, line ends."""
    words = " ".join(shown.replace("|", " ").split())
    for pattern, mask in (
        (r"\b\d{1,2}:\d\d( [ap]m)?", "HH:MM"),
        (r"\b(\d+ h \d\d|\d+ h|\d+ min|\d+ s)\b", "TIME"),
        (r"\b[A-Z0-9]{3} (SEND|WAIT|NO)\b", r"ABC \1"),
    ):
        words = re.sub(pattern, mask, words)
    return [part.strip() for part in re.split(r"(?=\$ notifier|\b4 Check|Type \d)", words)]
