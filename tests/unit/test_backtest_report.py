"""The report of a backtest: true in words, whole in one file, bounded in size, and text of the file stays text."""

import re
from datetime import timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.backtest import pictures, report, report_words
from notifier.backtest.report import html
from notifier.backtest.report_words import evidence, shown, summary
from tests.backtest_records import cell, found, known, opening, verdict

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{ 7 * 7 }}\u202e\x00&amp;"


class Outline(HTMLParser):
    """What a document is made of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self.text).split())


# --- words ----------------------------------------------------------------------------------------------------------


def test_without_a_truth_it_says_how_many_and_who_can_judge_them() -> None:
    first, *rest = summary(found())
    assert first == (
        "24,100 complaints about 40 cells from 1 January 2026 to 20 July 2026 would have opened 3 incidents at a score "
        "of 17.5 (certain)."
    )
    assert rest == [
        "That is 0.52 a month. Which of them were right, people who were there can say, or a file given as --truth.",
        "100 of the complaints did not count: 99 repeats within 24 hours, 1 sent twice.",
    ]


def test_with_a_truth_it_says_how_many_were_found_how_fast_and_what_was_false() -> None:
    judged = verdict(known(1, opening=1), known(2, opening=2, minutes=28), known(3))
    _, speed, false = summary(found(verdict=judged, not_counted={}))
    assert speed == "They found 2 of 3 known outages (67%), half of them within 28 min and 9 in 10 within 28 min."
    assert false == (
        "1 incident was false: 0.17 (95 in 100: 0.004 to 0.97) a month over all cells, 0.0043 (95 in 100: 0.0001 to "
        "0.024) per cell and month; wanted for certain: at most 0.01."
    )


def test_the_warm_up_is_not_judged() -> None:
    early = opening(1, detected_at=found().first_at)
    assert "opened 0 incidents at" in summary(found(0))[0]
    said = summary(found([early, opening(2)]))
    assert said[1] == "1 more in the first 28 days, while the baseline was learnt, is not judged."
    assert "would have opened 1 incident " in said[0]


def test_a_file_that_is_all_warm_up_says_so() -> None:
    short = found(0, last_at=found().first_at, curve=(), not_counted={})
    assert "nothing can be judged" in summary(short)[0]
    assert "What a threshold costs" not in html(short)


def test_an_empty_file_has_a_report() -> None:
    nothing = found(
        0, first_at=None, last_at=None, warm_up_until=None, cells=(), curve=(), complaints=0, counted=0, not_counted={}
    )
    assert Outline(html(nothing)).words.count("There are no complaints in the file.") == 1


def test_a_threshold_of_ones_own_has_no_grade() -> None:
    assert summary(found(grade="", threshold=12.25))[0].endswith("at a score of 12.25.")


def test_one_opening_says_what_it_rests_on() -> None:
    assert evidence(opening(1)) == "6 different customers in 12 minutes, where 0.4 are normal at this hour."


def test_a_curve_is_there_in_numbers_too() -> None:
    words = Outline(html(found())).words
    assert "17.5 (used)" in words
    assert "At 8.5: 0.17." in words
    assert "How many of the incidents were false only a truth can say" in words


# --- one file -------------------------------------------------------------------------------------------------------


def test_it_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    outline = Outline(html(found(verdict=verdict(known(1, opening=1), known(2)))))
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(outline.tags)
    assert [name for name, _ in outline.attributes if name.startswith("on")] == []
    assert [value for name, value in outline.attributes if name in {"href", "src", "action", "xlink:href"}] == []
    (policy,) = [v for n, v in outline.attributes if n == "content" and v and "default-src" in v]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    assert "url(" not in html(found())


def test_text_of_the_file_stays_text() -> None:
    hostile = opening(1, region=HOSTILE, service=HOSTILE, also=(HOSTILE,), is_false=False)
    lost = known(9)
    object.__setattr__(lost, "region", HOSTILE)
    text = html(
        found(
            [hostile],
            file=HOSTILE,
            clock=HOSTILE,
            cells=(cell(1, region=HOSTILE, service=HOSTILE),),
            verdict=verdict(lost),
        )
    )
    outline = Outline(text)
    assert not {"script", "img"} & set(outline.tags)
    assert "{{ 7 * 7 }}" in outline.words
    assert "<script>alert(1)</script>" in outline.words
    assert "\u202e" not in text
    assert "\x00" not in text


@pytest.mark.parametrize("text", ["", "  ", "\u200b", "\x07"])
def test_a_name_that_shows_nothing_is_said_to_be_none(text: str) -> None:
    assert shown(text) == "(no name)"


def test_a_long_name_is_cut() -> None:
    assert shown("x" * 5_000) == "x" * 80 + "..."


def test_hundreds_of_incidents_are_capped_and_it_says_so() -> None:
    judged = [opening(n, is_false=n % 10 == 0, region="x" * 5_000) for n in range(1, 1_201)]
    lost = [known(n) for n in range(700)]
    text = html(found(judged, verdict=verdict(*lost), cells=tuple(cell(n, region="y" * 500) for n in range(2_000))))
    words = Outline(text).words
    assert len(text.encode()) < 2_000_000
    assert text.count("<li id=") == report.CARDS_AT_MOST
    assert "120 of 1,200 incidents are drawn, 1,080 are left out: false ones were chosen first" in words
    assert "The last 500 of 1,200; the 700 before them are left out here." in words
    assert "700 outages of the truth opened nothing. The first 200 are listed, 500 are left out." in words
    assert "1,970 more cells are left out." in words


def test_false_incidents_are_drawn_before_others() -> None:
    judged = [opening(n, is_false=n in {7, 400}) for n in range(1, 501)]
    text = html(found(judged, verdict=verdict()))
    assert 'id="i7"' in text
    assert 'id="i400"' in text
    numbers = [int(n) for n in re.findall(r'id="i(\d+)"', text)]
    assert numbers == sorted(numbers)
    assert len(set(numbers)) == report.CARDS_AT_MOST


def test_right_false_and_delay_stand_beside_each_incident() -> None:
    judged = [opening(1, is_false=False), opening(2, is_false=True)]
    words = Outline(html(found(judged, verdict=verdict(known(1, opening=1), known(5))))).words
    assert "1. 90001, power right" in words
    assert "5.2 min after the outage began." in words
    assert "2. 90002, power false" in words
    assert "1 outage of the truth opened nothing." in words


def test_every_picture_has_a_title_and_says_what_it_shows() -> None:
    text = html(found())
    pictures_in_it = re.findall(r"<svg(?! class=\"key\")[^>]*>\s*(.*?)</svg>", text, re.DOTALL)
    assert len(pictures_in_it) == 1 + report.CELLS_AT_MOST + 3
    ids = re.findall(r'id="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    for each in pictures_in_it:
        title, says = re.match(r'<title id="([^"]+)">[^<]+</title>\s*<desc id="([^"]+)">[^<]+</desc>', each).groups()  # type: ignore[union-attr]
        assert f'aria-labelledby="{title} {says}"' in text


# --- pictures -------------------------------------------------------------------------------------------------------


def test_the_highest_bar_fills_the_picture_and_one_complaint_is_seen() -> None:
    drawn = pictures.card([0, 1, 500], [0.1, 0.1, 0.1], 0.5)
    assert re.findall(r"v-([\d.]+)", drawn.bars) == ["1", "72"]
    assert (drawn.most, drawn.opened_x) == (500, 144.0)


def test_a_line_of_steps_goes_from_end_to_end() -> None:
    assert pictures.card([0] * 4, [1, 1, 2, 2], 0.5).expected == "M0 36.0H144V0.0H288"
    assert pictures.card([0] * 4, [0, 0, 0, 0], 0.5).expected == "M0 72.0H288"


def test_a_row_marks_the_periods_with_an_incident() -> None:
    drawn = pictures.row([3, 0, 9], [0, 0, 2])
    assert drawn.marks.count("M") == 1
    assert drawn.marks.startswith("M12 0")
    assert (drawn.bars.count("M"), drawn.most, drawn.width) == (2, 9, 18)


def test_a_curve_without_two_points_is_none() -> None:
    assert pictures.curve([], (0.1, 0.01), 17.5) is None
    assert pictures.curve([(8.5, 0.0), (17.5, 0.0), (20, 0.1)], (0.1, 0.01), 17.5) is None


@given(
    st.lists(
        st.tuples(st.floats(0.5, 400), st.floats(0, 5_000)), max_size=30, unique_by=lambda point: round(point[0], 2)
    ),
    st.floats(1, 100),
)
def test_a_curve_stays_inside_its_frame(points: list[tuple[float, float]], threshold: float) -> None:
    drawn = pictures.curve(sorted(points), (0.1, 0.01), threshold)
    if drawn is None:
        return
    xs = [x for x, _ in drawn.points] + [tick.at for tick in drawn.x_ticks]
    ys = [y for _, y in drawn.points] + [tick.at for tick in (*drawn.y_ticks, *drawn.wanted)]
    assert all(pictures.CURVE_LEFT <= x <= pictures.CURVE_RIGHT for x in xs)
    assert all(pictures.CURVE_TOP <= y <= pictures.CURVE_BOTTOM for y in ys)


@given(st.integers(1, 4_000))
def test_any_length_of_time_fits_the_matrix(days: int) -> None:
    one = found(1, last_at=found().first_at + timedelta(days=days))  # type: ignore[operator]
    period = report._period(one)
    assert period.number <= report.PERIODS_AT_MOST
    assert period.last == one.last_at.date()  # type: ignore[union-attr]


def test_a_rate_just_above_what_is_wanted_is_not_rounded_to_it() -> None:
    assert [report_words.short(rate) for rate in (0.0102, 0.01, 0.1004, 0.25, 12.345, 0)] == [
        "0.0102",
        "0.01",
        "0.1",
        "0.25",
        "12.3",
        "0",
    ]
