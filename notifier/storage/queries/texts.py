"""What an update by text comes to before it is sent: who hears now, who sleeps until when, segments and their price.

In: the scope of a draft. Out: counts, by the same decision that claims make (`domain.night`). Readers are counted in
groups that are alike in everything that decides, so a hundred thousand cost one statement and some dozen decisions.
The length of a text is that of the longest of its group.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from notifier.config import Config, Provider, ProviderKind
from notifier.domain import night
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.given import ENDS, is_about_given
from notifier.domain.night import Hours, Message, Reader, Verdict
from notifier.domain.notification import Channel
from notifier.domain.playbook import Night, NightRule
from notifier.domain.sms_sender import segments_per_second
from notifier.storage.database import Row, Transaction
from notifier.storage.instants import to_instant, to_micros
from notifier.storage.queries.capped import Lately
from notifier.storage.repositories import audience, given
from notifier.storage.repositories.audience import POINT, POSITION, UNREACHED, Scope

_FIVE_MINUTES = 300_000_000  # microseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What the configuration says of texts."""

    per_second: float  # segments that one sender number sends
    is_limited: bool  # by the carrier; a folder of texts takes them as fast as they come
    price: Decimal | None  # of a segment
    currency: str
    segments_at_most: int
    wrote_within: timedelta


@dataclass(slots=True)
class Texts:
    """What was counted."""

    now: int = 0
    segments: int = 0
    segments_now: int = 0
    waits: Counter[datetime] = field(default_factory=Counter)
    mail_instead: int = 0
    capped: int = 0  # heard too much lately


Length = Callable[[Row], int]
"""The segments of a text to a reader, given as a row with id, locale, time_zone, is_first."""


def terms(config: Config) -> Terms:
    """Return the terms of the provider that carries texts."""
    found = next((one for one in config.providers if one.channel is Channel.SMS), None)
    provider = found or Provider(name="none", kind=ProviderKind.FILE, channel=Channel.SMS)
    return Terms(
        per_second=segments_per_second(provider.sender, provider.segments_per_second),
        is_limited=provider.kind is ProviderKind.TWILIO,
        price=Decimal(provider.price_per_segment) if provider.price_per_segment else None,
        currency=config.sms.currency,
        segments_at_most=config.sms.segments_at_most,
        wrote_within=config.inbound.wrote_within,
    )


def count(
    tx: Transaction,
    scope: Scope,
    values: Mapping[str, object],
    facts: Facts,
    kind: BroadcastKind,
    nights: Night,
    length: Length,
    *,
    terms: Terms,
    time_zone: str,
    wakes_all: bool,
    is_first: str,
    lately: Lately,
    now: datetime,
) -> Texts:
    """Return who hears by text and when; `is_first` is the SQL condition that a point `p.point` was not told before.

    Who sleeps and has heard too much is counted among those who sleep: what holds then depends on what else is told.
    """
    message = Message(
        channel=Channel.SMS,
        hours=night.hours_of(nights),
        rule=night.rule_for(nights, facts),
        wakes_all=wakes_all,
    )
    told = Texts()
    lengths: dict[tuple[object, ...], int] = {}
    corrects = kind is BroadcastKind.CORRECTION
    has_mail = message.rule.rule is NightRule.EMAIL_ONLY
    too_much = lately.is_too_much("p.point", Channel.SMS)
    times = _times(tx, scope, kind, facts)
    sql = _groups(tx, scope, is_first, too_much, times, has_mail=has_mail, corrects=corrects)
    since = to_micros(now - terms.wrote_within)
    woken = {"woken": to_micros(now - night.CORRECTED_WITHIN)} if corrects else {}
    for row in tx.rows(sql, wrote=since, **woken, **values):
        number = int(row["number"])
        zones = {row["first_zone"], row["last_zone"]} - {""}
        reader = Reader(
            zones="|".join(sorted(zones)) or row["time_zone"] or time_zone,
            own=None if row["quiet_from"] is None else Hours(row["quiet_from"], row["quiet_until"]),
            is_priority=bool(row["is_priority"]),
            wrote_recently=bool(row["has_written"]),
            corrects_a_wake=bool(row["was_woken"]),
            has_mail=bool(row["has_mail"]),
            texted_at=None if row["texted"] is None else to_instant(row["texted"] * _FIVE_MINUTES),
        )
        decided = night.decide(now, message, reader)
        if decided.verdict is Verdict.MAIL:
            told.mail_instead += number
            continue
        alike = (row["locale"], row["is_first"], row["is_several"], row["given"])
        if alike not in lengths:
            lengths[alike] = length(row)
        told.segments += lengths[alike] * number
        if decided.until is None and row["is_capped"] and not reader.wrote_recently:
            told.capped += number
        elif decided.until is None:
            told.now += number
            told.segments_now += lengths[alike] * number
        else:
            told.waits[decided.until] += number
    return told


@dataclass(frozen=True, slots=True)
class _Times:
    """The SQL of which update gave a reader `p.point` the time that is spoken of, and of when it came by text."""

    given: str = "0"
    texted: str = "CAST(NULL AS BIGINT)"


def _times(tx: Transaction, scope: Scope, kind: BroadcastKind, facts: Facts) -> _Times:
    """Return how readers differ in the times that they were given, by the updates that they were handed.

    Texts count to five minutes, so that many readers are few groups. Who was given a time by an answer alone is counted
    with those who were not.
    """
    if not is_about_given(kind, facts):
        return _Times()
    updates = given.updates_of(tx, (scope.incident_id, *scope.kin), but=scope.but)
    named = {id_: eta for id_, (eta, _) in updates.items()}
    chosen = [id_ for id_, eta in named.items() if eta is not None] if kind in ENDS else list(named)
    if not chosen:
        return _Times()
    handed = f"FROM notifications AS g WHERE g.contact_point_id = p.point AND g.state IN ({given.HAS_IT})"
    which = f"g.broadcast_id IN ({audience.numbers(chosen)})"
    if kind in ENDS:
        return _Times(given=f"COALESCE((SELECT MIN(g.broadcast_id) {handed} AND {which}), 0)")
    last = f"COALESCE((SELECT MAX(g.broadcast_id) {handed} AND {which}), 0)"
    others = [id_ for id_, eta in named.items() if eta not in (None, facts.eta_at)]
    if not others:
        return _Times(given=last)
    texted = f"""(SELECT MAX(g.sending_at) / {_FIVE_MINUTES} {handed} AND g.channel = '{Channel.SMS}'
                    AND g.broadcast_id IN ({audience.numbers(others)}) AND g.broadcast_id = {last})"""
    return _Times(given=last, texted=texted)


def _groups(
    tx: Transaction, scope: Scope, is_first: str, too_much: str, times: _Times, *, has_mail: bool, corrects: bool
) -> str:
    """Return the SQL of readers by text, in groups. Parameters: `wrote`, `woken` of a correction, those of `best`.

    `id` is the one of the group whose street line is the longest.
    """
    place = scope.channels.index(Channel.SMS)
    woken = f"""EXISTS (SELECT 1 FROM broadcasts AS wb JOIN notifications AS wn ON wn.broadcast_id = wb.id
                        WHERE wb.incident_id = :incident AND wn.contact_point_id = p.point
                          AND wn.sending_at >= :woken AND wn.state IN ({audience.TOLD}))"""
    mail = """EXISTS (SELECT 1 FROM links AS ml JOIN links AS mx ON mx.site_id = ml.site_id AND mx.role = ml.role
                      JOIN contact_points AS mc ON mc.id = mx.contact_point_id
                      WHERE ml.contact_point_id = p.point AND mc.kind = 'email' AND mc.suppressed IS NULL
                        AND mc.channels_off NOT LIKE '%|email|%')"""
    return f"""
        WITH best AS MATERIALIZED ({audience.best(scope)}),
        writers AS MATERIALIZED (SELECT DISTINCT customer_id FROM complaints
                                 WHERE effective_at >= :wrote AND received_at >= :wrote AND verified = 1),
        points AS MATERIALIZED (
            SELECT b.reach % {POINT} AS point, MIN({_zone(tx)}) AS first_zone, MAX({_zone(tx)}) AS last_zone,
                   MAX(s.priority) AS is_priority, count(DISTINCT b.site_id) AS sites,
                   MAX(length(s.address)) AS longest,
                   MAX(CASE WHEN b.customer_id IN (SELECT customer_id FROM writers) THEN 1 ELSE 0 END) AS has_complained
            FROM best AS b JOIN sites AS s ON s.id = b.site_id
            WHERE b.reach < {UNREACHED} AND b.reach / {POSITION} = {place} GROUP BY 1),
        readers AS MATERIALIZED (
            SELECT p.point, p.longest, p.first_zone, p.last_zone, p.is_priority, c.locale, c.time_zone,
                   c.quiet_from, c.quiet_until,
                   CASE WHEN p.sites > 1 THEN 1 ELSE 0 END AS is_several,
                   CASE WHEN {is_first} THEN 1 ELSE 0 END AS is_first,
                   CASE WHEN p.has_complained = 1 OR EXISTS (
                       SELECT 1 FROM replies AS r WHERE r.contact_point_id = p.point AND r.received_at >= :wrote)
                       THEN 1 ELSE 0 END AS has_written,
                   CASE WHEN {woken if corrects else "1 = 0"} THEN 1 ELSE 0 END AS was_woken,
                   CASE WHEN {mail if has_mail else "1 = 0"} THEN 1 ELSE 0 END AS has_mail,
                   CASE WHEN {too_much} THEN 1 ELSE 0 END AS is_capped,
                   {times.given} AS given, {times.texted} AS texted
            FROM points AS p JOIN contact_points AS c ON c.id = p.point)
        SELECT locale, time_zone, first_zone, last_zone, is_priority, quiet_from, quiet_until, is_several, is_first,
               has_written, was_woken, has_mail, is_capped, given, texted, count(*) AS number,
               MAX(longest * {POINT} + point) % {POINT} AS id
        FROM readers
        GROUP BY locale, time_zone, first_zone, last_zone, is_priority, quiet_from, quiet_until, is_several, is_first,
                 has_written, was_woken, has_mail, is_capped, given, texted
        ORDER BY number DESC"""


def _zone(tx: Transaction) -> str:
    """Return the SQL of the time zone of a site, or of one of its regions where any region has one."""
    if tx.scalar("SELECT 1 FROM regions WHERE time_zone <> '' LIMIT 1") is None:
        return "s.time_zone"
    region = """COALESCE((SELECT MIN(zr.time_zone) FROM site_regions AS zs JOIN regions AS zr ON zr.id = zs.region_id
                          WHERE zs.site_id = s.id AND zr.time_zone <> ''), '')"""
    return f"CASE WHEN s.time_zone <> '' THEN s.time_zone ELSE {region} END"
