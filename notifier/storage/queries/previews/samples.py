"""Samples of a broadcast: a few messages as their recipients would see them, different ones first."""

from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.contact import mask
from notifier.domain.errors import NotifierError
from notifier.domain.given import as_given, is_about_given
from notifier.domain.night import Hours, Message, Reader, Verdict, as_told, decide, hours_of, rule_for, told_by
from notifier.domain.notification import Channel, NotificationFacts, SiteName
from notifier.storage.database import Row, Transaction
from notifier.storage.queries.capped import Lately
from notifier.storage.queries.previews.counts import is_first_contact
from notifier.storage.queries.previews.outlook import Outlook
from notifier.storage.repositories import audience, claims, given
from notifier.storage.repositories.audience import POINT, POSITION, UNREACHED, Scope
from notifier.storage.repositories.broadcasts import StoredBroadcast
from notifier.storage.views import Sample

SAMPLES = 3
TEXTS = 24  # when each kind of message is asked for
SITES_IN_SAMPLE = 50
LOOKED_AT = 20  # readers, for a sample of what goes out now


def samples_of(
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
            about[row["id"]] = personal_facts(tx, row, found.kind, facts, scope, values, outlook)
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
            kind = BroadcastKind(personal.kind or found.kind)
            message = outlook.words.render(channel, kind, as_told(facts, personal), personal)
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
                      CASE WHEN {is_first_contact(scope, "c.id")} THEN 1 ELSE 0 END AS is_first,
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


def personal_facts(
    tx: Transaction,
    row: Row,
    kind: BroadcastKind,
    facts: Facts,
    scope: Scope,
    values: Mapping[str, object],
    outlook: Outlook,
) -> NotificationFacts:
    """Return what only one reader is told, of the first sites, and of the times that this reader was given."""
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
    personal = NotificationFacts(
        sites=tuple(SiteName(street=site["address"].split(",", 1)[0].strip(), label=site["label"]) for site in sites),
        sites_affected=len(sites),
        site_count=max(every, len(sites)),
        locale=row["locale"] or outlook.default_locale,
        time_zone="|".join(zones) or row["time_zone"] or outlook.time_zone,
        at=outlook.now,
        first_contact=bool(row["is_first"]),
    )
    if not is_about_given(kind, facts) or personal.first_contact:
        return personal
    incidents = (scope.incident_id, *scope.kin)
    before = given.handed_to(tx, [row["id"]], incidents, broadcast_id=scope.but, site_ids=ids)
    return as_given(personal, kind, facts, before.get(row["id"], ()), outlook.now)
