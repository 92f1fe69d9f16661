"""Pictures of a report as paths of SVG: complaints beside what is expected, cells over time, what thresholds cost.

In come numbers; out come numbers and path data, nothing from the file but figures. What a picture shows is also said in
words beside it: nothing is told by colour or by a picture alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10

CARD_WIDTH, CARD_HEIGHT = 288, 72
ROW_BAR, ROW_HEIGHT, ROW_MARKS = 6, 22, 8  # the marks of incidents stand above the bars
SEEN, FARTHEST = 0.05, 4.0  # rates far below what is wanted and thresholds far above the one in use say nothing
CURVE_LEFT, CURVE_RIGHT, CURVE_TOP, CURVE_BOTTOM = 44, 328, 12, 196  # of the drawn part, within 340 by 236


@dataclass(frozen=True, slots=True, kw_only=True)
class CardPicture:
    """Complaints of a cell around an opening."""

    bars: str
    expected: str
    opened_x: float
    most: int  # complaints in the highest bar


@dataclass(frozen=True, slots=True, kw_only=True)
class RowPicture:
    """A cell over the whole time."""

    bars: str
    marks: str
    width: int
    most: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tick:
    """A place on an axis."""

    at: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CurvePicture:
    """Incidents by threshold, both axes with their ticks; the vertical one is logarithmic."""

    line: str
    points: tuple[tuple[float, float], ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    wanted: tuple[Tick, ...]  # rates that are wanted, at their height
    threshold_x: float | None  # None: it lies outside


def card(observed: Sequence[int], expected: Sequence[float], opened_after: float) -> CardPicture:
    """Draw complaints in bins; `opened_after` is the share of the time at which the incident was opened."""
    top = max(1.0, *observed, *expected)
    wide = CARD_WIDTH / max(1, len(observed))
    return CardPicture(
        bars=_bars(observed, wide, top, CARD_HEIGHT),
        expected=_steps(expected, wide, top),
        opened_x=round(CARD_WIDTH * opened_after, 1),
        most=max(observed, default=0),
    )


def row(counts: Sequence[int], openings: Sequence[int]) -> RowPicture:
    """Draw the complaints of a cell by period, with a mark above each period in which an incident was opened."""
    most = max(counts, default=0)
    bars = _bars(counts, ROW_BAR, max(1, most), ROW_HEIGHT - ROW_MARKS, base=ROW_HEIGHT)
    marks = "".join(
        f"M{n * ROW_BAR} 0h{ROW_BAR}l-{ROW_BAR / 2:g} {ROW_MARKS - 2}z" for n, opened in enumerate(openings) if opened
    )
    return RowPicture(bars=bars, marks=marks, width=max(1, len(counts)) * ROW_BAR, most=most)


def curve(points: Sequence[tuple[float, float]], wanted: Sequence[float], threshold: float) -> CurvePicture | None:
    """Draw (threshold, incidents per cell and month) around what is wanted; None when fewer than two are there."""
    drawn = [(x, y) for x, y in points if y > min(wanted) * SEEN and x <= threshold * FARTHEST]
    if len(drawn) < 2:
        return None
    left, right = min(x for x, _ in drawn), max(x for x, _ in drawn)
    heights = [y for _, y in drawn] + list(wanted)
    low, high = floor(log10(min(heights))), ceil(log10(max(heights)))
    high = max(high, low + 1)

    def at(x: float) -> float:
        return round(CURVE_LEFT + (x - left) / (right - left) * (CURVE_RIGHT - CURVE_LEFT), 1)

    def height(y: float) -> float:
        return round(CURVE_BOTTOM - (log10(y) - low) / (high - low) * (CURVE_BOTTOM - CURVE_TOP), 1)

    places = tuple((at(x), height(y)) for x, y in drawn)
    return CurvePicture(
        line="M" + "L".join(f"{x:g} {y:g}" for x, y in places),
        points=places,
        x_ticks=tuple(Tick(at=at(x), text=f"{x:g}") for x in _handy(left, right)),
        y_ticks=tuple(Tick(at=height(10.0**power), text=f"{10.0**power:g}") for power in range(low, high + 1)),
        wanted=tuple(Tick(at=height(rate), text=f"{rate:g}") for rate in wanted),
        threshold_x=at(threshold) if left <= threshold <= right else None,
    )


def _bars(values: Sequence[int], wide: float, top: float, height: float, base: float | None = None) -> str:
    ground = height if base is None else base
    bar = f"{wide * 0.85:.3g}"
    return "".join(
        f"M{n * wide:g} {ground:g}v-{max(1.0, value / top * height):.3g}h{bar}V{ground:g}z"
        for n, value in enumerate(values)
        if value > 0
    )


def _steps(values: Sequence[float], wide: float, top: float) -> str:
    """Return a line of steps; a step that is not seen is not drawn."""
    drawn, last = [], None
    for n, value in enumerate(values):
        y = f"{CARD_HEIGHT - value / top * CARD_HEIGHT:.1f}"
        if y != last:
            drawn.append(f"M0 {y}" if last is None else f"H{n * wide:g}V{y}")
            last = y
    return "".join(drawn) + f"H{CARD_WIDTH}"


def _handy(low: float, high: float) -> list[float]:
    """Return between two and eight round numbers in a range."""
    step = 10.0 ** floor(log10(high - low))
    step = next(each for each in (step / 10, step / 5, step / 2, step, step * 2) if (high - low) / each <= 6)
    first = ceil(low / step)
    return [round(n * step, 9) for n in range(first, floor(high / step) + 1)]
