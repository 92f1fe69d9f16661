"""A plot of complaints over time for a terminal: what was counted as columns, what is normal as a line of dots.

Everything is said by signs and nothing by colour, and it fits a phone held upright. In come numbers and the width in
characters; out come lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

HEIGHT = 8  # lines
LABEL = 5  # characters in front of the axis, at most: 9,999 complaints in one column


@dataclass(frozen=True, slots=True, kw_only=True)
class Signs:
    """The signs of a plot."""

    parts: str  # of a column that fills an eighth of a line, two eighths, ... all of it
    normal: str  # what is normal, where no column is in the way
    inside: str  # the same, inside a column
    axis: str
    corner: str
    ground: str
    mark: str

    @property
    def full(self) -> str:
        """Return the sign of a line that is filled."""
        return self.parts[-1]


BLOCKS = Signs(parts="▁▂▃▄▅▆▇█", normal="·", inside="▒", axis="│", corner="└", ground="─", mark="▲")
PLAIN = Signs(parts="....####", normal="-", inside=":", axis="|", corner="+", ground="-", mark="^")


def signs(encoding: str | None) -> Signs:
    """Return the signs that an output of this encoding can show."""
    try:
        str(BLOCKS).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return PLAIN
    return BLOCKS


def plot(
    observed: Sequence[float],
    expected: Sequence[float],
    *,
    ends: tuple[str, str],
    mark: tuple[int, str] | None = None,
    width: int,
    signs: Signs,
) -> list[str]:
    """Return the lines of a plot, the time of both `ends` below it.

    Neighbouring values are added up when there are more of them than columns; `mark` points at a value and says what
    it is.
    """
    together = merged(len(observed), width)
    observed, expected = _added(observed, together), _added(expected, together)
    top = max(1, *(ceil(value) for value in (*observed, *expected)))
    label = len(f"{top:,}")
    wide = max(1, min(3, (width - LABEL - 2) // len(observed)))
    lines = []
    for line in reversed(range(HEIGHT)):
        said = f"{top:,}" if line == HEIGHT - 1 else ""
        cells = (_sign(o, e, line, top / HEIGHT, signs) * wide for o, e in zip(observed, expected, strict=True))
        lines.append(f"{said:>{label}} {signs.axis}{''.join(cells)}".rstrip())
    drawn = wide * len(observed)
    lines.append(f"{'0':>{label}} {signs.corner}{signs.ground * drawn}")
    begin, end = ends
    lines.append(" " * (label + 2) + begin + " " * max(1, drawn - len(begin) - len(end)) + end)
    if mark is not None:
        lines.append(_pointer(label + 2 + mark[0] // together * wide, mark[1], width, signs))
    return lines


def merged(values: int, width: int) -> int:
    """Return how many neighbouring values one column stands for."""
    return max(1, -(-values // (width - LABEL - 2)))


def legend(signs: Signs) -> str:
    """Return what the signs mean."""
    return f"{signs.full} counted   {signs.normal} normal ({signs.inside} inside a column)"


def _sign(observed: float, expected: float, line: int, unit: float, signs: Signs) -> str:
    """Return the sign of one value in one line; lines are counted from the ground and are `unit` high."""
    filled = observed / unit - line
    is_normal = int(expected / unit) == line
    if filled >= 1:
        return signs.inside if is_normal else signs.full
    if filled > 0:
        return signs.parts[max(0, round(filled * 8) - 1)]
    return signs.normal if is_normal else " "


def _added(values: Sequence[float], together: int) -> list[float]:
    return [sum(values[n : n + together]) for n in range(0, len(values), together)]


def _pointer(at: int, text: str, width: int, signs: Signs) -> str:
    """Return a line that points up at a column, with its text on the side that has room."""
    if at + 2 + len(text) <= width:
        return f"{' ' * at}{signs.mark} {text}"
    return f"{text} {signs.mark}".rjust(at + 1)
