"""Reload: files read anew, all checked, and only then taken up; a mistake anywhere keeps everything as it was.

In: somebody's wish, by request or signal. Out: what changed, what waits for a restart, or every mistake with its place.
How a configuration is read and how the daemon goes over to it is given from outside.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.actor import Actor
from notifier.domain.errors import ConfigError, NotifierError
from notifier.domain.incident import IncidentState
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.settings.changes import changed, restart_only, taken_up
from notifier.storage.database import Database
from notifier.storage.repositories import audit, incidents
from notifier.storage.views import ReloadView

PLACES_LOGGED = 10
_PLACE = re.compile(r"[^\s:][^:\n]*(?::\d+){1,2}(?=: )")  # "config/notifier.yaml:12:3": file, line, column

log = structlog.get_logger(__name__)


class NotReloaded(NotifierError):
    """The configuration was not taken up; `problems` has one line per mistake."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What lies on disk, read and checked."""

    config: Config
    playbooks: Mapping[str, Playbook]  # by service
    wording: str  # names phrases and templates: another one when a file has changed
    warnings: tuple[str, ...] = ()
    tariffs: str = ""  # names what customers are owed by: another one when a file has changed


Read = Callable[[], Reading]
TakeUp = Callable[[Config, Mapping[str, Playbook]], Awaitable[None]]


async def unserved(database: Database, config: Config) -> list[str]:
    """Return the incidents of services that a configuration does not have, whose customers still wait for a word."""
    services = {each.name for each in config.services}
    states = IncidentState.SCHEDULED, IncidentState.CONFIRMED
    return [
        f"services: {each.service} is not there any more, but incident {each.id} ({each.place}) is {each.state}: "
        "its customers could be told nothing more; put it back, or end it first"
        for each in await database.read(lambda tx: incidents.with_state(tx, *states))
        if each.service not in services
    ]


class Reloading:
    """Reads anew and takes up, one at a time."""

    def __init__(
        self, database: Database, clock: Clock, metrics: Metrics, read: Read, take_up: TakeUp, started_with: Reading
    ) -> None:
        self._database, self._clock, self._metrics = database, clock, metrics
        self._read, self._take_up, self._current = read, take_up, started_with
        self._one_at_a_time = asyncio.Lock()
        metrics.reload_successful.set(1)
        metrics.reloaded_at.set(clock.now().timestamp())

    async def reload(self, actor: Actor) -> ReloadView:
        """Take up what lies on disk; raise `NotReloaded` when there is a mistake, and nothing has changed."""
        async with self._one_at_a_time:
            try:
                found = await asyncio.to_thread(self._read)
                view = await self._go_over(found, actor)
            except (ConfigError, NotReloaded) as error:
                self._refused(error.problems)
                raise NotReloaded(error.problems) from error
            except Exception as error:
                self._refused([str(error)] if isinstance(error, NotifierError) else [""])
                if isinstance(error, NotifierError):
                    raise NotReloaded([str(error)]) from error
                raise
        self._metrics.reload_successful.set(1)
        self._metrics.reloaded_at.set(self._clock.now().timestamp())
        log.info("configuration reloaded", changed=view.changed, needs_restart=view.needs_restart)
        return view

    async def _go_over(self, found: Reading, actor: Actor) -> ReloadView:
        before = self._current
        await self._require_services(before.config, found.config)
        paths = changed(before.config, found.config)
        view = ReloadView(
            changed=[path for path in paths if not restart_only(path)] + _others(before, found),
            needs_restart=[path for path in paths if restart_only(path)],
            warnings=list(found.warnings),
            reloaded_at=self._clock.now(),
        )
        config = taken_up(before.config, found.config)
        if view.changed:
            await self._take_up(config, found.playbooks)
            self._current = Reading(
                config=config, playbooks=found.playbooks, wording=found.wording, tariffs=found.tariffs
            )
        await self._note(view, actor)
        return view

    async def _require_services(self, before: Config, after: Config) -> None:
        """Raise `NotReloaded` when a service is taken out whose customers still wait for a word about an outage."""
        if {each.name for each in before.services} - {each.name for each in after.services}:
            waiting = await unserved(self._database, after)
            if waiting:
                raise NotReloaded(waiting)

    async def _note(self, view: ReloadView, actor: Actor) -> None:
        detail = {"changed": view.changed, "needs_restart": view.needs_restart}
        at = view.reloaded_at
        await self._database.write(
            lambda tx: audit.record(tx, at=at, actor=actor, action="reload", target="daemon", detail=detail)
        )

    def _refused(self, problems: Sequence[str]) -> None:
        """Say that it was refused, and where; the mistakes themselves quote files, and go to whoever asked."""
        self._metrics.reload_successful.set(0)
        log.error(
            "configuration not reloaded: the one before stays in force",
            mistakes=len(problems),
            places=[found[0] for each in problems if (found := _PLACE.match(each))][:PLACES_LOGGED],
        )


def _others(before: Reading, after: Reading) -> list[str]:
    """Return what changed beside the configuration file."""
    services = sorted({*before.playbooks, *after.playbooks})
    plans = [f"playbook of {each}" for each in services if before.playbooks.get(each) != after.playbooks.get(each)]
    plans += ["phrases and templates"] if before.wording != after.wording else []
    return plans + (["tariffs"] if before.tariffs != after.tariffs else [])
