"""The tables, declared once: migrations create them, repositories write SQL against them, tests compare the two.

Instants (`*_at`, `*_by`) are BIGINT microseconds UTC; money is integer minor units with a currency; JSON is text.
States and reasons are constrained by CHECK from the enums of `domain`. Tables that only later releases write
(consent, receipts, replies, credits, follow-ups, on-call, planned work, storms) are here from the first
migration so that those releases only add code.
"""

from collections.abc import Iterable
from enum import StrEnum

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from notifier.domain.audience import AudienceOutcome
from notifier.domain.broadcast import BroadcastKind, BroadcastReason, BroadcastState
from notifier.domain.complaint import NotCounted
from notifier.domain.consent import ConsentState, Purpose
from notifier.domain.credit import CreditReason, CreditState
from notifier.domain.customer import ContactKind, Role, SiteStatus, SuppressionReason
from notifier.domain.event import EventKind
from notifier.domain.incident import (
    DismissReason,
    Impact,
    IncidentKind,
    IncidentState,
    PartState,
    RegionRole,
)
from notifier.domain.mail_effect import MailEffect
from notifier.domain.mail_report import MailKind
from notifier.domain.mail_verdict import Verdict
from notifier.domain.notification import Channel, NotificationReason, NotificationState
from notifier.domain.on_call import CallOutcome, CallReason, Route, RouteState, Says
from notifier.domain.promise import PromiseKind, PromiseState
from notifier.domain.reply import Meaning
from notifier.domain.signal import SignalState

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

BigId = BigInteger().with_variant(Integer(), "sqlite")  # SQLite only numbers INTEGER PRIMARY KEY by itself
Instant = BigInteger


def _id() -> Column[int]:
    return Column("id", BigId, primary_key=True, autoincrement=True)


def _one_of(column: str, values: type[StrEnum] | Iterable[str]) -> CheckConstraint:
    # not `IN (...)`: for a CHECK, SQLite builds the list anew for every row, which costs more than the insert itself
    return CheckConstraint(" OR ".join(f"{column} = '{value}'" for value in values), name=column)


def _yes_no(name: str) -> tuple[Column[int], CheckConstraint]:
    return Column(name, SmallInteger, nullable=False, server_default="0"), CheckConstraint(
        f"{name} IN (0, 1)", name=name
    )


# --- who may use it -------------------------------------------------------------------------------------------------

api_keys = Table(
    "api_keys",
    metadata,
    _id(),
    Column("name", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("hash", Text, nullable=False, unique=True),  # SHA-256 of the whole key; a key has 256 bits of chance
    Column("prefix", Text, nullable=False),  # first characters, to recognise a key in a list
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    _one_of("role", ("viewer", "agent", "commander", "manager", "system")),
)

control = Table(  # switches of the whole daemon: `paused`
    "control",
    metadata,
    Column("name", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("changed_by", Text, nullable=False),
)

writers = Table(  # PostgreSQL: the daemon that has the database, and how often it has committed; one row
    "writers",
    metadata,
    Column("owner", Text, primary_key=True),
    Column("commits", BigInteger, nullable=False),
)

audit = Table(  # who did what, when, why, from where; append-only
    "audit",
    metadata,
    _id(),
    Column("at", Instant, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("target", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default="{}"),
    Column("origin", Text, nullable=False, server_default=""),
)

# --- directory ------------------------------------------------------------------------------------------------------

customers = Table(
    "customers",
    metadata,
    _id(),
    Column("reference", Text, nullable=False, unique=True),  # the company's own customer number
    Column("name", Text, nullable=False, server_default=""),
    Column("account_type", Text, nullable=False, server_default=""),
    Column("plan", Text, nullable=False, server_default=""),
    Column("monthly_price_minor", BigInteger),
    Column("currency", Text, nullable=False, server_default=""),
    Column("legal_hold", Text, nullable=False, server_default=""),
    Column("created_at", Instant, nullable=False),
    Column("updated_at", Instant, nullable=False),
)

sites = Table(
    "sites",
    metadata,
    _id(),
    Column("customer_id", BigInteger, ForeignKey("customers.id"), nullable=False),
    Column("reference", Text, nullable=False),
    Column("label", Text, nullable=False, server_default=""),
    Column("address", Text, nullable=False, server_default=""),  # its first part up to a comma is the street line
    Column("services", Text, nullable=False),  # "|internet|power|": searched by LIKE '%|power|%'
    Column("status", Text, nullable=False),
    *_yes_no("priority"),
    Column("time_zone", Text, nullable=False, server_default=""),  # "" = by region; several joined by "|" when unsure
    Column("updated_at", Instant, nullable=False),
    UniqueConstraint("customer_id", "reference"),
    _one_of("status", SiteStatus),
    Index(  # few, and told first
        "ix_sites_priority", "priority", "id", sqlite_where=text("priority = 1"), postgresql_where=text("priority = 1")
    ),
)

regions = Table(
    "regions",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("time_zone", Text, nullable=False, server_default=""),
    Column("new_on", Integer),  # the baseline day on which it became known; NULL = before the first one
    UniqueConstraint("kind", "code"),
)

site_regions = Table(
    "site_regions",
    metadata,
    Column("region_id", BigInteger, ForeignKey("regions.id"), primary_key=True),
    Column("site_id", BigInteger, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    *_yes_no("derived"),  # from a phone's area code, because the row gave no region
    Index("ix_site_regions_site_id", "site_id", "region_id"),
    sqlite_with_rowid=False,
)

contact_points = Table(
    "contact_points",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),
    Column("address", Text, nullable=False, unique=True),  # E.164, or a wire-safe mail address
    Column("locale", Text, nullable=False, server_default=""),
    Column("time_zone", Text, nullable=False, server_default=""),
    Column("suppressed", Text),  # the reason of the suppression in force, or NULL
    Column("quiet_from", SmallInteger),  # minutes after local midnight; own hours win
    Column("quiet_until", SmallInteger),
    Column("channels_off", Text, nullable=False, server_default=""),  # "|sms|": not by these, by its own wish
    Column("chosen", Text, nullable=False, server_default=""),  # "|locale|quiet|": chosen by itself, not by a file
    Column("soft_bounces", SmallInteger, nullable=False, server_default="0"),
    Column("created_at", Instant, nullable=False),
    _one_of("kind", ContactKind),
    _one_of("suppressed", SuppressionReason),
)

links = Table(  # which site a contact point hears about, and as what
    "links",
    metadata,
    Column("contact_point_id", BigInteger, ForeignKey("contact_points.id", ondelete="CASCADE"), primary_key=True),
    Column("site_id", BigInteger, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, primary_key=True),
    Column("customer_id", BigInteger, ForeignKey("customers.id"), nullable=False),
    Column(
        "position", SmallInteger, nullable=False, server_default="0"
    ),  # order in the row: email 0, phone 1, phone2 2
    # the role second: planning chooses per site and role in the order of this index, without sorting
    Index("ix_links_site_id", "site_id", "role", "contact_point_id", "customer_id", "position"),
    _one_of("role", Role),
    sqlite_with_rowid=False,
)

former_links = Table(  # whose a contact point was, whose last link to that customer a directory took away
    "former_links",
    metadata,
    Column("contact_point_id", BigInteger, ForeignKey("contact_points.id", ondelete="CASCADE"), primary_key=True),
    Column("customer_id", BigInteger, ForeignKey("customers.id"), primary_key=True),
    Column("left_at", Instant, nullable=False),
    Index("ix_former_links_customer_id", "customer_id"),
    sqlite_with_rowid=False,
)

consents = Table(  # no row means the configured basis, never yes
    "consents",
    metadata,
    Column("contact_point_id", BigInteger, ForeignKey("contact_points.id", ondelete="CASCADE"), primary_key=True),
    Column("purpose", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("basis", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False),
    Column("wording", Text, nullable=False, server_default=""),
    Column("changed_at", Instant, nullable=False),
    _one_of("purpose", Purpose),
    _one_of("state", ConsentState),
)

consent_log = Table(  # every word said about consent; append-only, survives the contact point by its keyed hash
    "consent_log",
    metadata,
    _id(),
    Column("contact_point_id", BigInteger, ForeignKey("contact_points.id", ondelete="SET NULL")),
    Column("address_hash", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("basis", Text, nullable=False, server_default=""),
    Column("source", Text, nullable=False),
    Column("wording", Text, nullable=False, server_default=""),
    Column("actor", Text, nullable=False),
    Column("at", Instant, nullable=False),
    _one_of("purpose", Purpose),
    _one_of("state", ConsentState),
    Index("ix_consent_log_contact_point_id", "contact_point_id"),
    Index("ix_consent_log_address_hash", "address_hash"),
)

muted_sites = Table(  # sites that a contact point does not want to hear about, whatever the directory says
    "muted_sites",
    metadata,
    Column("contact_point_id", BigInteger, ForeignKey("contact_points.id", ondelete="CASCADE"), primary_key=True),
    Column("site_id", BigInteger, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    Column("created_at", Instant, nullable=False),
    Index("ix_muted_sites_site_id", "site_id"),
    sqlite_with_rowid=False,
)

guests = Table(  # delivery.only_to, as of the start of the daemon; empty = everyone may be written to
    "guests",
    metadata,
    Column("address", Text, primary_key=True),
)

suppressions = Table(  # the log behind contact_points.suppressed; survives the contact point by its keyed hash
    "suppressions",
    metadata,
    _id(),
    Column("contact_point_id", BigInteger, ForeignKey("contact_points.id", ondelete="SET NULL")),
    Column("address_hash", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("wording", Text, nullable=False, server_default=""),
    Column("actor", Text, nullable=False, server_default="daemon"),
    Column("created_at", Instant, nullable=False),
    Column("lifted_at", Instant),
    Column("lifted_source", Text, nullable=False, server_default=""),
    _one_of("reason", SuppressionReason),
    Index("ix_suppressions_address_hash", "address_hash"),
    Index("ix_suppressions_contact_point_id", "contact_point_id"),
)

# --- intake and detection -------------------------------------------------------------------------------------------

complaints = Table(
    "complaints",
    metadata,
    _id(),  # also the position: one writer, so ids ascend in the order of commits
    Column("source", Text, nullable=False),
    Column("external_id", Text),
    Column("api_key_id", BigInteger),
    Column("idempotency_key", Text),
    Column("body_hash", Text),
    Column("reporter", Text, nullable=False),  # normalised address, or customer:REFERENCE
    Column("customer_id", BigInteger, ForeignKey("customers.id", ondelete="SET NULL")),
    Column("service", Text, nullable=False),
    Column("text", Text, nullable=False, server_default=""),
    Column("occurred_at", Instant, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("effective_at", Instant, nullable=False),  # occurred_at, never later than received_at
    *_yes_no("verified"),
    Column("regions", Text, nullable=False),  # JSON array of region ids it belongs to
    Column("counted_regions", Text, nullable=False),  # those it counts in: evidence, or baseline (history, late)
    Column("named_before", Text),  # those of them in which its customer had counted with another service; NULL = none
    Column("place_region_id", BigInteger),  # the narrowest of its regions
    Column("not_counted", Text),  # why it is evidence nowhere
    Column("answer_to", Text),  # who may hear back: the address it came from, "" = the customer; NULL = nobody (lists)
    Column("correlation_id", Text, nullable=False),
    Column("written_from", Text),  # of an unverified one that may count: a digest of the address it was written from
    UniqueConstraint("source", "external_id"),
    Index(
        "uq_complaints_idempotency_key",  # most come without one
        "api_key_id",
        "idempotency_key",
        unique=True,
        sqlite_where=text("idempotency_key IS NOT NULL"),
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
    Index(
        "ix_complaints_reporter",
        "reporter",
        "effective_at",
        sqlite_where=text("counted_regions <> '[]'"),  # a flood of repeats must not make the next look-up slow
        postgresql_where=text("counted_regions <> '[]'"),
    ),
    Index(  # the others, for who is forgotten: a complaint is in one of the two
        "ix_complaints_reporter_not_counted",
        "reporter",
        sqlite_where=text("counted_regions = '[]'"),
        postgresql_where=text("counted_regions = '[]'"),
    ),
    Index("ix_complaints_customer_id", "customer_id", "received_at"),
    Index("ix_complaints_effective_at", "effective_at"),
    Index(
        "ix_complaints_unverified",
        "place_region_id",
        "service",
        "effective_at",
        sqlite_where=text("verified = 0 AND not_counted IS NULL"),
        postgresql_where=text("verified = 0 AND not_counted IS NULL"),
    ),
    Index(
        "ix_complaints_written_from",
        "written_from",
        "effective_at",
        sqlite_where=text("written_from IS NOT NULL AND not_counted IS NULL"),
        postgresql_where=text("written_from IS NOT NULL AND not_counted IS NULL"),
    ),
    _one_of("not_counted", NotCounted),
    sqlite_autoincrement=True,  # retention removes rows; an id must never come again, for it is a position
)

cell_days = Table(  # complaints counted per cell and local day: the facts from which the baseline is made
    "cell_days",
    metadata,
    Column("region_id", BigInteger, ForeignKey("regions.id"), primary_key=True),
    Column("service", Text, primary_key=True),
    Column("day", Integer, primary_key=True),  # local days since 1970-01-01
    Column("complaints", Integer, nullable=False),
    sqlite_with_rowid=False,
)

service_hours = Table(  # complaints per service and local hour, over all regions: the shape of a week
    "service_hours",
    metadata,
    Column("service", Text, primary_key=True),
    Column("hour", Integer, primary_key=True),  # local hours since 1970-01-01T00
    Column("source", Text, primary_key=True, server_default=""),  # "" = imported as history: nobody was listened to
    Column("complaints", Integer, nullable=False),
    sqlite_with_rowid=False,
)

baselines = (
    Table(  # the level of a cell as of the end of a day: derived from cell_days, stored so that decisions repeat
        "baselines",
        metadata,
        Column("region_id", BigInteger, ForeignKey("regions.id"), primary_key=True),
        Column("service", Text, primary_key=True),
        Column("through_day", Integer, nullable=False),
        Column("level_sum", Float, nullable=False),
        Column("level_weight", Float, nullable=False),
        Column("daily_mean", Float, nullable=False),  # over all history
        Column("settled_through_day", Integer),  # the sums from which later levels go on; NULL = made from all its days
        Column("settled_first_day", Integer),
        Column("settled_sum", Float),
        Column("settled_long_sum", Float),
        Column("settled_complaints", BigInteger),
        Column("settled_fingerprint", BigInteger),  # of what the days weighed: where it differs, they do not go on
    )
)

baseline_shapes = Table(
    "baseline_shapes",
    metadata,
    Column("service", Text, primary_key=True),
    Column("through_day", Integer, nullable=False),
    Column("shape", Text, nullable=False),  # JSON array of 168 weights, mean 1
)

detector = Table(  # one row: how far the stream has been decided
    "detector",
    metadata,
    Column("id", SmallInteger, primary_key=True),
    Column("position", BigInteger, nullable=False),
    Column("newest_at", Instant, nullable=False, server_default="0"),  # the newest effective time up to there
    Column("baseline_day", Integer, nullable=False),
    Column("state", Text, nullable=False, server_default="{}"),
    CheckConstraint("id = 1", name="one_row"),
)

signals = Table(  # what machines report: an alarm each time it goes off; evidence, never a complaint
    "signals",
    metadata,
    _id(),
    Column("source", Text, nullable=False),
    Column("alarm", Text, nullable=False),  # the same each time it goes off: a fingerprint, or the id its source gives
    Column("name", Text, nullable=False),
    Column("service", Text, nullable=False, server_default=""),
    Column("regions", Text, nullable=False, server_default="[]"),  # JSON array of region ids
    Column("sites", Text, nullable=False, server_default="[]"),  # JSON array of site ids
    Column("why_not", Text, nullable=False, server_default=""),  # why it is evidence nowhere; "" = it is
    Column("state", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default="{}"),
    Column("left_out", Integer, nullable=False, server_default="0"),  # alerts its sender had cut off behind it
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("received_at", Instant, nullable=False),
    Column("heard_at", Instant, nullable=False),  # the newest report of it
    Column("times", Integer, nullable=False, server_default="1"),  # reports of it
    Column("calls_from", Instant),  # when it calls people while it is open; NULL = never
    Column("correlation_id", Text, nullable=False),
    UniqueConstraint("source", "alarm", "started_at"),
    _one_of("state", SignalState),
    Index(  # few, and asked for at every look at the stream
        "ix_signals_open",
        "heard_at",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
    Index("ix_signals_received_at", "received_at"),
)

# --- incidents ------------------------------------------------------------------------------------------------------

events = Table(  # storms: incidents under one commander
    "events",
    metadata,
    _id(),
    Column("kind", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("service", Text, nullable=False),
    Column("commander", Text, nullable=False),
    Column("estimate_by_at", Instant),  # by when customers are promised a first estimate
    Column("opened_at", Instant, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", Text),
    _one_of("kind", EventKind),
)

event_regions = Table(  # where an event is; without any it is everywhere
    "event_regions",
    metadata,
    Column("event_id", BigInteger, ForeignKey("events.id"), primary_key=True),
    Column("region_id", BigInteger, ForeignKey("regions.id"), primary_key=True),
)

incidents = Table(
    "incidents",
    metadata,
    _id(),
    Column("kind", Text, nullable=False, server_default=IncidentKind.UNPLANNED),
    Column("service", Text, nullable=False),
    Column("impact", Text, nullable=False, server_default=Impact.DOWN),
    Column("state", Text, nullable=False),
    Column("playbook", Text, nullable=False),
    Column("place", Text, nullable=False, server_default=""),  # for people: "94110, 94112" or "37 sites"
    Column("started_at", Instant, nullable=False),  # about when service failed
    Column("opened_at", Instant, nullable=False),
    Column("opened_by", Text, nullable=False),  # "daemon" or the name of a key
    Column("confirmed_at", Instant),
    Column("confirmed_by", Text),
    Column("resolved_at", Instant),
    Column("closed_at", Instant),
    Column("dismissed_at", Instant),
    Column("dismiss_reason", Text),
    Column("merged_into", BigInteger, ForeignKey("incidents.id")),
    Column("event_id", BigInteger, ForeignKey("events.id")),
    Column("assessed_at", Instant),  # in an event: from when on customers may be given a time
    Column("assigned_to", Text),
    Column("window_from_at", Instant),  # planned work
    Column("window_until_at", Instant),
    Column("last_evidence_at", Instant),
    Column("correlation_id", Text, nullable=False),  # that of the complaint that opened it
    _one_of("kind", IncidentKind),
    _one_of("impact", Impact),
    _one_of("state", IncidentState),
    _one_of("dismiss_reason", DismissReason),
    Index("ix_incidents_state", "state", "service"),
    Index(
        "ix_incidents_event_id",
        "event_id",
        sqlite_where=text("event_id IS NOT NULL"),
        postgresql_where=text("event_id IS NOT NULL"),
    ),
    Index(  # what ended in the last hours is asked for many times a minute
        "ix_incidents_dismissed_at",
        "dismissed_at",
        sqlite_where=text("dismissed_at IS NOT NULL"),
        postgresql_where=text("dismissed_at IS NOT NULL"),
    ),
    Index(
        "ix_incidents_resolved_at",
        "resolved_at",
        sqlite_where=text("resolved_at IS NOT NULL"),
        postgresql_where=text("resolved_at IS NOT NULL"),
    ),
)

incident_regions = Table(
    "incident_regions",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True),
    Column("region_id", BigInteger, ForeignKey("regions.id"), primary_key=True),
    Column("role", Text, nullable=False),
    _one_of("role", RegionRole),
    Index("ix_incident_regions_region_id", "region_id"),
)

place_doubts = Table(  # regions of a suspected place with weak support, and siblings that may be out as well
    "place_doubts",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True),
    Column("region_id", BigInteger, ForeignKey("regions.id"), primary_key=True),
    *_yes_no("named"),  # it is part of the place
    Column("callers", BigInteger, nullable=False),
    Column("expected", Float, nullable=False),  # callers, if nothing were wrong
    Column("sites", BigInteger, nullable=False),
    Column("chance", Float, nullable=False),  # that it is out
)

parts = Table(
    "parts",
    metadata,
    _id(),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), nullable=False),
    Column("name", Text, nullable=False, server_default=""),
    Column("state", Text, nullable=False, server_default=PartState.OUT),
    Column("cause", Text, nullable=False, server_default=""),
    Column("crew", Text, nullable=False, server_default=""),
    Column("eta_at", Instant),
    Column("next_update_by", Instant),
    Column("believed_back_at", Instant),
    Column("restored_at", Instant),
    Column("cut_from", BigInteger, ForeignKey("parts.id")),  # NULL: the first part, which is the rest
    Column("cut_at", Instant),  # NULL: only a draft names it
    Column("joined_at", Instant),  # sites that joined: since then they belong to the first part
    Column("became", BigInteger, ForeignKey("parts.id")),  # the part of another incident: split off, or merged
    Column("position", SmallInteger, nullable=False, server_default="0"),  # the first that names a site has it
    *_yes_no("joins"),  # its sites come to the place when it is sent, and to the first part when that begins
    _one_of("state", PartState),
    Index("ix_parts_incident_id", "incident_id"),
    Index(
        "ix_parts_became",
        "became",
        sqlite_where=text("became IS NOT NULL"),
        postgresql_where=text("became IS NOT NULL"),
    ),
)

part_regions = Table(  # what a part that was cut off is named by; of the incident's place only
    "part_regions",
    metadata,
    Column("part_id", BigInteger, ForeignKey("parts.id"), primary_key=True),
    Column("region_id", BigInteger, ForeignKey("regions.id"), primary_key=True),
    sqlite_with_rowid=False,
)

part_sites = Table(  # or listed by
    "part_sites",
    metadata,
    Column("part_id", BigInteger, ForeignKey("parts.id"), primary_key=True),
    Column("site_id", BigInteger, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_part_sites_site_id", "site_id"),
    sqlite_with_rowid=False,
)

incident_sites = Table(  # the place of an incident that is a list of sites
    "incident_sites",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True),
    Column("site_id", BigInteger, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_incident_sites_site_id", "site_id"),
    sqlite_with_rowid=False,
)

incident_signals = Table(  # the alarms that are evidence of an incident
    "incident_signals",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True),
    Column("signal_id", BigInteger, ForeignKey("signals.id", ondelete="CASCADE"), primary_key=True),
    Index("ix_incident_signals_signal_id", "signal_id"),
    sqlite_with_rowid=False,
)

evidence = Table(
    "evidence",
    metadata,
    _id(),
    Column("incident_id", BigInteger, ForeignKey("incidents.id")),
    Column("region_id", BigInteger, ForeignKey("regions.id"), nullable=False),
    Column("service", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Column("window_from_at", Instant, nullable=False),
    Column("observed", Integer, nullable=False),
    Column("expected", Float, nullable=False),
    Column("score", Float, nullable=False),
    Column("grade", Text, nullable=False),
    Column("distinct_customers", Integer, nullable=False),
    Column("verified", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    _one_of("grade", ("likely", "certain")),
    Index("ix_evidence_incident_id", "incident_id"),
    Index("ix_evidence_at", "at"),
)

timeline = Table(  # what happened to an incident; append-only
    "timeline",
    metadata,
    _id(),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), nullable=False),
    Column("at", Instant, nullable=False),
    Column("event", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("detail", Text, nullable=False, server_default="{}"),
    Index("ix_timeline_incident_id", "incident_id"),
)

# --- broadcasts and delivery ----------------------------------------------------------------------------------------

rounds = Table(  # one word to several incidents of an event, sent by one number
    "rounds",
    metadata,
    _id(),
    Column("event_id", BigInteger, ForeignKey("events.id"), nullable=False),
    Column("expected_customers", Integer, nullable=False, server_default="0"),  # each once, as they were shown
    Column("left_out", Text, nullable=False, server_default="{}"),  # JSON: incident -> why it is not in it
    Column("more", Integer, nullable=False, server_default="0"),  # incidents for which there was no room in it
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Index("ix_rounds_event_id", "event_id"),
)

broadcasts = Table(
    "broadcasts",
    metadata,
    _id(),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), nullable=False),
    Column("part_id", BigInteger, ForeignKey("parts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default=BroadcastReason.BY_PERSON),
    Column("facts", Text, nullable=False),  # JSON of domain.broadcast.Facts
    Column("template_version", Text, nullable=False, server_default=""),
    Column("changes", Text, nullable=False, server_default="{}"),  # what `send` will do to the incident
    *_yes_no("automatic"),
    *_yes_no("may_delay"),  # authorises an automatic `delayed` for the promise it makes
    Column("wake_reason", Text, nullable=False, server_default=""),  # why the night holds nobody up; "" = it does
    Column("expected_customers", Integer, nullable=False, server_default="0"),  # what the preview counted
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("sent_at", Instant),
    Column("sent_by", Text),
    Column("approved_by", Text),
    Column("not_before_at", Instant),  # the take-back time, or the hold before "restored"
    Column("started_at", Instant),  # its promises stand and older updates are superseded from here
    Column("planned_at", Instant),  # the audience is complete
    Column("finished_at", Instant),
    Column("plan_source", Integer, nullable=False, server_default="0"),  # progress of planning: which region or list
    Column("plan_after", BigInteger, nullable=False, server_default="0"),  # and the last site id walked there
    Column("correlation_id", Text, nullable=False),
    Column("round_id", BigInteger, ForeignKey("rounds.id")),  # the others with which it is sent by one number
    _one_of("kind", BroadcastKind),
    _one_of("state", BroadcastState),
    _one_of("reason", BroadcastReason),
    Index("ix_broadcasts_incident_id", "incident_id"),
    Index(
        "ix_broadcasts_round_id",
        "round_id",
        sqlite_where=text("round_id IS NOT NULL"),
        postgresql_where=text("round_id IS NOT NULL"),
    ),
    Index("ix_broadcasts_state", "state"),
)

promises = Table(
    "promises",
    metadata,
    _id(),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), nullable=False),
    Column("part_id", BigInteger, ForeignKey("parts.id"), nullable=False),
    Column("broadcast_id", BigInteger, ForeignKey("broadcasts.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("state", Text, nullable=False, server_default=PromiseState.OPEN),
    Column("made_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("automatic_in_row", SmallInteger, nullable=False, server_default="0"),
    *_yes_no("may_delay"),
    Column("warned_at", Instant),
    UniqueConstraint("broadcast_id", "part_id", "kind"),  # a part that is cut off carries what its sites were promised
    _one_of("kind", PromiseKind),
    _one_of("state", PromiseState),
    Index("ix_promises_state", "state", "due_at"),
    Index("ix_promises_incident_id", "incident_id"),
)

audience = Table(
    "audience",
    metadata,
    Column("broadcast_id", BigInteger, ForeignKey("broadcasts.id"), primary_key=True),
    Column("customer_id", BigInteger, ForeignKey("customers.id"), primary_key=True),
    Column("outcome", Text, nullable=False),
    _one_of("outcome", AudienceOutcome),
    sqlite_with_rowid=False,
)

audience_notifications = Table(  # which sites of which customers a notification carries
    "audience_notifications",
    metadata,
    Column("broadcast_id", BigInteger, primary_key=True),  # that of its notification; checking it costs too much here
    Column("contact_point_id", BigInteger, ForeignKey("contact_points.id", ondelete="CASCADE"), primary_key=True),
    Column("site_id", BigInteger, ForeignKey("sites.id", ondelete="CASCADE"), primary_key=True),
    Column("customer_id", BigInteger, nullable=False),  # that of the site
    sqlite_with_rowid=False,
)

notifications = Table(
    "notifications",
    metadata,
    _id(),
    Column("broadcast_id", BigInteger, ForeignKey("broadcasts.id")),  # NULL: an answer to one contact point
    Column("contact_point_id", BigInteger, ForeignKey("contact_points.id"), nullable=False),
    Column("cause_kind", Text),  # of an answer: what it answers
    Column("cause_id", BigInteger),
    Column("channel", Text, nullable=False),
    Column("state", Text, nullable=False, server_default=NotificationState.PENDING),
    Column("reason", Text, nullable=False, server_default=NotificationReason.PLANNED),
    Column("answer", Text),  # JSON of domain.answer.Answer, of an answer
    Column("fallback_of", BigInteger),  # the notification that failed on the channel before
    Column("due_at", Instant, nullable=False),  # its microseconds are the order of hearing within a broadcast
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("owner", Text),
    Column("lease_until", Float),  # monotonic seconds of the owner's host
    Column("provider", Text),
    Column("provider_id", Text),
    Column("template_version", Text),
    Column("facts", Text),  # JSON of domain.notification.NotificationFacts, from the first claim on
    Column("planned_at", Instant, nullable=False),
    Column("sending_at", Instant),  # the last claim
    Column("ended_at", Instant),  # handed over, or its end state
    Column("in_doubt_at", Instant),  # set once and kept: it was in doubt at some time
    UniqueConstraint("broadcast_id", "contact_point_id"),
    Index(  # partial: the messages of a broadcast have no cause and need no room in it
        "uq_notifications_cause",
        "cause_kind",
        "cause_id",
        "contact_point_id",
        unique=True,
        sqlite_where=text("cause_kind IS NOT NULL"),
        postgresql_where=text("cause_kind IS NOT NULL"),
    ),
    _one_of("channel", Channel),
    _one_of("state", NotificationState),
    _one_of("reason", NotificationReason),
    Index(
        "ix_notifications_pending",
        "broadcast_id",
        "channel",
        "due_at",
        "id",
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
    Index(  # the predicate is written with OR: SQLite does not see that `state = 'held'` lies within an IN
        "ix_notifications_unsettled",
        "state",
        "broadcast_id",
        sqlite_where=text("state = 'sending' OR state = 'in_doubt' OR state = 'held'"),
        postgresql_where=text("state = 'sending' OR state = 'in_doubt' OR state = 'held'"),
    ),
    Index("ix_notifications_contact_point_id", "contact_point_id"),
)

attempts = Table(  # one hand-over of a notification to a provider; append-only
    "attempts",
    metadata,
    _id(),
    Column("notification_id", BigInteger, ForeignKey("notifications.id"), nullable=False),
    Column("number", SmallInteger, nullable=False),
    Column("provider", Text, nullable=False),
    Column("began_at", Instant, nullable=False),
    Column("ended_at", Instant, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text, nullable=False, server_default=""),  # "250", "550 5.1.1"
    Column("answer", Text, nullable=False, server_default=""),  # the provider's words, addresses masked
    Column("provider_id", Text, nullable=False, server_default=""),
    Column("bytes", Integer, nullable=False, server_default="0"),
    _one_of("outcome", ("accepted", "temporary", "permanent", "ours", "unknown", "render_failed")),
    Index("ix_attempts_notification_id", "notification_id"),
)

pauses = Table(  # a contact point that wants nothing more about one incident
    "pauses",
    metadata,
    Column("contact_point_id", BigInteger, ForeignKey("contact_points.id", ondelete="CASCADE"), primary_key=True),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True),
    Column("created_at", Instant, nullable=False),
    sqlite_with_rowid=False,
)

editions = Table(  # the sources of every template version that was used, so that what was sent can be shown again
    "editions",
    metadata,
    Column("version", Text, primary_key=True),
    Column("content", Text, nullable=False),  # JSON of messages.edition.Edition
    Column("first_used_at", Instant, nullable=False),
)

receipts = Table(  # what the provider says later; append-only
    "receipts",
    metadata,
    _id(),
    Column("notification_id", BigInteger, ForeignKey("notifications.id"), nullable=False),
    Column("attempt", SmallInteger, nullable=False, server_default="0"),  # the try it is about; 0 = not told
    Column("provider", Text, nullable=False),
    Column("provider_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("code", Text, nullable=False, server_default=""),
    Column("received_at", Instant, nullable=False),
    Column("detail", Text, nullable=False, server_default="{}"),
    UniqueConstraint("provider", "provider_id", "status"),
    Index("ix_receipts_notification_id", "notification_id"),
)

mail_reports = Table(  # mails that came back: each once, also those that say nothing about anybody
    "mail_reports",
    metadata,
    _id(),
    Column("key", Text, nullable=False, unique=True),  # hash of its Message-ID and token, or of its bytes
    Column("kind", Text, nullable=False),
    Column("notification_id", BigInteger),  # outlives it
    Column("verdict", Text),
    Column("effect", Text, nullable=False),
    Column("code", Text, nullable=False, server_default=""),  # "550 5.1.1"
    Column("words", Text, nullable=False, server_default=""),  # of the mail system, addresses masked
    Column("received_at", Instant, nullable=False),
    _one_of("kind", MailKind),
    _one_of("verdict", Verdict),
    _one_of("effect", MailEffect),
    Index("ix_mail_reports_received_at", "received_at"),
    Index("ix_mail_reports_notification_id", "notification_id"),
)

replies = Table(  # what customers answer
    "replies",
    metadata,
    _id(),
    Column("source", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("contact_point_id", BigInteger, ForeignKey("contact_points.id", ondelete="SET NULL")),
    Column("customer_id", BigInteger, ForeignKey("customers.id", ondelete="SET NULL")),
    Column("site_id", BigInteger, ForeignKey("sites.id", ondelete="SET NULL")),
    Column("incident_id", BigInteger, ForeignKey("incidents.id")),
    Column("sender", Text, nullable=False, server_default=""),  # normalised address; also of somebody not on file
    Column("meaning", Text, nullable=False),  # domain.reply.Meaning
    Column("service", Text, nullable=False, server_default=""),
    Column("text", Text, nullable=False, server_default=""),
    Column("received_at", Instant, nullable=False),
    Column("handled_at", Instant),  # everything that follows from it is stored
    Column("forward_due_at", Instant),  # to be mailed to the helpdesk then; NULL: not, or done
    UniqueConstraint("source", "external_id"),
    Index("ix_replies_contact_point_id", "contact_point_id", "received_at"),
    Index("ix_replies_customer_id", "customer_id", "received_at"),
    Index("ix_replies_incident_id", "incident_id", "meaning"),
    Index(
        "ix_replies_unhandled",
        "id",
        sqlite_where=text("handled_at IS NULL"),
        postgresql_where=text("handled_at IS NULL"),
    ),
    Index(
        "ix_replies_forward",
        "forward_due_at",
        sqlite_where=text("forward_due_at IS NOT NULL"),
        postgresql_where=text("forward_due_at IS NOT NULL"),
    ),
    _one_of("meaning", Meaning),
)

# --- people on call, recovery ---------------------------------------------------------------------------------------

alarms = Table(  # a need that wakes people on call, from when it is seen until it is gone
    "alarms",
    metadata,
    _id(),
    Column("key", Text, nullable=False),  # the same need has the same key
    Column("reason", Text, nullable=False),
    Column("incident_id", BigInteger, ForeignKey("incidents.id")),
    Column("broadcast_id", BigInteger, ForeignKey("broadcasts.id")),
    Column("opened_at", Instant, nullable=False),
    Column("answered_at", Instant),  # the last time
    Column("answered_by", Text, nullable=False, server_default=""),  # a person on call, or an actor
    Column("answer", Text, nullable=False, server_default=""),
    Column("rests_until", Instant),  # nobody is called about it before; then it begins again
    Column("ended_at", Instant),
    _one_of("reason", CallReason),
    Index(
        "uq_alarms_key",  # one at a time
        "key",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

calls = Table(  # one person woken about one or more alarms, by all their routes at once
    "calls",
    metadata,
    _id(),
    Column("person", Text, nullable=False),
    Column("reason", Text, nullable=False),  # the most urgent of its alarms
    Column("text", Text, nullable=False),  # what was said, without the code
    Column("verbs", Text, nullable=False),  # "|send|wait|no|": what may be answered by SMS
    Column("code_salt", Text, nullable=False, server_default=""),  # its code is a keyed hash of it
    Column("code_tries", SmallInteger, nullable=False, server_default="0"),  # wrong codes from this person's number
    Column("called_at", Instant, nullable=False),
    Column("answered_at", Instant),
    Column("answered_by", Text, nullable=False, server_default=""),
    Column("answer", Text, nullable=False, server_default=""),
    Column("ended_at", Instant),  # nothing of it is open any more, and whoever was called has been told
    Column("outcome", Text),
    _one_of("reason", CallReason),
    _one_of("outcome", CallOutcome),
    Index("ix_calls_open", "person", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")),
)

call_alarms = Table(  # what a call is about
    "call_alarms",
    metadata,
    Column("alarm_id", BigInteger, ForeignKey("alarms.id"), primary_key=True),
    Column("call_id", BigInteger, ForeignKey("calls.id"), primary_key=True),
    Index("ix_call_alarms_call_id", "call_id"),
    sqlite_with_rowid=False,
)

call_routes = Table(  # what is handed over to a person on one route
    "call_routes",
    metadata,
    _id(),
    Column("call_id", BigInteger, ForeignKey("calls.id"), nullable=False),
    Column("route", Text, nullable=False),
    Column("says", Text, nullable=False),
    Column("text", Text, nullable=False, server_default=""),  # of what follows the call
    Column("state", Text, nullable=False, server_default=RouteState.WAITING),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),
    Column("due_at", Instant, nullable=False),
    Column("handed_over_at", Instant),
    Column("provider", Text, nullable=False, server_default=""),
    Column("provider_id", Text, nullable=False, server_default=""),
    Column("problem", Text, nullable=False, server_default=""),  # what the last attempt said, without addresses
    Column("receipt", Text, nullable=False, server_default=""),  # what the provider said later
    UniqueConstraint("call_id", "route", "says"),
    _one_of("route", Route),
    _one_of("says", Says),
    _one_of("state", RouteState),
    Index(
        "ix_call_routes_due",
        "due_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
)

credit_runs = Table(  # the outage of one part, from its failure to its restoration, and how far it was counted
    "credit_runs",
    metadata,
    _id(),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), nullable=False),
    Column("part_id", BigInteger, ForeignKey("parts.id"), nullable=False),
    # whose audience it is
    Column("broadcast_id", BigInteger, ForeignKey("broadcasts.id"), nullable=False, unique=True),
    Column("service", Text, nullable=False),
    Column("from_at", Instant, nullable=False),
    Column("until_at", Instant, nullable=False),
    Column("customers", Integer, nullable=False),  # of the incident, as tariffs ask
    Column("newest_site_id", BigInteger, nullable=False, server_default="0"),  # later ones were not there then
    Column("counted_to", BigInteger, nullable=False, server_default="0"),  # the last customer that was counted
    Column("created_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Index("ix_credit_runs_incident_id", "incident_id"),
    Index("ix_credit_runs_service", "service", "until_at"),
)

credit_totals = Table(  # what an incident owes by now: lines somebody has answered for, reversals taken off
    "credit_totals",
    metadata,
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("owed_minor", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

credit_batches = Table(  # a file of lines for billing, confirmed by its control total
    "credit_batches",
    metadata,
    _id(),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("filled_at", Instant),  # every line is in it
    Column("loaded_at", Instant),  # a person says that billing has all of it
    Column("loaded_by", Text, nullable=False, server_default=""),
)

credit_lines = Table(
    "credit_lines",
    metadata,
    _id(),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), nullable=False),
    Column("customer_id", BigInteger, ForeignKey("customers.id"), nullable=False),
    Column("tariff", Text, nullable=False),
    Column("site_id", BigInteger, nullable=False, server_default="0"),  # 0: the customer as a whole
    Column("step", Integer, nullable=False),  # a reversal has the negative step of what it reverses
    Column("tariff_from", Text, nullable=False, server_default=""),  # the day from which the tariff was valid
    Column("run_id", BigInteger, ForeignKey("credit_runs.id")),  # NULL: by hand
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("month", Integer, nullable=False),  # 202611: the local month in which the outage ended, or of the grant
    Column("bill_after_months", SmallInteger, nullable=False, server_default="1"),
    Column("bill_month", Integer),  # 202612: on which bill it is; from its approval on, and then for good
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("note", Text, nullable=False, server_default=""),  # of people to people
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("decided_at", Instant),
    Column("decided_by", Text),
    Column("idempotency_key", Text),  # of a grant: the same one again is the same grant
    Column("batch_id", BigInteger, ForeignKey("credit_batches.id")),
    Column("attempts", SmallInteger, nullable=False, server_default="0"),  # of posting
    Column("asked_at", Instant),  # when posting was begun
    Column("due_at", Instant),  # of posting: tried again then, also what a crash left behind
    Column("posted_at", Instant),
    Column("reference", Text, nullable=False, server_default=""),  # what billing calls it
    Column("problem", Text, nullable=False, server_default=""),  # why billing did not take it
    Column("reverses", BigInteger, ForeignKey("credit_lines.id"), unique=True),
    UniqueConstraint("incident_id", "customer_id", "tariff", "step", "site_id"),
    _one_of("state", CreditState),
    _one_of("reason", CreditReason),
    Index("ix_credit_lines_customer_id", "customer_id", "tariff", "month"),
    Index(  # lines that wait for somebody; most do not
        "ix_credit_lines_open",
        "state",
        "incident_id",
        "id",
        sqlite_where=text("state = 'proposed' OR state = 'approved' OR state = 'failed'"),
        postgresql_where=text("state = 'proposed' OR state = 'approved' OR state = 'failed'"),
    ),
    Index(
        "ix_credit_lines_posting",
        "due_at",
        "id",
        sqlite_where=text("state = 'posting'"),
        postgresql_where=text("state = 'posting'"),
    ),
    Index(
        "ix_credit_lines_batch_id",
        "batch_id",
        "id",
        sqlite_where=text("batch_id IS NOT NULL"),
        postgresql_where=text("batch_id IS NOT NULL"),
    ),
    Index(
        "uq_credit_lines_idempotency_key",
        "created_by",
        "idempotency_key",
        unique=True,
        sqlite_where=text("idempotency_key IS NOT NULL"),
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
)

follow_ups = Table(
    "follow_ups",
    metadata,
    _id(),
    Column("incident_id", BigInteger, ForeignKey("incidents.id"), nullable=False),
    Column("customer_id", BigInteger, ForeignKey("customers.id"), nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("score", SmallInteger),
    Column("text", Text, nullable=False, server_default=""),
    UniqueConstraint("incident_id", "customer_id", "kind"),
    _one_of("state", ("due", "sent", "answered", "silent", "dropped")),
)

cases = Table(  # one unhappy customer's matter
    "cases",
    metadata,
    _id(),
    Column("incident_id", BigInteger, ForeignKey("incidents.id")),
    Column("customer_id", BigInteger, ForeignKey("customers.id"), nullable=False),
    Column("state", Text, nullable=False),
    Column("owner", Text),
    Column("due_by", Instant, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("detail", Text, nullable=False, server_default="{}"),
    _one_of("state", ("open", "taken", "closed")),
)
