"""`notifier detection backtest|calibrate|...`: what the detector would have done, and why it did what it did."""

import click

from notifier.cli.backtest import backtest
from notifier.cli.calibrate import calibrate
from notifier.cli.explain import explain


@click.group()
def detection() -> None:
    """Explain what is suspected; try the detector on your own history and set its thresholds."""


detection.add_command(explain)
detection.add_command(backtest)
detection.add_command(calibrate)
