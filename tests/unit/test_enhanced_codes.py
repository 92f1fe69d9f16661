"""Enhanced status codes: what a relay answers, and what a bounce says, mean what ../shared/contracts reads in them."""

import json
from pathlib import Path

import pytest

from notifier.domain.delivery import Result, Suppress
from notifier.domain.mail_verdict import Answer, Verdict, decide
from notifier.providers.smtp_replies import Stage, outcome_of

FILE = Path("../shared/contracts/smtp/enhanced_status_codes.json")
ROWS = json.loads(FILE.read_text()) if FILE.exists() else []

pytestmark = pytest.mark.skipif(not ROWS, reason="../shared/contracts is not here")


def _expanded():
    """Yield (subject and detail, meaning) of each code that names both; `20-22` and `7.8/7.9` are several."""
    for row in ROWS:
        for code in row["code"].split("/"):
            _, subject, detail = code.split(".")
            first, _, last = detail.partition("-")
            if first.isdigit():
                yield from ((f"{subject}.{one}", row["meaning"]) for one in range(int(first), int(last or first) + 1))


CODES = sorted(set(_expanded()))


def test_every_row_of_the_table_is_tried():
    assert len(ROWS) == 26
    assert len(CODES) == 28


@pytest.mark.parametrize(("code", "meaning"), CODES)
def test_a_final_refusal_suppresses_an_address_only_where_the_table_says_so(code, meaning):
    outcome = outcome_of(550, f"5.{code} no", Stage.RCPT)
    if meaning.endswith(("suppress on 5", ": suppress")):
        assert outcome.suppress is Suppress.AT_ONCE
        assert decide(Answer(words="no", status=f"5.{code}")) is Verdict.SUPPRESS_ADDRESS
    elif "suppress after repeats" in meaning:
        assert outcome.suppress is Suppress.REPEATED
    else:
        assert outcome.suppress is Suppress.NO
        assert decide(Answer(words="no", status=f"5.{code}")) is not Verdict.SUPPRESS_ADDRESS


@pytest.mark.parametrize(("code", "meaning"), CODES)
def test_a_refusal_for_now_is_tried_again_and_suppresses_nobody(code, meaning):
    outcome = outcome_of(450, f"4.{code} later", Stage.RCPT)
    assert outcome.suppress is Suppress.NO, meaning
    assert outcome.result in (Result.TEMPORARY, Result.OURS)
