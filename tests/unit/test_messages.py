"""What customers read by mail of an outage, in English: it says what it must and nothing it must not."""

import quopri
import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from notifier.config import Config, Locales, Sender, Service, Templates
from notifier.domain.answer import AnswerKind
from notifier.domain.broadcast import NEEDS_EARLIER_MESSAGE, BroadcastKind, Facts
from notifier.domain.errors import ConfigError, InvalidInput
from notifier.domain.notification import Channel, NotificationFacts, SiteName
from notifier.domain.playbook import Playbook
from notifier.domain.text import clean_line
from notifier.messages import Messages, Rendered, RenderFailed
from notifier.messages.edition import from_json
from notifier.messages.phrases import Words
from notifier.messages.places import place_of, site_name
from notifier.messages.prepared import PreparedMessages
from notifier.messages.samples import AT, LINK, Sample, samples
from notifier.messages.times import ReaderTimes
from notifier.messages.wording import Wording
from notifier.resources import shipped
from notifier.settings import load_playbooks

COMPANY = Sender(company="Valley & Sons <Electric>", phone="555-0199", postal_address="1 Main St, Springfield")
CONFIG = Config(sender=COMPANY)
PLAYBOOKS = load_playbooks(CONFIG)
MESSAGES = Messages(CONFIG, PLAYBOOKS)
FILLED = PreparedMessages()
CAUSES = {"power": "tree", "internet": "cable-cut", "water": "burst-pipe"}
NOT_OF_AN_OUTAGE = ("planned_", *AnswerKind)
EVERY = {
    service: [one for one in samples(service, cause=cause, crew="on-site") if not one.kind.startswith(NOT_OF_AN_OUTAGE)]
    for service, cause in CAUSES.items()
}
GROUPS = [
    (f"{service}: {kind}", [one for one in found if one.kind is kind])
    for service, found in EVERY.items()
    for kind in dict.fromkeys(one.kind for one in found)
]
each = pytest.mark.parametrize("group", [group for _, group in GROUPS], ids=[name for name, _ in GROUPS])


def render(sample: Sample, messages: Messages = MESSAGES) -> Rendered:
    return messages.render(Channel.EMAIL, sample.kind, sample.facts, sample.personal, unsubscribe_url=LINK)


def sample_of(kind: BroadcastKind, text: str = "", *, first_contact: bool = False) -> Sample:
    return next(
        one
        for one in EVERY["power"]
        if one.kind is kind and text in one.name and one.personal.first_contact is first_contact
    )


class Outline(HTMLParser):
    """The text of HTML and its tags, checked for balance."""

    VOID = frozenset({"meta", "hr", "br", "img"})

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("title", "style"):
            self.words.append(data)


@each
def test_every_message_says_sorry_first_and_once(group: list[Sample]) -> None:
    for sample in group:
        text = render(sample).text
        assert text.startswith("We are sorry")
        assert text.lower().count("sorry") == 1


@each
def test_every_message_has_a_time_a_place_and_a_way_to_reach_us(group: list[Sample]) -> None:
    for sample in group:
        rendered = render(sample)
        assert re.search(r"\d{1,2}:\d{2} [ap]m", rendered.text)
        place = {1: "12 Oak St", 3: "12 Oak St, 14 Elm Ave, and 9 Pine Rd", 5: "5 of your 12 sites"}
        assert place[sample.personal.sites_affected] in rendered.text
        assert place[sample.personal.sites_affected] in rendered.subject
        for footer in ("555-0199", "We never ask for payment or passwords", "1 Main St, Springfield", LINK):
            assert footer in rendered.text
            assert footer in rendered.html


@each
def test_no_message_shouts_or_speaks_jargon(group: list[Sample]) -> None:
    for sample in group:
        rendered = render(sample)
        assert "!" not in rendered.subject + rendered.text
        assert not re.search(r"\b(ETA|ETR|incident|ticket|NOC|outage event|valued|inconvenience)\b", rendered.text)
        assert "  " not in rendered.text
        assert not re.search(r"\s[.,:?]|\.\.|None|undefined", rendered.text)


@each
def test_first_contacts_are_never_reminded_of_something_they_were_not_told(group: list[Sample]) -> None:
    for sample in group:
        text = render(sample).text
        if sample.personal.first_contact:
            reminded = re.search(r"\b(we said|told you|promised|is still)\b", text, re.IGNORECASE)
            assert reminded is None
            if sample.kind is not BroadcastKind.RESTORED and sample.facts.started_at:
                assert "since about" in text


@each
def test_text_and_html_say_the_same_and_the_html_needs_nothing_from_elsewhere(group: list[Sample]) -> None:
    for sample in group:
        rendered = render(sample)
        outline = Outline(rendered.html)
        shown = " ".join("".join(outline.words).split())
        for line in rendered.text.replace(f"Stop these emails: {LINK}", "Stop these emails").splitlines():
            assert line.removeprefix("- ") in shown
        assert not {"img", "script", "link", "table"} & set(outline.tags)
        assert not re.search(r"url\(|@import|bgcolor", rendered.html)
        assert outline.tags.count("h1") == 1
        assert 'name="viewport"' in rendered.html
        assert '<html lang="en">' in rendered.html
        assert "<p></p>" not in rendered.html


@each
def test_a_message_filled_in_says_what_it_says_rendered_in_full(group: list[Sample]) -> None:
    wording = MESSAGES.wording("en")
    for sample in group:
        full = wording.render(Channel.EMAIL, sample.kind, sample.facts, sample.personal, LINK)
        prepared = PreparedMessages().find(wording, Channel.EMAIL, sample.kind, sample.facts, sample.personal)
        for _ in range(5):
            assert prepared.render(sample.personal, LINK) == full
            encoded = prepared.encode(sample.personal, LINK)
            assert encoded.subject == full.subject
            for part, words in ((encoded.text, full.text), (encoded.html, full.html)):
                assert quopri.decodestring(part).decode().replace("\r\n", "\n") == words
                assert all(len(line) <= 76 for line in part.split(b"\r\n"))
                assert b"\n" not in part.replace(b"\r\n", b"")


@given(st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=90).map(clean_line).filter(bool))
@example("0" * 76)  # as wide as a line may be, with no column left for a soft break
def test_any_place_is_filled_in_as_it_would_be_rendered(street: str) -> None:
    sample = sample_of(BroadcastKind.ACKNOWLEDGED)
    personal = replace(sample.personal, sites=(SiteName(street=street),))
    messages = FILLED.find(MESSAGES.wording("en"), Channel.EMAIL, sample.kind, sample.facts, personal)
    encoded = messages.encode(personal, LINK)
    full = MESSAGES.wording("en").render(Channel.EMAIL, sample.kind, sample.facts, personal, LINK)
    assert quopri.decodestring(encoded.text).decode().replace("\r\n", "\n") == full.text
    assert quopri.decodestring(encoded.html).decode().replace("\r\n", "\n") == full.html
    assert all(len(line) <= 76 for line in (encoded.text + encoded.html).split(b"\r\n"))


@each
def test_a_subject_is_one_short_plain_line(group: list[Sample]) -> None:
    for sample in group:
        subject = render(sample).subject
        assert subject.isascii()
        assert len(subject) <= (70 if sample.personal.sites_affected == 1 else 110)
        assert subject[0].isupper()


def test_an_automatic_delay_claims_nothing_new() -> None:
    text = render(sample_of(BroadcastKind.DELAYED, "automatic,")).text
    assert "We cannot confirm that time any more, and we do not have a new one yet." in text
    assert "crew" not in text
    assert "will not make it" not in text


def test_an_automatic_delay_keeps_a_time_that_stands() -> None:
    rendered = render(sample_of(BroadcastKind.DELAYED, "the time stands"))
    assert rendered.subject == "Power out at 12 Oak St: still expected back by 7:06 am today"
    assert "We have nothing new that is certain. We still expect it to be back by 7:06 am today." in rendered.text


def test_an_automatic_delay_that_is_late_owns_up_to_it() -> None:
    text = render(sample_of(BroadcastKind.DELAYED, "automatic and late")).text
    assert "That time has passed, and we should have told you before it did. We do not have a new time yet." in text
    text = render(sample_of(BroadcastKind.DELAYED, "late, no earlier time")).text
    assert "and you did not hear from us. We have nothing new that is certain, and we do not have a time yet." in text
    text = render(sample_of(BroadcastKind.DELAYED, "late, and the time stands")).text
    assert "and you did not hear from us. We have nothing new that is certain. We still expect it to be back" in text


def test_a_delay_by_a_person_owns_up_and_gives_the_new_time() -> None:
    rendered = render(sample_of(BroadcastKind.DELAYED, "new time"))
    assert "would be back by 3:16 am, and we will not make it. The new time is 7:06 am today." in rendered.text
    assert rendered.subject == "Power at 12 Oak St delayed: new time 7:06 am today"


def test_a_missed_time_is_owned_up_to_when_service_is_back() -> None:
    text = render(sample_of(BroadcastKind.RESTORED, "time missed")).text
    assert "for missing the time we gave you, 2:06 am" in text
    assert "after about 45 minutes" in text


def test_a_time_that_nobody_knows_to_the_minute_is_never_before_what_was_told() -> None:
    told = datetime(2026, 3, 4, 20, 19, tzinfo=UTC)
    words = Words(today="", tomorrow="", yesterday="", other_day="", your_address="", some_sites="", all_sites="")
    times = ReaderTimes(words, "en", "UTC", told)
    assert times.about(told + timedelta(seconds=30), after=told) == "8:19 PM"
    assert times.about(told + timedelta(minutes=2), after=told) == "8:20 PM"
    assert times.about(told - timedelta(minutes=3), after=told) == "8:15 PM"


@pytest.mark.parametrize("kind", [BroadcastKind.CORRECTION, BroadcastKind.REOPENED])
def test_when_an_update_was_told_is_known_about(kind: BroadcastKind) -> None:
    sample = sample_of(kind)
    facts = replace(sample.facts, told_at=AT.replace(minute=18) - timedelta(hours=1))
    message = MESSAGES.render(Channel.EMAIL, kind, facts, sample.personal)
    assert re.search(r"At about \d+:15 [ap]m( yesterday)? we told you", message.text)


def test_safety_is_told_first_and_not_every_time() -> None:
    wires = "Stay away from fallen wires"
    assert wires in render(sample_of(BroadcastKind.ACKNOWLEDGED)).text
    assert wires in render(sample_of(BroadcastKind.DELAYED, first_contact=True)).text
    assert wires not in render(sample_of(BroadcastKind.DELAYED)).text
    assert wires not in render(sample_of(BroadcastKind.RESTORED, first_contact=True)).text


def test_no_name_no_account_and_no_address_of_the_reader_can_be_in_a_message() -> None:
    assert not {"name", "reference", "address", "customer"} & set(NotificationFacts.__struct_fields__)


def test_a_few_customers_are_not_counted_aloud() -> None:
    sample = sample_of(BroadcastKind.ACKNOWLEDGED)
    few = Sample(name="", kind=sample.kind, facts=replace(sample.facts, customers=19), personal=sample.personal)
    assert "customers are affected" not in render(few).text
    assert "About 1,200 customers are affected." in render(sample).text


# --- text from outside


def test_a_hostile_site_name_is_data() -> None:
    hostile = site_name(address="<b>{{ 7*7 }}</b>\r\nBcc: x@y.z\u202e, Springfield", label="")
    sample = sample_of(BroadcastKind.ACKNOWLEDGED)
    personal = replace(sample.personal, sites=(hostile,), sites_affected=1)
    rendered = render(Sample(name="", kind=sample.kind, facts=sample.facts, personal=personal))
    assert "<b>{{ 7*7 }}</b> Bcc: x@y.z" in rendered.text
    assert "&lt;b&gt;{{ 7*7 }}&lt;/b&gt; Bcc: x@y.z" in rendered.html
    assert "\n" not in rendered.subject
    assert "\u202e" not in rendered.text


def test_whoever_needs_power_for_medical_equipment_taps_on_the_number() -> None:
    html = render(sample_of(BroadcastKind.ACKNOWLEDGED)).html
    (advice,) = re.findall(r"<li [^>]*>([^<]*medical equipment.*?)</li>", html)
    assert re.search(r'call <a href="tel:\+?\d+"[^>]*>[^<]+</a>\.$', advice)


def test_the_company_is_escaped_in_html() -> None:
    rendered = render(sample_of(BroadcastKind.ACKNOWLEDGED))
    assert "Valley & Sons <Electric>" in rendered.text
    assert "Valley &amp; Sons &lt;Electric&gt;" in rendered.html


# --- places


def place(*streets: str, affected: int = 0, every: int = 1, label: str = "") -> tuple[str, tuple[str, ...], int]:
    personal = NotificationFacts(
        sites=tuple(SiteName(street=street, label=label) for street in streets),
        sites_affected=affected,
        site_count=every,
    )
    wording = MESSAGES.wording("en")
    found = place_of(personal, wording.phrases.words, wording.times(personal))
    return found.text, found.listed, found.unlisted


def test_up_to_three_sites_are_named() -> None:
    assert place("12 Oak St") == ("12 Oak St", (), 0)
    assert place("12 Oak St", "9 Pine Rd", every=5) == ("12 Oak St and 9 Pine Rd", (), 0)
    assert place("12 Oak St", "12 Oak St") == ("12 Oak St", (), 0)


def test_more_sites_are_counted_and_listed() -> None:
    assert place("A", "B", "C", "D", every=12) == ("4 of your 12 sites", ("A", "B", "C", "D"), 0)
    assert place("A", "B", "C", "D", every=4)[0] == "all 4 of your sites"
    text, listed, more = place(*(f"{n} Oak St" for n in range(50)), affected=1200, every=3000)
    assert (text, len(listed), more) == ("1,200 of your 3,000 sites", 50, 1150)


def test_a_site_without_a_street_goes_by_its_label_and_without_both_by_none() -> None:
    assert place("", label="Barn") == ("Barn", (), 0)
    assert place("") == ("your address", (), 0)
    assert place("", "12 Oak St", every=2)[0] == "all 2 of your sites"


def test_the_street_line_is_the_address_up_to_the_first_comma() -> None:
    assert site_name(address=" 12  Oak St , Springfield, CA", label="Barn") == SiteName(
        street="12 Oak St", label="Barn"
    )


# --- times


def told(at: datetime, **facts: datetime) -> str:
    personal = NotificationFacts(
        sites=(SiteName(street="12 Oak St"),), time_zone="America/Los_Angeles", at=at, locale="en"
    )
    return MESSAGES.render(
        Channel.EMAIL, BroadcastKind.ACKNOWLEDGED, Facts(service="power", **facts), personal, unsubscribe_url=LINK
    ).text


@pytest.mark.parametrize(
    ("hours", "words"),
    [
        (1, "by 12:50 am tomorrow,"),
        (0, "by 11:50 pm,"),
        (49, "by 12:50 am on Mon, Nov 23,"),
        (-24, "by 11:50 pm yesterday,"),
    ],
)
def test_days_are_named_by_the_minute_the_message_was_made(hours: int, words: str) -> None:
    at = datetime(2026, 11, 21, 7, 50, tzinfo=UTC)  # 23:50 on Friday in Los Angeles
    assert words in told(at, next_update_by=at + timedelta(hours=hours))


def test_an_estimate_always_names_its_day() -> None:
    assert "by 6:30 am today." in told(AT, eta_at=datetime(2026, 11, 21, 14, 30, tzinfo=UTC))


def test_about_is_rounded_down_to_five_minutes() -> None:
    assert "since about 2:05 am" in told(AT, started_at=datetime(2026, 11, 21, 10, 9, 59, tzinfo=UTC))


def test_daylight_saving_is_the_readers_own() -> None:
    at = datetime(2026, 11, 1, 8, 30, tzinfo=UTC)  # 01:30 PDT; an hour later it is 01:30 PST
    assert "by 1:30 am," in told(at, next_update_by=at + timedelta(hours=1))


def test_a_time_in_one_of_several_zones_says_which() -> None:
    sample = sample_of(BroadcastKind.ACKNOWLEDGED)
    personal = replace(sample.personal, time_zone="America/Chicago|America/Denver")
    rendered = render(Sample(name="", kind=sample.kind, facts=sample.facts, personal=personal))
    assert "next update by 6:15 am CST" in rendered.subject


def test_british_readers_get_their_own_clock_in_the_same_words() -> None:
    sample = sample_of(BroadcastKind.ACKNOWLEDGED)
    personal = replace(sample.personal, locale="en-GB")
    assert "by 04:15, even" in render(Sample(name="", kind=sample.kind, facts=sample.facts, personal=personal)).text


@each
def test_no_space_of_babel_reaches_a_reader(group: list[Sample]) -> None:
    for sample in group:
        rendered = render(sample)
        assert not re.search("[\u202f\u00a0]", rendered.subject + rendered.text + rendered.html)


# --- locales, phrases, templates


@pytest.mark.parametrize(
    ("locale", "language", "reader"),
    [
        ("", "en", "en"),
        ("en", "en", "en"),
        ("en_GB", "en", "en_GB"),
        ("es-MX", "es", "es-MX"),
        ("de", "en", "en"),
        ("xx-YY", "en", "en"),
    ],
)
def test_a_reader_is_written_to_in_a_language_we_have(locale: str, language: str, reader: str) -> None:
    assert MESSAGES.language(locale) == language
    assert MESSAGES.reader_locale(locale) == reader


def test_phrase_codes_are_those_that_fit_a_service() -> None:
    assert "burst-pipe" in MESSAGES.phrase_codes("causes")
    assert "burst-pipe" not in MESSAGES.phrase_codes("causes", "power")
    assert "storm" in MESSAGES.phrase_codes("causes", "power")
    with pytest.raises(InvalidInput):
        MESSAGES.phrase_codes("excuses")


def test_a_code_without_a_wording_never_reaches_a_message() -> None:
    sample = sample_of(BroadcastKind.ACKNOWLEDGED)
    wrong = Sample(name="", kind=sample.kind, facts=replace(sample.facts, cause="tre"), personal=sample.personal)
    text = render(wrong).text
    assert "tre" not in text.split()
    assert "We do not know the cause yet" not in text  # it is known, and not told


def test_a_service_without_words_of_its_own_is_spoken_of_plainly() -> None:
    config = Config(services=(Service(name="heating"),))
    playbook = Playbook(name="heat", services=("heating",))
    messages = Messages(config, {"heating": playbook})
    facts = Facts(service="heating", next_update_by=AT)
    personal = NotificationFacts(sites=(SiteName(street="12 Oak St"),), at=AT)
    rendered = messages.render(Channel.EMAIL, BroadcastKind.ACKNOWLEDGED, facts, personal, unsubscribe_url=LINK)
    assert rendered.subject.startswith("Heating out at 12 Oak St")
    assert messages.problems() == []


def test_kinds_without_a_template_cannot_be_rendered() -> None:
    sample = sample_of(BroadcastKind.ACKNOWLEDGED)
    with pytest.raises(RenderFailed, match="no template for follow_up"):
        render(Sample(name="", kind=BroadcastKind.FOLLOW_UP, facts=sample.facts, personal=sample.personal))


def test_what_is_shipped_has_no_problems() -> None:
    assert MESSAGES.problems() == []


def own(folder: Path, name: str, source: str) -> Messages:
    (folder / "en" / "email").mkdir(parents=True, exist_ok=True)
    (folder / "en" / "email" / name).write_text(source)
    config = replace(CONFIG, locales=Locales(available=("en",)), templates=Templates(directory=str(folder)))
    return Messages(config, PLAYBOOKS)


def test_an_own_template_takes_the_place_of_one_file_and_changes_the_version(tmp_path: Path) -> None:
    source = (shipped("templates") / "en" / "email" / "correction.j2").read_text()
    messages = own(tmp_path, "correction.j2", source.replace("Our mistake", "We were wrong"))
    assert render(sample_of(BroadcastKind.CORRECTION), messages).subject.startswith("We were wrong")
    assert render(sample_of(BroadcastKind.ETA), messages).text == render(sample_of(BroadcastKind.ETA)).text
    assert messages.wording("en").version != MESSAGES.wording("en").version
    assert messages.problems() == []


@pytest.mark.parametrize(
    "source",
    [
        '{% extends "sentences" %}{% block subject %}{{ custmer }}{% endblock %}',
        '{% extends "sentences" %}{% block subject %}x{% endblock %}{% block opening %}{{ eta.missing }}{% endblock %}',
        '{% extends "sentences" %}{% block subject %}{{ "".__class__.__mro__ }}{% endblock %}',
        "{{ place }}",
    ],
    ids=["unknown name", "unknown field", "way out of the sandbox", "no blocks"],
)
def test_a_template_that_cannot_be_rendered_is_found_by_check(tmp_path: Path, source: str) -> None:
    assert own(tmp_path, "correction.j2", source).problems()


def test_a_template_with_wrong_syntax_is_refused_with_its_place(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"templates/en/email/correction.j2, line 1"):
        own(tmp_path, "correction.j2", "{% block subject %}")


def test_a_template_that_computes_with_a_place_is_still_right(tmp_path: Path) -> None:
    source = (shipped("templates") / "en" / "email" / "correction.j2").read_text()
    messages = own(tmp_path, "correction.j2", source.replace("at {{ place }}", "at {{ place | upper }}"))
    sample = sample_of(BroadcastKind.CORRECTION)
    assert all("AT 12 OAK ST" in render(sample, messages).subject.upper() for _ in range(6))
    assert "12 OAK ST" in render(sample, messages).subject


def test_a_locale_without_templates_is_refused() -> None:
    with pytest.raises(ConfigError, match="no templates for 'de'"):
        Messages(replace(CONFIG, locales=Locales(available=("en", "de"))), PLAYBOOKS)


def test_phrases_with_a_mistake_are_refused_with_their_place(tmp_path: Path) -> None:
    source = (shipped("config/phrases") / "en.yaml").read_text()
    (tmp_path / "en.yaml").write_text(source.replace("causes:", "casues:"))
    with pytest.raises(ConfigError, match=r"phrases/en.yaml.*casues"):
        Messages(replace(CONFIG, templates=Templates(phrases=str(tmp_path))), PLAYBOOKS)


def test_every_kind_that_refers_to_an_earlier_message_has_first_contact_words() -> None:
    for kind in sorted(NEEDS_EARLIER_MESSAGE):
        assert render(sample_of(kind)).text != render(sample_of(kind, first_contact=True)).text


def test_what_was_sent_by_an_older_release_can_still_be_shown() -> None:
    edition = MESSAGES.wording("en").edition
    older = {name: source for name, source in edition.templates.items() if "planned" not in name}
    wording = Wording(from_json(replace(edition, templates=older).to_json()))
    sample = sample_of(BroadcastKind.ETA)
    said = wording.render(Channel.EMAIL, sample.kind, sample.facts, sample.personal, LINK)
    assert said.text == render(sample).text
    assert said.template_version == wording.version != MESSAGES.wording("en").version
    with pytest.raises(RenderFailed, match="no template for planned_notice"):
        wording.render(Channel.SMS, BroadcastKind.PLANNED_NOTICE, sample.facts, sample.personal)


# --- what fits what is wrong


@pytest.mark.parametrize(
    ("service", "advice", "kind"),
    [
        ("power", "breaker", BroadcastKind.ACKNOWLEDGED),
        ("power", "fridge", BroadcastKind.ACKNOWLEDGED),
        ("power", "breaker", BroadcastKind.RESTORED),
        ("water", "valve", BroadcastKind.RESTORED),
    ],
)
@pytest.mark.parametrize("channel", [Channel.EMAIL, Channel.SMS])
def test_advice_is_told_for_the_impacts_it_fits(
    service: str, advice: str, kind: BroadcastKind, channel: Channel
) -> None:
    sample = next(one for one in EVERY[service] if one.kind is kind)

    def said(impact: str) -> bool:
        text = MESSAGES.render(channel, kind, replace(sample.facts, impact=impact), sample.personal).text
        return advice in text.lower()

    if channel is Channel.EMAIL:
        assert said("down")
    assert not said("degraded")
    assert not said("intermittent")


def test_impacts_that_nobody_knows_and_impacts_of_causes_are_refused(tmp_path: Path) -> None:
    original = (shipped("config/phrases") / "en.yaml").read_text()
    for before, after, wrong in (
        ("impacts: [down]", "impacts: [gone]", "self_help|safety"),
        ("  storm: {", "  storm: {impacts: [down], ", "causes.storm.impacts: only safety and self_help"),
    ):
        (tmp_path / "en.yaml").write_text(original.replace(before, after, 1))
        with pytest.raises(ConfigError, match=wrong):
            Messages(Config(templates=Templates(phrases=str(tmp_path))), PLAYBOOKS)


def test_locales_that_advise_for_other_impacts_are_warned_about(tmp_path: Path) -> None:
    original = (shipped("config/phrases") / "es.yaml").read_text()
    (tmp_path / "es.yaml").write_text(original.replace("impacts: [down]", "impacts: [down, degraded]", 1))
    config = Config(templates=Templates(phrases=str(tmp_path)), locales=Locales(available=("en", "es")))
    (line,) = Messages(config, PLAYBOOKS).warnings()
    assert re.match(r"phrases/es.yaml: safety\.\S+\.impacts are not those of another locale", line)


# --- long names


LONG = "Apartment 4, Rear Building, 12345 North Martin Luther King Junior Boulevard West"


@pytest.mark.parametrize(
    ("streets", "heading", "listed"),
    [
        ((LONG,), "Apartment 4, Rear Building, 12345 North Martin Luther...", (LONG,)),
        ((LONG, LONG + "2"), "all 2 of your sites", (LONG, LONG + "2")),
        ((LONG, "12 Oak St", "Barn"), "all 3 of your sites", (LONG, "12 Oak St", "Barn")),
        (("12 Oak St", "14 Oak St", "Barn"), "12 Oak St, 14 Oak St, and Barn", ()),
    ],
)
def test_a_heading_names_what_is_short_and_the_mail_lists_the_rest(
    streets: tuple[str, ...], heading: str, listed: tuple[str, ...]
) -> None:
    sample = sample_of(BroadcastKind.ACKNOWLEDGED)
    sites = tuple(SiteName(street=street, label="") for street in streets)
    personal = replace(sample.personal, sites=sites, sites_affected=len(sites), site_count=len(sites))
    message = MESSAGES.render(Channel.EMAIL, sample.kind, sample.facts, personal, unsubscribe_url=LINK)
    assert heading in message.subject
    assert all(f"<li>{name}</li>" in message.html for name in listed)
    assert ("<li>" in message.html) == bool(listed)
