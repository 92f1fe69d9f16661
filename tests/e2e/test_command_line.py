"""A commander and an agent with the real daemon, at a terminal: import, open, take back, send, promise, look up."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.sandbox.processes import Process, free_port, notifier, wait_until_ready
from tests.cli.terminal import Terminal
from tests.stores import TestStore, new_store

PEOPLE = 20
HEADER = "customer_id,site_id,name,address,services,email,region.postal_code\n"

pytestmark = [pytest.mark.timeout(120), pytest.mark.xdist_group("command_line")]


class Office:
    """A daemon with a directory, and the commands typed beside it."""

    def __init__(self, folder: Path, store: TestStore) -> None:
        self.folder, port = folder, free_port()
        config = folder / "notifier.yaml"
        settings = {
            "server": {"listen": f"127.0.0.1:{port}", "metrics_listen": "", "token_file": str(folder / "token")},
            "storage": {"url": store.url},
            "providers": [{"name": "outbox", "kind": "file", "directory": str(folder / "outbox")}],
            "delivery": {"take_back": "3 s"},
        }
        config.write_text(json.dumps(settings))
        self.environment = {
            "NOTIFIER_CONFIG": str(config),
            "TZ": "America/Los_Angeles",
            "COLUMNS": "72",
            "NO_COLOR": "1",
        }
        self.daemon = Process(folder, "daemon", notifier("serve", "--config", str(config), "--migrate"))
        wait_until_ready(f"http://127.0.0.1:{port}", self.daemon)

    def run(self, *arguments: str, code: int = 0) -> str:
        """Run a command without a terminal and return its output; its exit code is as expected."""
        done = subprocess.run(
            notifier(*arguments),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/bin:/bin", **self.environment},
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def at(self, *arguments: str) -> Terminal:
        """Run a command at a terminal."""
        return Terminal(list(arguments), self.environment)

    def mails(self) -> int:
        """Return how many mails have left."""
        return len(list((self.folder / "outbox" / "new").glob("*")))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    opened = Office(folder, new_store(request, request.param, folder))
    rows = "".join(
        f'C-{n},1,Name {n},"{n} Oak St, Riverside",power,c{n}@example.com,94110\n' for n in range(1, PEOPLE + 1)
    )
    file = opened.folder / "customers.csv"
    file.write_text(HEADER + rows + "C-99,1,Nobody,,power,not a mail,94110\n")
    said = opened.run("customers", "import", str(file), code=1)
    assert f"{PEOPLE} rows loaded." in said
    assert "1 row was refused" in said
    yield opened
    opened.daemon.stop()


def test_an_outage_from_the_first_word_to_the_last(office: Office) -> None:
    rejected = (office.folder / "customers.rejected.csv").read_text().splitlines()
    assert rejected[1].startswith(f"{PEOPLE + 2},email,not a mail,")

    with office.at("open", "--service", "power", "--regions", "postal_code:94110", "--started", "-20m") as person:
        person.sees(f"Type {PEOPLE} to send, q to leave: ")
        person.type(f"{PEOPLE}\n")
        person.sees("any key takes it back ... ")
        person.type(" ")
        assert person.ends() == 1
        person.sees("Taken back. Nobody was told.")
    assert office.mails() == 0

    with office.at("eta", "1", "none") as person:
        person.sees("q to leave: ")
        person.type("q\n")
        assert person.ends() == 1
    with office.at("eta", "1", "none") as person:
        person.sees("q to leave: ")
        person.type(f"{PEOPLE}\n")
        person.sees("any key takes it back ... ")
        assert person.ends() == 0
        person.sees(f"Done: sent {PEOPLE}, failed 0.")
        person.sees("Promise: next update by ")
    assert office.mails() == PEOPLE

    refused = office.run("eta", "1", "+2h", code=2)
    assert "the draft is cancelled" in " ".join(refused.split())
    assert [one["state"] for one in json.loads(office.run("incidents", "show", "1", "--json"))["broadcasts"]][
        -1
    ] == "cancelled"
    office.run("eta", "1", "+2h", "--count", str(PEOPLE + 1), code=1)
    office.run("eta", "1", "+2h", "--count", str(PEOPLE), "--no-wait")

    card = json.loads(office.run("incidents", "show", "1", "--json"))["card"]
    assert (card["state"], card["told"], card["customers"]) == ("confirmed", PEOPLE, PEOPLE)
    assert "power, 94110" in office.run("incidents")


def test_an_agent_finds_what_a_customer_was_told(office: Office) -> None:
    assert "C-7" in office.run("customers", "find", "c7@example.com")
    office.run("complaints", "add", "--service", "power", "--customer", "C-7", "still", "dark")
    text = office.run("customers", "show", "C-7")
    assert '"still dark"' in text
    assert "7 Oak St, Riverside" in text


def test_keys_open_what_their_role_may(office: Office) -> None:
    viewer = office.run("keys", "create", "wall", "--role", "viewer").splitlines()
    key = next(line for line in viewer if line.startswith("ntf_"))
    office.environment["NOTIFIER_TOKEN"] = key
    try:
        office.run("status")
        assert "viewer" in office.run("pause-all", code=1)
    finally:
        del office.environment["NOTIFIER_TOKEN"]


def test_everything_is_paused_and_resumed(office: Office) -> None:
    assert "PAUSED" in office.run("pause-all")
    assert "ALL PAUSED  everything is paused since" in office.run()
    office.run("resume-all")
    assert "PAUSED" not in office.run()
