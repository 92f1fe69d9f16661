"""`notifier detection backtest`: the incidents that would have been opened on a file of complaints, offline."""

import csv
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from notifier.cli import history, places, printing
from notifier.cli.options import json_option
from notifier.cli.printing import Column, number, plural
from notifier.cli.rejects import Rejects
from notifier.domain.text import inert

if TYPE_CHECKING:
    from notifier.backtest.record import Interval, Opening, Record, Verdict

COLUMNS = ("region", "category", "detected_at", "score", "observed", "expected", "window_from", "judged", "verdict")
LISTED_AT_MOST = 10  # incidents on the terminal
SCORES_FROM = 0.6  # of the threshold: where the curve of the report begins


@click.command("backtest")
@history.history_argument
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the incidents here."
)
@click.option(
    "--report", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write a report (HTML) here."
)
@click.option(
    "--grade", type=click.Choice(["likely", "certain"]), help="What opens an incident; certain if nothing is said."
)
@click.option("--threshold", type=history.POSITIVE, metavar="X", help="Or the score that does.")
@history.truth_option
@history.zone_option
@history.config_option
@json_option
def backtest(
    file: Path,
    out: Path | None,
    report: Path | None,
    grade: str | None,
    threshold: float | None,
    truth: Path | None,
    zone: str,
    config_file: Path | None,
    as_json: bool,
) -> None:
    """Run the detector over a CSV FILE of complaints, '-' is standard input.

    Columns: ts, region, category, customer; or those of complaints
    import. Each category is a service. Regions that lie in each other
    are written 94110|San Francisco, the narrow one first. Incidents of
    the first 28 days are not judged. Nothing is stored or sent.

    Refused lines go to a file .rejected.csv with their numbers, the
    others are used, and the exit code is 1.

    Example: notifier detection backtest 2025.csv --out incidents.csv
    """
    from notifier.backtest.recording import record
    from notifier.backtest.running import Backtest
    from notifier.domain.detection import Thresholds

    if grade is not None and threshold is not None:
        raise click.UsageError("say --grade or --threshold: one of them")
    settings = history.configuration(config_file).detection
    wanted = threshold or (settings.likely if grade == "likely" else settings.certain)
    thresholds = Thresholds(likely=wanted, certain=max(wanted, settings.certain))
    rejected = places.refused_lines(file, out)
    read = {"FILE": file, "--truth": truth, "the configuration": places.configuration(config_file)}
    places.check(read, {"--out": out, "--report": report}, rejected)
    with Rejects(rejected) as rejects:
        stream = history.read_complaints(file, rejects, zone)
    windows = history.read_truth(truth, stream, zone)
    scores_from = float("inf") if report is None else SCORES_FROM * min(wanted, settings.likely)
    run = Backtest(stream, history.clock(zone, stream), thresholds, scores_from=scores_from)
    history.played(stream, run.play)
    history.check_fit(run.run, windows, stream)
    found = record(
        run,
        stream,
        file=file.name,
        grade="" if threshold else grade or "certain",
        thresholds=thresholds,
        windows=windows,
        refused=rejects.count,
    )
    if out is not None:
        _write(found, out)
    if report is not None:
        _write_report(found, report)
    _print_json(found) if as_json else _print(found, out)
    if report is not None and not as_json:
        click.echo(f"Report: {printing.safe(str(report))}")  # not wrapped: it is copied
    history.end(rejects)


def _write(found: "Record", out: Path) -> None:
    try:
        with out.open("w", encoding="utf-8", newline="") as target:
            writer = csv.writer(target)
            writer.writerow(COLUMNS)
            writer.writerows(_row(one, found) for one in found.openings)
    except OSError as error:
        raise click.UsageError(f"cannot write {out}: {error.strerror}") from error


def _row(one: "Opening", found: "Record") -> tuple[object, ...]:
    """Return what the file says of an incident; programs that score it read the first three columns."""
    from notifier.backtest.report_words import judged, verdict_of

    return (
        inert(printing.safe(one.region)),
        inert(printing.safe(one.service)),
        one.detected_at.isoformat(),
        f"{one.score:.2f}",
        one.observed,
        f"{one.expected:.6f}",
        one.window_from.isoformat(),
        judged(one, found),
        "" if one.is_false is None else verdict_of(one)[1],
    )


def _write_report(found: "Record", report: Path) -> None:
    from notifier.backtest.report import html

    try:
        report.write_text(html(found), encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"cannot write {report}: {error.strerror}") from error


def _print(found: "Record", out: Path | None) -> None:
    from notifier.backtest.report_words import TOO_SHORT, few, is_too_short, judged_openings

    judged = judged_openings(found)
    at = f"{found.grade} ({number(found.threshold)})" if found.grade else number(found.threshold)
    if is_too_short(found):
        printing.line(TOO_SHORT, style=printing.STRONG)
    else:
        printing.line(f"{plural(len(judged), 'incident')} would have been opened at {at}.", style=printing.STRONG)
    printing.fields(
        [
            ("complaints", f"{number(found.complaints)}, of them {number(found.counted)} counted"),
            *((printing.words(why), number(n)) for why, n in sorted(found.not_counted.items())),
            ("cells", number(len(found.cells))),
            ("from", _when(found.first_at)),
            ("to", _when(found.last_at)),
            ("in the warm-up", f"{number(len(found.openings) - len(judged))} more, not judged"),
        ]
    )
    if found.verdict is not None:
        _print_verdict(found.verdict)
    if out is None and judged:
        columns = [Column("opened"), Column("region", gives=True), Column("service"), Column("seen", right=True)]
        columns += [Column("expected", right=True), Column("score", right=True)]
        printing.line()
        printing.table(
            columns,
            [
                (
                    _when(one.detected_at),
                    one.region,
                    one.cell_service,
                    number(one.observed),
                    few(one.expected),
                    f"{one.score:.1f}",
                )
                for one in judged[-LISTED_AT_MOST:]
            ],
        )
        if len(judged) > LISTED_AT_MOST:
            printing.line(f"The last {LISTED_AT_MOST} are shown; --out FILE writes all of them.", style=printing.DIM)


def _print_verdict(verdict: "Verdict") -> None:
    printing.line()
    printing.line("Against the truth, after the warm-up:")
    delays, twice = sorted(verdict.delays), verdict.rows > verdict.outages
    printing.fields(
        [
            ("outages", f"{number(verdict.outages)}, found {number(verdict.found)}{_share(verdict.recall)}"),
            *([("as rows", f"{number(verdict.rows)}: those that overlap are one outage")] if twice else []),
            ("incidents", f"{number(verdict.right)} right, {number(verdict.false)} false{_share(verdict.precision)}"),
            *([("not judged", plural(verdict.not_judged, "incident"))] if verdict.not_judged else []),
            ("delay", _delays(delays)),
            ("false a month", _interval(verdict.false_per_month)),
            ("per cell", _interval(verdict.false_per_cell_month)),
        ]
    )


def _delays(delays: Sequence[timedelta]) -> str:
    if not delays:
        return ""
    return f"median {_minutes(delays[len(delays) // 2])}, 9 in 10 within {_minutes(delays[int(len(delays) * 0.9)])}"


def _share(share: float | None) -> str:
    return "" if share is None else f" ({share:.0%})"


def _minutes(delay: timedelta) -> str:
    return f"{delay.total_seconds() / 60:.1f} min"


def _interval(rate: "Interval") -> str:
    return f"{rate.value:.3g} (95 %: {rate.low:.3g} to {rate.high:.3g})"


def _when(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d %H:%M}"


def _print_json(found: "Record") -> None:
    summary = {
        "threshold": found.threshold,
        "complaints": found.complaints,
        "refused": found.refused,
        "counted": found.counted,
        "not_counted": found.not_counted,
        "cells": len(found.cells),
        "warm_up_until": found.warm_up_until,
        "incidents": [
            {
                "region": one.region,
                "service": one.service,
                "detected_at": one.detected_at,
                "window_from": one.window_from,
                "observed": one.observed,
                "expected": one.expected,
                "score": one.score,
                "grade": one.grade,
                "until": one.until,
                "false": one.is_false,
            }
            for one in found.openings
        ],
        "verdict": found.verdict,
    }
    printing.answer(msgspec.json.encode(summary))
