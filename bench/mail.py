"""A broadcast of 50,000 personal 3 KB mails with its whole ledger, against nodemailer and smtp-source.

The product is the real worker in a process of its own, on a SQLite database with a planned broadcast: claims committed
before, attempts and outcomes after the hand-over, every message rendered from its facts. nodemailer composes one
personal message per recipient over 8 pooled connections and remembers nothing; smtp-source sends the same bytes again
and again. All send to Postfix's smtp-sink, one after the other in every round.

`python -m bench.mail [--recipients 50000] [--rounds 3]` runs it alone.
"""

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.floors import Floor, Measured, ratio
from bench.mail_broadcast import prepare
from bench.peers import node_modules, require

RECIPIENTS = 50_000
CONNECTIONS = 8
PEER_SHARE = 5  # nodemailer sends a fifth as many: it is the rate that counts
NODEMAILER_FLOOR, SOURCE_FLOOR = 2.0, 0.15


def run(rounds: int, recipients: int = RECIPIENTS) -> list[Measured]:
    """Measure peers and product in the same rounds."""
    sink = require("smtp-sink", ["postfix"])
    source = require("smtp-source", ["postfix"])
    peers = node_modules()
    product: list[float] = []
    nodemailer: list[float] = []
    smtp_source: list[float] = []
    notes = set()
    with tempfile.TemporaryDirectory(prefix="notifier-bench-") as name:
        folder = Path(name)
        template = folder / "template.db"
        prepare(f"sqlite:///{template}", recipients)
        for number in range(rounds):
            with sink_of(sink) as port:
                answer = _product(template, folder / f"round{number}.db", port)
                product.append(answer["rate"])
                size = int(answer["bytes"])
                notes.add(f"{size} bytes a mail; {answer['cpu_us']:.0f} us CPU a mail; {answer['loop']}")
            with sink_of(sink) as port:
                nodemailer.append(_nodemailer(peers, port, recipients // PEER_SHARE, size))
            with sink_of(sink) as port:
                smtp_source.append(_smtp_source(source, port, recipients, size))
    return [
        Measured(
            name=f"mail: a broadcast of {recipients:,}",
            unit="messages a second",
            figures={
                "notifier, with ledger": product,
                f"nodemailer, pool of {CONNECTIONS}, no ledger": nodemailer,
                f"smtp-source -s {CONNECTIONS}, same bytes": smtp_source,
            },
            floors=[
                Floor(
                    text=f"mail: product / nodemailer pooled ({CONNECTIONS})",
                    value=ratio(product, nodemailer),
                    limit=NODEMAILER_FLOOR,
                ),
                Floor(
                    text=f"mail: product / smtp-source -s {CONNECTIONS}",
                    value=ratio(product, smtp_source),
                    limit=SOURCE_FLOOR,
                ),
            ],
            notes=sorted(notes),
        )
    ]


@contextmanager
def sink_of(command: str) -> Iterator[int]:
    """Run a fresh smtp-sink on a free port of this machine."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])
    user = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([command, *user, f"127.0.0.1:{port}", "1000"])
    try:
        _await_listener(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _await_listener(port: int) -> None:
    until = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def _product(template: Path, database: Path, port: int) -> dict[str, float]:
    shutil.copyfile(template, database)
    answer = send_from(f"sqlite:///{database}", port)
    database.unlink()
    return answer


def send_from(url: str, port: int) -> dict[str, float]:
    """Let the worker send the broadcast of a store, in a process of its own; return what it took."""
    command = [sys.executable, "-m", "bench.mail_broadcast", url, str(port)]
    finished = subprocess.run(
        command, check=True, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    answer: dict[str, float] = json.loads(finished.stdout.splitlines()[-1])
    return answer


def _nodemailer(folder: Path, port: int, messages: int, size: int) -> float:
    script = folder / "nodemailer_pool.mjs"
    shutil.copyfile(Path(__file__).with_name("nodemailer_pool.mjs"), script)
    command = ["node", str(script), str(port), str(messages), str(CONNECTIONS), str(size)]
    finished = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return float(finished.stdout)


def _smtp_source(command: str, port: int, messages: int, size: int) -> float:
    began = time.monotonic()
    arguments = ["-s", str(CONNECTIONS), "-m", str(messages), "-l", str(size), "-d"]
    subprocess.run([command, *arguments, f"127.0.0.1:{port}"], check=True)
    return messages / (time.monotonic() - began)


def main() -> int:
    """Run this benchmark alone."""
    parser = argparse.ArgumentParser(description="Mails of one broadcast, against nodemailer and smtp-source.")
    parser.add_argument("--recipients", type=int, default=RECIPIENTS)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}")
    measured = run(arguments.rounds, arguments.recipients)
    for one in measured:
        print(one.table())
        for floor in one.floors:
            print(floor.line())
    return 0 if all(floor.holds for one in measured for floor in one.floors) else 1


if __name__ == "__main__":
    sys.exit(main())
