"""Processes of a rehearsal: the daemon and the receivers as an operator would start them, their logs, their end.

In: a folder. Out: running processes on free loopback ports, a configuration file that joins them, and the assurance
that whatever was started is stopped again. What an interrupted run left behind is found by its process ids.
"""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from notifier.domain.errors import NotifierError
from notifier.sandbox.twilio_receiver import ACCOUNT, TOKEN

SHORT_CODE = "55501"  # in whose name texts are sent
READY_SECONDS = 60.0
PORTS = (20_000, 32_000)
STOP_SECONDS = 25.0  # a daemon drains for up to 20 s
TAIL_LINES = 12


class Died(NotifierError):
    """A process ended that should have gone on."""


def notifier(*arguments: str) -> list[str]:
    """Return the command line of a `notifier` command, run by this interpreter."""
    return [sys.executable, "-m", "notifier", *arguments]


def free_port() -> int:
    """Return a loopback port that nobody listens on now.

    It is not one that the system hands out by itself, to whoever asks before it is used.
    """
    for _ in range(100):
        port = random.randrange(*PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise OSError(f"no free port was found between {PORTS[0]} and {PORTS[1]}")


class Process:
    """One running command with its log; its id is noted in `FOLDER/pids` until it is stopped."""

    def __init__(
        self, folder: Path, name: str, command: list[str], *, environ: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.log, self._pids = name, folder / f"{name}.log", folder / "pids"
        with self.log.open("ab") as log:
            self._popen = subprocess.Popen(  # noqa: S603 - our own command line
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **(environ or {})},
                start_new_session=True,  # Ctrl-C is for us: we stop them in order
            )
        with self._pids.open("a") as pids:
            pids.write(f"{self.pid}\n")

    @property
    def pid(self) -> int:
        """Return its process id."""
        return self._popen.pid

    def is_running(self) -> bool:
        """Tell whether it has not ended yet."""
        return self._popen.poll() is None

    def tail(self) -> str:
        """Return the last lines of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:])

    def require_running(self) -> None:
        """Raise `Died` with the end of its log when it has ended."""
        if (code := self._popen.poll()) is not None:
            raise Died(f"{self.name} ended with {code}; the end of {self.log}:\n{self.tail()}")

    def stop(self) -> int:
        """Ask it to end, insist after a while, and return its exit code."""
        if self.is_running():
            self._popen.terminate()
            try:
                self._popen.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                return self.kill()
        return self._popen.wait()

    def kill(self) -> int:
        """End it as `kill -9` does and return its exit code."""
        self._popen.kill()
        return self._popen.wait()


def wait_until_ready(url: str, process: Process, seconds: float = READY_SECONDS) -> None:
    """Wait until the daemon says that it is ready; raise `Died` when it ended or never does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        process.require_running()
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{url}/readyz", timeout=5):  # noqa: S310 - http on loopback
            return
        time.sleep(0.05)
    raise Died(f"{process.name} was not ready after {seconds:.0f} s; the end of {process.log}:\n{process.tail()}")


def wait_for_port(port: int, process: Process, seconds: float = READY_SECONDS) -> None:
    """Wait until somebody listens on a loopback port; raise `Died` when the process ended or never does."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        process.require_running()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        time.sleep(0.05)
    raise Died(f"{process.name} did not listen on port {port} after {seconds:.0f} s")


def stop_leftovers(folder: Path) -> int:
    """Stop what an interrupted run in this folder left running, and return how many processes that were.

    A number in `pids` may belong to somebody else by now: only processes whose command line names the folder are ours.
    """
    try:
        numbers = [int(line) for line in (folder / "pids").read_text().split() if line.isdigit()]
    except FileNotFoundError:
        return 0
    ours = [pid for pid in numbers if str(folder) in _command_line(pid)]
    for pid in ours:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    until = time.monotonic() + STOP_SECONDS
    while any(_command_line(pid) for pid in ours) and time.monotonic() < until:
        time.sleep(0.1)
    return len(ours)


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""


class Rehearsal:
    """A folder with a daemon and receivers of mails and texts, joined by a configuration file of their own.

    `settings` are merged over the configuration section by section, `playbook` over the one playbook, which serves
    every service.
    """

    def __init__(
        self,
        folder: Path,
        *,
        settings: Mapping[str, Mapping[str, Any]] | None = None,
        playbook: Mapping[str, Any],
        with_texts: bool = False,
    ) -> None:
        self.folder = folder.resolve()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port, self.smtp_port, self.texts_port = free_port(), free_port(), free_port()
        self._with_texts = with_texts
        self.url = f"http://127.0.0.1:{self.port}"
        self.config, self.database = self.folder / "notifier.yaml", self.folder / "notifier.db"
        self._running: list[Process] = []
        _write(self.folder / "playbooks" / "rehearsal.yaml", playbook)
        _write(self.config, self._configuration(settings or {}))

    def _configuration(self, settings: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        provider = {"name": "receiver", "kind": "smtp", "host": "127.0.0.1", "port": self.smtp_port, "connections": 8}
        shipped: dict[str, Any] = {
            "server": {
                "listen": f"127.0.0.1:{self.port}",
                "metrics_listen": f"127.0.0.1:{free_port()}",
                "token_file": str(self.folder / "token"),
            },
            "storage": {"url": f"sqlite:///{self.database}"},
            "playbooks": {"directory": str(self.folder / "playbooks")},
            "providers": [provider, *([self._twilio()] if self._with_texts else [])],
            "sender": {"public_url": self.url},
        }
        for section, values in settings.items():
            shipped[section] = {**shipped.get(section, {}), **values}
        return shipped

    def _twilio(self) -> dict[str, Any]:
        return {
            "name": "texts",
            "kind": "twilio",
            "channel": "sms",
            "base_url": f"http://127.0.0.1:{self.texts_port}",
            "account_sid": ACCOUNT,
            "auth_token": TOKEN,
            "sender": SHORT_CODE,
            "connections": 16,
            "segments_per_second": 400,
            "price_per_segment": "0.0079",
        }

    @property
    def token(self) -> str:
        """Return the first manager key, which the daemon wrote at its start."""
        return (self.folder / "token").read_text().strip()

    @property
    def environ(self) -> dict[str, str]:
        """Return what a command needs to find this daemon."""
        return {"NOTIFIER_URL": self.url, "NOTIFIER_TOKEN": self.token}

    def start_receiver(self) -> Process:
        """Start the SMTP receiver and wait until it listens."""
        listen = f"127.0.0.1:{self.smtp_port}"
        process = self.start("receiver", "sandbox", "smtp", "--listen", listen, "--dir", str(self.folder))
        wait_for_port(self.smtp_port, process)
        return process

    def start_texts(self) -> Process:
        """Start the receiver of texts and wait until it listens."""
        listen = f"127.0.0.1:{self.texts_port}"
        process = self.start("texts", "sandbox", "twilio", "--listen", listen, "--dir", str(self.folder))
        wait_for_port(self.texts_port, process)
        return process

    def start_daemon(self, *arguments: str) -> Process:
        """Start the daemon and wait until it is ready."""
        process = self.start("daemon", "serve", "--migrate", "--config", str(self.config), *arguments)
        wait_until_ready(self.url, process)
        return process

    def start(self, name: str, *arguments: str) -> Process:
        """Start a `notifier` command that goes on until `stop`."""
        process = Process(self.folder, name, notifier(*arguments))
        self._running.append(process)
        return process

    def forget(self, process: Process) -> None:
        """No longer stop or watch a process: somebody killed it on purpose."""
        self._running.remove(process)

    def require_running(self) -> None:
        """Raise `Died` when any of the processes has ended."""
        for process in self._running:
            process.require_running()

    def stop(self) -> None:
        """Stop everything that was started, the last first."""
        for process in reversed(self._running):
            process.stop()
        self._running.clear()
        (self.folder / "pids").unlink(missing_ok=True)


def _write(path: Path, values: Mapping[str, Any]) -> None:
    """Write values as JSON, which is YAML too."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
