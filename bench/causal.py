"""Causality, complaint by complaint: nothing that is opened depends on what stands after it in the file.

The benchmark cuts a file at the first complaint at or after the time at which an incident was found. Here it is cut
right after the line that opened the incident; those that were opened by a later line of their second first, because
they are the hard ones. For `bench.detection`.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from bench.carry_over import thresholds
from notifier.backtest.clock import clock_of
from notifier.backtest.complaint_stream import Reader, wrong_header
from notifier.backtest.running import Backtest
from notifier.cli.csv_file import Row, read_rows

CUTS = 12  # of a suite: each is a run over the part before it
Opening = tuple[int, str, str, float]  # line of the complaint that opened it, region, service, score


def show(folder: Path, suites: Sequence[str]) -> None:
    """Print how many incidents are found again when the file ends with the complaint that opened them."""
    print("\nCausality: the file cut right after the complaint that opened an incident")
    print("| suite | incidents | opened by a later complaint of its second | cuts, of which such | found again |")
    print("|---|---|---|---|---|")
    for suite in suites:
        with (folder / f"{suite}.csv").open("rb") as source:
            rows = [each for each in read_rows(source, wrong_header) if isinstance(each, Row)]
        print(f"| {suite} | {_line(rows)} |", flush=True)


def _line(rows: Sequence[Row]) -> str:
    instants = {row.line: row.cells["ts"] for row in rows}
    openings = _openings(rows)
    tied = [one for one in openings if instants[one[0]] == instants.get(one[0] - 1)]
    drawn = Random(1).sample(openings, min(CUTS, len(openings)))  # noqa: S311  # the same ones every time
    tried = list(dict.fromkeys((*tied[: CUTS // 2], *drawn)))[:CUTS]
    again = sum(one in _openings([row for row in rows if row.line <= one[0]]) for one in tried)
    return f"{len(openings)} | {len(tied)} | {len(tried)}, {sum(one in tied for one in tried)} | {again}"


def _openings(rows: Sequence[Row]) -> list[Opening]:
    reader = Reader(datetime.now(UTC))
    for refused in reader.take(rows):
        raise AssertionError(refused)
    stream = reader.stream.in_order()
    backtest = Backtest(stream, clock_of("", stream.at_us, stream.offset_s), thresholds())
    return [
        (
            stream.line[one.index],
            stream.regions[one.finding.cell.region_id].code,
            one.finding.cell.service,
            one.finding.window.score,
        )
        for one in backtest.play().incidents
    ]
