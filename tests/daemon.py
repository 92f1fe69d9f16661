"""A daemon under test as a process: its folder, its configuration, and what can be asked of it."""

import email
import email.message
import email.policy
import http.client
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from notifier.sandbox.processes import Process, free_port, notifier, wait_until_ready
from tests.stores import TestStore

SECONDS = 30.0


class Daemon:
    """A folder with a configuration, and the processes that were started on it."""

    def __init__(self, folder: Path, store: TestStore) -> None:
        self.store, self.folder, self.port, self.metrics_port = store, folder, free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.started: list[Process] = []
        self.config = folder / "notifier.yaml"
        self.write()

    def write(self, **sections: Any) -> None:
        """Write the configuration, with some sections of the test's own."""
        settings = {
            "server": {
                "listen": f"127.0.0.1:{self.port}",
                "metrics_listen": f"127.0.0.1:{self.metrics_port}",
                "token_file": str(self.folder / "token"),
                "drain": "5 s",
            },
            "storage": {"url": self.store.url},
            "providers": [{"name": "outbox", "kind": "file", "directory": str(self.folder / "outbox")}],
            "delivery": {"take_back": "0 s"},
        }
        self.config.write_text(json.dumps(settings | sections))

    def change(self, **sections: Any) -> None:
        """Put some sections in the place of those written before."""
        self.config.write_text(json.dumps(json.loads(self.config.read_text()) | sections))

    def start(self, *arguments: str) -> Process:
        """Start a daemon and wait until it is ready."""
        process = Process(self.folder, "daemon", notifier("serve", "--config", str(self.config), *arguments))
        self.started.append(process)
        wait_until_ready(self.url, process)
        return process

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            notifier(*arguments, "--config", str(self.config)),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def refused(self, *arguments: str) -> tuple[int, str]:
        """Run a daemon that must not start; return its exit code and what it says."""
        done = self.run("serve", *arguments)
        return done.returncode, done.stderr

    def stop_all(self) -> None:
        for process in self.started:
            process.stop()

    @property
    def token(self) -> str:
        return (self.folder / "token").read_text().strip()

    def call(self, method: str, path: str, body: Any = None, *, type_: str = "application/json") -> Any:
        """Send a request with the first manager key and return its JSON, or the list of its lines."""
        data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": type_}
        status, text = self.ask(method, path, data, headers)
        assert status < 300, text
        return [json.loads(line) for line in text.splitlines()] if "ndjson" in type_ else json.loads(text)

    def ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        """Send one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
        try:
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def rows(self, *rows: dict[str, Any], path: str) -> list[Any]:
        """Send a list and return the lines of its answer."""
        body = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        found: list[Any] = self.call("POST", path, body, type_="application/x-ndjson")
        return found

    def outbox(self) -> list[email.message.EmailMessage]:
        """Return the mails in the maildir."""
        files = sorted((self.folder / "outbox" / "new").glob("*"))
        return [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]


def until(happened: Callable[[], Any], what: str) -> Any:
    """Wait until something is true, and return it."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if found := happened():
            return found
        time.sleep(0.05)
    pytest.fail(f"{what} did not happen within {SECONDS:.0f} s")
