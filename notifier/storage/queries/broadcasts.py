"""Broadcasts as they are shown: one broadcast with its progress, and what a draft would do before it does it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from dataclasses import replace as revise
from datetime import datetime, timedelta
from typing import Protocol

import msgspec
from msgspec.structs import replace

from notifier.config import Config
from notifier.domain.broadcast import (
    ONLY_TO_TOLD,
    SAYS_BACK,
    BroadcastKind,
    BroadcastReason,
    BroadcastState,
    Facts,
    not_before,
    time_to_finish,
)
from notifier.domain.caps import Caps
from notifier.domain.consent import CONTRACT, Basis, purpose_of
from notifier.domain.contact import mask
from notifier.domain.errors import NotifierError
from notifier.domain.night import Hours, Message, Reader, Verdict, as_told, decide, hours_of, rule_for, told_by
from notifier.domain.notification import Channel, NotificationFacts, SiteName
from notifier.domain.playbook import Playbook
from notifier.domain.promise import Promise, PromiseState
from notifier.domain.second_person import alone_from, authors, first_asked
from notifier.domain.segments import segments
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import from_json, to_instant
from notifier.storage.queries import alone, place_doubts, rejections, sleepers, texts
from notifier.storage.queries.capped import Lately
from notifier.storage.queries.texts import Terms, Texts
from notifier.storage.repositories import audience, broadcasts, claims, incidents, neighbours, parts, planned, promises
from notifier.storage.repositories.audience import POINT, POSITION, UNREACHED, Scope
from notifier.storage.repositories.broadcasts import StoredBroadcast, noticed_since, part_told_by
from notifier.storage.views import BroadcastView, Preview, Progress, Sample, Waits

SAMPLES = 3
TEXTS = 24  # when each kind of message is asked for
SITES_IN_SAMPLE = 50
LOOKED_AT = 20  # readers, for a sample of what goes out now
UNKNOWN_SHOWN = 20


class RenderedMessage(Protocol):
    """What rendering gives."""

    @property
    def subject(self) -> str:
        """The subject."""
        ...

    @property
    def text(self) -> str:
        """The plain text."""
        ...


class Words(Protocol):
    """What a preview needs of the messages."""

    def render(
        self, channel: Channel, kind: BroadcastKind, facts: Facts, personal: NotificationFacts, /
    ) -> RenderedMessage:
        """Return a message as one reader sees it."""
        ...

    def unworded(self, facts: Facts, by_locale: Mapping[str, int], /) -> list[str]:
        """Return a warning for each phrase that readers of some locale will not see, because it has no wording."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """What a preview needs to know besides the store."""

    playbook: Playbook
    rates: Mapping[Channel, float]  # messages a second per channel; 0 = no configured rate
    take_back: timedelta
    time_zone: str  # of sites without one
    kinds: tuple[str, ...]  # of region, from narrow to wide
    default_locale: str
    now: datetime
    words: Words
    terms: Terms
    caps: Caps
    basis: Basis = CONTRACT
    people: Mapping[str, str] = field(default_factory=dict)  # on call, in order -> the name of their key


def outlook(config: Config, playbook: Playbook, *, now: datetime, words: Words) -> Outlook:
    """Return what previews need from the configuration; of several providers of a channel the first is used."""
    rates: dict[Channel, float] = {}
    for provider in config.providers:
        rates.setdefault(provider.channel, provider.rate)
    return Outlook(
        playbook=playbook,
        rates=rates,
        take_back=config.delivery.take_back,
        time_zone=config.regions.time_zone,
        kinds=config.regions.kinds,
        default_locale=config.locales.default,
        now=now,
        words=words,
        terms=texts.terms(config),
        basis=config.consent.covers(),
        caps=Caps(every=config.caps.every, sms_per_day=config.caps.sms_per_day),
        people={person.name: person.key for person in config.on_call.people},
    )


def view(tx: Transaction, broadcast_id: int) -> BroadcastView:
    """Return one broadcast; raise `NotFound`."""
    broadcasts.load(tx, broadcast_id)
    row = tx.row("SELECT * FROM broadcasts WHERE id = :id", id=broadcast_id)
    assert row is not None  # noqa: S101  # loaded above
    return _view(tx, row)


def of_incident(tx: Transaction, incident_id: int) -> list[BroadcastView]:
    """Return the broadcasts of an incident, oldest first."""
    rows = tx.rows("SELECT * FROM broadcasts WHERE incident_id = :id ORDER BY id", id=incident_id)
    return [_view(tx, row) for row in rows]


def scope_of(tx: Transaction, found: StoredBroadcast, playbook: Playbook, basis: Basis = CONTRACT) -> Scope:
    """Return whose audience a broadcast has: with the corrections of a draft that has not been applied yet."""
    incident = incidents.load(tx, found.incident_id)
    changes = found.changes
    corrected = () if changes is None or changes.before is not None else changes.regions
    return Scope(
        incident_id=found.incident_id,
        service=found.facts.service or incident.service,
        region_ids=tuple(corrected or incidents.place_regions(tx, incident.id)),
        channels=playbook.channels,
        only_told=found.kind in ONLY_TO_TOLD,
        but=found.id,
        purpose=purpose_of(found.kind),
        basis=basis,
        neighbours=neighbours.of(tx, incident, found.kind),
        part=parts.scope_of(tx, incident.id, part_told_by(found)),
        noticed_since=noticed_since(found),
        kin=parts.kin(tx, incident.id),
    )


def preview(
    tx: Transaction, broadcast_id: int, seen_from: Outlook, *, wake_reason: str = "", every_text: bool = False
) -> Preview:
    """Return what a broadcast would do, also if everyone was woken for a reason; reads only.

    `every_text`: a sample of each kind of message, by channel, language and wording, not only a few.
    """
    found = broadcasts.load(tx, broadcast_id)
    if wake_reason:
        found = revise(found, wake_reason=wake_reason)
    scope = scope_of(tx, found, seen_from.playbook, seen_from.basis)
    values: dict[str, object] = {"incident": scope.incident_id}
    if not scope.only_told:
        values["pattern"] = scope.pattern
    lately = _lately(found, seen_from)
    counted: dict[str, dict[str, int]] = {"outcome": {}, "channel": {}, "locale": {}, "first": {}, "capped": {}}
    for group, name, number in tx.tuples(_counts(scope, lately), **values):
        counted[group][name] = int(number)
    told = counted["outcome"].pop("told", 0)
    messages = {Channel(name): number for name, number in counted["channel"].items()}
    facts = msgspec.structs.replace(found.facts, customers=told + sum(counted["outcome"].values()))
    by_text = _texts(tx, found, facts, scope, values, lately, seen_from)
    capped = {Channel.SMS: by_text.capped, Channel.EMAIL: counted["capped"].get(Channel.EMAIL, 0)}
    going = _going(messages, by_text, capped)
    takes = _time_to_finish(going, by_text, seen_from)
    starts_at = max(found.not_before_at or seen_from.now, _starts_at(found, seen_from))
    done_at = max([starts_at + takes, *(until + takes for until in by_text.waits)])
    due_at = min((promise.due_at for promise in _open_promises(tx, found)), default=None)
    if found.facts.upcoming:
        due_at = planned.notice_due_at(tx, found, seen_from.playbook.planned_notice_lead)
    customers = told + sum(counted["outcome"].values())
    warnings = _warnings(found, messages, seen_from, customers=customers, told=told)
    warnings += seen_from.words.unworded(found.facts, counted["locale"])
    samples, failed = _samples(tx, found, facts, scope, values, lately, seen_from, every_text=every_text)
    return Preview(
        broadcast_id=found.id,
        kind=found.kind,
        customers=customers,
        notifications=sum(messages.values()),
        by_channel={str(name): number for name, number in messages.items()},
        by_locale=_by_locale(counted["locale"], seen_from.default_locale),
        by_region=_by_region(tx, scope, values),
        not_told=counted["outcome"],
        first_contact=counted["first"].get("", 0),
        finishes_in_seconds=takes.total_seconds(),
        promise_due_at=due_at,
        fits=due_at is None or (done_at if found.facts.upcoming else starts_at + takes) <= due_at,
        done_at=done_at,
        audience_limit=seen_from.playbook.audience_limit,
        needs_approval=customers > seen_from.playbook.audience_limit,
        warnings=warnings + failed,
        samples=samples,
        now={str(name): number for name, number in going.items() if number},
        waits=[Waits(until=until, messages=number) for until, number in sorted(by_text.waits.items())],
        mail_instead=by_text.mail_instead,
        capped={str(name): number for name, number in capped.items() if number},
        segments=by_text.segments,
        segments_now=by_text.segments_now,
        cost=None if seen_from.terms.price is None else str(seen_from.terms.price * by_text.segments),
        currency=seen_from.terms.currency,
        texts_take_seconds=by_text.segments / seen_from.terms.per_second,
        wake_reason=found.wake_reason,
        doubts=place_doubts.standing(tx, scope.incident_id, scope.region_ids),
        second_person=first_asked(seen_from.people, authors(found.created_by, found.sent_by), seen_from.people),
        second_person_wait_seconds=seen_from.playbook.second_person_wait.total_seconds(),
        alone_from_at=_alone_from(found, seen_from.playbook),
        back_at=_back_at(found),
        hold_seconds=0.0 if _back_at(found) is None else seen_from.playbook.hold_before_restored.total_seconds(),
        begins_at=None if _back_at(found) is None else starts_at,
    )


def _back_at(found: StoredBroadcast) -> datetime | None:
    return found.changes.at if found.kind in SAYS_BACK and found.changes is not None else None


def _alone_from(found: StoredBroadcast, playbook: Playbook) -> datetime | None:
    if found.state is not BroadcastState.AWAITING_APPROVAL or found.sent_at is None:
        return None
    return alone_from(found.sent_at, playbook.second_person_wait)


def _texts(
    tx: Transaction,
    found: StoredBroadcast,
    facts: Facts,
    scope: Scope,
    values: Mapping[str, object],
    lately: Lately,
    outlook: Outlook,
) -> Texts:
    """Return what the texts of a broadcast come to."""
    if Channel.SMS not in scope.channels:
        return Texts()

    def length(row: Row) -> int:
        try:
            personal = _personal(tx, row, scope, values, outlook)
            return segments(outlook.words.render(Channel.SMS, found.kind, facts, personal).text).count
        except NotifierError:
            return outlook.terms.segments_at_most  # a sample that cannot be made is a warning of its own

    return texts.count(
        tx,
        scope,
        values,
        facts,
        found.kind,
        outlook.playbook.night,
        length,
        terms=outlook.terms,
        time_zone=outlook.time_zone,
        wakes_all=found.wake_reason != "",
        is_first=_is_first_contact(scope, "p.point"),
        lately=lately,
        now=outlook.now,
    )


def _lately(found: StoredBroadcast, outlook: Outlook) -> Lately:
    return Lately(
        kind=found.kind,
        facts=found.facts,
        is_safety=rule_for(outlook.playbook.night, found.facts).safety,
        caps=outlook.caps,
        wrote_within=outlook.terms.wrote_within,
        now=outlook.now,
    )


def _going(messages: Mapping[Channel, int], by_text: Texts, capped: Mapping[Channel, int]) -> dict[Channel, int]:
    """Return how many messages go at once, by channel."""
    going = {channel: number - capped.get(channel, 0) for channel, number in messages.items()}
    if Channel.SMS in going:
        going[Channel.SMS] = by_text.now
    if by_text.mail_instead:
        going[Channel.EMAIL] = going.get(Channel.EMAIL, 0) + by_text.mail_instead
    return going


def _time_to_finish(going: Mapping[Channel, int], by_text: Texts, outlook: Outlook) -> timedelta:
    """Return how long what goes at once takes; carriers count segments, not texts."""
    takes = time_to_finish(going, outlook.rates)
    if not outlook.terms.is_limited:
        return takes
    return max(takes, timedelta(seconds=by_text.segments_now / outlook.terms.per_second))


def by_channel(tx: Transaction, broadcast_id: int) -> dict[Channel, int]:
    """Return how many notifications a broadcast has per channel."""
    rows = tx.tuples(
        "SELECT channel, count(*) FROM notifications WHERE broadcast_id = :id GROUP BY channel", id=broadcast_id
    )
    return {Channel(name): int(number) for name, number in rows}


def _view(tx: Transaction, row: Row) -> BroadcastView:
    rejected = row["reason"] == BroadcastReason.REJECTED
    by, why = rejections.said(tx, row["incident_id"], row["id"]) if rejected else (None, "")
    return BroadcastView(
        id=row["id"],
        incident_id=row["incident_id"],
        kind=row["kind"],
        state=row["state"],
        reason=row["reason"],
        created_at=to_instant(row["created_at"]),
        created_by=row["created_by"],
        sent_at=to_instant(row["sent_at"]),
        sent_by=row["sent_by"],
        approved_by=row["approved_by"],
        not_before_at=to_instant(row["not_before_at"]),
        started_at=to_instant(row["started_at"]),
        finished_at=to_instant(row["finished_at"]),
        automatic=bool(row["automatic"]),
        expected_customers=row["expected_customers"],
        wake_reason=row["wake_reason"],
        part=parts.told_as(tx, row["incident_id"], row["part_id"], row["kind"]),
        facts=from_json(row["facts"], dict),
        progress=_progress(tx, row),
        rejected_by=by,
        rejected_because=why,
        alone_reason=alone.reason(tx, row["incident_id"], row["id"]) if _may_be_alone(row) else "",
    )


def _may_be_alone(row: Row) -> bool:
    """Tell whether one person authorised a broadcast: only then it may be one that needed two."""
    return row["not_before_at"] is not None and row["approved_by"] is None and not row["automatic"]


def _progress(tx: Transaction, row: Row) -> Progress:
    audience_rows = tx.tuples(
        "SELECT outcome, count(*) FROM audience WHERE broadcast_id = :id GROUP BY outcome ORDER BY outcome",
        id=row["id"],
    )
    outcomes = {outcome: int(number) for outcome, number in audience_rows}
    counted = tx.tuples(
        f"SELECT {sleepers.COLUMNS} FROM notifications AS n WHERE n.broadcast_id = :id GROUP BY 1, 2, 3", id=row["id"]
    )
    return Progress(
        planned=row["planned_at"] is not None,
        customers_told=outcomes.pop("told", 0),
        customers_not_told=outcomes,
        states=sleepers.states(counted),
        in_doubt_ever=sum(int(doubted) for *_, doubted in counted),
        waiting=sleepers.waiting(counted),
    )


def _counts(scope: Scope, lately: Lately) -> str:
    """Return one statement that walks the audience once and counts it in five ways: (group, name, number)."""
    mails = lately.mails(scope.channels.index(Channel.EMAIL)) if Channel.EMAIL in scope.channels else ""
    return f"""
        WITH best AS MATERIALIZED ({audience.best(scope)}),
        points AS MATERIALIZED (SELECT reach % {POINT} AS point, MIN(reach / {POSITION}) AS place
                                FROM best WHERE reach < {UNREACHED} GROUP BY 1)
        SELECT 'outcome', {audience.outcome("least")} AS name, count(*)
        FROM (SELECT MIN(reach) AS least FROM best GROUP BY customer_id) AS each_one GROUP BY 2
        UNION ALL
        SELECT 'channel', {audience.channel(scope, "place")}, count(*) FROM points GROUP BY place
        UNION ALL
        SELECT 'locale', c.locale, count(*) FROM points JOIN contact_points AS c ON c.id = points.point
        GROUP BY c.locale
        UNION ALL
        SELECT 'first', '', count(*) FROM points WHERE {_is_first_contact(scope, "points.point")}
        {f"UNION ALL {mails}" if mails else ""}"""


def _is_first_contact(scope: Scope, point: str) -> str:
    return f"""NOT EXISTS (SELECT 1 FROM broadcasts AS b
                           JOIN notifications AS n ON n.broadcast_id = b.id AND n.contact_point_id = {point}
                           WHERE {audience.tells_of(scope, "b")} AND b.id <> {scope.but}
                             AND {audience.may_have_been_told("n")})"""


def _by_region(tx: Transaction, scope: Scope, values: Mapping[str, object]) -> dict[str, int]:
    if not scope.walked:
        return {}
    regions = audience.numbers(scope.walked)
    if scope.only_told:
        sql = f"""SELECT r.kind, r.code, count(DISTINCT t.customer_id) FROM ({audience.told_before(scope)}) AS t
                  JOIN site_regions AS sr ON sr.site_id = t.site_id AND sr.region_id IN ({regions})
                  JOIN regions AS r ON r.id = sr.region_id GROUP BY r.kind, r.code ORDER BY r.kind, r.code"""
        return {f"{kind} {code}": int(number) for kind, code, number in tx.tuples(sql, **values)}
    sql = f"""SELECT r.kind, r.code, count(DISTINCT s.customer_id)
              FROM regions AS r CROSS JOIN site_regions AS sr CROSS JOIN sites AS s
              WHERE r.id IN ({regions}) AND sr.region_id = r.id AND s.id = sr.site_id
                AND s.status = 'active' AND s.services LIKE :pattern{audience.still_in_place(scope, "s.id")}
              GROUP BY r.kind, r.code ORDER BY r.kind, r.code"""
    return {f"{kind} {code}": int(number) for kind, code, number in tx.tuples(sql, **values)}


def _by_locale(counted: Mapping[str, int], default: str) -> dict[str, int]:
    merged: dict[str, int] = {}
    for locale, number in counted.items():
        merged[locale or default] = merged.get(locale or default, 0) + number
    return dict(sorted(merged.items()))


def _open_promises(tx: Transaction, found: StoredBroadcast) -> list[Promise]:
    every = promises.standing(tx, incidents.load(tx, found.incident_id, found.part_id))
    return [promise for promise in every if promise.state is PromiseState.OPEN and promise.broadcast_id < found.id]


def _starts_at(found: StoredBroadcast, outlook: Outlook) -> datetime:
    return not_before(
        found.kind,
        now=outlook.now,
        take_back=outlook.take_back,
        hold_before_restored=outlook.playbook.hold_before_restored,
        back_at=None if found.changes is None else found.changes.at,
    )


def _warnings(
    found: StoredBroadcast, messages: Mapping[Channel, int], outlook: Outlook, *, customers: int, told: int
) -> list[str]:
    warnings = []
    if not customers:
        warnings.append("nobody is affected: no active site with this service lies there")
    elif not told:
        warnings.append("nobody can be reached")
    warnings += [
        f"no provider carries {name}: {number} messages would wait"
        for name, number in messages.items()
        if name not in outlook.rates
    ]
    if found.facts.blink:
        warnings.append("it was over sooner than tell_after: only those hear who reported it, or were told before")
    if found.changes is not None and found.changes.elsewhere:
        warnings.append(f"{found.changes.elsewhere:,} of the sites are in a part that is over already: left out")
    if found.changes is not None and found.changes.outside:
        warnings.append(f"{found.changes.outside:,} listed sites are not among those affected: left out")
    unknown = () if found.changes is None else found.changes.unknown
    if unknown:
        shown = ", ".join(unknown[:UNKNOWN_SHOWN])
        more = f" and {len(unknown) - UNKNOWN_SHOWN} more" if len(unknown) > UNKNOWN_SHOWN else ""
        warnings.append(f"{len(unknown)} listed sites are unknown and left out: {shown}{more}")
    return warnings


# --- samples --------------------------------------------------------------------------------------------------------


def _samples(
    tx: Transaction,
    found: StoredBroadcast,
    facts: Facts,
    scope: Scope,
    values: Mapping[str, object],
    lately: Lately,
    outlook: Outlook,
    *,
    every_text: bool,
) -> tuple[list[Sample], list[str]]:
    """Return messages as their recipients would see them, and what could not be made."""
    samples: list[Sample] = []
    problems: list[str] = []
    about: dict[int, NotificationFacts] = {}

    def personal_of(row: Row) -> NotificationFacts:
        if row["id"] not in about:
            about[row["id"]] = _personal(tx, row, scope, values, outlook)
        return about[row["id"]]

    def hears_now(row: Row) -> bool:
        return not row["is_capped"] and _is_awake(row, personal_of(row), found, outlook)

    groups = _varied(tx.rows(_chosen(scope, lately), **values))
    rows = [group[0] for group in groups] + [row for group in groups for row in group[1:]]
    chosen = rows[: min(len(groups), TEXTS)] if every_text else _first_who(hears_now, rows)[:SAMPLES]
    for row in chosen:
        channel = Channel(row["channel"])
        personal = _promised(personal_of(row), facts, channel, row, outlook)
        try:
            message = outlook.words.render(channel, found.kind, as_told(facts, personal), personal)
        except NotifierError as error:
            problems.append(f"a sample could not be made: {error}")
            continue
        samples.append(
            Sample(
                contact_point=mask(row["address"]),
                channel=channel,
                locale=row["locale"] or outlook.default_locale,
                subject=message.subject,
                text=message.text,
            )
        )
    return samples, list(dict.fromkeys(problems))


def _promised(
    personal: NotificationFacts, facts: Facts, channel: Channel, row: Row, outlook: Outlook
) -> NotificationFacts:
    """Return the personal facts with what this reader is promised: nothing for while they sleep, as at the claim."""
    if facts.next_update_by is None:
        return personal
    night = outlook.playbook.night
    message = Message(channel=channel, hours=hours_of(night), rule=rule_for(night, facts))
    by = told_by(facts.next_update_by, message, _reader(row, personal))
    return personal if by == facts.next_update_by else replace(personal, next_update_by=by)


def _is_awake(row: Row, personal: NotificationFacts, found: StoredBroadcast, outlook: Outlook) -> bool:
    """Tell whether the night lets a message to this reader go now, as far as a sample has to know."""
    night = outlook.playbook.night
    message = Message(
        channel=Channel(row["channel"]),
        hours=hours_of(night),
        rule=rule_for(night, found.facts),
        wakes_all=found.wake_reason != "",
    )
    return decide(outlook.now, message, _reader(row, personal)).verdict is Verdict.GOES


def _reader(row: Row, personal: NotificationFacts) -> Reader:
    own = None if row["quiet_from"] is None else Hours(row["quiet_from"], row["quiet_until"])
    return Reader(zones=personal.time_zone, own=own, is_priority=bool(row["is_priority"]))


def _first_who(hears_now: Callable[[Row], bool], rows: Sequence[Row]) -> list[Row]:
    """Return the rows with the first reader who hears now in front; more than a few are not asked about."""
    found = next((row for row in rows[:LOOKED_AT] if hears_now(row)), None)
    return list(rows) if found is None else [found, *(row for row in rows if row is not found)]


def _chosen(scope: Scope, lately: Lately) -> str:
    """Return the SQL of a few recipients: whoever comes first in the place, without walking all of it."""
    few = audience.best(scope, most=200)
    return f"""SELECT c.id, c.address, c.locale, c.time_zone, c.quiet_from, c.quiet_until,
                      CASE WHEN EXISTS (SELECT 1 FROM links AS k JOIN sites AS s ON s.id = k.site_id
                                        WHERE k.contact_point_id = c.id AND s.priority = 1)
                           THEN 1 ELSE 0 END AS is_priority,
                      {audience.channel(scope, "chosen.place")} AS channel,
                      CASE WHEN {_is_first_contact(scope, "c.id")} THEN 1 ELSE 0 END AS is_first,
                      CASE WHEN chosen.sites > 1 THEN 1 ELSE 0 END AS is_several,
                      CASE WHEN {_is_capped(scope, lately)} THEN 1 ELSE 0 END AS is_capped
               FROM (SELECT reach % {POINT} AS point, MIN(reach / {POSITION}) AS place,
                            count(DISTINCT site_id) AS sites
                     FROM ({few}) AS best WHERE reach < {UNREACHED} GROUP BY 1) AS chosen
               JOIN contact_points AS c ON c.id = chosen.point
               ORDER BY c.id"""


def _is_capped(scope: Scope, lately: Lately) -> str:
    """Return the SQL of whether a chosen reader has heard too much lately for a message on its channel."""
    by_place = (
        f"WHEN {place} THEN CASE WHEN {lately.is_too_much('c.id', channel)} THEN 1 ELSE 0 END"
        for place, channel in enumerate(scope.channels)
    )
    return f"CASE chosen.place {' '.join(by_place)} END = 1"


def _varied(rows: Sequence[Row]) -> list[list[Row]]:
    """Group alike messages: the most common first, of one site if there is one; then several sites; then others."""
    alike: dict[tuple[object, ...], list[Row]] = {}
    for row in rows:
        alike.setdefault(tuple(row[name] for name in ("is_several", "is_first", "locale", "channel")), []).append(row)
    groups = sorted(alike.values(), key=lambda group: (group[0]["is_several"], -len(group)))
    if not groups:
        return []
    usual, *others = groups
    several = [group for group in others if group[0]["is_several"]][:1]
    rest = [group for group in others if group not in several]
    rest.sort(key=lambda group: group[0]["is_first"] == usual[0]["is_first"])
    return [usual, *several, *rest]


def _personal(
    tx: Transaction, row: Row, scope: Scope, values: Mapping[str, object], outlook: Outlook
) -> NotificationFacts:
    if scope.only_told:
        told = f"SELECT t.site_id FROM ({audience.told_before(scope)}) AS t WHERE t.contact_point_id = :point"
        condition = f"s.id IN ({told})"
    else:
        condition = f"s.status = 'active' AND s.services LIKE :pattern AND {audience.in_place(scope, 's.id')}"
    sites = tx.rows(
        f"""SELECT DISTINCT s.id, s.address, s.label, s.time_zone FROM links AS l JOIN sites AS s ON s.id = l.site_id
            WHERE l.contact_point_id = :point AND {condition} ORDER BY s.id LIMIT {SITES_IN_SAMPLE}""",
        point=row["id"],
        **values,
    )
    ids = [site["id"] for site in sites]
    by_region = claims.region_time_zones(tx, ids, outlook.kinds)
    zones = dict.fromkeys(zone for site in sites if (zone := site["time_zone"] or by_region.get(site["id"], "")))
    every = claims.site_counts(tx, [row["id"]]).get(row["id"], 0)
    return NotificationFacts(
        sites=tuple(SiteName(street=site["address"].split(",", 1)[0].strip(), label=site["label"]) for site in sites),
        sites_affected=len(sites),
        site_count=max(every, len(sites)),
        locale=row["locale"] or outlook.default_locale,
        time_zone="|".join(zones) or row["time_zone"] or outlook.time_zone,
        at=outlook.now,
        first_contact=bool(row["is_first"]),
    )
