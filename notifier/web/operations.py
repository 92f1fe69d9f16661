"""What each endpoint takes and gives, as types: the one source of /openapi.json.

A body or an answer is the struct that the handler reads or writes; tests hold every answer against it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from notifier.domain.directory import DirectoryRow
from notifier.domain.go_live import GoLiveView
from notifier.stages import events as storms
from notifier.stages.credits import requests as asked
from notifier.stages.directory import Reach
from notifier.stages.incidents import (
    ConfirmIncident,
    DismissIncident,
    OpenIncident,
    ReopenIncident,
    RestoreIncident,
    SetEta,
)
from notifier.stages.incidents.notes import AddNote, Assign
from notifier.stages.incidents.planned import ChangePlanned, OpenPlanned
from notifier.stages.incidents.requests import TellEvent
from notifier.stages.incidents.reshaping import ExtendIncident, MergeIncident, SplitIncident
from notifier.stages.intake import Accepted, ComplaintRequest
from notifier.stages.mail_reports import Understood
from notifier.stages.signals import SignalsTaken
from notifier.stages.test_sends import TestSend
from notifier.storage import views
from notifier.storage.explained import Explanation
from notifier.storage.queries.place_reach import PlaceReach
from notifier.web.api import broadcasts, consents, keys, notifications, on_call, persons, rounds
from notifier.web.route import Nothing

FLAG, NUMBER, TEXT, INSTANT = "flag", "number", "text", "instant"
LINES = "application/x-ndjson"
JSON = "application/json"
CSV = "text/csv"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What one endpoint takes and gives."""

    takes: Any = None  # the type of the body, or of one line of it; None = no body
    gives: Any = None  # the type of the answer, or a tuple of those it may be; None = any
    statuses: tuple[int, ...] = (200,)  # of success
    query: Mapping[str, str] = field(default_factory=dict)
    body_type: str = JSON
    answer_type: str = JSON

    def answers(self) -> tuple[Any, ...]:
        """Return the types that the answer may have; none = any."""
        if self.gives is None:
            return ()
        return self.gives if isinstance(self.gives, tuple) else (self.gives,)


def _of(takes: Any, gives: Any, *statuses: int, **query: str) -> Operation:
    return Operation(takes=takes, gives=gives, statuses=statuses or (200,), query=query)


_I, _B, _N, _C = "/v1/incidents/{id}", "/v1/broadcasts/{id}", "/v1/notifications/{id}", "/v1/customers/{reference}"
_P, _L, _E = "/v1/contact-points/{id}", "/v1/credits/{id}", "/v1/events/{id}"
_R = "/v1/rounds/{id}"

OPERATIONS: Mapping[tuple[str, str], Operation] = MappingProxyType(
    {
        ("POST", "/v1/complaints"): _of(ComplaintRequest, Accepted, 201, 200),
        ("POST", "/v1/complaints/bulk"): Operation(
            takes=ComplaintRequest, query={"history": FLAG}, body_type=LINES, answer_type=LINES
        ),
        ("POST", "/v1/signals"): _of(dict[str, Any], SignalsTaken),
        ("GET", "/v1/signals"): _of(None, list[views.SignalView], all=FLAG, before=NUMBER),
        ("POST", "/v1/bounces"): Operation(
            takes=bytes,
            gives=Understood,
            statuses=(201, 200),
            query={"recipient": TEXT, "sender": TEXT},
            body_type="message/rfc822",
        ),
        ("POST", "/v1/test-sends"): Operation(takes=TestSend, answer_type=LINES),
        ("POST", "/v1/customers/bulk"): Operation(
            takes=DirectoryRow,
            query={"dry_run": FLAG, "full": FLAG, "however_many": FLAG},
            body_type=LINES,
            answer_type=LINES,
        ),
        ("GET", "/v1/customers"): _of(None, list[views.CustomerCard], q=TEXT),
        ("GET", _C): _of(None, views.CustomerView),
        ("GET", f"{_C}/export"): _of(None, dict[str, list[dict[str, Any]]]),
        ("POST", f"{_C}/hold"): _of(persons.WithReason, views.HeldPersonView),
        ("POST", f"{_C}/release"): _of(persons.WithReason, views.HeldPersonView),
        ("POST", f"{_C}/forget"): _of(persons.Forget, views.ForgottenView),
        ("GET", "/v1/reach"): _of(None, Reach),
        ("GET", "/v1/reach/place"): _of(None, PlaceReach, service=TEXT, region=TEXT),
        ("GET", f"{_P}/consents"): _of(None, views.ConsentsView),
        ("POST", f"{_P}/consents"): _of(consents.Said, views.ConsentsView),
        ("POST", f"{_P}/suppress"): _of(consents.Stop, views.ConsentsView),
        ("POST", f"{_P}/unsuppress"): _of(consents.Resume, views.ConsentsView),
        ("GET", "/v1/status"): _of(None, views.StatusView),
        ("GET", "/v1/go-live"): _of(None, GoLiveView),
        ("GET", "/v1/needs"): _of(None, list[views.Need]),
        ("GET", "/v1/me"): _of(None, views.AskerView),
        ("GET", "/v1/detection/cells"): _of(None, list[views.CellScore], limit=NUMBER),
        ("GET", "/v1/detection/explain"): _of(
            None, Explanation, incident=NUMBER, region=TEXT, service=TEXT, at=INSTANT
        ),
        ("GET", "/v1/incidents"): _of(None, list[views.IncidentCard], state=TEXT, before=NUMBER),
        ("POST", "/v1/incidents"): _of(OpenIncident, views.Draft, 201),
        ("GET", _I): _of(None, views.IncidentView),
        ("POST", f"{_I}/confirm"): _of(ConfirmIncident, views.Draft),
        ("POST", f"{_I}/dismiss"): _of(DismissIncident, views.Draft),
        ("POST", f"{_I}/eta"): _of(SetEta, views.Draft),
        ("POST", f"{_I}/restored"): _of(RestoreIncident, views.Draft),
        ("POST", f"{_I}/reopen"): _of(ReopenIncident, views.Draft),
        ("POST", f"{_I}/extend"): _of(ExtendIncident, views.Draft),
        ("POST", f"{_I}/split"): _of(SplitIncident, views.IncidentView, 201),
        ("POST", f"{_I}/merge"): _of(MergeIncident, views.IncidentView),
        ("POST", f"{_I}/close"): _of(Nothing, views.Draft),
        ("POST", "/v1/planned"): _of(OpenPlanned, views.Draft, 201),
        ("POST", "/v1/planned/{id}/change"): _of(ChangePlanned, views.Draft),
        ("POST", "/v1/planned/{id}/cancel"): _of(DismissIncident, views.Draft),
        ("GET", f"{_I}/choices"): _of(None, views.ChoicesView),
        ("GET", f"{_I}/words"): _of(None, views.WordsView, all=FLAG),
        ("GET", f"{_I}/brief"): Operation(gives=views.BriefView, query={"for": TEXT}),
        ("POST", f"{_I}/notes"): _of(AddNote, views.TimelineEntry, 201),
        ("POST", f"{_I}/assign"): _of(Assign, views.IncidentCard),
        ("GET", "/v1/events"): _of(None, list[views.EventCard], all=FLAG),
        ("POST", "/v1/events"): _of(storms.OpenStorm, views.EventView, 201),
        ("GET", _E): _of(None, views.EventView),
        ("POST", f"{_E}/add"): _of(storms.OfIncident, views.EventView),
        ("POST", f"{_E}/remove"): _of(storms.OfIncident, views.EventView),
        ("POST", f"{_E}/estimate-by"): _of(storms.EstimateBy, views.EventView),
        ("POST", f"{_E}/assessed"): _of(storms.Assessed, views.EventView),
        ("POST", f"{_E}/close"): _of(Nothing, views.EventView),
        ("POST", f"{_E}/tell"): _of(TellEvent, views.RoundPreview, 201),
        ("GET", _R): _of(None, views.RoundView),
        ("GET", f"{_R}/preview"): _of(None, views.RoundPreview, wake_reason=TEXT, every_text=FLAG),
        ("POST", f"{_R}/send"): _of(rounds.SentRound, views.RoundView),
        ("POST", f"{_R}/approve"): _of(rounds.ApprovedRound, views.RoundView),
        ("POST", f"{_R}/reject"): _of(broadcasts.Reason, views.RoundView),
        ("POST", f"{_R}/cancel"): _of(Nothing, views.RoundView),
        ("GET", _B): _of(None, views.BroadcastView),
        ("GET", f"{_B}/preview"): _of(None, views.Preview, wake_reason=TEXT, every_text=FLAG),
        ("GET", f"{_B}/unreached"): Operation(answer_type=LINES),
        ("POST", f"{_B}/send"): _of(broadcasts.Sent, views.BroadcastView),
        ("POST", f"{_B}/approve"): _of(broadcasts.Count, views.BroadcastView),
        ("POST", f"{_B}/reject"): _of(broadcasts.Reason, views.BroadcastView),
        ("POST", f"{_B}/pause"): _of(Nothing, views.BroadcastView),
        ("POST", f"{_B}/resume"): _of(Nothing, views.BroadcastView),
        ("POST", f"{_B}/cancel"): _of(Nothing, views.BroadcastView),
        ("POST", f"{_B}/held/resend"): _of(notifications.HeldCount, views.BroadcastView),
        ("POST", f"{_B}/held/abandon"): _of(notifications.HeldCount, views.BroadcastView),
        ("GET", _N): _of(None, views.NotificationView),
        ("POST", f"{_N}/resend"): _of(Nothing, views.NotificationView),
        ("POST", f"{_N}/abandon"): _of(Nothing, views.NotificationView),
        ("GET", "/v1/credits"): _of(
            None, list[views.CreditLineView], incident=NUMBER, customer=TEXT, state=TEXT, before=NUMBER
        ),
        ("POST", "/v1/credits"): _of(asked.Grant, views.CreditLineView, 201, 200),
        ("GET", "/v1/credits/export"): Operation(
            query={"incident": NUMBER, "state": TEXT, "batch": NUMBER}, answer_type=CSV
        ),
        ("POST", "/v1/credits/post"): _of(asked.Post, (views.CreditsDecidedView, views.CreditBatchView), 202),
        ("POST", "/v1/credits/reconcile"): _of(asked.Reconcile, views.ReconciledView),
        ("POST", "/v1/credits/none-lost"): _of(asked.Because, dict[str, bool]),
        ("GET", "/v1/credits/batches"): _of(None, list[views.CreditBatchView]),
        ("POST", "/v1/credits/batches/{id}/loaded"): _of(asked.Loaded, views.CreditBatchView),
        ("GET", _L): _of(None, views.CreditLineView),
        ("POST", f"{_L}/approve"): _of(asked.Decide, views.CreditLineView),
        ("POST", f"{_L}/reject"): _of(asked.Because, views.CreditLineView),
        ("POST", f"{_L}/reverse"): _of(asked.Because, views.CreditLineView, 201),
        ("GET", f"{_I}/credits"): _of(None, views.CreditsView),
        ("GET", f"{_I}/credits/preview"): _of(None, views.CreditsPreview, at=INSTANT),
        ("POST", f"{_I}/credits/approve"): _of(asked.DecideAll, views.CreditsDecidedView),
        ("POST", f"{_I}/credits/reject"): _of(asked.Because, views.CreditsDecidedView),
        ("POST", f"{_I}/credits/count"): _of(Nothing, dict[str, int], 202),
        ("GET", "/v1/on-call"): _of(None, views.OnCallView),
        ("GET", "/v1/on-call/calls/{id}"): _of(None, views.CallView),
        ("POST", "/v1/on-call/test"): _of(on_call.TestCall, list[views.CallView], 202),
        ("POST", "/v1/on-call/calls/{id}/ack"): _of(Nothing, views.CallView),
        ("POST", "/v1/pause-all"): _of(Nothing, views.PausedView),
        ("POST", "/v1/resume-all"): _of(Nothing, views.PausedView),
        ("GET", "/v1/keys"): _of(None, list[views.KeyView]),
        ("POST", "/v1/keys"): _of(keys.NewKey, views.NewKeyView, 201),
        ("DELETE", "/v1/keys/{id}"): _of(None, views.KeyView),
        ("GET", "/v1/audit"): _of(
            None,
            list[views.AuditView],
            actor=TEXT,
            action=TEXT,
            target=TEXT,
            since=INSTANT,
            until=INSTANT,
            after=NUMBER,
            limit=NUMBER,
        ),
        ("POST", "/-/reload"): _of(Nothing, views.ReloadView),
    }
)
"""(method, path) -> what it takes and gives."""
