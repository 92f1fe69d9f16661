"""What a daemon reads from disk: at its start, and whole with every message tried out when it is told to reload.

In: the configuration file and the environment. Out: settings, playbooks, and the name of the words in force.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path

from notifier.config import Config
from notifier.domain.errors import ConfigError
from notifier.messages.proof import proofread, wording_files
from notifier.resources import resources
from notifier.settings import load, load_playbooks, warnings
from notifier.settings.advice import biller_elsewhere, stays_here, webhooks_elsewhere
from notifier.settings.tariffs import load_tariffs, tariff_files
from notifier.stages.reloading import Reading


def read(file: Path | None, environ: Mapping[str, str]) -> Reading:
    """Return what a daemon starts with; raise `ConfigError` with one line per mistake."""
    config = load(file, environ)
    playbooks = load_playbooks(config)
    load_tariffs(config)  # a mistake in one is said now; the parts read them again
    if mistakes := proofread(config):  # a misspelled placeholder would reach customers as it is
        raise ConfigError(mistakes)
    return Reading(
        config=config,
        playbooks=playbooks,
        wording=_wording(config),
        warnings=tuple(warnings(config)),
        tariffs=_digest({path.name: path for path in tariff_files(config)}),
    )


def read_again(file: Path | None, environ: Mapping[str, str], *, rehearsal: bool) -> Reading:
    """Return what a running daemon is to go over to, after everything `notifier check` does found nothing wrong.

    A rehearsal is not led to a carrier that reaches people.
    """
    from notifier.cli.check import examine

    report = examine(file, environ)
    if report.problems:
        raise ConfigError(report.problems)
    found = read(file, environ)
    if rehearsal and (reach := reaching_people(found.config)):
        raise ConfigError([f"providers: {', '.join(reach)} can reach people, and this daemon rehearses (--clock)"])
    return found


def reaching_people(config: Config) -> list[str]:
    """Return the carriers by which something could leave this machine."""
    return [provider.name for provider in config.providers if not stays_here(provider)] + [
        *(f"the webhook of {person}" for person in webhooks_elsewhere(config)),
        *(["the biller"] if biller_elsewhere(config) else []),
    ]


def _wording(config: Config) -> str:
    """Return a digest of every file whose words customers read."""
    phrases, templates = wording_files(config)
    own = Path(config.templates.directory) if config.templates.directory else None
    return _digest(phrases | templates | resources("templates", "pages/**/*", own))


def _digest(files: Mapping[str, Path]) -> str:
    digest = hashlib.sha256()
    for name, path in sorted(files.items()):
        digest.update(f"{name}\0".encode() + path.read_bytes() + b"\0")
    return digest.hexdigest()
