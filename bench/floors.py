"""What every benchmark reports, and how a floor is judged.

A benchmark is a module with `def run(rounds: int) -> list[Measured]`. Peer and product run in the same rounds, one
after the other, because the speed of a machine drifts by a third: only ratios of one run are worth quoting. The
figure of a contender is its median over the rounds; a ratio is the median of the ratios of each round.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Floor:
    """What must hold: a figure, and the least or the most it may be."""

    text: str  # "mail: product / nodemailer pooled (8)"
    value: float
    limit: float
    at_most: bool = False  # else: at least

    @property
    def holds(self) -> bool:
        """Tell whether the figure is on the right side of its limit."""
        return self.value <= self.limit if self.at_most else self.value >= self.limit

    def line(self) -> str:
        """Return one line of the table of floors."""
        sign = "<=" if self.at_most else ">="
        return f"{'ok  ' if self.holds else 'MISS'}  {self.text:<58} {self.value:>9.2f}  {sign} {self.limit:g}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One benchmark's outcome: figures per contender and round, notes, and the floors."""

    name: str
    unit: str
    figures: dict[str, Sequence[float]]  # contender -> figure per round
    floors: Sequence[Floor]
    notes: Sequence[str] = field(default_factory=tuple)

    def table(self) -> str:
        """Return the figures as lines for people."""
        rows = [f"{self.name} ({self.unit})"]
        for contender, values in self.figures.items():
            every = "  ".join(f"{value:,.2f}" if value < 100 else f"{value:,.0f}" for value in values)
            middle = median(values)
            shown = f"{middle:,.2f}" if middle < 100 else f"{middle:,.0f}"
            rows.append(f"  {contender:<44} {shown:>10}   rounds: {every}")
        return "\n".join([*rows, *(f"  {note}" for note in self.notes)])


def ratio(product: Sequence[float], peer: Sequence[float]) -> float:
    """Return the median over the rounds of product / peer."""
    return median(ours / theirs for ours, theirs in zip(product, peer, strict=True))
