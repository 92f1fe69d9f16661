"""`notifier demo` as a person runs it: it plays, checks itself, and leaves nothing behind but its files."""

import fcntl
import os
import re
import signal
import subprocess
import time
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from notifier.sandbox.processes import notifier
from notifier.sandbox.twilio_messages import read_texts
from tests.stores import ON_BOTH

pytestmark = [pytest.mark.timeout(300), pytest.mark.xdist_group("demo")]


def demo(*arguments, seconds=240):
    return subprocess.run(notifier("demo", *arguments), capture_output=True, text=True, timeout=seconds, check=False)


def processes_of(folder):
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found += [path.parent.name] if str(folder).encode() in path.read_bytes() else []
        except OSError:
            continue
    return [pid for pid in found if int(pid) != os.getpid()]


@ON_BOTH
def test_the_demo_tells_everyone_affected_once_and_nobody_else(tmp_path, store, monkeypatch):
    monkeypatch.setenv("NOTIFIER__STORAGE__URL", store.url)
    folder = tmp_path / "demo"
    done = demo("--dir", str(folder), "--customers", "8000", "--rate", "60")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    lines = {line.rstrip(" ok").rsplit(maxsplit=1)[0].strip() for line in done.stdout.splitlines() if " ok" in line}
    assert {"told all 5 updates", "told all since they were awake", "twice", "missed"} <= lines
    assert {"told though unaffected", "woken without need", "told after a STOP"} <= lines
    assert "\x1b" not in done.stdout, "plain lines without a terminal"
    assert {"told before it began, once", "told of the work when they called", "told that it is done, once"} <= lines
    assert {"told anything else there", "calls of the person on call for it"} <= lines
    assert re.search(r"(\d+) of \1 calls explained by the work", done.stdout)
    assert re.search(r"no incident is opened in \d{5}, and nobody is woken", done.stdout)
    assert re.search(r"morning-home: [\d,]+ lines, \d+\.00 USD, approved", done.stdout)
    assert re.search(r"morning-business: [\d,]+ lines, \d+\.00 USD, proposed", done.stdout)
    assert re.search(r"\d+ lines? approved: \d+\.00", done.stdout)
    mails = sorted((folder / "mail").glob("*.eml"))
    assert len(mails) > 1_000
    texts = read_texts(folder)
    assert len(texts) > 500
    assert any("lamentamos" in text.body for text in texts), "some read Spanish"
    first = message_from_bytes(mails[0].read_bytes(), policy=policy.default)
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["To"].endswith("@example.com")
    assert processes_of(folder) == []


def test_an_interrupted_demo_stops_what_it_started(tmp_path):
    folder = tmp_path / "demo"
    running = subprocess.Popen(notifier("demo", "--dir", str(folder)), stdout=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 60
        while not (folder / "token").exists() and time.monotonic() < end:
            time.sleep(0.1)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
    finally:
        running.kill()
    assert processes_of(folder) == []


def test_a_folder_that_no_demo_made_is_never_cleared(tmp_path):
    (tmp_path / "thesis.txt").write_text("three years of work")
    done = demo("--dir", str(tmp_path))
    assert done.returncode == 1
    assert "no demo put there" in done.stderr
    assert (tmp_path / "thesis.txt").exists()


def test_a_second_demo_in_the_same_folder_is_refused(tmp_path):
    with (tmp_path / ".demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = demo("--dir", str(tmp_path / "demo"))
    assert done.returncode == 1
    assert "a demo is running" in done.stderr
