"""A running daemon goes over to other files: all of them or nothing, without losing a message or a request."""

import http.client
import json
import os
import shutil
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from notifier.resources import shipped
from notifier.sandbox.processes import Process
from tests.daemon import Daemon, until
from tests.stores import ON_BOTH, TestStore

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def daemon(tmp_path: Path, store: TestStore) -> Iterator[Daemon]:
    daemon = Daemon(tmp_path, store)
    yield daemon
    daemon.stop_all()


def metric(daemon: Daemon, name: str) -> float:
    with urllib.request.urlopen(f"http://127.0.0.1:{daemon.metrics_port}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return float(next(line.rpartition(" ")[2] for line in lines if line.startswith(name)))


def reload(daemon: Daemon) -> tuple[int, dict[str, Any]]:
    status, body = daemon.ask("POST", "/-/reload", None, {"Authorization": f"Bearer {daemon.token}"})
    return status, json.loads(body)


def hang_up(daemon: Daemon, process: Process) -> str:
    """Send SIGHUP and return what the daemon says about it."""
    before = len(process.log.read_text())
    os.kill(process.pid, signal.SIGHUP)
    return str(
        until(lambda: [line for line in process.log.read_text()[before:].splitlines() if "reloaded:" in line], "reload")
    )


@ON_BOTH
def test_a_reload_takes_up_what_changed_and_says_so(daemon: Daemon) -> None:
    daemon.start("--migrate")
    plan = (shipped("config/playbooks") / "water.yaml").read_text().replace("[sms, email]", "[email]")
    own = daemon.folder / "playbooks"
    own.mkdir()
    (own / "water.yaml").write_text(plan + "\n# the same\n")
    daemon.change(sources=[{"name": "api", "trusted": True}, {"name": "chat"}], playbooks={"directory": "playbooks"})
    started = metric(daemon, "notifier_config_last_reload_success_timestamp_seconds")
    status, view = reload(daemon)
    assert status == 200, view
    assert (view["changed"], view["needs_restart"]) == (["sources", "playbooks.directory"], [])
    assert metric(daemon, "notifier_config_last_reload_successful") == 1
    assert metric(daemon, "notifier_config_last_reload_success_timestamp_seconds") > started
    complaint = {"reporter": "415-555-0147", "service": "water", "source": "chat"}
    assert daemon.call("POST", "/v1/complaints", complaint)["id"] == 1
    assert metric(daemon, 'notifier_complaints_total{service="water",source="chat"}') == 1
    (own / "water.yaml").write_text(plan.replace("mode: propose", "mode: observe"))
    assert reload(daemon)[1]["changed"] == ["playbook of water"]
    told = daemon.store.query("SELECT actor, target FROM audit WHERE action = 'reload'")
    assert told == [("operator", "daemon")] * 2


def test_a_mistake_anywhere_keeps_everything_as_it_was_and_is_said_with_its_place(daemon: Daemon) -> None:
    process = daemon.start("--migrate")
    daemon.change(retention={"complaints": "300 days"}, caps={"evry": "1 min"})
    status, problem = reload(daemon)
    assert status == 422
    assert "caps.evry: unknown key; did you mean 'every'?" in problem["detail"]
    assert str(daemon.config) in problem["detail"]
    assert metric(daemon, "notifier_config_last_reload_successful") == 0
    said = hang_up(daemon, process)
    assert "not reloaded" in said
    assert "caps.evry" in said
    daemon.change(caps={})
    assert "reloaded: retention.complaints" in hang_up(daemon, process)  # against what is in force, not what was tried
    assert metric(daemon, "notifier_config_last_reload_successful") == 1
    daemon.config.write_text("caps:\n  every: [}\n")
    status, problem = reload(daemon)
    assert (status, f"{daemon.config}:2:11: is no YAML" in problem["detail"]) == (422, True)
    assert f"{daemon.config}:2:11: is no YAML" in hang_up(daemon, process)
    logged = [each for each in process.log.read_text().splitlines() if f'"places":["{daemon.config}:2:11"]' in each]
    assert [json.loads(each)["level"] for each in logged] == ["error", "error"]


def test_a_mistake_in_a_template_or_playbook_is_one_of_the_configuration(daemon: Daemon) -> None:
    own = daemon.folder / "templates"
    shutil.copytree(shipped("templates") / "en", own / "en")
    daemon.change(templates={"directory": "templates"})
    daemon.start("--migrate")
    some = own / "en" / "email" / "eta.j2"
    some.write_text(some.read_text() + "{{ nonsense() }")
    status, problem = reload(daemon)
    assert status == 422
    assert str(some) in problem["detail"]
    shutil.copyfile(shipped("templates") / "en" / "email" / "eta.j2", some)
    assert reload(daemon)[1]["changed"] == []
    some.write_text(some.read_text() + "{# a word to ourselves #}")
    assert reload(daemon)[1]["changed"] == ["phrases and templates"]


def test_a_tariff_is_taken_up_and_a_mistake_in_one_keeps_everything_as_it_was(daemon: Daemon) -> None:
    own = daemon.folder / "tariffs"
    own.mkdir()
    text = (shipped("config/tariffs") / "courtesy.yaml").read_text()
    (own / "courtesy.yaml").write_text(text)
    daemon.change(credits={"enabled": True, "tariffs": "tariffs"})
    daemon.start("--migrate")
    (own / "courtesy.yaml").write_text(text.replace("enabled: false", "enabled: true"))
    assert reload(daemon)[1]["changed"] == ["tariffs"]
    (own / "courtesy.yaml").write_text(text.replace('credit: "1.66"', 'credit: "1.67"'))
    status, problem = reload(daemon)
    assert (status, "comes to 1.66, not 1.67" in problem["detail"]) == (422, True)


def test_keys_that_need_a_restart_are_named_and_keep_their_value(daemon: Daemon) -> None:
    daemon.start("--migrate")
    daemon.change(server=json.loads(daemon.config.read_text())["server"] | {"listen": "127.0.0.1:1", "drain": "6 s"})
    status, view = reload(daemon)
    assert (status, view["changed"], view["needs_restart"]) == (200, ["server.drain"], ["server.listen"])
    assert reload(daemon)[1]["changed"] == []


def test_only_a_manager_may(daemon: Daemon) -> None:
    daemon.start("--migrate")
    key = daemon.call("POST", "/v1/keys", {"name": "ann", "role": "commander"})["key"]
    assert daemon.ask("POST", "/-/reload", None, {"Authorization": f"Bearer {key}"})[0] == 403


@ON_BOTH
def test_nothing_is_lost_and_nobody_is_refused_while_it_reloads(daemon: Daemon) -> None:
    """Complaints come all the while, each on a connection of its own and over kept ones."""
    daemon.start("--migrate")
    answers: list[int] = []
    done = threading.Event()

    def complain(number: int, *, kept: bool) -> None:
        connection, at = http.client.HTTPConnection("127.0.0.1", daemon.port, timeout=30), 0
        headers = {"Authorization": f"Bearer {daemon.token}", "Content-Type": "application/json"}
        while not done.is_set():
            at += 1
            row = {"reporter": f"r{number}x{at}@example.net", "service": "power", "external_id": f"{number}-{at}"}
            for _ in range(2):  # a kept connection may be closed while it idles: any client tries that once more
                try:
                    connection.request("POST", "/v1/complaints", json.dumps(row), headers)
                    answers.append(connection.getresponse().status)
                    break
                except (http.client.HTTPException, ConnectionResetError, BrokenPipeError):
                    connection.close()
                    assert kept, "a new connection was not answered"
            else:
                answers.append(0)
            if not kept:
                connection.close()
            time.sleep(0.01)
        connection.close()

    threads = [threading.Thread(target=complain, args=(each,), kwargs={"kept": each % 2 == 0}) for each in range(4)]
    for thread in threads:
        thread.start()
    try:
        for days in (300, 301, 302):
            daemon.change(retention={"complaints": f"{days} days"})
            assert reload(daemon)[1]["changed"] == ["retention.complaints"]
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert set(answers) <= {200, 201}
    ((stored,),) = daemon.store.query("SELECT COUNT(DISTINCT external_id) FROM complaints")
    assert stored == len(answers) or stored == sum(1 for each in answers if each == 201)


@ON_BOTH
def test_nobody_is_told_twice_or_missed_when_it_reloads_while_it_sends(daemon: Daemon) -> None:
    providers = json.loads(daemon.config.read_text())["providers"]
    daemon.change(providers=[providers[0] | {"rate": 25}])
    daemon.start("--migrate")
    count = 150
    daemon.rows(
        *(
            {
                "customer_id": f"C-{number}",
                "site_id": "1",
                "services": "power",
                "email": f"c{number}@example.net",
                "regions": {"postal_code": "94110"},
            }
            for number in range(count)
        ),
        path="/v1/customers/bulk",
    )
    drafted = daemon.call("POST", "/v1/incidents", {"service": "power", "regions": ["postal_code:94110"]})
    daemon.call("POST", f"/v1/broadcasts/{drafted['broadcast']['id']}/send", {"count": count})
    until(lambda: len(daemon.outbox()) > 5, "the first messages")
    daemon.change(retention={"complaints": "300 days"})
    assert reload(daemon)[1]["changed"] == ["retention.complaints"]
    assert len(daemon.outbox()) < count  # it was in the middle
    until(lambda: len(daemon.outbox()) >= count, "all messages")
    time.sleep(1)
    assert len({mail["To"] for mail in daemon.outbox()}) == len(daemon.outbox()) == count
    assert daemon.store.query("SELECT COUNT(*) FROM notifications WHERE in_doubt_at IS NOT NULL") == [(0,)]
