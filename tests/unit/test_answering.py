"""What follows from a text, decided from its meaning and from what is out there."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from notifier.domain.answer import AnswerKind
from notifier.domain.answering import (
    OFFERED_AT_MOST,
    Decision,
    IncidentThere,
    Question,
    Writer,
    WriterSite,
    decide,
)
from notifier.domain.reply import Meaning, Reply

NOW = datetime(2026, 11, 22, 3, tzinfo=UTC)


def site(number: int, *services: str, customer: int = 1) -> WriterSite:
    return WriterSite(
        id=number, customer_id=customer, services=frozenset(services or ("power",)), name=f"{number} Oak St"
    )


def incident(
    number: int = 1,
    *sites: int,
    service: str = "power",
    over: bool = False,
    told: bool = True,
    minutes_ago: int | None = 10,
) -> IncidentThere:
    return IncidentThere(
        id=number,
        service=service,
        site_ids=frozenset(sites or (1,)),
        is_over=over,
        is_told=told,
        told_at=None if minutes_ago is None else NOW - timedelta(minutes=minutes_ago),
    )


def after(meaning: Meaning, writer: Writer, **said: object) -> Decision:
    return decide(Reply(meaning=meaning, **said), writer)  # type: ignore[arg-type]


def kind(decision: Decision) -> AnswerKind | None:
    return decision.answer.kind if decision.answer else None


HOME = Writer(sites=(site(1),))
OUT_AT_HOME = Writer(sites=(site(1),), incidents=(incident(),))
OVER_AT_HOME = Writer(sites=(site(1),), incidents=(incident(over=True),))
UNTOLD_AT_HOME = Writer(sites=(site(1),), incidents=(incident(told=False, minutes_ago=None),))
TWO = Writer(sites=(site(1), site(2)))
NOBODY = Writer()


@pytest.mark.parametrize(
    ("meaning", "writer", "expected"),
    [
        (Meaning.STATUS, OUT_AT_HOME, AnswerKind.STATUS),
        (Meaning.STATUS, OVER_AT_HOME, AnswerKind.STATUS),
        (Meaning.STATUS, UNTOLD_AT_HOME, AnswerKind.CHECKING),
        (Meaning.STATUS, replace(UNTOLD_AT_HOME, reported=frozenset({"power"})), AnswerKind.RECEIVED),
        (Meaning.STATUS, replace(UNTOLD_AT_HOME, reported=frozenset({"water"})), AnswerKind.CHECKING),
        (Meaning.STATUS, replace(OUT_AT_HOME, reported=frozenset({"power"})), AnswerKind.STATUS),
        (Meaning.STATUS, replace(HOME, reported=frozenset({"power"})), AnswerKind.RECEIVED),
        (Meaning.STATUS, HOME, AnswerKind.NO_OUTAGE),
        (Meaning.STATUS, NOBODY, None),
        (Meaning.OUT, OUT_AT_HOME, AnswerKind.NOTED_OUT),
        (Meaning.OUT, HOME, AnswerKind.NOTED_OUT),
        (Meaning.OUT, TWO, AnswerKind.WHICH_SITE),
        (Meaning.OUT, NOBODY, None),
        (Meaning.ON, OUT_AT_HOME, AnswerKind.NOTED_ON),
        (Meaning.ON, HOME, None),
        (Meaning.ON, UNTOLD_AT_HOME, None),
        (Meaning.PAUSE, OUT_AT_HOME, AnswerKind.PAUSED),
        (Meaning.PAUSE, HOME, AnswerKind.NO_OUTAGE),
        (Meaning.HELP, NOBODY, AnswerKind.HELP),
        (Meaning.YES, OUT_AT_HOME, AnswerKind.HELP),
        (Meaning.YES, HOME, None),
        (Meaning.COURTESY, OUT_AT_HOME, None),
        (Meaning.NOTE, OUT_AT_HOME, None),
    ],
)
def test_the_answer_says_what_is_known_and_no_more(
    meaning: Meaning, writer: Writer, expected: AnswerKind | None
) -> None:
    assert kind(after(meaning, writer)) == expected


def test_what_nobody_was_told_is_told_by_no_answer() -> None:
    decision = after(Meaning.STATUS, UNTOLD_AT_HOME)
    assert decision.answer is not None
    assert decision.answer.incident_id is None
    assert after(Meaning.OUT, UNTOLD_AT_HOME).answer == after(Meaning.OUT, HOME).answer


def test_out_is_a_complaint_and_after_restored_it_counts_again_once() -> None:
    first = after(Meaning.OUT, OVER_AT_HOME)
    again = after(
        Meaning.OUT, Writer(sites=(site(1),), incidents=OVER_AT_HOME.incidents, said_still_out_for=frozenset({1}))
    )
    during = after(Meaning.OUT, OUT_AT_HOME)
    assert [one.report is not None and one.report.still_out for one in (first, again, during)] == [True, False, False]
    assert first.incident_id == 1


def test_on_is_confirmed_once() -> None:
    said = Writer(sites=(site(1),), incidents=(incident(),), thanked_for=frozenset({1}))
    assert kind(after(Meaning.ON, said)) is None
    assert after(Meaning.ON, said).incident_id == 1


def test_a_number_answers_the_question_that_was_asked() -> None:
    asked = Question(meaning=Meaning.OUT, service="power", site_ids=(2, 1))
    writer = Writer(sites=(site(1), site(2)), question=asked)
    decision = after(Meaning.CHOICE, writer, number=1)
    assert (decision.meaning, decision.site) == (Meaning.OUT, writer.sites[1])
    assert after(Meaning.CHOICE, writer, number=3).meaning is Meaning.NOTE
    assert after(Meaning.CHOICE, TWO, number=1).meaning is Meaning.NOTE


def test_the_sites_of_the_incident_are_offered_first_and_not_too_many() -> None:
    sites = tuple(site(number) for number in range(1, 12))
    writer = Writer(sites=sites, incidents=(incident(1, 7, 9, over=True),))
    answer = after(Meaning.OUT, writer).answer
    assert answer is not None
    assert answer.site_ids[:2] == (7, 9)
    assert len(answer.site_ids) == OFFERED_AT_MOST


def test_a_site_out_of_several_that_lies_in_the_incident_alone_is_meant() -> None:
    writer = Writer(sites=(site(1), site(2)), incidents=(incident(1, 2, over=True),))
    assert after(Meaning.OUT, writer).site == writer.sites[1]


def test_a_site_that_is_named_is_meant() -> None:
    assert after(Meaning.OUT, TWO, number=2).site == TWO.sites[1]


def test_the_service_is_the_one_that_is_named_or_was_told_of_last_or_is_out_or_the_only_one() -> None:
    home = site(1, "power", "internet")
    told = Writer(
        sites=(home,),
        incidents=(incident(2, service="internet", minutes_ago=5), incident(1, service="power", minutes_ago=50)),
    )
    assert after(Meaning.OUT, told).service == "internet"
    assert after(Meaning.OUT, told, service="power").service == "power"
    out = Writer(sites=(home,), incidents=(incident(3, service="internet", minutes_ago=None),))
    assert after(Meaning.OUT, out).service == "internet"
    assert after(Meaning.OUT, HOME, service="water").service == "power"  # nobody is served with water there
    unknown = after(Meaning.OUT, Writer(sites=(home,)))
    assert (unknown.service, unknown.report, unknown.forward, kind(unknown)) == ("", None, True, AnswerKind.RECEIVED)


def test_a_report_in_other_words_is_evidence_by_text_and_only_a_note_by_mail() -> None:
    said = Reply(meaning=Meaning.COMPLAINT)
    by_text, by_mail = decide(said, HOME), decide(said, HOME, in_own_words=False)
    assert (by_text.report is not None, by_mail.report is not None) == (True, False)
    assert (by_text.tell, by_text.forward, by_mail.forward) == (True, True, True)


def test_whoever_writes_anything_while_it_is_out_hears_the_newest() -> None:
    assert after(Meaning.NOTE, OUT_AT_HOME).tell
    assert not after(Meaning.NOTE, HOME).tell
    assert after(Meaning.NOTE, HOME).forward
