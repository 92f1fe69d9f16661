"""Customers with telephones, for tests with real processes: who lives where, what they text, and what they read."""

import asyncio
import csv
import os
import subprocess

from notifier.sandbox.processes import Rehearsal, notifier
from notifier.sandbox.texting import text_us
from notifier.sandbox.town import COLUMNS
from notifier.sandbox.twilio_messages import read_texts

US = "+19175550100"  # the number that texts come from


def number(customer: int) -> str:
    """Return the telephone of a customer, counted from 0."""
    return f"+1415{5550000 + customer}"


def run(rehearsal: Rehearsal, *arguments: str) -> str:
    """Run a command of ours and return what it printed."""
    environ = {**os.environ, **rehearsal.environ}
    return subprocess.run(notifier(*arguments), check=True, capture_output=True, text=True, env=environ).stdout


def import_people(rehearsal: Rehearsal, people: int) -> None:
    """Import so many homes with power in one region, each with a mobile."""
    path = rehearsal.folder / "people.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for customer in range(people):
            row = {
                "customer_id": f"K{customer:05d}",
                "site_id": "1",
                "address": f"{customer + 1} Oak St, Springfield",
                "services": "power",
                "status": "active",
                "phone": number(customer),
                "phone_kind": "mobile",
                "region.postal_code": "94110",
            }
            writer.writerow(row)
    run(rehearsal, "customers", "import", str(path))


def say(rehearsal: Rehearsal, telephone: str, words: str, sid: str = "") -> None:
    """Text us from a telephone."""
    assert asyncio.run(text_us(rehearsal.url, sender=telephone, to=US, body=words, sid=sid))[0] == 200


def read_by(rehearsal: Rehearsal, telephone: str) -> list[str]:
    """Return what a telephone has received, oldest first."""
    return [text.body for text in read_texts(rehearsal.folder) if text.to == telephone]
