"""The composition root: every part of the daemon is built here, once per configuration.

In: what the stages work with, and the keys. Out: a `Machine`, of which nothing does anything yet; `at_work` lets it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from msgspec.structs import replace

from notifier import __version__
from notifier.app.timetable import build_scheduler
from notifier.backtest.own import OwnBacktest
from notifier.config import Config
from notifier.domain.actor import Actor
from notifier.domain.notification import Channel
from notifier.messages import Messages
from notifier.messages.briefs import Briefs
from notifier.metrics import Metrics
from notifier.providers import Provider, create
from notifier.scheduler import Scheduler
from notifier.settings.tariffs import load_tariffs
from notifier.stages import Surroundings
from notifier.stages.auditing import Auditing
from notifier.stages.automatic import Acting, Automatic
from notifier.stages.broadcasts import Broadcasts, Course
from notifier.stages.broadcasts.rounds import Rounds
from notifier.stages.consents import Consents, OwnPreferences
from notifier.stages.control import Control
from notifier.stages.credits import Credits
from notifier.stages.delivery import Asking, Delivery, Doubts, Held, Letters, Receipts, Suppressions
from notifier.stages.detection import Detection, Explaining
from notifier.stages.directory import Directory
from notifier.stages.events import Events
from notifier.stages.helpdesk import Helpdesk
from notifier.stages.incidents import ConfirmIncident, DismissIncident, Incidents
from notifier.stages.incidents.briefs import Briefing
from notifier.stages.incidents.choices import Choices
from notifier.stages.incidents.notes import Notes
from notifier.stages.incidents.planned import PlannedWork
from notifier.stages.incidents.reshaping import Reshaping
from notifier.stages.incidents.rounds import RoundDrafts
from notifier.stages.intake import Intake
from notifier.stages.keys import Keys
from notifier.stages.looks_over import LooksOver
from notifier.stages.mail_reports import MailReports
from notifier.stages.on_call import Deciding, OnCall
from notifier.stages.persons import Persons
from notifier.stages.planned import Calendar
from notifier.stages.planning import Planning
from notifier.stages.promises import Promises
from notifier.stages.replies import Inbox
from notifier.stages.signals import Signals
from notifier.stages.test_sends import TestSends
from notifier.stages.upkeep import Upkeep
from notifier.storage.views import ReloadView
from notifier.web.parts import Parts
from notifier.worker import Lanes, Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Every part that works by itself, and the parts that requests are handed to."""

    parts: Parts
    doubts: Doubts
    planning: Planning
    promises: Promises
    worker: Worker
    scheduler: Scheduler


async def assemble(
    around: Surroundings,
    keys: Keys,
    *,
    not_ready: Callable[[], list[str]],
    reload: Callable[[Actor], Awaitable[ReloadView]],
) -> Machine:
    """Build every part; none of them does anything yet. `not_ready` gives reasons, `reload` goes over to others."""
    database, config, clock = around.database, around.config, around.clock
    queue, metrics, playbooks = around.queue, around.metrics, around.playbooks
    expect(metrics, config)
    control = Control(database, clock, queue)
    link_secrets = await control.link_secrets(config.sender)
    link_secret = link_secrets[0]
    messages = Messages(config, playbooks)
    delivery = Delivery(database, config, clock, queue, metrics, playbooks, messages, link_secret)
    suppressions = Suppressions(database, clock, metrics, link_secret)
    providers, lanes = [create(each) for each in config.providers], Lanes()
    receipts = Receipts(database, clock, queue, metrics, playbooks, suppressions, lanes, config.consent.covers())
    letters = Letters(database, config, clock, messages, link_secret)
    asking = Asking(database, clock, playbooks, receipts, providers, letters)
    doubts = Doubts(database, config, clock, queue, metrics, playbooks, delivery.owner, asking)
    worker = Worker(delivery, doubts, providers, queue, clock, config, metrics, lanes)
    incidents, broadcasts = Incidents(around, messages), Broadcasts(around, messages)
    rounds = Rounds(around, messages, broadcasts)
    on_call = OnCall(
        around,
        Deciding(
            confirm=lambda which, actor: incidents.confirm(which, ConfirmIncident(), actor),
            dismiss=lambda which, actor: incidents.dismiss(which, DismissIncident(), actor),
            preview=broadcasts.preview,
            send=broadcasts.send,
            approve=rounds.approve_as_shown,
            reject=rounds.reject_asked,
        ),
        secret=link_secret,
        provider_states=worker.provider_states,
    )
    consents = Consents(database, config, clock, queue, metrics, link_secret)
    intake = Intake(database, config, clock, queue, metrics, playbooks)
    inbox = Inbox(
        around,
        messages.reply_words(),
        consents,
        lambda request, actor, again: intake.submit(request, actor=actor, hears_back=False, again=again),
        link_secret,
    )
    parts = Parts(
        config=config,
        playbooks=playbooks,
        clock=clock,
        metrics=metrics,
        database=database,
        keys=keys,
        control=control,
        directory=Directory(database, config, clock, queue, playbooks, link_secrets),
        intake=intake,
        signals=Signals(around),
        detection=Detection(database, config, clock, queue, metrics, playbooks),
        explaining=Explaining(database, config, clock, playbooks),
        incidents=incidents,
        reshaping=Reshaping(around, messages),
        planned=PlannedWork(around, messages),
        choices=Choices(around, messages),
        briefing=Briefing(around, Briefs(messages)),
        notes=Notes(around),
        events=Events(around),
        broadcasts=broadcasts,
        round_drafts=RoundDrafts(around, incidents),
        rounds=rounds,
        held=Held(database, clock, queue, metrics),
        letters=letters,
        suppressions=suppressions,
        receipts=receipts,
        consents=consents,
        own_preferences=OwnPreferences(database, config, clock, queue, consents),
        credits=Credits(around, load_tariffs(config)),
        mail_reports=MailReports(around, link_secrets, inbox),
        inbox=inbox,
        helpdesk=Helpdesk(around, helpdesk_provider(config)),
        test_sends=TestSends(around, messages, link_secret, trial_providers(config)),
        upkeep=Upkeep(database, config, clock, metrics),
        on_call=on_call,
        link_secret=link_secret,
        link_secrets=link_secrets,
        provider_states=worker.provider_states,
        not_ready=not_ready,
        persons=Persons(database, clock),
        auditing=Auditing(database, clock),
        reload=reload,
    )
    planning = Planning(database, config, clock, queue, metrics, playbooks)
    promises = Promises(database, config, clock, queue, metrics, playbooks)
    acting = Acting(
        confirm=lambda which, actor: incidents.confirm(which, ConfirmIncident(), actor),
        send=broadcasts.send,
        cancel=broadcasts.cancel,
    )
    scheduler = build_scheduler(
        parts,
        Course(around),
        planning,
        promises,
        Calendar(around),
        LooksOver(around),
        Automatic(around, acting),
        OwnBacktest(database, config, clock, tuple(playbooks.values())),
        queue,
    )
    return Machine(parts=parts, doubts=doubts, planning=planning, promises=promises, worker=worker, scheduler=scheduler)


def build_metrics(config: Config) -> Metrics:
    """Return the metrics of this configuration."""
    metrics = Metrics()
    expect(metrics, config)
    metrics.build_info.labels(__version__).set(1)
    return metrics


def expect(metrics: Metrics, config: Config) -> None:
    """Let every series of a configuration exist."""
    metrics.expect(
        services=[service.name for service in config.services],
        sources=[source.name for source in config.sources],
        providers=[provider.name for provider in config.providers],
    )


def helpdesk_provider(config: Config) -> Provider | None:
    """Return the provider of mail to the helpdesk: the first one, on a connection of its own."""
    mail = [provider for provider in config.providers if provider.channel is Channel.EMAIL]
    return create(replace(mail[0], connections=1)) if mail and config.inbound.helpdesk_address else None


def trial_providers(config: Config) -> dict[Channel, Provider]:
    """Return a provider per channel for test sends: the first configured one, on a connection of its own."""
    found: dict[Channel, Provider] = {}
    for settings in config.providers:
        if settings.channel not in found:
            found[settings.channel] = create(replace(settings, connections=1))
    return found
