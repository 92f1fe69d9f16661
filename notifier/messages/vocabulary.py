"""The words that a template may use: instants in the reader's zone and locale, codes as phrases, pieces of sentences.

"" and empty lists stand for what is not known, so that a template can ask `if`. docs/MESSAGES.md explains each word.
"""

from collections.abc import Mapping
from datetime import timedelta

from notifier.domain.answer import AnswerKind, MessageKind
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.incident import Impact
from notifier.domain.notification import Channel, NotificationFacts
from notifier.messages.edition import Edition
from notifier.messages.phrases import Phrase, Phrases
from notifier.messages.places import Place, cut
from notifier.messages.times import ABOUT, ReaderTimes

FEW_CUSTOMERS = 20  # below it the number of affected customers is not said: it could point at somebody
OFFERED_AT_MOST = 6  # sites that a text can offer to choose from
OFFERED_LENGTH = 24  # of the name of each

_FIRST = frozenset({BroadcastKind.ACKNOWLEDGED, BroadcastKind.REPEAT, BroadcastKind.ASSESSING})
_OVER = frozenset({BroadcastKind.RESTORED, BroadcastKind.OVERNIGHT, BroadcastKind.PLANNED_RESTORED})
_QUIET = frozenset(
    {
        BroadcastKind.PLANNED_NOTICE,
        BroadcastKind.PLANNED_REMINDER,
        BroadcastKind.PLANNED_CHANGED,
        BroadcastKind.PLANNED_CANCELLED,
        BroadcastKind.PLANNED_OVERRUN,
        *AnswerKind,
    }
)


_OF_NO_SITE = frozenset(
    {
        AnswerKind.OPTED_OUT,
        AnswerKind.OPTED_IN,
        AnswerKind.HELP,
        AnswerKind.LANGUAGE,
        AnswerKind.PREFERENCES,
        AnswerKind.WHICH_SITE,
    }
)
"""Answers about the reader and not about a place: no sites are listed."""


class Vocabulary:
    """Turns facts into words, by one edition."""

    def __init__(self, edition: Edition, phrases: Phrases) -> None:
        self._edition, self._phrases = edition, phrases

    def words(
        self,
        channel: Channel,
        kind: MessageKind,
        facts: Facts | None,
        personal: NotificationFacts,
        times: ReaderTimes,
        place: Place,
    ) -> dict[str, object]:
        """Return everything that a template may say."""
        known = facts or Facts(service="")
        return {
            **self._service(channel, known),
            **self._company_and_replies(known),
            **self._about(personal, times, Place(text=place.text) if kind in _OF_NO_SITE else place),
            "site_names": _offered(personal, channel) if kind is AnswerKind.WHICH_SITE else (),
            **self._when(known, times),
            **self._why(channel, kind, known, personal),
            "customers": times.number(rounded(known.customers)) if _says_how_many(known) else "",
            "outages": known.outages,
            "is_earlier": bool(known.eta_at and known.previous_eta_at and known.eta_at < known.previous_eta_at),
            "automatic": known.automatic,
            "late": known.late,
            "is_over": known.restored_at is not None and known.reopened_at is None,
        }

    def _service(self, channel: Channel, facts: Facts) -> dict[str, str]:
        """Return how the service is spoken of: its own word, and the pieces of sentences of this impact."""
        service = self._phrases.service(facts.service)
        pieces = service.impact(facts.impact)
        name = pieces.get("word") or self._edition.words.get(facts.service, facts.service)
        ours = service.ours_sms if channel is Channel.SMS else service.ours
        return {
            **{piece: text.replace("{service}", name) for piece, text in pieces.items() if piece != "word"},
            "service": name,
            "ours": ours.replace("{service}", name),
        }

    def _company_and_replies(self, facts: Facts) -> dict[str, str]:
        replies, company = self._phrases.replies, self._edition.company
        service = facts.service if facts.impact == Impact.DOWN else ""  # "no power" is not said of weak power
        return {
            "company": company.name,
            "phone": company.phone,
            "postal_address": company.postal_address,
            "on_word": replies.on_word(service),
            "out_word": replies.out_word(service),
            "status_word": replies.status[0],
            "pause_word": replies.pause[0],
            "help_word": replies.help[0],
            "start_word": replies.start[0],
            "stop_word": replies.stop[0],
        }

    def _about(self, personal: NotificationFacts, times: ReaderTimes, place: Place) -> dict[str, object]:
        return {
            "language": personal.locale.replace("_", "-"),
            "place": place.text,
            "sites": place.listed,
            "sites_more": times.number(place.unlisted) if place.unlisted else "",
            "first_contact": personal.first_contact,
            "credit": times.money(personal.credit_minor, personal.credit_currency) if personal.credit_minor else "",
            "credit_bill": times.month(personal.credit_month),
        }

    def _when(self, facts: Facts, times: ReaderTimes) -> dict[str, str]:
        return {
            "started": times.about(facts.started_at),
            "reopened": times.about(facts.reopened_at, after=facts.told_at),
            "eta": times.moment(facts.eta_at),
            "next_update": times.brief(facts.next_update_by),
            "previous_eta": times.brief(facts.previous_eta_at),
            "previous_update": times.brief(facts.previous_update_by),
            "told": times.about(facts.told_at),  # when it began: somebody heard it later
            "restored": times.brief(facts.restored_at),
            "missed_eta": times.brief(facts.missed_eta_at),
            "lasted": times.duration(lasted(facts)),
            "assessment": times.brief(facts.assessment_by),
            "window": times.window(facts.window_from_at, facts.window_until_at),
            "window_end": times.brief(facts.window_until_at),
            "previous_window": times.window(facts.previous_window_from_at, facts.previous_window_until_at),
        }

    def _why(self, channel: Channel, kind: MessageKind, facts: Facts, personal: NotificationFacts) -> dict[str, object]:
        moment = _moment(kind, first_contact=personal.first_contact)
        return {
            "cause": self._phrase("causes", facts.cause, channel),
            "cause_unknown": not facts.cause,  # a cause without a wording is known, and not told
            "crew": self._phrase("crews", facts.crew, channel),
            "safety": self._advice(self._edition.safety, "safety", facts, moment, channel),
            "self_help": self._advice(self._edition.self_help, "self_help", facts, moment, channel),
        }

    def _phrase(self, group: str, code: str, channel: Channel) -> str:
        phrase = self._phrases.group(group).get(code)
        if phrase is None:
            return ""
        return self._fill(phrase.sms or phrase.text if channel is Channel.SMS else phrase.text)

    def _advice(
        self, codes: Mapping[str, tuple[str, ...]], group: str, facts: Facts, moment: str, channel: Channel
    ) -> tuple[str, ...]:
        """Return what the playbook advises in the first message (`during`) or when service is back (`after`).

        Nobody is told to look after their breakers because the power is weak: a phrase may be for some impacts only.
        """
        if not moment:
            return ()
        known = self._phrases.group(group)
        found = (known[code] for code in codes.get(facts.service, ()) if code in known)
        fitting = (phrase for phrase in found if not phrase.impacts or facts.impact in phrase.impacts)
        texts = (_advised(phrase, moment, channel) for phrase in fitting)
        return tuple(self._fill(text) for text in texts if text)

    def _fill(self, text: str) -> str:
        return text.replace("{phone}", self._edition.company.phone).replace("{company}", self._edition.company.name)


def _offered(personal: NotificationFacts, channel: Channel) -> tuple[str, ...]:
    names = tuple(site.street or site.label for site in personal.sites)
    return tuple(cut(name, OFFERED_LENGTH) for name in names[:OFFERED_AT_MOST]) if channel is Channel.SMS else names


def _says_how_many(facts: Facts) -> bool:
    """Tell whether the number of customers is said: an update to the rest of them has only theirs."""
    return facts.customers >= FEW_CUSTOMERS and not facts.rest_of


def rounded(count: int) -> int:
    """Return a count to two significant digits: "about 1,200" promises no more than it knows."""
    step = int("1" + "0" * max(0, len(str(count)) - 2))
    return count // step * step


def lasted(facts: Facts) -> timedelta:
    """Return about how long it was out; nothing when a time is missing."""
    if facts.restored_at is None or facts.started_at is None or facts.reopened_at is not None:
        return timedelta()
    return max(timedelta(), round((facts.restored_at - facts.started_at) / ABOUT) * ABOUT)


def _advised(phrase: Phrase, moment: str, channel: Channel) -> str:
    if channel is Channel.SMS:
        return phrase.after_sms if moment == "after" else phrase.sms
    return phrase.after if moment == "after" else phrase.during or phrase.text


def _moment(kind: MessageKind, *, first_contact: bool) -> str:
    """Return when in an incident a message is read: `during` in the first one, `after` when service is back."""
    if kind in _OVER:
        return "after"
    if kind in _QUIET:
        return ""
    return "during" if first_contact or kind in _FIRST else ""
