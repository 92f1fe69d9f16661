"""The verdict on planned work in a rehearsal: each heard of it when they had to, and of nothing else."""

import csv
from datetime import UTC, datetime, timedelta

import pytest

from notifier.sandbox.simulate import TRUTH_COLUMNS, Complaint, parse_outage
from notifier.sandbox.smtp_receiver import RECEIPT_COLUMNS
from notifier.sandbox.town import TownPlan, sites_of
from notifier.sandbox.twilio_messages import COLUMNS as TEXT_COLUMNS
from notifier.sandbox.work_verdict import WorkStory, judge_work
from notifier.sandbox.works import plan_work, truth

BEGAN = datetime(2026, 3, 4, 15, 55, tzinfo=UTC)
ANA, BEN, KIM = "+14155550142", "+14155550143", "+12125550199"
STORY = WorkStory(
    began_at=BEGAN,
    done_at=BEGAN + timedelta(minutes=20),
    callers=frozenset({ANA}),
    on_call=KIM,
    names=("94118", "Riverside"),
)
NOTICE, DURING, DONE = -30, 5, 25


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "receipts.csv").write_text(",".join(RECEIPT_COLUMNS) + "\n")
    (tmp_path / "texts.csv").write_text(",".join(TEXT_COLUMNS) + "\n")
    with (tmp_path / "work.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, TRUTH_COLUMNS, restval="")
        writer.writeheader()
        writer.writerow({"customer_id": "C1", "mobile": ANA, "email": "ana@example.com"})
        writer.writerow({"customer_id": "C2", "mobile": BEN})
    return tmp_path


def heard(folder, *messages):
    with (folder / "texts.csv").open("a", newline="") as file:
        for number, minutes, body in messages:
            at = (BEGAN + timedelta(minutes=minutes)).isoformat(timespec="milliseconds")
            csv.writer(file, lineterminator="\n").writerow((at, "SM1", number, "55501", 1, "", body))
    return judge_work(folder, folder / "work.csv", STORY)


AS_IT_SHOULD_BE = (
    *((number, NOTICE, "planned work: power will be out") for number in (ANA, BEN)),
    (ANA, DURING, "Valley Electric: planned work: power is out"),
    *((number, DONE, "our planned work is done") for number in (ANA, BEN)),
)


def test_who_heard_of_the_work_and_of_nothing_else_makes_it_right(folder):
    verdict = heard(folder, *AS_IT_SHOULD_BE)
    assert (verdict.addresses, verdict.noticed, verdict.answered, verdict.told_done) == (2, 2, 1, 2)
    assert verdict.is_right


@pytest.mark.parametrize("missing", range(len(AS_IT_SHOULD_BE)))
def test_whatever_is_missing_makes_it_wrong(folder, missing):
    assert not heard(folder, *(each for number, each in enumerate(AS_IT_SHOULD_BE) if number != missing)).is_right


@pytest.mark.parametrize(
    "more",
    [
        (BEN, DURING, "power has been out since 7:55 am"),
        (ANA, DURING, "power has been out since 7:55 am"),
        (BEN, NOTICE, "planned work again"),
        (BEN, DONE, "our planned work is done, still"),
        (KIM, DURING, "NOTIFIER #3 power 94118: 12 people in 3 min"),
        (KIM, NOTICE, "NOTIFIER #3 power Riverside: 12 people in 3 min"),
    ],
)
def test_whatever_else_is_said_there_makes_it_wrong(folder, more):
    assert not heard(folder, *AS_IT_SHOULD_BE, more).is_right


def test_who_calls_and_hears_of_an_outage_was_not_told_of_the_work(folder):
    others = [each for each in AS_IT_SHOULD_BE if each[1] != DURING]
    verdict = heard(folder, *others, (ANA, DURING, "sorry, power has been out since 7:55 am"))
    assert (verdict.answered, verdict.is_right) == (0, False)


def test_a_call_about_another_place_is_nothing_of_the_works(folder):
    assert heard(folder, *AS_IT_SHOULD_BE, (KIM, DURING, "NOTIFIER #1 power 94112: it takes longer")).is_right


def test_work_is_far_from_the_outage_where_nobody_complains_and_its_callers_can_be_told():
    town = list(sites_of(TownPlan(customers=8_000)))
    outage = parse_outage("94112,+5min,10%,5min", BEGAN)
    first = plan_work(town, (), outage, BEGAN)
    loud = next(site for site in town if site.region("postal_code") == first.place and site.email)
    said = Complaint(
        occurred_at=BEGAN,
        reporter=loud.email,
        customer_id="",
        service="internet",
        region="",
        text="",
        external_id="1",
        source="api",
    )
    work = plan_work(town, [said], outage, BEGAN)
    near = {site.region("area_code") for site in town if outage.affects(site)}
    there = [site for site in town if site.region("postal_code") == work.place]
    assert work.place != first.place
    assert not near & {site.region("area_code") for site in there}
    assert 3 <= len(work.callers) == len(work.calls) <= 0.05 * len(there)
    listed = {address for one in truth(work, town) for address in (one.mobile, one.email)}
    assert work.callers <= listed
