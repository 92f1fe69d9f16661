"""docs/PRIVACY.md names every table that holds something about a person, and every key of retention."""

import re
from pathlib import Path

from notifier.config import Retention
from notifier.storage.queries.persons import WHERE

TEXT = Path("docs/PRIVACY.md").read_text()
ROWS = re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE)


def test_every_table_about_a_person_is_named_and_no_other() -> None:
    named = {table for row in ROWS for table in re.findall(r"`(\w+)`", row)}
    assert named == set(WHERE)


def test_every_key_of_retention_is_named() -> None:
    assert set(re.findall(r"`retention\.(\w+)`", TEXT)) == set(Retention.__struct_fields__)
