"""The plot of a terminal: heights are true, nothing is wider than asked for, normal is seen beside and in columns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.cli.plot import BLOCKS, HEIGHT, PLAIN, legend, merged, plot


def drawn(observed: list[float], expected: list[float], width: int = 72) -> list[str]:
    return plot(observed, expected, ends=("02:00", "06:00"), width=width, signs=BLOCKS)


def test_a_column_is_as_high_as_its_value() -> None:
    lines = drawn([0, 2, 4, 8], [0.1] * 4)
    columns = ["".join(line[3 + 3 * n] if len(line) > 3 + 3 * n else " " for line in lines[:HEIGHT]) for n in range(4)]
    assert [column.count("█") + column.count("▒") for column in columns] == [0, 2, 4, 8]
    assert lines[0].startswith("8 │")
    assert lines[HEIGHT].startswith("0 └")


def test_parts_of_a_line_are_eighths() -> None:
    assert "▄" in drawn([8, 0.5], [0, 0])[HEIGHT - 1]


def test_what_is_normal_is_a_line_through_and_between_columns() -> None:
    lines = drawn([8, 0], [2.5, 2.5])
    assert lines[5] == "  │▒▒▒···"
    assert lines[2] == "  │███"


def test_nothing_but_silence_is_a_line_on_the_ground() -> None:
    lines = drawn([0, 0, 0], [0, 0, 0])
    assert lines[HEIGHT - 1] == "  │" + "·" * 9


def test_neighbours_are_added_when_there_is_no_room() -> None:
    lines = drawn([1.0] * 60, [0.0] * 60, width=40)
    assert merged(60, 40) == 2
    assert lines[0].startswith("2 │")


def test_a_mark_points_at_its_column_and_stays_inside() -> None:
    for at, shown in ((0, "   ▲ opened"), (59, " " * 62 + "▲ opened")):
        lines = plot([1.0] * 60, [0.0] * 60, ends=("a", "b"), mark=(at, "opened"), width=72, signs=BLOCKS)
        assert lines[-1] == shown
    lines = plot([1.0] * 60, [0.0] * 60, ends=("a", "b"), mark=(59, "explained here"), width=72, signs=BLOCKS)
    assert lines[-1] == "explained here ▲".rjust(63)


@pytest.mark.parametrize("signs", [BLOCKS, PLAIN])
@given(
    values=st.lists(st.tuples(st.integers(0, 9_999), st.floats(0, 9_999)), min_size=1, max_size=60),
    width=st.integers(40, 72),
)
def test_no_line_is_wider_than_asked_for(signs, values, width) -> None:  # type: ignore[no-untyped-def]
    observed, expected = [float(o) for o, _ in values], [e for _, e in values]
    lines = plot(observed, expected, ends=("27 Jun 22:00", "02:00"), mark=(0, "x"), width=width, signs=signs)
    assert max(len(line) for line in lines) <= width
    assert all(line.isascii() for line in lines) or signs is BLOCKS


def test_the_legend_names_every_sign() -> None:
    assert legend(PLAIN) == "# counted   - normal (: inside a column)"
