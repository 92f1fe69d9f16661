"""`notifier templates`: every message of this installation, shown and checked, offline.

In: the configuration file, templates and phrases, the operator's own in place of shipped ones. Out: messages as
customers would read them, made of sample facts, texts (SMS) on a grid as they go over the air; or what is wrong with
them, at its file and line. The daemon does not have to run.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifier.cli.options import json_option

if TYPE_CHECKING:
    from notifier.config import Config
    from notifier.messages import Messages
    from notifier.messages.gallery import Shown

GRID = 40  # characters in a row of the grid: four rows are a text of 160

_config_option = click.option(
    "--config",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Configuration file; else NOTIFIER_CONFIG, else config/notifier.yaml.",
)


@click.group("templates")
def templates() -> None:
    """Show and check what customers will read."""


@templates.command("render")
@_config_option
@click.option("--kind", "kinds", multiple=True, help="Only this kind, such as eta; may be given several times.")
@click.option("--locale", "locales", multiple=True, help="Only this locale.")
@click.option("--channel", "channels", multiple=True, help="Only email, or only sms.")
@click.option("--service", "services", multiple=True, help="This service; else the first of the configuration.")
@click.option("--impact", "impacts", multiple=True, help="down, degraded or intermittent; else down.")
@click.option("--every", "every_variant", is_flag=True, help="Every variant, not only the first of each kind.")
@click.option("--longest", is_flag=True, help="With the longest places and times there are.")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="Write pages for a browser to this folder instead; index.html names them all.",
)
@json_option
def render(
    file: Path | None,
    kinds: tuple[str, ...],
    locales: tuple[str, ...],
    channels: tuple[str, ...],
    services: tuple[str, ...],
    impacts: tuple[str, ...],
    every_variant: bool,
    longest: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Show messages as customers read them, made of sample facts.

    Nothing is sent. A text is shown on a grid of 40 characters, each
    of its segments in a frame.
    """
    from notifier.domain.errors import InvalidInput, NotifierError
    from notifier.messages.gallery import choose, gallery

    config, messages = _read(file)
    try:
        choice = choose(
            config,
            kinds=kinds,
            locales=locales,
            channels=channels,
            services=services,
            impacts=impacts,
            every_variant=every_variant,
            longest=longest,
        )
        shown = list(gallery(messages, choice))
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    except NotifierError as error:
        raise click.ClickException(str(error)) from error
    if out is not None:
        from notifier.cli.message_pages import write_pages

        click.echo(f"{len(shown)} messages: {write_pages(out, shown)}")
    elif as_json:
        click.echo(json.dumps([asdict(each) for each in shown], ensure_ascii=False))
    else:
        for each in shown:
            _show(each)


@templates.command("lint")
@_config_option
@json_option
def lint(file: Path | None, as_json: bool) -> None:
    """Check every message, also with the longest names and times.

    Each kind in each locale, by mail and SMS, for each service and
    impact. Problems have their file and line, and the exit code is 1
    when there is one; warnings are worth knowing.
    """
    from notifier.cli import printing
    from notifier.messages import proof

    config, messages = _read(file)
    problems = proof.proofread(config) or proof.located(config, messages.problems(thorough=True))
    warnings = [*proof.idle_files(config), *proof.located(config, messages.warnings())]
    if as_json:
        click.echo(json.dumps({"ok": not problems, "problems": problems, "warnings": warnings}, ensure_ascii=False))
    else:
        for problem in problems:
            click.echo(printing.safe(problem))
        for warning in warnings:
            click.echo(f"warning: {printing.safe(warning)}")
        most = printing.plural(config.sms.segments_at_most, "segment")
        if problems:
            printing.line(f"{printing.plural(len(problems), 'problem')} found.", style=printing.BAD)
        else:
            locales = ", ".join(messages.locales)
            printing.line(f"Every message can be made in {locales}; every text fits in {most}.", style=printing.GOOD)
    if problems:
        raise SystemExit(1)


def _read(file: Path | None) -> tuple["Config", "Messages"]:
    """Return the configuration and its messages; end with every problem when they cannot be read."""
    from notifier.domain.errors import ConfigError
    from notifier.messages import Messages, proof
    from notifier.settings import load, load_playbooks

    try:
        config = load(file, os.environ)
        try:
            return config, Messages(config, load_playbooks(config))
        except ConfigError as error:  # the files themselves tell more exactly
            raise ConfigError(proof.proofread(config) or proof.located(config, error.problems)) from error
    except ConfigError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        raise SystemExit(1) from error


def _show(shown: "Shown") -> None:
    from notifier.cli import printing

    title = f"{shown.locale} {shown.channel}: {printing.words(shown.kind)}, {shown.service} {shown.impact}"
    printing.heading(title, style=printing.STRONG)
    printing.line(shown.sample, style=printing.DIM)
    if not shown.parts:
        printing.message(shown.subject, shown.text)
        click.echo()
        return
    for place, part in enumerate(shown.parts, 1):
        click.echo(f"+{f' {place} of {len(shown.parts)} ':-<{GRID}}+")
        for start in range(0, len(part), GRID):
            click.echo(f"|{printing.safe(part[start : start + GRID]):<{GRID}}|")
    click.echo(f"+{f' {shown.units} {_units(shown)} ':->{GRID}}+\n")


def _units(shown: "Shown") -> str:
    from notifier.domain.segments import Alphabet

    return f"{'septets' if shown.alphabet == Alphabet.GSM7 else 'code units'}, {shown.alphabet}"
