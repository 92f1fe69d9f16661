"""The parts of the daemon that requests are handed to; `app` fills it in."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from notifier.clock import Clock
from notifier.config import Config
from notifier.domain.actor import Actor
from notifier.domain.playbook import Playbook
from notifier.metrics import Metrics
from notifier.stages.auditing import Auditing
from notifier.stages.broadcasts import Broadcasts
from notifier.stages.broadcasts.rounds import Rounds
from notifier.stages.consents import Consents, OwnPreferences
from notifier.stages.control import Control
from notifier.stages.credits import Credits
from notifier.stages.delivery import Held, Letters, Receipts, Suppressions
from notifier.stages.detection import Detection, Explaining
from notifier.stages.directory import Directory
from notifier.stages.events import Events
from notifier.stages.helpdesk import Helpdesk
from notifier.stages.incidents import Incidents
from notifier.stages.incidents.briefs import Briefing
from notifier.stages.incidents.choices import Choices
from notifier.stages.incidents.notes import Notes
from notifier.stages.incidents.planned import PlannedWork
from notifier.stages.incidents.reshaping import Reshaping
from notifier.stages.incidents.rounds import RoundDrafts
from notifier.stages.intake import Intake
from notifier.stages.keys import Keys
from notifier.stages.mail_reports import MailReports
from notifier.stages.on_call import OnCall
from notifier.stages.persons import Persons
from notifier.stages.replies import Inbox
from notifier.stages.signals import Signals
from notifier.stages.test_sends import TestSends
from notifier.stages.upkeep import Upkeep
from notifier.storage.database import Database
from notifier.storage.views import ReloadView


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the endpoints need."""

    config: Config
    playbooks: Mapping[str, Playbook]  # by service
    clock: Clock
    metrics: Metrics
    database: Database
    keys: Keys
    control: Control
    directory: Directory
    intake: Intake
    signals: Signals
    detection: Detection
    explaining: Explaining
    incidents: Incidents
    reshaping: Reshaping
    planned: PlannedWork
    choices: Choices
    briefing: Briefing
    notes: Notes
    events: Events
    broadcasts: Broadcasts
    round_drafts: RoundDrafts
    rounds: Rounds
    held: Held
    letters: Letters
    suppressions: Suppressions
    receipts: Receipts
    consents: Consents
    own_preferences: OwnPreferences
    credits: Credits
    mail_reports: MailReports
    inbox: Inbox
    helpdesk: Helpdesk
    test_sends: TestSends
    upkeep: Upkeep
    on_call: OnCall
    link_secret: str
    link_secrets: tuple[str, ...]  # the one that signs, then those before it, whose links are good too
    provider_states: Callable[[], dict[str, str]]
    not_ready: Callable[[], list[str]]  # reasons; empty = ready
    persons: Persons
    auditing: Auditing
    reload: Callable[[Actor], Awaitable[ReloadView]]
