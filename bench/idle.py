"""What Notifier costs when nothing happens: the memory of an idle daemon, and the CPU of `notifier --help`.

The daemon runs with the configuration as shipped, on a database of its own; its resident memory is read after it has
been idle for some seconds. The CPU of the command is user plus system time of the whole process, warm caches.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from bench.floors import Floor, Measured
from notifier.sandbox.processes import Rehearsal, notifier

IDLE_SECONDS = 8.0
HELP_RUNS = 7
MEMORY_MB, HELP_SECONDS = 100.0, 0.25


def run(rounds: int) -> list[Measured]:
    """Measure both."""
    memory, cpu = zip(*(_idle_daemon() for _ in range(rounds)), strict=True)
    helps = _help_seconds()
    return [
        Measured(
            name="idle daemon",
            unit="MB resident",
            figures={"notifier serve": memory},
            floors=[Floor(text="idle daemon, MB resident", value=median(memory), limit=MEMORY_MB, at_most=True)],
            notes=[f"CPU while idle: {median(cpu) * 100:.1f} % of a core"],
        ),
        Measured(
            name="start-up",
            unit="seconds of CPU",
            figures={"notifier --help": helps},
            floors=[Floor(text="notifier --help, s of CPU", value=median(helps), limit=HELP_SECONDS, at_most=True)],
        ),
    ]


def _idle_daemon() -> tuple[float, float]:
    """Return the resident megabytes of a daemon that has nothing to do, and the share of a core it uses."""
    with tempfile.TemporaryDirectory(prefix="notifier-bench-") as name:
        folder = Path(name)
        rehearsal = Rehearsal(folder, playbook={"name": "bench", "services": ["internet", "power", "water"]})
        try:
            daemon = rehearsal.start_daemon()
            time.sleep(IDLE_SECONDS / 2)
            before = _cpu_seconds(daemon.pid)
            time.sleep(IDLE_SECONDS)
            return _resident_mb(daemon.pid), (_cpu_seconds(daemon.pid) - before) / IDLE_SECONDS
        finally:
            rehearsal.stop()


def _resident_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no VmRSS")


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _help_seconds() -> list[float]:
    """Return the CPU seconds of each run after a first one that fills the caches."""
    script = Path(sys.executable).with_name("notifier")
    command = [str(script), "--help"] if script.exists() else notifier("--help")
    seconds = []
    for _ in range(HELP_RUNS + 1):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return seconds[1:]
