"""`notifier go-live`: what is missing before customers hear from you, each line with the command that mends it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec.structs import replace

from notifier.cli import printing
from notifier.cli.options import connect, json_option
from notifier.cli.printing import BAD, GOOD, STRONG, WARN, paint, plural
from notifier.domain.go_live import GoLiveCheck, GoLiveView, Standing

if TYPE_CHECKING:
    from notifier.cli.online import Finding

_LABELS = {
    Standing.OK: ("ok", GOOD),
    Standing.MISSING: ("MISSING", BAD),
    Standing.UNKNOWN: ("CANNOT TELL", WARN),
}
_LABEL_CELLS = 13
_ASK_HERE = "notifier check --online"
_DATABASE = "database"  # the daemon has just answered from it


@click.command("go-live")
@click.option(
    "--config",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Configuration to look up names by; else NOTIFIER_CONFIG, else config/notifier.yaml.",
)
@click.option("--dns", metavar="ADDRESS", default="", help="Ask this name server, not the system's.")
@json_option
def go_live(file: Path | None, dns: str, as_json: bool) -> None:
    """Show what is missing before customers hear from you.

    Nobody ticks a box: each line is judged by what was really done (an
    answered test call, a STOP that was taken in, a copy that was made)
    or looked up now: SPF, DKIM, DMARC, logins, the public URL. Sends
    nothing. The exit code is 1 while anything is missing; what cannot
    be told is for you to look at.

    Example: notifier go-live
    """
    view = connect().get("/v1/go-live").read(GoLiveView)
    checks = _together(view.checks, _looked_up(file, dns))
    view = replace(view, checks=checks, ready=all(each.state is not Standing.MISSING for each in checks))
    if as_json:
        printing.answer(msgspec.json.encode(view))
    else:
        _show(view)
    if not view.ready:
        raise SystemExit(1)


def _looked_up(file: Path | None, dns: str) -> list[GoLiveCheck]:
    """Return what the names and servers say, by the configuration that is here; missing where there is none."""
    from notifier.cli.online import examine_online
    from notifier.domain.errors import ConfigError
    from notifier.settings import find_file, load

    try:
        if find_file(file, os.environ) is None:
            why = "SPF, DKIM, DMARC and the public URL were not looked up: there is no configuration file here"
            return [_missing("names", why, "notifier go-live --config FILE")]
        config = load(file, os.environ)
    except ConfigError as error:
        return [_missing("names", f"not looked up: {error.problems[0]}", "notifier check")]
    found = [each for each in examine_online(config, dns_server=dns) if each.what != _DATABASE]
    return [_line(each) for each in found]


def _missing(name: str, why: str, do: str) -> GoLiveCheck:
    return GoLiveCheck(name=name, state=Standing.MISSING, why=why, do=do)


def _line(found: "Finding") -> GoLiveCheck:
    """Write a finding as a line: a warning is what cannot be judged from here, and is for a person."""
    from notifier.cli.online import State

    states = {State.OK: Standing.OK, State.WARNING: Standing.UNKNOWN, State.PROBLEM: Standing.MISSING}
    why = f"{found.found}: {found.do}" if found.do else found.found
    return GoLiveCheck(name=found.what, state=states[found.state], why=why, do=_ASK_HERE if found.do else "")


def _together(known: Sequence[GoLiveCheck], looked_up: Sequence[GoLiveCheck]) -> list[GoLiveCheck]:
    """Put what was looked up after the way out; the public URL is one line, the worse of the two."""
    urls = [each for each in looked_up if each.name == "public URL"]
    rest = [each for each in looked_up if each.name != "public URL"]
    lines: list[GoLiveCheck] = []
    for each in known:
        if each.name == "public_url" and each.state is Standing.OK and urls:
            worst = max(urls, key=lambda url: _SEVERITY.index(url.state))
            lines += [replace(worst, name="public_url"), *rest]
        else:
            lines += [each, *(rest if each.name == "public_url" else ())]
    return lines


_SEVERITY = (Standing.OK, Standing.UNKNOWN, Standing.MISSING)


def _show(view: GoLiveView) -> None:
    for each in view.checks:
        label, style = _LABELS[each.state]
        name, room = printing.words(each.name), printing.columns() - _LABEL_CELLS
        first, *rest = printing.wrap(f"{name}: {each.why}", width=room)
        click.echo(paint(label.ljust(_LABEL_CELLS), style) + first)
        if each.do and each.state is not Standing.OK:
            rest += printing.wrap(f"-> {each.do}", width=room, hang=3)
        for line in rest:
            click.echo(" " * _LABEL_CELLS + line)
    printing.line()
    _end(view)


def _end(view: GoLiveView) -> None:
    missing, unknown = (
        sum(each.state is state for each in view.checks) for state in (Standing.MISSING, Standing.UNKNOWN)
    )
    look = f"; {plural(unknown, 'thing')} cannot be told from here: look yourself" if unknown else ""
    if missing:
        of = len(view.checks)
        printing.line(f"{missing} of {of} missing: customers should not hear from you yet{look}.", style=BAD)
    else:
        printing.line(f"Nothing is missing{look}.", style=STRONG if unknown else GOOD)
