"""Playbooks: one YAML file per recovery plan in, the plan of every service out, or every mistake at once.

The operator's folder (`playbooks.directory`) overrides the shipped plans file by file. Of a shipped plan only the
services count that are configured and that no plan of the operator's own is for, and the channels that a provider
carries.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes
from datetime import timedelta
from pathlib import Path

from msgspec.structs import replace

from notifier.config import Config
from notifier.domain.errors import ConfigError, nearest
from notifier.domain.playbook import Playbook
from notifier.resources import resources, shipped
from notifier.settings.conversion import Reader
from notifier.settings.descriptions import alternatives
from notifier.settings.durations import format_duration
from notifier.settings.load import read_table
from notifier.settings.rules import Finding, repeated
from notifier.settings.tree import Place, Problem, lines_of

FOLDER = "config/playbooks"
BYTES_AT_MOST = 65_536

Codes = Callable[[str, str], Sequence[str]]
"""Gives the codes of a group of phrases (`safety`, `self_help`) that fit a service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A playbook with the file it was read from."""

    file: Path
    playbook: Playbook
    reader: Reader
    is_shipped: bool


def load_playbooks(config: Config, base: Path | None = None) -> dict[str, Playbook]:
    """Return the playbook of every service; raise `ConfigError` with one line per mistake.

    `base` is the folder of the configuration file, for a relative `playbooks.directory` that `load` has not resolved.
    """
    return by_service(read_plans(config, base))


def by_service(plans: Iterable[Plan]) -> dict[str, Playbook]:
    """Return the playbook of every service."""
    return {service: plan.playbook for plan in plans for service in plan.playbook.services}


def read_plans(config: Config, base: Path | None = None) -> list[Plan]:
    """Return the playbooks with their files; raise `ConfigError` with one line per mistake."""
    own = (base or Path()) / config.playbooks.directory if config.playbooks.directory else None
    if own is not None and not own.is_dir():
        raise ConfigError(
            [f"playbooks.directory: {own} is no folder; expected one with *.yaml, or '' for those shipped"]
        )
    problems: list[Problem] = []
    plans = [plan for file in playbook_files(config, base) if (plan := _read(file, problems)) is not None]
    if not problems:
        plans = _trimmed(plans, config)
        problems += list(_between(plans, config)) or list(_uncovered(plans, config, own))
    if problems:
        raise ConfigError(lines_of(problems))
    return plans


def without_unknown_codes(plans: Iterable[Plan], codes: Codes) -> tuple[list[Plan], list[str]]:
    """Return the plans without the phrases that nobody has worded, and a problem for each of these."""
    kept: list[Plan] = []
    problems: list[Problem] = []
    for plan in plans:
        worded: dict[str, list[str]] = {"safety": [], "self_help": []}
        for group, known in worded.items():
            for index, word in enumerate(getattr(plan.playbook, group)):
                missing = [service for service in plan.playbook.services if word not in codes(group, service)]
                if not missing:
                    known.append(word)
                for service in missing:
                    reason = f"'{word}' is no phrase of {group} for {service}{nearest(word, codes(group, service))}"
                    problems.append(_problem(plan, f"{group}[{index}]", reason))
        safety, self_help = (tuple(known) for known in worded.values())
        kept.append(with_changes(plan, playbook=replace(plan.playbook, safety=safety, self_help=self_help)))
    return kept, [str(problem) for problem in problems]


def playbook_files(config: Config, base: Path | None = None) -> list[Path]:
    """Return the files that playbooks are read from, the operator's in place of shipped ones of the same name."""
    own = (base or Path()) / config.playbooks.directory if config.playbooks.directory else None
    return list(resources(FOLDER, "*.yaml", own).values())


def idle_files(config: Config) -> list[str]:
    """Return a warning for each file in the operator's folder that is not read."""
    if not config.playbooks.directory:
        return []
    folder = Path(config.playbooks.directory)
    unread = (path for path in sorted(folder.iterdir()) if path.suffix != ".yaml")
    return [f"{path}: is not read; a playbook is a file whose name ends in .yaml" for path in unread]


def findings(playbook: Playbook) -> Iterator[Finding]:
    """Yield what is wrong with a playbook by itself."""
    for key, words in (("services", playbook.services), ("channels", playbook.channels)):
        for index, word in repeated(words):
            yield f"{key}[{index}]", f"'{word}' is listed twice"
    for key in ("next_update_within", "eta_at_most", "subsides_after", "stale_after"):
        if getattr(playbook, key) <= timedelta():
            yield key, "0 s is out of bounds; expected more"
    within, warn, delay = playbook.next_update_within, playbook.warn_before, playbook.delay_before
    if warn >= within:
        yield "warn_before", _not_shorter(warn, "next_update_within", within)
    if delay >= warn:
        yield "delay_before", _not_shorter(delay, "warn_before", warn)


def _read(file: Path, problems: list[Problem]) -> Plan | None:
    """Return the plan of one file; add what is wrong with it."""
    table, found = read_table(file, BYTES_AT_MOST)
    reader = Reader(folder=file.parent, problems=found)
    playbook = reader.read(table, Playbook) if table is not None else None
    if playbook is not None:
        wrong = {problem.path for problem in reader.problems}
        reader.problems += [
            Problem(place=reader.place_of(path, Place(str(file))), path=path, reason=reason)
            for path, reason in findings(playbook)
            if path not in wrong
        ]
    problems += reader.problems
    if playbook is None:
        return None
    return Plan(file=file, playbook=playbook, reader=reader, is_shipped=file.parent == shipped(FOLDER))


def _trimmed(plans: list[Plan], config: Config) -> list[Plan]:
    """Return the plans without those services of shipped ones that do not count here, and channels nobody carries."""
    owned = {service for plan in plans if not plan.is_shipped for service in plan.playbook.services}
    configured = {service.name for service in config.services}
    carried = {provider.channel for provider in config.providers}
    kept: list[Plan] = []
    for plan in plans:
        services, channels = plan.playbook.services, plan.playbook.channels
        if plan.is_shipped:
            services = tuple(service for service in services if service in configured and service not in owned)
            channels = tuple(channel for channel in channels if channel in carried) or channels
        if services:
            playbook = replace(plan.playbook, services=services, channels=channels)
            kept.append(with_changes(plan, playbook=playbook))
    return kept


def _between(plans: list[Plan], config: Config) -> Iterator[Problem]:
    """Yield what is wrong between playbooks, and between them and the configuration."""
    configured = [service.name for service in config.services]
    carried = {provider.channel for provider in config.providers}
    names: dict[str, Plan] = {}
    services: dict[str, Plan] = {}
    for plan in plans:
        playbook = plan.playbook
        if playbook.name in names:
            yield _problem(plan, "name", f"'{playbook.name}' is also the name in {names[playbook.name].file}")
        names.setdefault(playbook.name, plan)
        for index, service in enumerate(playbook.services):
            path = f"services[{index}]"
            if service not in configured:
                expected = f"expected {alternatives(configured)}"
                yield _problem(plan, path, f"'{service}' is no service; {expected}{nearest(service, configured)}")
            elif service in services:
                other = services[service].file
                yield _problem(plan, path, f"'{service}' is already in {other}; expected it in exactly one playbook")
            services.setdefault(service, plan)
        for index, channel in enumerate(playbook.channels):
            if channel not in carried:
                have = alternatives(sorted(carried)) if carried else "one that a provider carries"
                yield _problem(plan, f"channels[{index}]", f"no provider carries {channel}; expected {have}")


def _uncovered(plans: list[Plan], config: Config, own: Path | None) -> Iterator[Problem]:
    """Yield the services that no playbook is for."""
    covered = {service for plan in plans for service in plan.playbook.services}
    place = Place(str(own) if own is not None else "playbooks.directory")
    for service in config.services:
        if service.name not in covered:
            reason = f"no playbook is for service '{service.name}'; expected a file {service.name}.yaml with it"
            yield Problem(place=place, reason=reason)


def _problem(plan: Plan, path: str, reason: str) -> Problem:
    return Problem(place=plan.reader.place_of(path, Place(str(plan.file))), path=path, reason=reason)


def _not_shorter(value: timedelta, key: str, bound: timedelta) -> str:
    return f"{format_duration(value)} is not shorter than {key} ({format_duration(bound)}); expected less"
