"""What texts mean: a labelled table in three languages, and properties no table can cover."""

from time import process_time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.domain.errors import ConfigError
from notifier.domain.reply import Meaning, Reader, ReplyWords, ServiceReplies, clashes
from notifier.messages.phrases import parse
from notifier.resources import resources
from tests.unit.reply_texts import TEXTS

WORDS = {
    "en": ReplyWords(
        out=("OUT",),
        on=("ON",),
        pause=("PAUSE",),
        status=("STATUS",),
        help=("HELP",),
        start=("START",),
        language=("english", "inglés", "anglais"),
    ),
    "es": ReplyWords(
        out=("SIN SERVICIO",),
        on=("CON SERVICIO",),
        pause=("PAUSA",),
        status=("ESTADO",),
        help=("AYUDA",),
        start=("INICIAR",),
        language=("español", "spanish", "castellano", "espagnol"),
        services={"power": ServiceReplies(out=("SIN LUZ",), on=("LUZ",))},
    ),
    "fr": ReplyWords(
        out=("PANNE",),
        on=("RETABLI",),
        pause=("PAUSE",),
        status=("STATUT",),
        help=("AIDE",),
        start=("REPRENDRE",),
        language=("français", "french", "francés"),
    ),
}
SHIPPED = Reader(
    {
        locale: parse(resources("config/phrases", f"{locale}.yaml")[f"{locale}.yaml"].read_text(), place=locale).replies
        for locale in ("en", "es", "fr")
    },
    ("power", "internet", "water"),
)
READER = Reader(WORDS, ("power", "internet", "water"))


@pytest.mark.parametrize(("text", "meaning"), TEXTS)
def test_a_text_means_what_a_person_would_say_it_means(text: str, meaning: str) -> None:
    assert READER.read(text).meaning == meaning


def test_the_table_is_large_and_holds_all_three_languages() -> None:
    assert len(TEXTS) >= 600
    assert len({text for text, _ in TEXTS}) == len(TEXTS)


STOPS = ("stop", "STOP", "Unsubscribe", "opt out", "quit", "end", "cancel", "revoke", "arrêt", "alto", "stopall")
DRESS = (
    "{}",
    "{}.",
    "{}!!",
    " {} ",
    "“{}”",
    "{} 🛑",
    "please {}",
    "{} please",
    "{}, thanks",
    "{}\n\nSent from my iPhone",
    "{}\n--\nAnn Lee\nOak St",
)


@given(st.sampled_from(STOPS), st.sampled_from(DRESS), st.sampled_from((str, str.upper, str.lower, str.title)))
def test_a_word_of_the_rule_is_an_opt_out_in_any_dress(word: str, dress: str, case: "type[str]") -> None:
    assert READER.read(dress.format(case(word))).meaning is Meaning.STOP


@given(
    st.sampled_from(("please ", "", "will you ", "I want you to ", "for the last time ")),
    st.sampled_from(("stop ", "quit ", "cease ", "no more ", "end ")),
    st.sampled_from(("", "the ", "these ", "sending ", "sending me ", "all the ", "with the ", "your stupid ")),
    st.sampled_from(("texts", "messages", "sms", "texting me", "alerts", "notifications", "msgs")),
)
def test_an_end_to_what_we_send_is_an_opt_out(polite: str, verb: str, filler: str, sent: str) -> None:
    assert READER.read(f"{polite}{verb}{filler}{sent}").meaning is Meaning.STOP


@given(st.sampled_from(("stop", "unsubscribe")), st.integers(0, 10), st.integers(0, 3), st.sampled_from("qxz"))
def test_stop_with_one_slip_of_the_finger_is_an_opt_out(word: str, place: int, slip: int, letter: str) -> None:
    at = place % (len(word) - 1)
    slips = (
        word[:at] + word[at + 1] + word[at] + word[at + 2 :],
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[: at + 1] + word[at + 2 :],
    )
    assert READER.read(slips[slip]).meaning is Meaning.STOP


def test_no_word_that_we_ask_for_is_taken_for_a_slip_of_stop() -> None:
    for words in WORDS.values():
        for name in (*words.out, *words.on, *words.pause, *words.status, *words.help, *words.start):
            assert READER.read(name).meaning is not Meaning.STOP, name
            assert SHIPPED.read(name).meaning is not Meaning.STOP, name
    own = ReplyWords(out=("STOT",), on=("ON",), pause=("PAUSE",), status=("STATUS",), help=("HELP",), start=("START",))
    assert Reader({"en": own}).read("stot").meaning is Meaning.OUT


@given(st.sampled_from(("", "please ", "Hi, ")), st.text(max_size=200))
def test_a_text_that_begins_with_unsubscribe_is_an_opt_out_whatever_follows(polite: str, rest: str) -> None:
    assert READER.read(f"{polite}unsubscribe me, {rest}").meaning is Meaning.STOP


LOOK = {
    "s": "\u0455",
    "t": "\u0442",
    "o": "\u043e",
    "p": "\u0440",
    "e": "\u0435",
    "c": "\u0441",
    "a": "\u0430",
    "i": "\u0456",
}


@given(
    st.sampled_from(("stop", "cancel", "opt out", "unsubscribe", "stop please")), st.sets(st.sampled_from(sorted(LOOK)))
)
def test_letters_that_look_like_ours_are_read_as_ours(word: str, foreign: set[str]) -> None:
    typed = "".join(LOOK[each] if each in foreign else each for each in word)
    assert READER.read(typed).meaning is Meaning.STOP


@given(
    st.sampled_from(("", "Yes, ", "hi, ", "actually ")),
    st.sampled_from(
        ("power never went out", "we never lost power", "no outage here", "nunca se fue la luz", "pas de panne ici")
    ),
    st.sampled_from(("", " thanks", ".", "!")),
)
def test_a_denial_is_no_complaint(polite: str, denial: str, tail: str) -> None:
    assert READER.read(f"{polite}{denial}{tail}").meaning is Meaning.ON
    assert READER.read(f"your map says {denial}{tail}").meaning is not Meaning.ON


SERVICES = ("internet", "power", "water", "wifi", "electricity", "lights", "service", "connection", "router", "heat")
HAPPENED = (
    "stopped",
    "stops",
    "just stopped",
    "has stopped working",
    "quit",
    "quit working",
    "ended",
    "cut out",
    "keeps stopping",
    "went out",
    "shut off",
    "is off",
    "died",
    "stopped again",
    "will not stop flickering",
    "was cancelled",
)


@given(
    st.sampled_from(("my ", "our ", "the ", "hello my ", "the whole street's ", "")),
    st.sampled_from(SERVICES),
    st.sampled_from(HAPPENED),
    st.sampled_from(
        (
            "",
            " at 9",
            " again",
            " and nobody answers",
            ", please fix it",
            " please help",
            "!",
            " since last night.",
            " at my house stop playing games",
        )
    ),
)
def test_what_happened_to_a_service_is_never_an_opt_out(whose: str, service: str, happened: str, tail: str) -> None:
    assert READER.read(f"{whose}{service} {happened}{tail}").meaning is not Meaning.STOP


OF_SERVICE = (
    "outage",
    "outages",
    "power outage",
    "power cuts",
    "water leak",
    "flickering",
    "leak",
    "noise from the transformer",
    "surges",
    "crew from leaving",
    "work until my power is on",
)


@given(
    st.sampled_from(("", "please ", "can you ", "when will you ", "you must ")),
    st.sampled_from(("stop ", "end ", "quit ", "no more ", "cancel ", "enough of ")),
    st.sampled_from(("the ", "this ", "these ", "all the ", "")),
    st.sampled_from(OF_SERVICE),
)
def test_an_end_to_what_is_wrong_is_never_an_opt_out(polite: str, verb: str, the: str, wrong: str) -> None:
    assert READER.read(f"{polite}{verb}{the}{wrong}").meaning is not Meaning.STOP


LATIN = (
    (
        "mi ",
        ("internet", "luz", "agua", "servicio"),
        ("paró", "se paró", "terminó", "se cortó", "está cortada", "ya no funciona", "no para de fallar"),
    ),
    (
        "le ",
        ("courant", "internet", "wifi", "réseau"),
        ("s'est arrêté", "est arrêté", "a cessé", "est coupé", "n'arrête pas de couper", "s'arrête tout le temps"),
    ),
)


@given(st.data())
def test_neither_is_it_in_spanish_or_french(data: st.DataObject) -> None:
    whose, services, happened = data.draw(st.sampled_from(LATIN))
    text = f"{whose}{data.draw(st.sampled_from(services))} {data.draw(st.sampled_from(happened))}"
    assert READER.read(text).meaning is not Meaning.STOP


@given(st.text(max_size=1_700))
@settings(max_examples=300)
def test_any_text_is_read(text: str) -> None:
    assert READER.read(text).meaning in Meaning


@pytest.mark.parametrize(
    "word", ["the", "all", "no", "stop", "please", "is", "back", "de", "ya", "plus", "n'", "s.", ">\n", '"a']
)
def test_the_longest_text_takes_no_longer_than_its_length(word: str) -> None:
    def takes(words: int) -> float:
        began = process_time()
        READER.read(f"{word} " * words)
        return process_time() - began

    few = min(takes(400) for _ in range(3))
    assert min(takes(1_600) for _ in range(3)) < 10 * few  # four times the words; sixteen times if it were quadratic


def test_words_belong_to_a_service_and_to_the_site_they_name() -> None:
    assert READER.read("¡Luz!").service == "power"
    assert READER.read("no internet at home").service == "internet"
    assert READER.read("power is back but no internet").service == ""
    sites = ("12 Oak St", "Barn")
    for text, meaning, number in (
        ("OUT 2", Meaning.OUT, 2),
        ("out barn", Meaning.OUT, 2),
        ("Barn still out", Meaning.OUT, 2),
        ("on at 12 Oak", Meaning.ON, 1),
        ("OUT", Meaning.OUT, 0),
    ):
        reply = READER.read(text, sites)
        assert (reply.meaning, reply.number) == (meaning, number), text
    assert READER.read("out on Elm St", sites).number == 0


@pytest.mark.parametrize(("text", "meaning"), TEXTS)
def test_with_the_words_we_ship_a_text_means_the_same(text: str, meaning: str) -> None:
    wanted = {meaning} if meaning != "complaint" else {"complaint", "out"}  # some reports are words of ours there
    assert str(SHIPPED.read(text).meaning) in wanted


def test_a_word_with_an_apostrophe_is_found_however_it_is_typed() -> None:
    words = ReplyWords(
        out=("IT'S OUT",), on=("C'EST BON",), pause=("PAUSE",), status=("STATUS",), help=("HELP",), start=("START",)
    )
    reader = Reader({"en": words})
    for text, expected in (("its out", Meaning.OUT), ("It\u2019s out!", Meaning.OUT), ("c'est bon", Meaning.ON)):
        assert reader.read(text).meaning is expected


def test_a_word_of_several_services_belongs_to_none() -> None:
    own = {name: ServiceReplies(out=("OUT", f"NO {name}"), on=("ON",)) for name in ("power", "water")}
    words = ReplyWords(
        out=("OUT",), on=("ON",), pause=("PAUSE",), status=("STATUS",), help=("HELP",), start=("START",), services=own
    )
    reader = Reader({"en": words}, ("power", "water"))
    assert (reader.read("out").service, reader.read("ON").service) == ("", "")
    assert reader.read("no water").service == "water"


def test_a_language_is_named_in_any_language() -> None:
    assert READER.read("ES").locale == "es"
    assert READER.read("Español, por favor").locale == "es"
    assert READER.read("french please").locale == "fr"
    assert READER.read("inglés").locale == "en"
    assert READER.read("spanish and french").meaning is Meaning.NOTE


def test_an_answer_of_somebody_on_call_has_a_code_with_a_digit_and_a_letter() -> None:
    reply = READER.read("k7q, Send")
    assert (reply.code, reply.decision) == ("K7Q", "send")
    assert READER.read("K7Q yes.").decision == "yes"
    assert READER.read("yes").meaning is Meaning.YES
    assert READER.read("power no").meaning is not Meaning.ON_CALL
    assert READER.read("123 no").meaning is not Meaning.ON_CALL


def test_an_operators_words_may_not_mean_something_else() -> None:
    assert clashes(WORDS["es"]) == []
    bad = ReplyWords(
        out=("OUT",), on=("YES", "OUT"), pause=("STOP",), status=("STATUS",), help=("HELP",), start=("START", "SÍ")
    )
    assert clashes(bad) == ["on: 'YES' means yes", "on: 'OUT' is also a word for out", "pause: 'STOP' means stop"]


def test_a_phrases_file_with_such_a_word_is_refused() -> None:
    source = resources("config/phrases", "en.yaml")["en.yaml"].read_text()
    with pytest.raises(ConfigError, match="'YES' means yes"):
        parse(source.replace('"on": ["ON", "IS ON"', '"on": ["YES", "IS ON"'), place="en.yaml")


def test_an_operators_own_word_for_an_opt_out_is_one() -> None:
    words = ReplyWords(
        out=("OUT",),
        on=("ON",),
        pause=("PAUSE",),
        status=("STATUS",),
        help=("HELP",),
        start=("START",),
        stop=("STOP", "NIX MEHR"),
    )
    assert Reader({"de": words}).read("nix mehr!").meaning is Meaning.STOP
