"""The state diagrams in docs/ARCHITECTURE.md are the transition tables of the domain."""

import re
from pathlib import Path

import pytest

from notifier.domain.broadcast import BROADCAST
from notifier.domain.credit import CREDIT
from notifier.domain.incident import INCIDENT, PART
from notifier.domain.notification import NOTIFICATION
from notifier.domain.promise import PROMISE

ARCHITECTURE = Path(__file__).parents[2] / "docs" / "ARCHITECTURE.md"


def drawn_arrows(name: str) -> set[tuple[str, str]]:
    section = ARCHITECTURE.read_text().split(f"### {name}\n")[1].split("```")[1]
    return set(re.findall(r"(\w+) --> (\w+)", section))


MACHINES = (INCIDENT, PART, BROADCAST, NOTIFICATION, PROMISE, CREDIT)


@pytest.mark.parametrize("lifecycle", MACHINES, ids=lambda each: each.name)
def test_the_diagram_draws_every_arrow_and_no_other(lifecycle):
    assert drawn_arrows(lifecycle.name) == set(lifecycle.edges())
