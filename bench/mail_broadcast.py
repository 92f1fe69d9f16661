"""The product's side of the mail benchmark: a planned broadcast in the store, and the real worker sending it.

`prepare` writes the broadcast by plain SQL, as planning leaves it; as a program (`URL PORT`) this file runs the
worker until every notification has its outcome, checks the ledger and prints the rate as JSON.
"""

import asyncio
import json
import resource
import sys
import time
from datetime import UTC, datetime, timedelta

from bench.stores import open_database
from notifier.clock import SystemClock
from notifier.config import Config, Provider, ProviderKind, Storage
from notifier.domain.broadcast import Facts
from notifier.domain.playbook import Playbook
from notifier.messages import Messages
from notifier.metrics import Metrics
from notifier.providers import create
from notifier.queue.embedded import EmbeddedQueue
from notifier.stages.delivery import Delivery, Doubts
from notifier.storage.database import Transaction
from notifier.storage.instants import to_json, to_micros
from notifier.storage.migrate import upgrade
from notifier.worker import Worker

CHUNK = 10_000
SECRET = "a secret of the benchmark, long enough to be one"
PLAYBOOK = Playbook(
    name="power", services=("power",), safety=("wires", "generator", "medical"), self_help=("main-breaker",)
)


def prepare(url: str, recipients: int) -> None:
    """Write a started, fully planned broadcast to `recipients` customers with one site and one address each."""
    upgrade(url)
    database = open_database(url)
    now = datetime.now(UTC)
    try:
        database.write_now(lambda tx: _incident(tx, recipients, now))
        for first in range(1, recipients + 1, CHUNK):
            numbers = range(first, min(first + CHUNK, recipients + 1))
            database.write_now(lambda tx, numbers=numbers: _recipients(tx, numbers, now))
    finally:
        database.close()


def _incident(tx: Transaction, recipients: int, now: datetime) -> None:
    at = to_micros(now)
    facts = Facts(
        service="power",
        started_at=now - timedelta(minutes=50),
        cause="tree",
        crew="on-site",
        customers=recipients,
        next_update_by=now + timedelta(hours=1),
    )
    tx.run(
        """INSERT INTO incidents (id, service, state, playbook, started_at, opened_at, opened_by, correlation_id)
           VALUES (1, 'power', 'confirmed', 'power', :at, :at, 'bench', 'bench')""",
        at=at,
    )
    tx.run("INSERT INTO parts (id, incident_id) VALUES (1, 1)")
    tx.run(
        """INSERT INTO broadcasts (id, incident_id, part_id, kind, state, facts, created_at, created_by, started_at,
                                   planned_at, correlation_id)
           VALUES (1, 1, 1, 'acknowledged', 'sending', :facts, :at, 'bench', :at, :at, 'bench')""",
        facts=to_json(facts),
        at=at,
    )


def _recipients(tx: Transaction, numbers: range, now: datetime) -> None:
    at = to_micros(now)
    rows = [
        {
            "id": number,
            "at": at,
            "reference": f"C{number}",
            "street": f"{number} Oak St, Springfield",
            "address": f"customer{number}@example.net",
        }
        for number in numbers
    ]
    for statement in (
        "INSERT INTO customers (id, reference, created_at, updated_at) VALUES (:id, :reference, :at, :at)",
        """INSERT INTO sites (id, customer_id, reference, address, services, status, time_zone, updated_at)
           VALUES (:id, :id, '1', :street, '|power|', 'active', 'America/Los_Angeles', :at)""",
        "INSERT INTO contact_points (id, kind, address, created_at) VALUES (:id, 'email', :address, :at)",
        "INSERT INTO links (contact_point_id, site_id, role, customer_id) VALUES (:id, :id, 'owner', :id)",
        "INSERT INTO audience (broadcast_id, customer_id, outcome) VALUES (1, :id, 'told')",
        """INSERT INTO notifications (id, broadcast_id, contact_point_id, channel, due_at, planned_at)
           VALUES (:id, 1, :id, 'email', :at, :at)""",
        """INSERT INTO audience_notifications (broadcast_id, contact_point_id, site_id, customer_id)
           VALUES (1, :id, :id, :id)""",
    ):
        tx.run_many(statement, rows)


async def send(url: str, port: int) -> dict[str, object]:
    """Run the worker until everything is handed over, and return what it took."""
    config = Config(
        storage=Storage(url=url),
        providers=(Provider(name="relay", kind=ProviderKind.SMTP, port=port),),
    )
    database, clock, queue = open_database(url), SystemClock(), EmbeddedQueue()
    playbooks = {"power": PLAYBOOK}
    metrics = Metrics(providers=["relay"])
    delivery = Delivery(database, config, clock, queue, metrics, playbooks, Messages(config, playbooks), SECRET)
    doubts = Doubts(database, config, clock, queue, metrics, playbooks, delivery.owner)
    providers = [create(provider) for provider in config.providers]
    worker = Worker(delivery, doubts, providers, queue, clock, config, metrics)
    recipients = database.read_now(lambda tx: int(tx.scalar("SELECT COUNT(*) FROM notifications")))
    stop = asyncio.Event()
    cpu, began = _cpu_seconds(), time.perf_counter()
    running = asyncio.create_task(worker.run(stop))
    while _sent(metrics) < recipients:  # noqa: ASYNC110  # nothing tells when it is done, and 20 ms are nothing
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - began
    cpu = _cpu_seconds() - cpu
    stop.set()
    await running
    attempts, size = database.read_now(lambda tx: tx.tuples("SELECT COUNT(*), AVG(bytes) FROM attempts")[0])
    database.close()
    assert attempts == recipients, f"{attempts} attempts for {recipients} notifications"
    return {
        "rate": recipients / seconds,
        "bytes": size,
        "cpu_us": cpu / recipients * 1e6,
        "loop": type(asyncio.get_running_loop()).__module__,
    }


def _sent(metrics: Metrics) -> float:
    """Return how many outcomes are committed: the counter moves after the commit."""
    value = metrics.registry.get_sample_value(
        "notifier_notifications_total", {"channel": "email", "state": "sent", "reason": "accepted"}
    )
    return value or 0.0


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Send the broadcast in the store at URL to the relay at PORT."""
    url, port = sys.argv[1], int(sys.argv[2])
    try:
        import uvloop
    except ImportError:
        factory = asyncio.new_event_loop
    else:
        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(send(url, port))))


if __name__ == "__main__":
    main()
