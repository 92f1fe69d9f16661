"""`notifier check`: everything a daemon would read, read now, without asking any server.

In: the configuration file and the environment. Out: what was read, or every problem at once. The daemon does not
have to run. Secrets are read, so that an unreadable one is found here, and never shown.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import click

from notifier.cli.options import json_option

if TYPE_CHECKING:
    from notifier.config import Config


@dataclass(slots=True, kw_only=True)
class Report:
    """What was read and what was found; also the JSON of `--json`."""

    ok: bool = False
    configuration: str = ""  # the file; empty = none was found, the defaults hold
    overrides: list[str] = field(default_factory=list)  # variables of the environment that were applied
    services: dict[str, str] = field(default_factory=dict)  # service -> playbook and mode
    providers: list[str] = field(default_factory=list)
    leaves_this_machine: bool = False  # False: every provider writes files, or is a relay on this machine
    relays_here: bool = False  # some provider is such a relay; what it does with mails is its own matter
    locales: list[str] = field(default_factory=list)
    tariffs: list[str] = field(default_factory=list)  # files; those that count are named by `credits`
    credits: list[str] = field(default_factory=list)  # names of the tariffs that count
    playbooks: list[str] = field(default_factory=list)  # files, the operator's in place of shipped ones, also below
    phrases: list[str] = field(default_factory=list)
    templates: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)  # what could not be judged because of problems before it
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    online: list[dict[str, str]] = field(default_factory=list)  # with --online: what, state, found, do


@click.command("check")
@click.option(
    "--config",
    "file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Configuration file; else NOTIFIER_CONFIG, else config/notifier.yaml.",
)
@click.option("--online", is_flag=True, help="Also ask the servers and names that messages depend on; sends nothing.")
@click.option("--dns", metavar="ADDRESS", default="", help="With --online: this name server, not the system's.")
@json_option
def check(file: Path | None, online: bool, dns: str, as_json: bool) -> None:
    """Check configuration, playbooks, phrases and every template.

    Nothing is sent and no server is asked. All problems are listed,
    each with its file, line and key; the exit code is 1 when there is
    one.

    With --online, within a minute: the database, each provider's
    login, SPF, DKIM, DMARC and MX of the sender, the public URL, the
    clock. Each is ok, a warning or a problem, with what to do.

    Example: notifier check --online
    """
    report = examine(file, os.environ)
    if online and report.ok:
        _ask(report, file, dns)
    if as_json:
        click.echo(json.dumps(asdict(report)))
    else:
        _show(report)
        _show_online(report)
    if not report.ok:
        raise SystemExit(1)


def _ask(report: Report, file: Path | None, dns: str) -> None:
    """Ask the servers, and put what was found into the report."""
    from notifier.cli.online import State, examine_online
    from notifier.settings import load

    found = examine_online(load(file, os.environ), dns_server=dns)
    report.online = [{"what": one.what, "state": one.state, "found": one.found, "do": one.do} for one in found]
    report.ok = all(one.state is not State.PROBLEM for one in found)


def _show_online(report: Report) -> None:
    """Print a line per online check: its state first, and below it what to do."""
    from notifier.cli import printing

    styles = {"ok": printing.GOOD, "warning": printing.WARN, "problem": printing.BAD}
    if report.online:
        printing.line()
    for one in report.online:
        printing.line(f"{one['state'].upper()} {one['what']}: {one['found']}", hang=2, style=styles[one["state"]])
        if one["do"]:
            printing.line(f"-> {one['do']}", indent=2, hang=5)
    if report.online:
        counts = {state: sum(one["state"] == state for one in report.online) for state in ("problem", "warning")}
        said = ", ".join(printing.plural(count, state) for state, count in counts.items() if count)
        printing.line(
            f"{said} online." if said else "Everything online is well.", style=None if said else printing.GOOD
        )


def examine(file: Path | None, environ: Mapping[str, str]) -> Report:
    """Read everything and return what was found."""
    from notifier.domain.errors import ConfigError
    from notifier.settings import find_file
    from notifier.settings.environment import PREFIX

    found = find_file(file, environ)
    report = Report(
        configuration=str(found) if found is not None else "",
        overrides=sorted(name for name in environ if name.startswith(PREFIX)),
        unchecked=["playbooks", "messages"],
    )
    try:
        config = _configuration(report, file, environ)
    except ConfigError as error:
        report.problems += error.problems
        return report
    try:
        _playbooks_and_messages(report, config)
    except ConfigError as error:
        report.problems += error.problems
    _tariffs(report, config)
    report.ok = not report.problems
    return report


def _configuration(report: Report, file: Path | None, environ: Mapping[str, str]) -> "Config":
    from notifier.config import ProviderKind
    from notifier.settings import load, warnings
    from notifier.settings.advice import biller_elsewhere, stays_here, webhooks_elsewhere

    config = load(file, environ)
    report.problems += _places(config)
    report.warnings = warnings(config)
    report.providers = [f"{each.name} ({each.kind}, {each.channel})" for each in config.providers]
    report.leaves_this_machine = any(not stays_here(each) for each in config.providers) or bool(
        webhooks_elsewhere(config) or biller_elsewhere(config)
    )
    report.relays_here = any(each.kind is ProviderKind.SMTP and stays_here(each) for each in config.providers)
    report.locales = list(config.locales.available)
    return config


def _places(config: "Config") -> list[str]:
    """Return what is wrong with overlays and named regions by the numbering plan and the rules of the directory."""
    from notifier.domain import numbering
    from notifier.domain.errors import ConfigError
    from notifier.stages.directory import rules_of

    overlays = [(overlay.name, overlay.codes) for overlay in config.regions.overlays]
    if found := numbering.problems(overlays):
        return [f"regions.overlays: {problem}" for problem in found]
    try:
        rules_of(config)
    except ConfigError as error:
        return list(error.problems)
    return []


def _tariffs(report: Report, config: "Config") -> None:
    """Read every tariff and compute its worked examples; a mistake there does not hide those in playbooks."""
    from notifier.domain.errors import ConfigError
    from notifier.settings.tariffs import load_tariffs, tariff_files

    try:
        tariffs = load_tariffs(config)
    except ConfigError as error:
        report.problems += error.problems
        return
    report.tariffs = [str(path) for path in tariff_files(config)]
    report.credits = sorted({tariff.name for tariff in tariffs if tariff.enabled}) if config.credits.enabled else []
    if config.credits.enabled and not report.credits:
        report.warnings.append("credits.enabled: no tariff is switched on; only people grant credits")


def _playbooks_and_messages(report: Report, config: "Config") -> None:
    from notifier.domain.errors import ConfigError
    from notifier.messages import Messages, proof
    from notifier.messages.briefs import Briefs
    from notifier.settings import playbooks as recovery
    from notifier.web.page_samples import page_problems

    plans = recovery.read_plans(config)
    playbooks = recovery.by_service(plans)
    report.services = {name: f"{playbook.name}, {playbook.mode}" for name, playbook in playbooks.items()}
    report.playbooks = [str(plan.file) for plan in plans]
    report.phrases, report.templates = ([str(path) for path in files.values()] for files in proof.wording_files(config))
    report.warnings += [*recovery.idle_files(config), *proof.idle_files(config)]
    report.unchecked = ["messages"]
    report.problems += proof.proofread(config)
    if report.problems:  # rendering would say the same again, and less exactly
        return
    report.problems += page_problems(config)
    if report.problems:
        return
    try:
        messages = Messages(config, playbooks)
    except ConfigError as error:
        raise ConfigError(proof.located(config, error.problems)) from error
    plans, report.problems = recovery.without_unknown_codes(plans, messages.phrase_codes)
    if report.problems:  # each would be found once more in every message that shows it
        messages = Messages(config, recovery.by_service(plans))
    report.problems += proof.located(config, messages.problems())
    report.warnings += proof.located(config, messages.warnings())
    report.problems += Briefs(messages).problems()
    report.unchecked = []


def _show(report: Report) -> None:
    """Print what was read, then warnings, then problems."""
    from notifier.cli import printing

    for problem in report.problems:
        click.echo(printing.safe(problem))
    for warning in report.warnings:
        click.echo(f"warning: {printing.safe(warning)}")
    if report.problems:
        printing.line()
    printing.fields(
        [
            ("configuration", report.configuration or "no file: the defaults"),
            ("environment", ", ".join(report.overrides)),
            *((f"service {name}", f"playbook {plan}") for name, plan in report.services.items()),
            ("providers", ", ".join(report.providers)),
            ("locales", ", ".join(report.locales)),
            ("credits", ", ".join(report.credits)),
            ("read", _counted(report)),
            ("not checked", ", ".join(report.unchecked)),
        ],
        indent=0,
    )
    if report.problems:
        count = printing.plural(len(report.problems), "problem")
        printing.line(f"{count} found.", style=printing.BAD)
        return
    printing.line(f"Everything is in order; {_carried(report)}.", style=printing.GOOD)


def _carried(report: Report) -> str:
    if report.leaves_this_machine:
        return "messages leave this machine"
    return "messages go to a relay on this machine" if report.relays_here else "nothing leaves this machine"


def _counted(report: Report) -> str:
    """Write how many files of each sort were read, or nothing when something was not read."""
    from notifier.cli.printing import plural

    if not report.playbooks:
        return ""
    return ", ".join(
        [
            plural(len(report.playbooks), "playbook"),
            plural(len(report.phrases), "file of phrases", "files of phrases"),
            plural(len(report.templates), "template"),
            plural(len(report.tariffs), "tariff"),
        ]
    )
