"""`python -m bench.any_service [--seeds 3] [--suite mixed]`: what cells of any service find, and what they cost.

Takes a suite of the detection benchmark (../shared/bench/detection), gives every complaint one of some services by
chance, those of outages too, and scores what opens by place: as it is with one service, without cells of any service,
and with them. Prints the table of docs/detection.md, "Several services": mean false incidents per cell and month,
detected, and detected of outages with five callers. Without the benchmark it says so.
"""

import argparse
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import mean

from bench.carry_over import thresholds
from bench.detection import BENCHMARK, environment, output_of, said
from notifier.backtest.clock import clock_of
from notifier.backtest.complaint_stream import Reader
from notifier.backtest.running import Backtest
from notifier.domain.detection import Thresholds

ALIKE = ("3,3,3", "1,1", "8,1,1")  # shares of the services
SEED = 5  # of who names what


def main() -> int:
    """Run what was asked for and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.any_service", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--first-seed", type=int, default=100)
    parser.add_argument("--suite", default="mixed")
    parser.add_argument("--play", nargs=2, type=Path, metavar=("COMPLAINTS", "INCIDENTS"), help="for the benchmark")
    parser.add_argument("--shares", default="1", help="of the services, for --play")
    parser.add_argument("--without", action="store_true", help="without cells of any service, for --play")
    given = parser.parse_args()
    if given.play:
        complaints, incidents = given.play
        play(complaints, incidents, [float(share) for share in given.shares.split(",")], without=given.without)
        return 0
    if not BENCHMARK.exists():
        print(f"skipped: the detection benchmark is not at {BENCHMARK}")
        return 0
    python = environment()
    lines = [f"| one service | {_scored(python, given, '1', without=True)} | |"]
    for shares in ALIKE:
        found = [_scored(python, given, shares, without=without) for without in (True, False)]
        lines.append(f"| {shares.replace(',', ' : ')} | {' | '.join(found)} |")
    print(
        f"\n{given.suite}, grade likely, means over {given.seeds} seeds: false per cell-month, detected (five callers)"
    )
    print("| services, shares | without cells of any service | with them |\n|---|---|---|")
    print("\n".join(lines))
    return 0


def play(complaints: Path, incidents: Path, shares: Sequence[float], *, without: bool) -> None:
    """Run the production detector over relabelled complaints, and write what opened as the benchmark wants it."""
    reader = Reader(datetime.now(UTC))
    with complaints.open(newline="", encoding="utf-8") as source:
        for refused in reader.take(_relabelled(csv.DictReader(source), shares)):
            raise AssertionError(refused)
    stream, likely = reader.stream.in_order(), thresholds().likely
    backtest = Backtest(
        stream,
        clock_of("", stream.at_us, stream.offset_s),
        Thresholds(likely=likely, certain=thresholds().certain),
        of_any_service=not without,
    )
    with incidents.open("w", newline="", encoding="utf-8") as target:
        rows = csv.writer(target)
        rows.writerow(["region", "category", "detected_at"])
        for incident in backtest.play().incidents:
            region, category = stream.regions[incident.finding.cell.region_id].code.rsplit("#", 1)
            rows.writerow([region, category, stream.moment(incident.index).isoformat()])


def _relabelled(rows: Iterator[dict[str, str]], shares: Sequence[float]) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield rows with a service by chance; what was their category becomes part of their region."""
    random = Random(SEED)  # noqa: S311  # the same services every time
    for line, row in enumerate(rows, 2):
        (service,) = random.choices(range(len(shares)), shares)
        region = f"{row['region']}#{row['category']}"
        yield line, {"ts": row["ts"], "region": region, "category": f"s{service}", "customer": row["customer"]}


def _scored(python: str, given: argparse.Namespace, shares: str, *, without: bool) -> str:
    """Return what the benchmark says, as a cell of the table."""
    command = f"{sys.executable} -m bench.any_service --shares {shares} --play {{complaints}} {{incidents}}"
    if without:
        command += " --without"
    options = {"--cmd": command, "--suites": given.suite, "--seeds": given.seeds, "--first-seed": given.first_seed}
    with said(f"{given.suite}, {shares}, {'without' if without else 'with'}"):
        done = output_of([python, BENCHMARK, "plugin", *(str(each) for option in options.items() for each in option)])
    results = json.loads(done.splitlines()[-1])
    false = mean(result["false_per_cell_month"] for result in results)
    every = mean(result["by_size"][-1]["pdet"] for result in results)
    (five, *_) = (
        mean(values)
        for values in zip(*([size["pdet"] for size in result["by_size"]] for result in results), strict=True)
    )
    return f"{false:.3f}, {every:.3f} ({five:.3f})"


if __name__ == "__main__":
    sys.exit(main())
