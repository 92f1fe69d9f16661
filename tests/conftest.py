"""What holds for all tests: how many run beside each other, in which order, and which of them coverage looks at.

Ctrl-C works in them, also where whoever started them has it ignored (nohup, some CI).
"""

import os
import signal
from itertools import chain, zip_longest

import pytest

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

WAITING = "tests/e2e/"
"""Whole daemons, which mostly wait for a clock: two thirds of their time no processor works for them."""
FILLING = "tests/unit/"
"""Milliseconds each: at the end they fill every worker to the same moment."""
PER_PROCESSOR = 1.5  # workers
SEEN_ELSEWHERE = (
    "tests/cli/test_templates.py::test_a_mistake_is_found_at_its_line[",
    "tests/contract/test_a_night.py::",
    "tests/contract/test_credit_histories.py::",
    "tests/contract/test_complaint_batch.py::test_groups_between",
    "tests/stages/test_detection_rebuild.py::",
    "tests/unit/test_any_service.py::test_it_decides_as_if_every_cell_were_made_anew",
    "tests/unit/test_any_service.py::test_it_hears_that_a_feed_was_broken",
    "tests/unit/test_calibration.py::test_a_rarer_rate",
    "tests/unit/test_calibration.py::test_a_threshold_opens_as_many",
    "tests/unit/test_calibration_chance.py::",
    "tests/unit/test_check.py::test_a_person_reads_no_line_wider",
    "tests/unit/test_check.py::test_a_relay_on_this_machine",
    "tests/unit/test_check.py::test_scripts_get_everything",
)
"""Tests that go very often through lines which others go through once: counting lines makes them two or three times as
slow, and finds nothing."""


def pytest_xdist_auto_num_workers() -> int:
    """Run more workers than processors under `-n auto`: while one waits for a daemon, the others have them all."""
    return round(PER_PROCESSOR * (os.cpu_count() or 1))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Spread what waits over what works, and let coverage look at the same lines once, not once per database.

    The order is the same in every worker and every run; xdist hands tests out in it with `--no-loadscope-reorder`.
    """
    for item in items:
        if _database(item) == "postgresql" or item.nodeid.startswith(SEEN_ELSEWHERE):
            item.add_marker("no_cover")
    waiting = [item for item in items if item.nodeid.startswith(WAITING)]
    filling = [item for item in items if item.nodeid.startswith(FILLING)]
    working = [item for item in items if not item.nodeid.startswith((WAITING, FILLING))]
    items[:] = [*spread(waiting, working), *filling]


def spread(few: list[pytest.Item], many: list[pytest.Item]) -> list[pytest.Item]:
    """Return both, each in its order, with one of the few before every so many of the many."""
    every = max(1, len(many) // max(1, len(few)))
    pieces = [many[start : start + every] for start in range(0, len(many), every)]
    alternating = zip_longest([[one] for one in few], pieces, fillvalue=[])
    return list(chain.from_iterable(chain.from_iterable(alternating)))


def _database(item: pytest.Item) -> object:
    """Return the database on which a test runs that runs on both; the same lines are covered by its twin."""
    call = getattr(item, "callspec", None)
    return None if call is None else call.params.get("database", call.params.get("store"))
