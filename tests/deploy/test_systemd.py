"""The unit is one that systemd takes, and it leaves the daemon little to do harm with."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path("deploy/systemd/notifier.service")
EXPOSURE_AT_MOST = 1.5  # of 10: what `systemd-analyze security` calls the overall exposure level


@pytest.fixture
def analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        pytest.skip("systemd-analyze is not on PATH (Debian: systemd)")
    return found


def run(*command: str) -> str:
    environment = {"PATH": os.environ["PATH"], "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_systemd_finds_nothing_wrong_with_it(analyze: str, tmp_path: Path) -> None:
    program = tmp_path / "notifier"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / "notifier.service"
    unit.write_text(UNIT.read_text().replace("/opt/notifier/bin/notifier", str(program)))
    assert str(unit) not in run(analyze, "verify", "--man=no", str(unit))


def test_what_it_may_do_is_little(analyze: str) -> None:
    said = run(analyze, "security", "--offline=true", "--no-pager", str(UNIT))
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found is not None, said
    assert float(found[1]) <= EXPOSURE_AT_MOST


def test_it_has_time_to_drain_and_reloads_only_what_is_right() -> None:
    text = UNIT.read_text()
    assert "TimeoutStopSec=45s" in text  # server.drain is 20 s as shipped
    assert re.findall(r"^ExecReload=(.*)$", text, re.MULTILINE) == [
        "/opt/notifier/bin/notifier check",
        "/bin/kill -HUP $MAINPID",
    ]
