"""Doubts about a place, for people: what would be told with weak support, and what may be out as well."""

from collections.abc import Sequence

from notifier.cli import printing
from notifier.cli.printing import WARN, plural
from notifier.domain.text import expectation
from notifier.storage.views import DoubtView

SHOWN = 6


def show_doubts(doubts: Sequence[DoubtView]) -> None:
    """Print a line for each doubt, and how a person settles it."""
    for each in doubts[:SHOWN]:
        printing.line(f"! {said(each)}", indent=2, hang=4, style=WARN)
    if (more := len(doubts) - SHOWN) > 0:
        printing.line(f"! {plural(more, 'more region')} of which one cannot tell", indent=2, hang=4, style=WARN)


def said(doubt: DoubtView) -> str:
    """Write a doubt: `postal code 94110: 1 caller of 41 sites, 0.2 expected: weak support; ...`."""
    where = printing.region(doubt.region)
    if not doubt.callers:
        if doubt.named:
            return f"{where}: told although nobody of {_sites(doubt)} called; too few to say. Leave out with --regions"
        return f"{where}: not told; nobody of {_sites(doubt)} called, too few to say. Take in with --regions"
    seen = f"{plural(doubt.callers, 'caller')} of {_sites(doubt)}, {expectation(doubt.expected)} expected"
    if doubt.named:
        return f"{where}: told with weak support: {seen}. Leave out with --regions"
    return f"{where}: not told; {seen}: it may be out. Take in with --regions"


def _sites(doubt: DoubtView) -> str:
    return plural(doubt.sites, "site")
