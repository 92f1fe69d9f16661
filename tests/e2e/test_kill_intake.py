"""`kill -9` and SIGTERM under load: every complaint that was answered with 201 is in the store, once, under its id."""

import contextlib
import http.client
import json
import threading
import time
from collections.abc import Callable

import pytest

from notifier.sandbox.processes import Rehearsal
from tests.stores import ON_BOTH, PostgresTestStore

PLAYBOOK = {"name": "test", "services": ["internet", "power", "water"]}
CALLERS = 12
ANSWERS = 300  # before each end

pytestmark = [pytest.mark.timeout(120)]


class Callers:
    """Threads that complain until the daemon is gone."""

    def __init__(self, rehearsal: Rehearsal, name: str) -> None:
        self.accepted: dict[str, int] = {}  # external id -> id in the answer
        self.refused = 0
        self.others: list[int] = []  # answers that are neither
        self._stop = False
        self._port, self._name = rehearsal.port, name
        self._headers = {"Authorization": f"Bearer {rehearsal.token}", "Content-Type": "application/json"}
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(CALLERS)]
        for thread in self._threads:
            thread.start()

    def wait_for(self, answers: int) -> None:
        """Wait until so many complaints were accepted."""
        self.wait_until(lambda: len(self.accepted) >= answers)

    def wait_for_refusals(self, refusals: int) -> None:
        """Wait until so many complaints were refused because the store takes nothing."""
        self.wait_until(lambda: self.refused >= refusals)

    def wait_until(self, happened: Callable[[], bool]) -> None:
        """Wait until something is true."""
        until = time.monotonic() + 30
        while not happened():
            assert time.monotonic() < until, f"{len(self.accepted)} answers, {self.refused} refusals"
            time.sleep(0.005)

    def stop(self) -> None:
        """Let them end by themselves."""
        self._stop = True
        self.join()

    def join(self) -> None:
        """Wait until every caller has noticed."""
        for thread in self._threads:
            thread.join(30)

    def _call(self, caller: int) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        with contextlib.closing(connection), contextlib.suppress(OSError, http.client.HTTPException):  # it is gone
            for number in range(100_000):
                if self._stop:
                    return
                self._complain(connection, f"{caller}-{number}")

    def _complain(self, connection: http.client.HTTPConnection, number: str) -> None:
        external_id = f"{self._name}-{number}"
        complaint = {"reporter": f"c{number}@example.net", "service": "power", "external_id": external_id}
        connection.request("POST", "/v1/complaints", json.dumps(complaint), self._headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status == 201:
            self.accepted[external_id] = json.loads(body)["id"]
        elif answer.status == 503:
            self.refused += 1
            time.sleep(0.05)
        else:
            self.others.append(answer.status)


@ON_BOTH
def test_what_was_answered_is_stored_once_whatever_ends_the_daemon(tmp_path, store):
    rehearsal = Rehearsal(tmp_path, settings={"storage": {"url": store.url}}, playbook=PLAYBOOK)
    accepted: dict[str, int] = {}
    try:
        for name in ("kill", "kill again", "stop"):
            daemon = rehearsal.start_daemon()
            callers = Callers(rehearsal, name)
            callers.wait_for(ANSWERS)
            if name == "stop":
                assert daemon.stop() == 0
            else:
                daemon.kill()
            rehearsal.forget(daemon)
            callers.join()
            accepted |= callers.accepted
    finally:
        rehearsal.stop()
    rows = store.query("SELECT external_id, id FROM complaints")
    stored = dict(rows)
    assert len(stored) == len(rows)
    assert {external_id: stored.get(external_id) for external_id in accepted} == accepted


def test_a_killed_database_server_ends_no_daemon_and_loses_no_answer(tmp_path, postgres):
    """PostgreSQL is killed twice under load: callers hear 503 meanwhile, and the daemon goes on when it is back."""
    store = PostgresTestStore(postgres)
    rehearsal = Rehearsal(tmp_path, settings={"storage": {"url": store.url}}, playbook=PLAYBOOK)
    accepted: dict[str, int] = {}
    try:
        daemon = rehearsal.start_daemon()
        for name in ("crash", "crash again"):
            callers = Callers(rehearsal, name)
            callers.wait_for(ANSWERS)
            postgres.kill()
            callers.wait_for_refusals(CALLERS)
            postgres.start()
            answers = len(callers.accepted)
            callers.wait_for(answers + ANSWERS)
            callers.stop()
            assert callers.others == []
            accepted |= callers.accepted
        assert daemon.is_running()
    finally:
        rehearsal.stop()
    rows = store.query("SELECT external_id, id FROM complaints")
    stored = dict(rows)
    assert len(stored) == len(rows)
    assert {external_id: stored.get(external_id) for external_id in accepted} == accepted
