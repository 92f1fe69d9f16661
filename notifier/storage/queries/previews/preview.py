"""What a broadcast would do, before it does it: whom it reaches, when, at what cost, and what speaks against it."""

from collections.abc import Mapping
from dataclasses import replace as revise
from datetime import datetime, timedelta

import msgspec

from notifier.domain.broadcast import (
    ONLY_TO_TOLD,
    SAYS_BACK,
    BroadcastKind,
    BroadcastState,
    Facts,
    not_before,
    time_to_finish,
)
from notifier.domain.consent import CONTRACT, Basis, purpose_of
from notifier.domain.errors import NotifierError
from notifier.domain.night import as_told, rule_for
from notifier.domain.notification import Channel
from notifier.domain.playbook import Playbook
from notifier.domain.promise import Promise, PromiseState
from notifier.domain.second_person import alone_from, authors, first_asked
from notifier.domain.segments import segments
from notifier.storage.database import Row, Transaction
from notifier.storage.queries import place_doubts, texts
from notifier.storage.queries.capped import Lately
from notifier.storage.queries.previews import counts
from notifier.storage.queries.previews.outlook import Outlook
from notifier.storage.queries.previews.samples import personal_facts, samples_of
from notifier.storage.queries.previews.stopped import stopped_by
from notifier.storage.queries.texts import Texts
from notifier.storage.repositories import broadcasts, incidents, neighbours, parts, planned, promises
from notifier.storage.repositories.audience import Scope
from notifier.storage.repositories.broadcasts import StoredBroadcast, noticed_since, part_told_by
from notifier.storage.views import Preview, Waits

UNKNOWN_SHOWN = 20


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
        rest_of=found.facts.rest_of,
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
    counted = counts.count(tx, scope, values, lately)
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
    warnings += [
        f"{number:,} of them {'is' if number == 1 else 'are'} in planned work #{work}, which goes on: they hear of"
        " that, and nothing of this"
        for work, number in counts.by_work(tx, scope, values).items()
        if number
    ]
    warnings += stopped_by(tx, found)
    warnings += seen_from.words.unworded(found.facts, counted["locale"])
    samples, failed = samples_of(tx, found, facts, scope, values, lately, seen_from, every_text=every_text)
    return Preview(
        broadcast_id=found.id,
        kind=found.kind,
        customers=customers,
        notifications=sum(messages.values()),
        by_channel={str(name): number for name, number in messages.items()},
        by_locale=counts.by_locale(counted["locale"], seen_from.default_locale),
        by_region=counts.by_region(tx, scope, values),
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
            personal = personal_facts(tx, row, found.kind, facts, scope, values, outlook)
            kind = BroadcastKind(personal.kind or found.kind)
            return segments(outlook.words.render(Channel.SMS, kind, as_told(facts, personal), personal).text).count
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
        is_first=counts.is_first_contact(scope, "p.point"),
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
