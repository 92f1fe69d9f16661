"""Builders of what a daemon answers: the outage of MESSAGES.md at 03:39, whole; each takes what a test changes."""

from datetime import timedelta
from typing import Any

from notifier.storage.views import (
    AskerView,
    AttemptView,
    BroadcastView,
    ComplaintView,
    ContactPointView,
    CustomerView,
    Draft,
    EvidenceView,
    IncidentCard,
    IncidentView,
    KeyView,
    Need,
    NewKeyView,
    NotificationView,
    Preview,
    Progress,
    PromiseView,
    RegionView,
    Sample,
    SiteView,
    StatusView,
    TimelineEntry,
    ToldView,
)
from tests.fake_daemon import NOON

MINUTE = timedelta(minutes=1)
TEXT = (
    "We are sorry. Power at 12 Oak St went out about 2:49 am; about 1,200 homes nearby are out too.\n\n"
    "The fault is on our line, not in your home. We do not know the cause yet.\n\n"
    "We will write by 4:10 am, even if we know nothing new.\n\n"
    "Stay away from fallen wires; call 911. Run generators outdoors only.\n\n"
    "Valley Electric, 1 Plaza, Riverside. We never ask for payment or passwords."
)


def card(**changes: Any) -> IncidentCard:
    """Build an incident in a list."""
    return IncidentCard(
        **{
            "id": 42,
            "service": "power",
            "impact": "down",
            "state": "suspected",
            "place": "94110, 94112",
            "started_at": NOON - 50 * MINUTE,
            "opened_at": NOON - 33 * MINUTE,
            "opened_by": "daemon",
            "customers": 1214,
            "told": 0,
            "eta_at": None,
            "next_update_by": None,
            "grade": "certain",
            "part_state": "out",
            **changes,
        }
    )


def progress(**changes: Any) -> Progress:
    """Build how far a broadcast is."""
    return Progress(
        **{
            "planned": True,
            "customers_told": 1172,
            "customers_not_told": {"no_contact_point": 42},
            "states": {"sent": 1170, "failed": 2},
            "in_doubt_ever": 0,
            **changes,
        }
    )


def broadcast(**changes: Any) -> BroadcastView:
    """Build a broadcast."""
    return BroadcastView(
        **{
            "id": 17,
            "incident_id": 42,
            "kind": "acknowledged",
            "state": "completed",
            "reason": "finished",
            "created_at": NOON - 5 * MINUTE,
            "created_by": "anna",
            "sent_at": NOON - 4 * MINUTE,
            "sent_by": "anna",
            "approved_by": None,
            "not_before_at": NOON - 3 * MINUTE,
            "started_at": NOON - 3 * MINUTE,
            "finished_at": NOON - 2 * MINUTE,
            "automatic": False,
            "expected_customers": 1214,
            "facts": {"service": "power", "next_update_by": (NOON + 31 * MINUTE).isoformat()},
            "progress": progress(),
            **changes,
        }
    )


def within_take_back(seconds: float = 30) -> BroadcastView:
    """Build a broadcast that was sent and may still be taken back."""
    return broadcast(
        state="sending",
        reason="by_person",
        started_at=None,
        finished_at=None,
        not_before_at=NOON + timedelta(seconds=seconds),
        progress=progress(planned=False, states={}),
    )


def evidence(**changes: Any) -> EvidenceView:
    """Build evidence of a cell."""
    return EvidenceView(
        **{
            "region": "postal_code 94110",
            "at": NOON - 33 * MINUTE,
            "window_from": NOON - 44 * MINUTE,
            "observed": 20,
            "expected": 1.3,
            "score": 45.17,
            "grade": "certain",
            "distinct_customers": 20,
            "verified": 18,
            **changes,
        }
    )


def promise(**changes: Any) -> PromiseView:
    """Build a promise."""
    return PromiseView(
        **{
            "id": 5,
            "kind": "next_update",
            "due_at": NOON + 31 * MINUTE,
            "state": "open",
            "made_at": NOON - 3 * MINUTE,
            "ended_at": None,
            "automatic_in_row": 0,
            "warned_at": None,
            **changes,
        }
    )


def incident(**changes: Any) -> IncidentView:
    """Build an incident, whole; `card` may be given."""
    return IncidentView(
        **{
            "card": card(),
            "playbook": "power",
            "mode": "propose",
            "confirmed_at": None,
            "confirmed_by": None,
            "resolved_at": None,
            "closed_at": None,
            "dismissed_at": None,
            "dismiss_reason": None,
            "merged_into": None,
            "cause": "",
            "crew": "",
            "regions": [
                RegionView(kind="postal_code", code="94110", name="Mission", role="place"),
                RegionView(kind="postal_code", code="94112", name="", role="place"),
                RegionView(kind="node", code="OLT-7", name="", role="attached"),
            ],
            "sites": 1290,
            "priority_sites": 9,
            "evidence": [evidence(), evidence(region="node OLT-7", score=20.0, grade="certain")],
            "promises": [],
            "broadcasts": [],
            "timeline": [
                TimelineEntry(at=NOON - 33 * MINUTE, event="opened", actor="daemon", detail={"grade": "likely"}),
                TimelineEntry(at=NOON - 31 * MINUTE, event="evidence", actor="daemon", detail={"score": 45.17}),
            ],
            **changes,
        }
    )


def preview(**changes: Any) -> Preview:
    """Build a preview."""
    sample = Sample(
        contact_point="a***@example.com",
        channel="email",
        locale="en",
        subject="Power out at 12 Oak St: next update by 4:10 am",
        text=TEXT,
    )
    return Preview(
        **{
            "broadcast_id": 17,
            "kind": "acknowledged",
            "customers": 1214,
            "notifications": 1172,
            "by_channel": {"email": 1172},
            "by_locale": {"en": 889, "es": 252, "fr": 31},
            "by_region": {"postal_code 94110": 1031, "postal_code 94112": 183},
            "not_told": {"no_contact_point": 40, "opted_out": 2},
            "first_contact": 0,
            "finishes_in_seconds": 118.0,
            "promise_due_at": NOON + 31 * MINUTE,
            "fits": True,
            "audience_limit": 20000,
            "needs_approval": False,
            "warnings": [],
            "samples": [sample, sample],
            **changes,
        }
    )


def draft(**changes: Any) -> Draft:
    """Build the answer to an action that tells."""
    unsent = {"state": "draft", "reason": "by_person", "sent_at": None, "sent_by": None, "not_before_at": None}
    waiting = broadcast(**unsent, started_at=None, finished_at=None, progress=progress(planned=False, states={}))
    return Draft(**{"incident": incident(), "broadcast": waiting, "preview": preview(), **changes})


def need(**changes: Any) -> Need:
    """Build something that needs a person."""
    return Need(
        **{
            "kind": "suspected",
            "incident_id": 42,
            "broadcast_id": None,
            "text": "#42 power in 94110, 94112 since about 02:49: 20 people in 11 min, 1.3 expected: certain, "
            "18 verified, 1,214 customers, nobody told",
            "due_at": None,
            "next": ["notifier tell 42", "notifier read 42", "notifier dismiss 42"],
            **changes,
        }
    )


def status(**changes: Any) -> StatusView:
    """Build the daemon at a glance."""
    return StatusView(
        **{
            "version": "0.1.0",
            "now": NOON,
            "paused": False,
            "needs": [
                need(
                    kind="promise",
                    text="#41 internet in Riverside: next update promised",
                    due_at=NOON + 12 * MINUTE,
                    next=["notifier eta 41 TIME"],
                ),
                need(),
            ],
            "incidents": [
                card(),
                card(
                    id=41,
                    service="internet",
                    state="confirmed",
                    told=880,
                    customers=901,
                    eta_at=NOON + 171 * MINUTE,
                    next_update_by=NOON + 12 * MINUTE,
                    place="Riverside",
                ),
            ],
            "complaints_last_hour": 1234,
            "detector_lag": 0,
            "notifications": {"pending": 1006, "sent": 166},
            "providers": {"relay": "up"},
            **changes,
        }
    )


def notification(**changes: Any) -> NotificationView:
    """Build one message."""
    attempt = AttemptView(
        number=1,
        provider="relay",
        began_at=NOON - 3 * MINUTE,
        ended_at=NOON - 3 * MINUTE,
        outcome="accepted",
        code="250",
        answer="2.0.0 Ok: queued as 4F8",
    )
    return NotificationView(
        **{
            "id": 90210,
            "broadcast_id": 17,
            "incident_id": 42,
            "kind": "acknowledged",
            "channel": "email",
            "contact_point": "a***@example.com",
            "state": "sent",
            "reason": "accepted",
            "due_at": NOON - 3 * MINUTE,
            "attempts": [attempt],
            "provider": "relay",
            "provider_id": "4F8",
            "template_version": "acknowledged-1",
            "planned_at": NOON - 4 * MINUTE,
            "ended_at": NOON - 3 * MINUTE,
            "in_doubt_at": None,
            "customers": 2,
            "subject": "Power out at 12 Oak St: next update by 4:10 am",
            "text": TEXT,
            "html": "<p>We are sorry.</p>",
            **changes,
        }
    )


def customer(**changes: Any) -> CustomerView:
    """Build one customer."""
    return CustomerView(
        **{
            "id": 1,
            "reference": "C-1001",
            "name": "Ana Gómez",
            "account_type": "residential",
            "plan": "Basic",
            "sites": [
                SiteView(
                    id=1,
                    reference="1",
                    label="Home",
                    address="12 Oak St, Riverside",
                    services=["power", "internet"],
                    status="active",
                    priority=True,
                    time_zone="America/Los_Angeles",
                    regions=["postal_code 94110", "area_code 415 (from the phone number)"],
                )
            ],
            "contact_points": [
                ContactPointView(
                    id=1,
                    kind="email",
                    address="ana@example.com",
                    role="owner",
                    locale="es",
                    suppressed=None,
                    sites=["1"],
                )
            ],
            "complaints": [
                ComplaintView(
                    id=9,
                    service="power",
                    source="web",
                    occurred_at=NOON - 40 * MINUTE,
                    received_at=NOON - 40 * MINUTE,
                    counted=True,
                    not_counted=None,
                    text="no hay luz desde las 2:50",
                )
            ],
            "told": [
                ToldView(
                    notification_id=90210,
                    incident_id=42,
                    kind="acknowledged",
                    channel="email",
                    address="ana@example.com",
                    state="sent",
                    reason="accepted",
                    at=NOON - 3 * MINUTE,
                    subject="Power out at 12 Oak St: next update by 4:10 am",
                )
            ],
            "not_told": [
                {"broadcast_id": 16, "incident_id": 42, "kind": "eta", "reason": "opted_out", "at": NOON - 9 * MINUTE}
            ],
            "promises": [promise()],
            **changes,
        }
    )


def asker(**changes: Any) -> AskerView:
    """Build whose key asks."""
    return AskerView(**{"name": "anna", "role": "commander", **changes})


def key(**changes: Any) -> KeyView:
    """Build a key of the list."""
    return KeyView(
        **{
            "id": 3,
            "name": "anna",
            "role": "commander",
            "prefix": "ntf_Ab12",
            "created_at": NOON - 1000 * MINUTE,
            "revoked_at": None,
            **changes,
        }
    )


def new_key() -> NewKeyView:
    """Build a key that was made just now."""
    return NewKeyView(
        id=3,
        name="anna",
        role="commander",
        prefix="ntf_Ab12",
        created_at=NOON,
        revoked_at=None,
        key="ntf_Ab12secretsecret",
    )
