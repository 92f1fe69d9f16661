"""The same words once: what is the same, what is taken out, and in which order it is read."""

from datetime import UTC, datetime, timedelta

import pytest

from notifier.domain.their_words import Said, grouped, without_contacts

NOON = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)


def said(text: str, *, person: str = "a", minutes: int = 0, how: str = "complaint") -> Said:
    return Said(person=person, text=text, at=NOON + timedelta(minutes=minutes), how=how)


def test_case_accents_signs_and_spaces_make_no_difference() -> None:
    (group,) = grouped(
        [said("No hay luz!!", person="a"), said("no  hay LUZ", person="b", minutes=1), said("Nó hay luz", person="a")]
    )
    assert (group.text, group.times, group.people) == ("no hay LUZ", 3, 2)
    assert (group.oldest_at, group.newest_at) == (NOON, NOON + timedelta(minutes=1))


def test_what_was_said_last_is_read_first() -> None:
    groups = grouped([said("old", minutes=1), said("old"), said("new", minutes=2), said("older")])
    assert [group.text for group in groups] == ["new", "old", "older"]


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("call me 415-555-0123 please", "call me [number] please"),
        ("call (415) 555 0123", "call [number]"),
        ("+1 415 555 0123!", "[number]!"),
        ("write to Ana.B+x@example.co.uk.", "write to [e-mail]."),
        ("account 12345678, out since 2:50", "account [number], out since 2:50"),
        ("see https://evil.example/a?b=c now", "see [link] now"),
        ("12 Oak St, since 14:00 or 15:30, $1,200.50", "12 Oak St, since 14:00 or 15:30, $1,200.50"),
        ("two\nlines\t here", "two lines here"),
        ("", ""),
    ],
)
def test_contacts_are_taken_out_and_the_rest_is_left(text: str, left: str) -> None:
    assert without_contacts(text) == left


def test_texts_that_differ_in_a_number_alone_are_the_same() -> None:
    (group,) = grouped([said("call 415 555 0123", person="a"), said("call 415 555 0199", person="b")])
    assert (group.text, group.people) == ("call [number]", 2)


def test_signs_alone_are_words_of_their_own_and_nothing_is_one_group() -> None:
    groups = grouped([said("???"), said("!!!"), said(""), said(" ")])
    assert sorted(group.text for group in groups) == ["", "!!!", "???"]


def test_how_it_was_said_is_counted() -> None:
    (group,) = grouped([said("OUT", how="out"), said("out", how="out", person="b"), said("Out.")])
    assert group.how == {"out": 2, "complaint": 1}
