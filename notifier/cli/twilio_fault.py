"""`notifier sandbox twilio-fault`: tells the receiver of texts how to misbehave."""

from pathlib import Path

import click

from notifier.cli.receiver_folder import folder_option

SHARES = {
    "refuse": "Refuse this share of the texts with --code (1 = all).",
    "html": "Answer this share with a 503 that is not Twilio's.",
    "lost_before": "Lose the connection of this share before the text is taken.",
    "lost_after": "Lose it after the text was taken.",
    "hang_before": "Never answer this share, and take nothing.",
    "hang_after": "Never answer this share, but take it.",
    "cut": "Take this share, and break the answer off in its middle.",
    "undelivered": "Report this share of what was taken as undelivered, with --error.",
}


@click.command("twilio-fault")
@folder_option("The folder of the running receiver.")
@click.option("--slow", default=0.0, metavar="SECONDS", help="Wait this long before each answer.")
@click.option("--refuse", default=0.0, metavar="SHARE", help=SHARES["refuse"])
@click.option("--code", default=20429, show_default=True, help="Twilio's error code of a refusal.")
@click.option("--retry-after", default=0.0, metavar="SECONDS", help="And the pause that it asks for.")
@click.option("--html", default=0.0, metavar="SHARE", help=SHARES["html"])
@click.option("--lost-before", default=0.0, metavar="SHARE", help=SHARES["lost_before"])
@click.option("--lost-after", default=0.0, metavar="SHARE", help=SHARES["lost_after"])
@click.option("--hang-before", default=0.0, metavar="SHARE", help=SHARES["hang_before"])
@click.option("--hang-after", default=0.0, metavar="SHARE", help=SHARES["hang_after"])
@click.option("--cut", default=0.0, metavar="SHARE", help=SHARES["cut"])
@click.option(
    "--callbacks",
    type=click.Choice(["normal", "early", "late", "twice", "reversed", "never"]),
    default="normal",
    show_default=True,
    help="How statuses are reported.",
)
@click.option("--callback-delay", default=0.05, show_default=True, metavar="SECONDS", help="Between their steps.")
@click.option("--undelivered", default=0.0, metavar="SHARE", help=SHARES["undelivered"])
@click.option("--error", "error_code", default=30003, show_default=True, help="Twilio's error code of those.")
def twilio_fault(folder: Path, **commanded: float | str) -> None:
    """Tell a running receiver of texts to misbehave; without options it is well again.

    Example: notifier sandbox twilio-fault --lost-after 0.2 --callbacks reversed
    """
    from notifier.domain.errors import InvalidInput
    from notifier.sandbox.twilio_faults import Faults, write_faults

    try:
        faults = Faults(**commanded)  # type: ignore[arg-type]
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    if not folder.is_dir():
        raise click.UsageError(f"no receiver lists texts in {folder}; expected the --dir of `notifier sandbox twilio`")
    write_faults(folder, faults)
    well = Faults()
    said = [f"{name.replace('_', '-')} {value}" for name, value in commanded.items() if value != getattr(well, name)]
    click.echo(f"from now on the receiver: {', '.join(said)}" if said else "the receiver is well again")
