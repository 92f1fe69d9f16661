"""What customers read as a text, in three languages: two segments, no link, no accent that costs, and every fact."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from notifier.config import Alphabet, Config, Regions, Sender, Sms
from notifier.domain.answer import AnswerKind
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.notification import Channel, NotificationFacts, SiteName
from notifier.domain.reply import Meaning, Reader
from notifier.domain.segments import to_gsm7
from notifier.domain.text import clean_line
from notifier.messages import Messages, Rendered
from notifier.messages.places import Place
from notifier.messages.prepared import PreparedMessages
from notifier.messages.samples import AT, Sample, samples
from notifier.messages.wording import Wording
from notifier.settings import load_playbooks

COMPANY = Sender(company="Valley Electric", phone="555-0100")
CONFIG = Config(sender=COMPANY)
PLAYBOOKS = load_playbooks(CONFIG)
MESSAGES = Messages(CONFIG, PLAYBOOKS)
LOCALES = ("en", "es", "fr")
CAUSES = {"power": "tree", "internet": "cable-cut", "water": "burst-pipe"}
EVERY = {
    (locale, service): list(samples(service, cause=cause, crew="being-sent", locale=locale))
    for locale in LOCALES
    for service, cause in CAUSES.items()
}
SORRY = {"en": r"\bsorry\b", "es": r"\b(lo sentimos|lamentamos)\b", "fr": r"\bdésolés\b"}
each = pytest.mark.parametrize(("locale", "service"), EVERY, ids=lambda value: value)


def text_of(sample: Sample, messages: Messages = MESSAGES) -> Rendered:
    return messages.render(Channel.SMS, sample.kind, sample.facts, sample.personal)


def text(
    kind: BroadcastKind,
    facts: Facts,
    *,
    locale: str = "en",
    street: str = "12 Oak St",
    first_contact: bool = False,
    messages: Messages = MESSAGES,
    at: datetime = AT,
    zone: str = "America/Los_Angeles",
) -> Rendered:
    personal = NotificationFacts(
        sites=(SiteName(street=street),), locale=locale, time_zone=zone, at=at, first_contact=first_contact
    )
    return messages.render(Channel.SMS, kind, facts, personal)


OUT = Facts(service="power", started_at=AT - timedelta(minutes=56), next_update_by=AT + timedelta(minutes=69))


def test_the_first_text_reads_as_it_was_meant_to() -> None:
    assert text(BroadcastKind.ACKNOWLEDGED, replace(OUT, crew="being-sent")).text == (
        "Valley Electric: sorry, power at 12 Oak St has been out since about 2:10 am. We know, and a crew"
        " is being sent. Cause not known yet. Next text by 4:15 am. Is your power on? Reply ON. Wire down? Keep away,"
        " call 911. Questions 555-0100. STOP ends texts."
    )
    assert text(BroadcastKind.ACKNOWLEDGED, replace(OUT, crew="being-sent"), locale="es").text == (
        "Valley Electric: lamentamos el corte de luz en 12 Oak St desde las 2:10 am. Lo sabemos y mandamos un equipo."
        " No sabemos la causa. Nuevo aviso antes de las 4:15 am. ¿Ya tiene luz? Responda LUZ."
        " Cable en el suelo: no se acerque, llame al 911. Dudas 555-0100. STOP: no recibir avisos."
    )
    assert text(BroadcastKind.ACKNOWLEDGED, replace(OUT, crew="being-sent"), locale="fr").text == (
        "Valley Electric : désolés, le courant est coupé au 12 Oak St depuis 02:10 environ. Nous envoyons une équipe."
        " Cause encore inconnue. Prochain SMS avant 04:15. Le courant est revenu ? Répondez REVENU."
        " Fil à terre ? N'approchez pas, appelez le 911. Questions 555-0100. STOP : fin des SMS."
    )


@each
def test_every_text_fits_names_who_writes_and_has_no_link(locale: str, service: str) -> None:
    for sample in EVERY[locale, service]:
        rendered = text_of(sample)
        assert rendered.segments <= 2
        assert rendered.text.startswith("Valley Electric")
        assert not re.search(r"https?:|www\.|@", rendered.text)
        assert not re.search(r"  |!|None|[{}]|\.\.|\s[.,]", rendered.text)
        assert rendered.html == rendered.subject == ""


def lost_accents(wording: Wording, sample: Sample) -> str:
    """Return the letters of a text that GSM-7 lacks, so that they lose their accents; those of places aside."""
    times = wording.times(sample.personal, Channel.SMS)
    place = Place(text="")
    full = wording.sentences(sample.kind, sample.facts, sample.personal, times, place).text()
    return "".join(dict.fromkeys(sign for sign in full if to_gsm7(sign) != sign))


@each
def test_every_text_needs_no_letter_that_halves_its_room(locale: str, service: str) -> None:
    wording = MESSAGES.wording(locale)
    assert {lost_accents(wording, sample) for sample in EVERY[locale, service]} == {""}


@each
def test_every_update_says_sorry_once_and_names_the_place_and_a_time(locale: str, service: str) -> None:
    for sample in EVERY[locale, service]:
        if isinstance(sample.kind, AnswerKind) or len(sample.personal.sites) > 1:
            continue
        said = text_of(sample).text
        assert len(re.findall(SORRY[locale], said, re.IGNORECASE)) == 1, said
        assert "12 Oak St" in said
        assert re.search(r"\d{1,2}:\d\d", said)


@each
def test_a_first_text_tells_how_to_answer_and_how_to_stop(locale: str, service: str) -> None:
    replies = MESSAGES.reply_words()[locale]
    words = {replies.on_word(service), replies.out_word(service)}
    for sample in EVERY[locale, service]:
        if sample.personal.first_contact or sample.kind in (BroadcastKind.ACKNOWLEDGED, BroadcastKind.REPEAT):
            said = text_of(sample).text
            assert any(f" {word}." in said or f" {word} " in said for word in words), said
            assert replies.stop[0] in said


@pytest.mark.parametrize("locale", LOCALES)
def test_every_word_that_a_text_names_is_understood_as_it_is_meant(locale: str) -> None:
    words = MESSAGES.reply_words()
    reader = Reader(words, tuple(CAUSES))
    for name in ("out", "on", "pause", "status", "help", "start", "stop"):
        of_services = (getattr(own, name, ()) for own in words[locale].services.values())
        for word in (*getattr(words[locale], name), *(word for own in of_services for word in own)):
            assert reader.read(word).meaning == Meaning(name), word
    for word in words[locale].language:
        assert (reader.read(word).meaning, reader.read(word).locale) == (Meaning.LANGUAGE, locale)


def test_no_power_is_not_what_weak_power_is_answered_with() -> None:
    back = Facts(service="power", impact="degraded", restored_at=AT)
    assert "responda FALLA." in text(BroadcastKind.RESTORED, back, locale="es").text
    assert "responda SIN LUZ." in text(BroadcastKind.RESTORED, replace(back, impact="down"), locale="es").text


# --- places


def test_a_long_place_is_shortened_at_a_word() -> None:
    said = text(BroadcastKind.ACKNOWLEDGED, OUT, street="12750 Northwest Martin Luther King Junior Boulevard").text
    assert "power at 12750 Northwest Martin Luther King... has been out" in said


def test_several_long_places_are_counted_and_not_cut() -> None:
    sites = tuple(SiteName(street=f"{n}275 Northwest Boulevard") for n in range(1, 4))
    personal = NotificationFacts(sites=sites, sites_affected=3, site_count=12, at=AT)
    said = MESSAGES.render(Channel.SMS, BroadcastKind.ACKNOWLEDGED, OUT, personal).text
    assert "power at 3 of your 12 sites has been" in said


def test_accents_of_a_place_are_dropped_or_kept_by_the_alphabet() -> None:
    unicode = Messages(Config(sender=COMPANY, sms=Sms(alphabet=Alphabet.UNICODE, segments_at_most=6)), PLAYBOOKS)
    facts = Facts(service="power", next_update_by=AT)
    assert "en Calle Alvarez." in text(BroadcastKind.ACKNOWLEDGED, facts, locale="es", street="Calle Álvarez").text
    kept = text(BroadcastKind.ACKNOWLEDGED, facts, locale="es", street="Calle Álvarez", messages=unicode)
    assert "en Calle Álvarez." in kept.text
    assert kept.segments == 4


def test_french_says_where_by_what_the_place_is() -> None:
    assert "coupé au 12 Oak St" in text(BroadcastKind.ACKNOWLEDGED, OUT, locale="fr").text
    assert "coupé à Barn" in text(BroadcastKind.ACKNOWLEDGED, OUT, locale="fr", street="Barn").text
    assert "coupé à votre adresse" in text(BroadcastKind.ACKNOWLEDGED, OUT, locale="fr", street="").text


# --- times


@pytest.mark.parametrize(
    ("locale", "words"),
    [
        ("en", "back by 6:30 am today."),
        ("en-GB", "back by 06:30 today."),
        ("es", "antes de las 6:30 am de hoy."),
        ("es-ES", "antes de las 6:30 de hoy."),
        ("fr", "avant 06:30 aujourd'hui."),
        ("fr-CA", "avant 06 h 30 aujourd'hui."),
    ],
)
def test_times_are_in_the_form_of_the_reader(locale: str, words: str) -> None:
    eta = replace(OUT, eta_at=datetime(2026, 11, 21, 14, 30, tzinfo=UTC))
    assert words in text(BroadcastKind.ETA, eta, locale=locale).text


def test_a_locale_without_a_region_is_read_as_of_the_companys_country() -> None:
    british = Messages(Config(sender=COMPANY, regions=Regions(country="GB")), PLAYBOOKS)
    assert "by 04:15." in text(BroadcastKind.ACKNOWLEDGED, OUT, messages=british).text


def test_one_o_clock_has_its_own_article() -> None:
    at = AT - timedelta(hours=3)
    facts = replace(OUT, started_at=None, next_update_by=at + timedelta(hours=1, minutes=4))
    assert "antes de la 1:10 am." in text(BroadcastKind.ACKNOWLEDGED, facts, locale="es", at=at).text


@pytest.mark.parametrize(
    ("locale", "tomorrow", "later"),
    [
        ("en", "by 12:50 am tomorrow.", "by 12:50 am on Mon, Nov 23."),
        ("es", "antes de las 12:50 am de mañana.", "antes de las 12:50 am del lun 23 nov."),
        ("fr", "avant demain à 00:50.", "avant le lun. 23 nov. à 00:50."),
    ],
)
def test_another_day_is_named(locale: str, tomorrow: str, later: str) -> None:
    at = datetime(2026, 11, 21, 7, 50, tzinfo=UTC)  # 23:50 on Friday in Los Angeles
    for hours, words in ((1, tomorrow), (49, later)):
        facts = replace(OUT, started_at=None, next_update_by=at + timedelta(hours=hours))
        assert words in text(BroadcastKind.ACKNOWLEDGED, facts, locale=locale, at=at).text


@pytest.mark.parametrize("locale", LOCALES)
def test_a_window_over_midnight_names_both_days(locale: str) -> None:
    facts = Facts(service="power", window_from_at=AT + timedelta(hours=18), window_until_at=AT + timedelta(hours=26))
    words = {
        "en": "will be out from 9:06 pm today to 5:06 am tomorrow",
        "es": "desde las 9:06 pm de hoy hasta las 5:06 am de mañana",
        "fr": "entre 21:06 aujourd'hui et demain à 05:06",
    }
    assert words[locale] in text(BroadcastKind.PLANNED_NOTICE, facts, locale=locale).text


@each
def test_no_space_of_babel_reaches_a_text(locale: str, service: str) -> None:
    for sample in EVERY[locale, service]:
        assert not re.search("[\u202f\u00a0\u2009]", text_of(sample).text)


# --- prepared


@each
def test_a_text_filled_in_is_what_is_rendered_in_full(locale: str, service: str) -> None:
    wording = MESSAGES.wording(locale)
    for sample in EVERY[locale, service]:
        if isinstance(sample.kind, AnswerKind) or sample.facts is None:
            continue
        prepared = PreparedMessages().find(wording, Channel.SMS, sample.kind, sample.facts, sample.personal)
        full = wording.render(Channel.SMS, sample.kind, sample.facts, sample.personal)
        assert [prepared.render(sample.personal, "") for _ in range(5)] == [full] * 5


FILLED = PreparedMessages()


@given(st.text(st.characters(exclude_categories=("Cs", "Co")), min_size=1, max_size=90).map(clean_line).filter(bool))
def test_any_place_is_filled_in_as_it_would_be_rendered(street: str) -> None:
    facts = replace(OUT, cause="tree", crew="being-sent")
    personal = NotificationFacts(sites=(SiteName(street=street),), at=AT)
    wording = MESSAGES.wording("en")
    prepared = FILLED.find(wording, Channel.SMS, BroadcastKind.ACKNOWLEDGED, facts, personal)
    full = wording.render(Channel.SMS, BroadcastKind.ACKNOWLEDGED, facts, personal)
    assert prepared.render(personal, "") == full
    assert full.segments <= 2


# --- answers


def test_which_site_offers_numbers_and_as_many_as_a_text_can_hold() -> None:
    sites = tuple(SiteName(street=f"{n} Northwest Martin Luther King Boulevard") for n in range(1, 9))
    personal = NotificationFacts(sites=sites, sites_affected=8, at=AT)
    rendered = MESSAGES.render(Channel.SMS, AnswerKind.WHICH_SITE, None, personal)
    assert "Reply 1 for 1 Northwest Martin..., 2 for 2 Northwest" in rendered.text
    assert "6 for 6 Northwest Martin" in rendered.text
    assert "7 for" not in rendered.text
    assert rendered.segments <= 2


def test_a_status_says_what_is_true_of_each_stage() -> None:
    personal = NotificationFacts(sites=(SiteName(street="12 Oak St"),), at=AT, time_zone="America/Los_Angeles")
    facts = {
        "still out. Cause not known yet. We do not have a time yet. Next text by 4:15 am.": OUT,
        "We expect it back by 6:06 am today.": replace(OUT, eta_at=AT + timedelta(hours=3)),
        "First estimate by 9:06 am.": replace(OUT, assessment_by=AT + timedelta(hours=6)),
        "we believe power at 12 Oak St has been back since 3:06 am.": replace(OUT, restored_at=AT),
        "still out.": replace(OUT, restored_at=AT, reopened_at=AT),
    }
    for words, known in facts.items():
        assert words in MESSAGES.render(Channel.SMS, AnswerKind.STATUS, known, personal).text


def test_a_cause_without_a_wording_is_left_out_and_said_before() -> None:
    facts = replace(OUT, cause="meteor")
    assert "Cause" not in text(BroadcastKind.ACKNOWLEDGED, facts).text
    assert MESSAGES.unworded(facts, {"": 3, "en-GB": 2, "fr": 4}) == [
        "the cause 'meteor' has no wording in en: its sentence is left out of 5 messages",
        "the cause 'meteor' has no wording in fr: its sentence is left out of 4 messages",
    ]
    assert MESSAGES.unworded(replace(OUT, cause="tree"), {"fr": 1}) == []
