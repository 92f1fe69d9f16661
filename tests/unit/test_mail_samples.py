"""The 150 real bounces of ../shared/contracts/smtp, each with the label that says what may be done about it."""

import json
import re
from collections import Counter
from pathlib import Path

import pytest

from notifier.domain.mail_report import MailKind, understand

FOLDER = Path("../shared/contracts/smtp")
LABELS: dict[str, list[dict[str, str]]] = (
    json.loads((FOLDER / "bounces_labels.json").read_text()) if FOLDER.exists() else {}
)
TABLE = Path("docs/BOUNCES.md")
# Not told apart, and none of it stops an address: both say `554` about the session, not about anybody.
OTHERWISE = {("lhost-postfix-47.eml", "sender_problem"), ("lhost-v5sendmail-05.eml", "soft")}

pytestmark = pytest.mark.skipif(not LABELS, reason="../shared/contracts is not here")


def verdicts(name: str) -> list[str]:
    report = understand((FOLDER / "bounces" / name).read_bytes())
    return [str(each.verdict) for each in report.failures] or ["not_a_failure"]


@pytest.mark.parametrize("name", LABELS)
def test_each_sample_is_understood_as_its_label_says(name: str) -> None:
    wanted = [row["advice"] for row in LABELS[name]]
    for want, got in zip(wanted, verdicts(name), strict=False):
        assert got == want or (name, got) in OTHERWISE


@pytest.mark.parametrize("name", LABELS)
def test_no_sample_suppresses_more_addresses_than_its_label_allows(name: str) -> None:
    allowed = Counter(row["advice"] for row in LABELS[name])
    found = Counter(verdicts(name))
    for advice in ("suppress_address", "complaint"):
        assert found[advice] <= allowed[advice]


def test_nearly_every_address_that_should_be_suppressed_is() -> None:
    wanted = [(name, n) for name, rows in LABELS.items() for n, row in enumerate(rows) if row["advice"] == SUPPRESS]
    found = [(name, n) for name, n in wanted if verdicts(name)[n : n + 1] == [SUPPRESS]]
    assert len(wanted) >= 20
    assert len(found) >= 0.95 * len(wanted)


SUPPRESS = "suppress_address"


@pytest.mark.parametrize("name", LABELS)
def test_each_sample_is_of_the_kind_that_its_label_names(name: str) -> None:
    reasons = {row["sisimai_reason"] for row in LABELS[name]}
    kind = understand((FOLDER / "bounces" / name).read_bytes()).kind
    expected = MailKind.ARF if "feedback" in reasons else MailKind.AUTO_REPLY if "vacation" in reasons else MailKind.DSN
    assert kind is expected


def test_the_table_in_the_documentation_counts_the_samples_as_they_come_out() -> None:
    counted: Counter[tuple[str, str]] = Counter()
    for name, rows in LABELS.items():
        found = verdicts(name)
        for row, got in zip(rows, found + [found[-1]] * len(rows), strict=False):
            counted[row["advice"], got] += 1
    text = TABLE.read_text()
    for (advice, got), count in counted.items():
        assert f"| `{advice}` | `{got}` | {count} |" in text
    assert len(re.findall(r"^\| `\w+` \| `\w+` \|", text, re.MULTILINE)) == len(counted)
