"""`notifier init`: six questions, and the configuration that follows from the answers. It overwrites nothing."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from notifier.cli import printing
from notifier.cli.printing import GOOD, WARN
from notifier.domain.errors import InvalidInput, nearest

if TYPE_CHECKING:
    from notifier.settings.beginning import Company

T = TypeVar("T")

DEFAULT = Path("config/notifier.yaml")
BYTES_AT_MOST = 65_536
DEFAULTS: Mapping[str, str] = {
    "company": "",
    "services": "power",
    "place": "US America/Los_Angeles",
    "complaints": "agents, files, helpdesk, web",
    "mails": "file",
    "on_call": "nobody",
}
QUESTIONS: Mapping[str, str] = {
    "company": "1 Your company, as customers know it",
    "services": "2 What it serves: power, internet, water",
    "place": "3 Country and time zone",
    "complaints": "4 Complaints come from: agents, files, helpdesk, web, texts, mails",
    "mails": "5 Mails go to: file, or relay and sender (smtp.example.com:587 outages@example.com)",
    "on_call": "6 Who is woken (Anna +14155550101, Bert bert@example.com), or nobody",
}


@click.command("init")
@click.option(
    "--to",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT,
    show_default=True,
    help="A new file.",
)
@click.option(
    "--answers",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help=f"For scripts: YAML with {', '.join(DEFAULTS)}; the rest by default.",
)
@click.option("--yes", is_flag=True, help="For scripts: the defaults, without questions.")
def init(file: Path, answers: Path | None, yes: bool) -> None:
    """Write a first configuration, from six questions.

    Enter takes what stands in brackets. Nothing leaves the machine
    unless you name a mail relay, and then only mails to yourself. A
    file that is there is not overwritten.

    Example: notifier init
    """
    if file.exists():
        raise click.UsageError(f"{file} is there and is not overwritten; change it, or name another one by --to")
    if answers is not None:
        company = _scripted(_read(answers))
    elif yes:
        company = _scripted({"company": "Example Utility"})
    elif sys.stdin.isatty():
        company = _asked()
    else:
        raise click.UsageError("there is nobody to ask; use --answers FILE or --yes")
    _write(company, file)
    _go_on(company, file)


def _known_services() -> tuple[str, ...]:
    from notifier.config import Config

    return tuple(service.name for service in Config().services)


def _parsers(country: Callable[[], str]) -> dict[str, Callable[[str], Any]]:
    from notifier.settings import beginning

    return {
        "company": beginning.company,
        "services": lambda text: beginning.services(text, _known_services()),
        "place": beginning.place,
        "complaints": beginning.sources,
        "mails": beginning.relay,
        "on_call": lambda text: beginning.people(text, country()),
    }


def _company(values: Mapping[str, Any]) -> "Company":
    from notifier.settings.beginning import Company

    country, zone = values["place"]
    return Company(
        name=values["company"],
        services=values["services"],
        country=country,
        zone=zone,
        sources=values["complaints"],
        relay=values["mails"],
        people=values["on_call"],
    )


def _asked() -> "Company":
    """Ask one after another; what cannot be is said and asked again."""
    values: dict[str, Any] = {}
    parsers = _parsers(lambda: str(values["place"][0]))
    for key, question in QUESTIONS.items():
        while key not in values:
            bracket = f" [{DEFAULTS[key]}]" if DEFAULTS[key] else ""
            *before, last = printing.wrap(question + bracket, width=printing.columns() - 2, hang=2)
            for each in before:
                click.echo(each)
            try:
                answer = input(f"{last}: ").strip()
            except (EOFError, KeyboardInterrupt):
                click.echo()
                raise click.ClickException("nothing is written") from None
            try:
                values[key] = parsers[key](answer or DEFAULTS[key])
            except InvalidInput as error:
                printing.line(str(error), indent=2, style=WARN)
    return _company(values)


def _scripted(given: Mapping[str, str]) -> "Company":
    """Take answers of a file; all mistakes are said at once."""
    values: dict[str, Any] = {}
    problems = [
        f"'{key}' is no question{nearest(key, list(DEFAULTS))}; known: {', '.join(DEFAULTS)}"
        for key in given
        if key not in DEFAULTS
    ]
    parsers = _parsers(lambda: str(values.get("place", ("US",))[0]))
    for key, default in DEFAULTS.items():
        try:
            values[key] = parsers[key](given.get(key, default))
        except InvalidInput as error:
            problems.append(f"{key}: {error}")
    if problems:
        raise click.UsageError("\n".join(problems))
    return _company(values)


def _read(path: Path) -> dict[str, str]:
    from notifier.settings.load import read_table
    from notifier.settings.tree import Items, Text, lines_of

    table, problems = read_table(path, BYTES_AT_MOST)
    if table is None or problems:
        raise click.UsageError("\n".join(lines_of(problems)))
    found: dict[str, str] = {}
    for key, node in table.nodes.items():
        parts = node.nodes if isinstance(node, Items) else [node]
        texts = [part.value for part in parts if isinstance(part, Text)]
        if len(texts) < len(parts):
            raise click.UsageError(f"{node.place}: {key}: expected a text, or a list of texts")
        found[key] = ", ".join(texts)
    return found


def _write(company: "Company", file: Path) -> None:
    """Write the file, and nothing when `notifier check` would not accept it."""
    from notifier.cli.check import examine
    from notifier.settings.beginning import written

    made = file.with_name(f".{file.name}.new")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(written(company), encoding="utf-8")
        report = examine(made, {})
        if not report.ok:
            raise click.ClickException("\n".join(["these answers do not go together:", *report.problems]))
        os.link(made, file)  # never over a file that came meanwhile
    except FileExistsError:
        raise click.UsageError(f"{file} is there and is not overwritten") from None
    except OSError as error:
        raise click.UsageError(f"cannot write {file}: {error.strerror}") from error
    finally:
        made.unlink(missing_ok=True)


def _go_on(company: "Company", file: Path) -> None:
    option = "" if file == DEFAULT else f" --config {file}"
    printing.line(f"{file} is written, and `notifier check` accepts it.", hang=2, style=GOOD)
    if company.relay is None:
        printing.line("Nothing leaves this machine: mails and texts become files under var/.", hang=2)
    else:
        printing.line(f"Mails go to {company.relay.host}, for now only those to {company.relay.sender}.", hang=2)
    if not company.people:
        printing.line("Nobody is woken yet: on_call.people.", hang=2, style=WARN)
    printing.line("Next:")
    for each in (f"notifier serve --migrate{option}", "notifier customers import CUSTOMERS.csv"):
        click.echo(f"  {each}")
