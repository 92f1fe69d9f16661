"""Every Prometheus metric, named once. Every label combination that can occur exists at zero from the start.

No label carries an incident, customer or address. Durations are seconds, sizes are bytes.
"""

import math
from collections.abc import Iterable
from itertools import product

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from notifier.domain.any_service import ANY
from notifier.domain.broadcast import SENDABLE_KINDS, BroadcastState
from notifier.domain.complaint import NotCounted
from notifier.domain.credit import CreditReason, CreditState
from notifier.domain.incident import DismissReason, IncidentState
from notifier.domain.mail_effect import MailEffect
from notifier.domain.mail_report import MailKind
from notifier.domain.mail_verdict import Verdict
from notifier.domain.notification import Channel, NotificationReason, NotificationState
from notifier.domain.on_call import CallOutcome, CallReason
from notifier.domain.promise import PromiseKind, PromiseState
from notifier.domain.receipt import ReceiptStatus
from notifier.domain.reply import Meaning
from notifier.domain.signal import SignalResult, SignalSource

ATTEMPT_OUTCOMES = ("accepted", "temporary", "permanent", "ours", "unknown", "render_failed")
END_REASONS = {
    NotificationState.SENT: (NotificationReason.ACCEPTED, NotificationReason.PROVIDER_REPORTED),
    NotificationState.DELIVERED: (NotificationReason.PROVIDER_REPORTED,),
    NotificationState.UNDELIVERED: (NotificationReason.PROVIDER_REPORTED,),
    NotificationState.FAILED: (
        NotificationReason.PERMANENT_FAILURE,
        NotificationReason.STALE,
        NotificationReason.RENDER_FAILED,
    ),
    NotificationState.IN_DOUBT: (NotificationReason.UNKNOWN_OUTCOME, NotificationReason.OWNER_GONE),
    NotificationState.HELD: (NotificationReason.HELD_BY_POLICY,),
    NotificationState.SUPERSEDED: (NotificationReason.NEWER_UPDATE,),
    NotificationState.CANCELLED: (NotificationReason.BROADCAST_CANCELLED,),
    NotificationState.EXPIRED: (
        NotificationReason.STALE,  # an answer that nobody waits for any more
        NotificationReason.NO_LONGER_TRUE,
        NotificationReason.NOT_TOLD_BEFORE,
        NotificationReason.SITE_ENDED,
    ),
    NotificationState.SUPPRESSED: (
        NotificationReason.OPTED_OUT,
        NotificationReason.SUPPRESSED,
        NotificationReason.PAUSED_BY_CUSTOMER,
        NotificationReason.CHANNEL_OFF,
        NotificationReason.NOT_ON_GUEST_LIST,
    ),
    NotificationState.ABANDONED: (NotificationReason.ABANDONED_BY_PERSON,),
}
CREDIT_REASONS = {
    CreditState.PROPOSED: (
        CreditReason.ABOVE_CUSTOMER_BASELINE,
        CreditReason.ABOVE_INCIDENT_BASELINE,
        CreditReason.ABOVE_OWN_BASELINE,
        CreditReason.OVER_BUDGET,
        CreditReason.BILLED_ALREADY,
    ),
    CreditState.APPROVED: (
        CreditReason.WITHIN_BASELINES,
        CreditReason.GRANTED,
        CreditReason.BY_PERSON,
        CreditReason.REVERSAL,
    ),
    CreditState.REJECTED: (CreditReason.BY_PERSON, CreditReason.INCIDENT_DISMISSED, CreditReason.TWIN_AFTER_MERGE),
    CreditState.POSTING: (CreditReason.ASKED,),
    CreditState.POSTED: (CreditReason.TAKEN, CreditReason.RECONCILED),
    CreditState.FAILED: (CreditReason.REFUSED, CreditReason.TRIED_IN_VAIN),
}
INTAKE_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
HANDOVER_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
LOOP_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5)


class Metrics:
    """The metrics of one daemon, on a registry of its own."""

    def __init__(
        self, *, services: Iterable[str] = (), sources: Iterable[str] = (), providers: Iterable[str] = ()
    ) -> None:
        self.registry = registry = CollectorRegistry()
        services, sources, providers = tuple(services), tuple(sources), tuple(providers)

        def counter(name: str, text: str, labels: Iterable[str] = ()) -> Counter:
            return Counter(f"notifier_{name}", text, tuple(labels), registry=registry)

        def gauge(name: str, text: str, labels: Iterable[str] = ()) -> Gauge:
            return Gauge(f"notifier_{name}", text, tuple(labels), registry=registry)

        def histogram(name: str, text: str, buckets: tuple[float, ...], labels: Iterable[str] = ()) -> Histogram:
            return Histogram(f"notifier_{name}", text, tuple(labels), buckets=buckets, registry=registry)

        self.build_info = gauge("build_info", "Always 1; the version is its label.", ["version"])
        self.paused = gauge("paused", "1 while pause-all is in force.")
        self.reload_successful = gauge(
            "config_last_reload_successful", "1 when the last reload of the configuration was taken up, 0 when refused."
        )
        self.reloaded_at = gauge(
            "config_last_reload_success_timestamp_seconds",
            "Unix time at which the configuration in force was taken up.",
        )
        self.writer_waiting = gauge("writer_waiting", "Functions waiting for the database writer.")

        self.complaints = counter(
            "complaints_total", "Complaints stored, by source and service.", ["source", "service"]
        )
        self.complaints_not_counted = counter(
            "complaints_not_counted_total", "Complaints stored that are no evidence, by reason.", ["reason"]
        )
        self.complaints_refused = counter("complaints_refused_total", "Complaints refused as invalid.")
        self.intake_seconds = histogram("intake_seconds", "Time from request to commit.", INTAKE_SECONDS)

        self.source_clock_ahead = gauge(
            "source_clock_ahead_seconds",
            "How far the clock of a source is ahead of ours; 0 while it agrees.",
            ["source"],
        )

        self.signals = counter(
            "signals_total", "Reports of alarms, by form and by what became of them.", ["source", "result"]
        )
        self.signals_open = gauge("signals_open", "Alarms that are open, with or without a known place.")

        self.detector_lag = gauge("detector_lag_complaints", "Complaints stored but not yet seen by the detector.")
        self.detector_cells = gauge("detector_cells", "Cells in the detector's memory.")
        self.feed_silences = counter(
            "feed_silences_total",
            "Times a service was not heard for so long that its feed must be broken.",
            ["service"],
        )
        self.evidence = counter(
            "evidence_total", "Times a cell reached a grade, by service and grade.", ["service", "grade"]
        )

        self.incidents = gauge(
            "incidents", "Incidents that are not closed, by state and service.", ["state", "service"]
        )
        self.incidents_opened = counter(
            "incidents_opened_total", "Incidents opened, by service and by whom.", ["service", "by"]
        )
        self.incidents_dismissed = counter("incidents_dismissed_total", "Incidents dismissed, by reason.", ["reason"])

        self.promises = counter("promises_ended_total", "Promises by what became of them.", ["kind", "state"])
        self.promises_open = gauge("promises_open", "Promises that are not due yet.")
        self.promise_due_seconds = gauge(
            "promise_due_seconds", "Seconds until the next open promise falls due; +Inf when none is open."
        )

        self.broadcasts = gauge("broadcasts", "Broadcasts that are not finished, by state.", ["state"])
        self.broadcasts_sent = counter("broadcasts_sent_total", "Broadcasts that began to send, by kind.", ["kind"])
        self.planning_seconds = histogram("planning_chunk_seconds", "Time of one planning transaction.", LOOP_SECONDS)

        self.notifications = counter(
            "notifications_total",
            "Notifications by channel, the state they reached and why.",
            ["channel", "state", "reason"],
        )
        self.notifications_pending = gauge("notifications_pending", "Notifications waiting, by channel.", ["channel"])
        self.notifications_in_doubt = gauge(
            "notifications_in_doubt", "Notifications in doubt or held, by channel.", ["channel"]
        )
        self.attempts = counter("attempts_total", "Hand-overs to a provider by outcome.", ["provider", "outcome"])
        self.receipts = counter(
            "receipts_total", "What providers reported about messages they had taken.", ["provider", "status"]
        )
        self.attempt_seconds = histogram("attempt_seconds", "Time of one hand-over.", INTAKE_SECONDS, ["provider"])
        self.handover_delay = histogram(
            "handover_delay_seconds",
            "Time from a notification being due to its hand-over.",
            HANDOVER_SECONDS,
            ["channel"],
        )
        self.provider_up = gauge("provider_up", "1 while a provider is used, 0 while it is stopped.", ["provider"])
        self.unsubscribes = counter("unsubscribes_total", "Opt-outs by customers: link, text, mail or preference page.")

        self.mail_reports = counter(
            "mail_reports_total", "Mails that came back, by kind and by what followed.", ["kind", "effect"]
        )
        self.mail_verdicts = counter(
            "mail_verdicts_total", "Reports about messages of ours, by what they say of the address.", ["verdict"]
        )

        self.replies = counter(
            "replies_total", "What people wrote back, by how it came and what it means.", ["source", "meaning"]
        )

        self.calls = counter(
            "calls_total",
            "Calls of people on call that have ended, by the most urgent reason and by how they ended.",
            ["reason", "outcome"],
        )
        self.calls_open = gauge("calls_open", "Calls of people on call that nobody has answered yet.")

        self.credit_lines = counter(
            "credit_lines_total", "Credit lines by the state they reached and why.", ["state", "reason"]
        )
        self.credit_lines_open = gauge(
            "credit_lines_open", "Credit lines that wait: for a person, for billing, or refused by it.", ["state"]
        )
        self.http_requests = counter(
            "http_requests_total", "API requests by route and status class.", ["method", "route", "status"]
        )
        self.job_runs = counter("job_runs_total", "Background jobs by outcome.", ["job", "outcome"])
        self.ledger_disagreements = gauge(
            "ledger_disagreements", "Rows in which ledger and audience disagreed at the last nightly check."
        )

        self._start_at_zero()
        self.expect(services=services, sources=sources, providers=providers)

    def expect(self, *, services: Iterable[str], sources: Iterable[str], providers: Iterable[str]) -> None:
        """Let every series of these exist: those of a configuration."""
        services, sources, providers = tuple(services), tuple(sources), tuple(providers)
        _touch(self.complaints, sources, services)
        _touch(self.feed_silences, services)
        _touch(self.source_clock_ahead, sources)
        _touch(self.evidence, services, ("likely", "certain"))
        if len(services) > 1:
            _touch(self.evidence, (ANY,), ("likely", "certain"))
        _touch(self.incidents, IncidentState, services)
        _touch(self.incidents_opened, services, ("daemon", "person"))
        _touch(self.attempts, providers, ATTEMPT_OUTCOMES)
        _touch(self.attempt_seconds, providers)
        _touch(self.receipts, providers, ReceiptStatus)
        for provider in providers:
            self.provider_up.labels(provider).set(1)

    def _start_at_zero(self) -> None:
        _touch(self.complaints_not_counted, NotCounted)
        _touch(self.signals, SignalSource, SignalResult)
        _touch(self.incidents_dismissed, DismissReason)
        _touch(self.promises, PromiseKind, (state for state in PromiseState if state is not PromiseState.OPEN))
        _touch(self.broadcasts, BroadcastState)
        _touch(self.calls, CallReason, CallOutcome)
        for credit_state, credit_reasons in CREDIT_REASONS.items():
            _touch(self.credit_lines, (credit_state,), credit_reasons)
        _touch(self.credit_lines_open, (CreditState.PROPOSED, CreditState.POSTING, CreditState.FAILED))
        _touch(self.broadcasts_sent, SENDABLE_KINDS)
        for state, reasons in END_REASONS.items():
            _touch(self.notifications, Channel, (state,), reasons)
        _touch(self.notifications_pending, Channel)
        _touch(self.notifications_in_doubt, Channel)
        _touch(self.handover_delay, Channel)
        _touch(self.mail_reports, MailKind, MailEffect)
        _touch(self.replies, ("sms", "email"), Meaning)
        _touch(self.mail_verdicts, Verdict)
        self.promise_due_seconds.set(math.inf)


def _touch(metric: Counter | Gauge | Histogram, *values: Iterable[str]) -> None:
    """Make every combination of label values exist, at zero."""
    for labels in product(*values):
        metric.labels(*labels)
