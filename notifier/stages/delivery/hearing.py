"""Who may hear an update at this hour, and what: the night, the caps, and what is promised for when.

In: the notifications of one claim with their personal facts. Out: for each, the facts it is told, or until when it
waits, or that a mail goes in its place, or that nothing does because it was over before anyone was woken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec.structs import replace

from notifier.config import Config
from notifier.domain import caps, night
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.caps import Caps
from notifier.domain.given import Handed, as_given, follows_since
from notifier.domain.night import Decision, Message, Reader, Verdict
from notifier.domain.notification import Channel, NotificationFacts, NotificationReason
from notifier.domain.playbook import Night, NightDecision, NightRule, Overnight, Playbook
from notifier.stages.delivery.given import handed_before
from notifier.storage.database import Transaction
from notifier.storage.repositories import broadcasts, fallbacks, readers
from notifier.storage.repositories.claims import Candidate, SendingBroadcast
from notifier.storage.repositories.fallbacks import NextStep
from notifier.storage.repositories.readers import Sleeper


@dataclass(frozen=True, slots=True, kw_only=True)
class Hearing:
    """What becomes of one notification at this hour: it goes, unless it waits or ends."""

    personal: NotificationFacts
    until: datetime | None = None  # it waits
    waits_for: NotificationReason = NotificationReason.QUIET_HOURS
    ends_as: NotificationReason | None = None  # it ends: a mail goes in its place, or nothing
    mail: Sequence[NextStep] = ()

    @property
    def goes(self) -> bool:
        """Whether it goes out now."""
        return self.until is None and self.ends_as is None


class Hearings:
    """Decides for the notifications of one broadcast and channel at a time; writes nothing."""

    def __init__(self, config: Config, playbooks: Mapping[str, Playbook]) -> None:
        """Keep the parts; `playbooks` are by service."""
        self._playbooks = playbooks
        self._basis = config.consent.covers()
        self._wrote_within = config.inbound.wrote_within
        self._caps = Caps(every=config.caps.every, sms_per_day=config.caps.sms_per_day)

    def decide(
        self,
        tx: Transaction,
        broadcast: SendingBroadcast,
        facts: Facts,
        channel: Channel,
        found: Mapping[int, Candidate],
        personal: Mapping[int, NotificationFacts],
        now: datetime,
    ) -> dict[int, Hearing]:
        """Return what becomes of each notification."""
        if broadcast.kind == BroadcastKind.PLANNED_CHANGED:
            personal = {id_: _first_notice(each) for id_, each in personal.items()}
        kind, incidents = BroadcastKind(broadcast.kind), (broadcast.incident_id, *broadcast.tells_for)
        handed = handed_before(tx, kind, facts, found.values(), incidents, broadcast_id=broadcast.id)
        personal = {id_: as_given(each, kind, facts, handed.get(id_, ()), now) for id_, each in personal.items()}
        if channel is Channel.EMAIL:
            hearings = {id_: Hearing(personal=_as_mail(one, personal[id_])) for id_, one in found.items()}
        else:
            hearings = self._by_night(tx, broadcast, facts, channel, found, personal, handed, now)
        return self._under_caps(tx, broadcast, facts, channel, found, hearings, now)

    # --- the night

    def _by_night(
        self,
        tx: Transaction,
        broadcast: SendingBroadcast,
        facts: Facts,
        channel: Channel,
        found: Mapping[int, Candidate],
        personal: Mapping[int, NotificationFacts],
        handed: Mapping[int, Sequence[Handed]],
        now: datetime,
    ) -> dict[int, Hearing]:
        playbook = self._playbooks.get(broadcast.service)
        message = _message(broadcast, facts, channel, playbook)
        is_mail_enough = message.rule.rule is NightRule.EMAIL_ONLY
        mail = self._find_mail(tx, broadcast, list(found)) if is_mail_enough else {}
        known = self._sleepers(tx, broadcast, list(found), now)
        hearings = {}
        for id_, one in found.items():
            texted_at = follows_since(BroadcastKind(broadcast.kind), facts, handed.get(id_, ()))
            reader = _reader(known[id_], personal[id_].time_zone, broadcast, texted_at, has_mail=id_ in mail)
            told = replace(personal[id_], held=one.reason == NotificationReason.QUIET_HOURS)
            if facts.next_update_by is not None:
                by = night.told_by(facts.next_update_by, message, reader)
                told = told if by == facts.next_update_by else replace(told, next_update_by=by)
            hearings[id_] = _heard(night.decide(now, message, reader), told, mail.get(id_, ()))
        if broadcast.kind == BroadcastKind.RESTORED:
            hearings |= self._slept_through(tx, broadcast, playbook, found, hearings)
        return hearings

    def _slept_through(
        self,
        tx: Transaction,
        broadcast: SendingBroadcast,
        playbook: Playbook | None,
        found: Mapping[int, Candidate],
        hearings: Mapping[int, Hearing],
    ) -> dict[int, Hearing]:
        """Return those who were told nothing until it was over: no text is worth it now, a mail perhaps."""
        slept = [
            id_
            for id_, heard in hearings.items()
            if heard.until is None and heard.personal.held and not found[id_].told_before
        ]
        is_told = playbook is None or playbook.overnight is Overnight.EMAIL
        mail = self._find_mail(tx, broadcast, slept) if is_told else {}
        over = NotificationReason.OVER_BEFORE_RELEASE
        return {id_: Hearing(personal=hearings[id_].personal, ends_as=over, mail=mail.get(id_, ())) for id_ in slept}

    def _find_mail(
        self, tx: Transaction, broadcast: SendingBroadcast, notification_ids: Sequence[int]
    ) -> dict[int, list[NextStep]]:
        """Return the mail addresses of the same customers and roles."""
        if not notification_ids:
            return {}
        scope = fallbacks.scope_of(tx, broadcasts.load(tx, broadcast.id), (Channel.EMAIL,), self._basis)
        return fallbacks.find_next(tx, scope, notification_ids)

    def _sleepers(
        self, tx: Transaction, broadcast: SendingBroadcast, notification_ids: Sequence[int], now: datetime
    ) -> dict[int, Sleeper]:
        return readers.sleepers(
            tx,
            notification_ids,
            incident_id=broadcast.incident_id,
            wrote_since=now - self._wrote_within,
            woken_since=now - night.CORRECTED_WITHIN,
        )

    # --- the caps

    def _under_caps(
        self,
        tx: Transaction,
        broadcast: SendingBroadcast,
        facts: Facts,
        channel: Channel,
        found: Mapping[int, Candidate],
        hearings: dict[int, Hearing],
        now: datetime,
    ) -> dict[int, Hearing]:
        """Put off what would be too much, and promise nothing for before the next message fits."""
        going = {id_: found[id_].contact_point_id for id_, heard in hearings.items() if heard.goes}
        is_text = channel is Channel.SMS
        if not going or not (is_text or self._caps.every):
            return hearings
        since = now - max(self._caps.every, caps.DAY if is_text else timedelta())
        before = readers.heard(tx, list(going.values()), since=since)
        late: dict[int, datetime] = {}
        for id_, point in going.items():
            heard = before.get(point, ())
            told = night.as_told(facts, hearings[id_].personal)
            if heard and (at := self._fits_at(broadcast, told, channel, heard, now)) is not None:
                late[id_] = at
            elif is_text and facts.next_update_by is not None:
                hearings[id_] = self._promised(hearings[id_], facts.next_update_by, heard, now)
        wrote = {id_ for id_, one in self._sleepers(tx, broadcast, list(late), now).items() if one.wrote}
        for id_, at in late.items():
            if id_ not in wrote:
                cap = NotificationReason.FREQUENCY_CAP
                hearings[id_] = Hearing(personal=hearings[id_].personal, until=at, waits_for=cap)
        return hearings

    def _fits_at(
        self, broadcast: SendingBroadcast, facts: Facts, channel: Channel, heard: Sequence[caps.Heard], now: datetime
    ) -> datetime | None:
        rule = _rule(self._playbooks.get(broadcast.service), facts)
        return caps.fits_at(
            now,
            broadcast.kind,
            channel,
            heard,
            self._caps,
            is_safety=rule.safety,
            promised_by=caps.promised_by(facts, now),
        )

    def _promised(
        self, hearing: Hearing, next_update_by: datetime, heard: Sequence[caps.Heard], now: datetime
    ) -> Hearing:
        fits = caps.next_word_at(now, Channel.SMS, heard, self._caps)
        told = hearing.personal.next_update_by or next_update_by
        if fits <= told:
            return hearing
        return Hearing(personal=replace(hearing.personal, next_update_by=fits + night.AFTER_RELEASE))


def _heard(decision: Decision, personal: NotificationFacts, mail: Sequence[NextStep]) -> Hearing:
    match decision.verdict:
        case Verdict.GOES:
            return Hearing(personal=personal)
        case Verdict.WAITS:
            return Hearing(personal=personal, until=decision.until)
        case Verdict.MAIL:
            return Hearing(personal=personal, ends_as=NotificationReason.QUIET_HOURS, mail=mail)


def _first_notice(personal: NotificationFacts) -> NotificationFacts:
    """Let who was not told of planned work before hear of it as everybody did, not that its time has changed."""
    return replace(personal, kind=str(BroadcastKind.PLANNED_NOTICE)) if personal.first_contact else personal


def _as_mail(one: Candidate, personal: NotificationFacts) -> NotificationFacts:
    return replace(personal, kind=str(BroadcastKind.OVERNIGHT)) if one.is_overnight else personal


def _message(broadcast: SendingBroadcast, facts: Facts, channel: Channel, playbook: Playbook | None) -> Message:
    hours = night.hours_of(playbook.night if playbook else Night())
    return Message(channel=channel, hours=hours, rule=_rule(playbook, facts), wakes_all=broadcast.wakes_all)


def _rule(playbook: Playbook | None, facts: Facts) -> NightDecision:
    return night.rule_for(playbook.night if playbook else Night(), facts)


def _reader(
    sleeper: Sleeper, zones: str, broadcast: SendingBroadcast, texted_at: datetime | None, *, has_mail: bool
) -> Reader:
    return Reader(
        zones=zones,
        own=sleeper.own,
        is_priority=sleeper.is_priority,
        wrote_recently=sleeper.wrote,
        corrects_a_wake=sleeper.was_woken and broadcast.kind == BroadcastKind.CORRECTION,
        has_mail=has_mail,
        texted_at=texted_at,
    )
