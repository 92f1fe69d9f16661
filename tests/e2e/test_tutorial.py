"""The tutorial, typed by a newcomer: every command of docs/TUTORIAL.md runs in a fresh folder and prints what it says.

Blocks are `sh` (must succeed), `sh background` (a daemon), `sh until` (repeated until it succeeds) and `text`: lines
that the block before has printed, in their order; `...` stands for anything.
"""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifier.sandbox.processes import Process, free_port, wait_until_ready

PAGE = Path(__file__).parents[2] / "docs" / "TUTORIAL.md"
KINDS = ("sh", "sh background", "sh until", "text")
SECONDS = 90.0
_FENCE = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("tutorial")]


def blocks() -> list[tuple[str, str]]:
    """Return the blocks of the page: kind and text."""
    return [(match[1].strip(), match[2]) for match in _FENCE.finditer(PAGE.read_text())]


class Newcomer:
    """Somebody with a shell and a folder."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(folder),
            "COLUMNS": "72",
            "NO_COLOR": "1",
            "LANG": "C.UTF-8",
            "TZ": "America/Los_Angeles",
            "NOTIFIER__SERVER__LISTEN": f"127.0.0.1:{port}",  # 8080 may be somebody else's here
            "NOTIFIER__SERVER__METRICS_LISTEN": "",
            "NOTIFIER__DELIVERY__TAKE_BACK": "2 s",  # nobody has to wait half a minute for a test
        }
        self.at = folder
        self.daemons: list[Process] = []

    def types(self, text: str) -> tuple[int, str]:
        """Run a block in a shell; go on where it ends up."""
        script = f"{text}\n__end=$?\npwd > {self.environment['HOME']}/.at\nexit $__end\n"
        done = subprocess.run(
            ["/bin/bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.at,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        if done.returncode == 0:
            self.at = Path((Path(self.environment["HOME"]) / ".at").read_text().strip())
        return done.returncode, done.stdout

    def starts(self, text: str) -> None:
        """Start a daemon and wait until it is ready."""
        command = ["/bin/bash", "-c", f"cd {self.at} && exec {text.strip()}"]
        self.daemons.append(Process(self.at, "daemon", command, environ=self.environment))
        wait_until_ready(self.url, self.daemons[-1])

    def stops(self) -> None:
        """Stop what runs."""
        for daemon in self.daemons:
            daemon.stop()


@pytest.fixture
def newcomer(tmp_path: Path) -> Iterator[Newcomer]:
    person = Newcomer(tmp_path)
    yield person
    person.stops()


def test_every_command_of_the_tutorial_runs_and_prints_what_the_page_says(newcomer: Newcomer) -> None:
    output = ""
    for kind, text in blocks():
        if kind == "text":
            missing = not_printed(text, output)
            assert not missing, f"'{missing}' is not what is printed:\n{output}"
        elif kind == "sh background":
            newcomer.starts(text)
        else:
            end = time.monotonic() + (SECONDS if kind == "sh until" else 0)
            code, output = newcomer.types(text)
            while code not in (0, 2) and time.monotonic() < end:
                time.sleep(0.5)
                code, output = newcomer.types(text)
            assert code == 0, f"{text}\nended with {code}:\n{output}"


def test_the_page_has_no_block_that_is_not_run() -> None:
    kinds = [kind for kind, _ in blocks()]
    assert set(kinds) == set(KINDS)
    assert PAGE.read_text().count("```") == 2 * len(kinds)
    assert kinds[0] != "text"


def test_what_is_not_printed_is_noticed() -> None:
    assert not_printed("b\n...\nd\n", "a\nb\nc\nd\n") == ""
    assert not_printed("d\nb\n", "a\nb\nc\nd\n") == "b"


def not_printed(expected: str, output: str) -> str:
    """Return the first expected line that is missing, or comes too early."""
    at = 0
    for line in expected.splitlines():
        if line.strip() == "...":
            continue
        found = output.find(line.strip(), at)
        if found < 0:
            return line
        at = found + len(line.strip())
    return ""
