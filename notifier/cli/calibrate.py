"""`notifier detection calibrate`: thresholds for a wanted rate of false incidents, from a file, offline."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifier.cli import history, places, printing
from notifier.cli.printing import Column, number, plural
from notifier.cli.rejects import Rejects

if TYPE_CHECKING:
    from notifier.backtest.calibration import Calibrated
    from notifier.backtest.price import Price

LIKELY_PER_CERTAIN = 10.0  # as many false incidents again as the grades of the shipped configuration have
SCORES_FROM = 0.4  # of `likely`: lower scores decide nothing


@click.command("calibrate")
@history.history_argument
@click.option(
    "--false-incidents-per-month",
    "wanted",
    required=True,
    type=history.POSITIVE,
    metavar="N",
    help="How many false incidents of grade certain a month, over all cells together.",
)
@click.option(
    "--likely-per-month",
    "suspected",
    type=history.POSITIVE,
    metavar="N",
    help="How many of grade likely; ten times as many if nothing is said.",
)
@history.truth_option
@history.zone_option
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write the snippet here.")
@history.config_option
def calibrate(
    file: Path,
    wanted: float,
    suspected: float | None,
    truth: Path | None,
    zone: str,
    out: Path | None,
    config_file: Path | None,
) -> None:
    """Find the thresholds for a rate of false incidents on a CSV FILE.

    The file is that of backtest, at least eight weeks of it; the more,
    the narrower the interval. With --truth, incidents it explains are
    not false. Without it, outages in the file cannot be told from
    chance: two limits are shown, and the middle of them is taken.

    Example: notifier detection calibrate 2025.csv --false-incidents-per-month 1
    """
    from notifier.backtest.calibration import Passed
    from notifier.backtest.calibration import calibrate as calibrated
    from notifier.backtest.price import prices
    from notifier.backtest.recording import Exposure
    from notifier.backtest.running import Backtest
    from notifier.backtest.scored import Scored
    from notifier.backtest.truth import Windows
    from notifier.domain.detection import Thresholds
    from notifier.domain.errors import InvalidInput

    settings = history.configuration(config_file).detection
    more = LIKELY_PER_CERTAIN * wanted if suspected is None else suspected
    if more < wanted:
        raise click.UsageError(
            "--likely-per-month is less than --false-incidents-per-month: likely needs less evidence"
        )
    rejected = places.refused_lines(file, out)
    read = {"FILE": file, "--truth": truth, "the configuration": places.configuration(config_file)}
    places.check(read, {"--out": out}, rejected)
    with Rejects(rejected) as rejects:
        stream = history.read_complaints(file, rejects, zone)
    windows = history.read_truth(truth, stream, zone)
    thresholds = Thresholds(likely=settings.likely, certain=settings.certain)
    run = Backtest(stream, history.clock(zone, stream), thresholds, scores_from=SCORES_FROM * settings.likely)
    history.played(stream, run.play)
    history.check_fit(run.run, windows, stream)
    exposed = Exposure(stream, run.run.times, windows)
    scored = Scored(run.run, stream, windows or Windows(()), from_us=exposed.from_us)
    try:
        passed = Passed(scored, from_us=exposed.from_us, until_us=exposed.until_us, judged=exposed.between)
        asked = more
        if wanted < passed.most < more:
            more = passed.most
        found = {
            "certain": calibrated(passed, wanted, has_truth=windows is not None),
            "likely": calibrated(passed, more, has_truth=windows is not None),
        }
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    snippet = _snippet(found, file.name)
    printing.line(
        f"Thresholds for {number(wanted)} false a month over {plural(exposed.cells, 'cell')},"
        f" from {plural(passed.weeks, 'week')} after the warm-up.",
        style=printing.STRONG,
    )
    printing.line()
    _print_thresholds(found, {"likely": settings.likely, "certain": settings.certain})
    if more < asked:
        most = f"likely: the file makes {number(more)} a month at the lowest score looked at, not {number(asked)}."
        printing.line(most, hang=2)
    printing.line()
    _print_prices(dict(zip(found, prices(run, [one.threshold.value for one in found.values()]), strict=True)))
    printing.line()
    click.echo(snippet, nl=False)
    if out is not None:
        _write(snippet, out)
    history.end(rejects)


def _print_thresholds(found: "dict[str, Calibrated]", in_force: dict[str, float]) -> None:
    columns = [Column("grade"), Column("false a month", right=True), Column("threshold", right=True)]
    columns += [Column("95 %", gives=True), Column("in force", right=True)]
    printing.table(
        columns,
        [
            (
                grade,
                number(one.wanted),
                f"{one.threshold.value:.1f}",
                f"{one.threshold.low:.1f} to {one.threshold.high:.1f}",
                f"{in_force[grade]:.1f}",
            )
            for grade, one in found.items()
        ],
    )
    for grade, one in found.items():
        if one.extrapolated:
            printing.line(f"{grade}: the file is too short to count so few; the tail was prolonged.", hang=2)
        if one.chance_only is not None:
            printing.line(
                f"{grade}: {one.all_false:.1f} if every incident of the file was false, {one.chance_only:.1f} if chance"
                " goes on as at low scores. --truth FILE tells.",
                hang=2,
            )


def _print_prices(found: "dict[str, list[Price]]") -> None:
    from notifier.backtest.price import CALLERS, HALF_WITHIN

    minutes = number(HALF_WITHIN.total_seconds() / 60)
    printing.line(f"The price, for an outage of which {CALLERS} customers call, half of them in {minutes} minutes:")
    columns = [Column("cell"), Column("expected a day", right=True), Column("grade"), Column("found", right=True)]
    columns += [Column("at caller", right=True), Column("after", right=True)]
    rows = []
    for grade, prices in found.items():
        for one in prices:
            after = "" if one.delay is None else f"{one.delay.total_seconds() / 60:.0f} min"
            callers = "" if one.callers is None else number(one.callers)
            rows.append((one.cell, f"{one.per_day:.2g}", grade, f"{one.found:.0%}", callers, after))
    printing.table(columns, rows)


def _snippet(found: "dict[str, Calibrated]", file: str) -> str:
    lines = [f"# notifier detection calibrate {printing.safe(file)}", "detection:"]
    for grade in ("likely", "certain"):
        one = found[grade]
        lines.append(
            f"  # {number(one.wanted)} false a month; 95 %: {one.threshold.low:.1f} to {one.threshold.high:.1f}"
        )
        lines.append(f"  {grade}: {one.threshold.value:.1f}")
    return "\n".join(lines) + "\n"


def _write(snippet: str, out: Path) -> None:
    try:
        out.write_text(snippet, encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"cannot write {out}: {error.strerror}") from error
