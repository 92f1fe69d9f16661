"""Read models: what people and programs are shown, as the API sends it and the CLI prints it.

Instants are aware UTC and become RFC 3339 on the wire. Addresses of contact points appear only where an agent looks up
one customer; everywhere else they are masked.
"""

from notifier.storage.views.broadcasts import BroadcastView, Preview, Progress, Sample, Waiting, Waits
from notifier.storage.views.consents import ConsentsView, ConsentView, SaidView, SuppressionView
from notifier.storage.views.credits import (
    CreditBatchView,
    CreditLineView,
    CreditsDecidedView,
    CreditsPreview,
    CreditSum,
    CreditsView,
    ReconciledRow,
    ReconciledSum,
    ReconciledView,
)
from notifier.storage.views.customers import (
    ComplaintView,
    ContactPointView,
    CustomerCard,
    CustomerView,
    ForgottenView,
    HeldPersonView,
    ReplyView,
    SiteView,
    ToldView,
    UnreachedView,
)
from notifier.storage.views.evidence import CellScore, DoubtView, EvidenceView, RegionView
from notifier.storage.views.incidents import Draft, IncidentCard, IncidentView, LooksOverView, PartView, TimelineEntry
from notifier.storage.views.keys import AskerView, AuditView, KeyView, NewKeyView
from notifier.storage.views.notifications import AttemptView, NotificationView, ReceiptView
from notifier.storage.views.on_call import AlarmView, CallRouteView, CallView, OnCallPerson, OnCallView
from notifier.storage.views.promises import PromiseView
from notifier.storage.views.signals import SignalView
from notifier.storage.views.status import Need, PausedView, Ready, ReloadView, StatusView
from notifier.storage.views.storms import EventCard, EventView, LeftOut, RoundLine, RoundPreview, RoundView
from notifier.storage.views.view import View
from notifier.storage.views.wording import BriefView, ChoicesView, PhraseView, WordsGroup, WordsView

__all__ = [
    "AlarmView",
    "AskerView",
    "AttemptView",
    "AuditView",
    "BriefView",
    "BroadcastView",
    "CallRouteView",
    "CallView",
    "CellScore",
    "ChoicesView",
    "ComplaintView",
    "ConsentView",
    "ConsentsView",
    "ContactPointView",
    "CreditBatchView",
    "CreditLineView",
    "CreditSum",
    "CreditsDecidedView",
    "CreditsPreview",
    "CreditsView",
    "CustomerCard",
    "CustomerView",
    "DoubtView",
    "Draft",
    "EventCard",
    "EventView",
    "EvidenceView",
    "ForgottenView",
    "HeldPersonView",
    "IncidentCard",
    "IncidentView",
    "KeyView",
    "LeftOut",
    "LooksOverView",
    "Need",
    "NewKeyView",
    "NotificationView",
    "OnCallPerson",
    "OnCallView",
    "PartView",
    "PausedView",
    "PhraseView",
    "Preview",
    "Progress",
    "PromiseView",
    "Ready",
    "ReceiptView",
    "ReconciledRow",
    "ReconciledSum",
    "ReconciledView",
    "RegionView",
    "ReloadView",
    "ReplyView",
    "RoundLine",
    "RoundPreview",
    "RoundView",
    "SaidView",
    "Sample",
    "SignalView",
    "SiteView",
    "StatusView",
    "SuppressionView",
    "TimelineEntry",
    "ToldView",
    "UnreachedView",
    "View",
    "Waiting",
    "Waits",
    "WordsGroup",
    "WordsView",
]
