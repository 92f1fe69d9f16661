"""Texts are counted, cut and written as carriers do it."""

import json
import unicodedata
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.gsm7 import BASIC, EXTENSION
from notifier.domain.segments import Alphabet, alphabet_of, segments, split, to_gsm7
from notifier.domain.sms_sender import SenderKind, segments_per_second, sender_kind

CONTRACTS = Path(__file__).resolve().parents[3] / "shared" / "contracts" / "twilio"
needs_contracts = pytest.mark.skipif(not CONTRACTS.exists(), reason="the contract samples are not beside this checkout")


def _contract(name: str) -> Any:
    path = CONTRACTS / name
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else []


@needs_contracts
def test_all_28_official_counts_are_there() -> None:
    assert len(_contract("sms_segments_official.json")) == 28


@pytest.mark.parametrize("vector", _contract("sms_segments_official.json"), ids=lambda vector: vector["name"])
def test_a_text_takes_as_many_segments_as_twilio_counts(vector: dict[str, Any]) -> None:
    found = segments(vector["body"])
    assert (found.alphabet, found.count) == (vector["encoding"], vector["segments"])
    assert len(split(vector["body"])) == vector["segments"]
    if "message_size_bits" in vector:
        assert (found.bits, found.bits_sent) == (vector["message_size_bits"], vector["total_size_bits"])


COMBINING = {char for char in map(chr, range(0x300, 0x20F1)) if unicodedata.category(char).startswith("M")}


@needs_contracts
def test_what_smart_encoding_replaces_is_written_the_same() -> None:
    official: dict[str, str] = _contract("smart_encoding_map.json")
    assert len(official) == 271
    ours = {char: to_gsm7(char) for char in official}
    differ = {char for char, text in official.items() if ours[char] != text}
    spaces = {char for char in differ if official[char].strip() == ""}  # theirs become two spaces or more, ours one
    assert {ours[char] for char in spaces} == {" "}
    assert differ - spaces <= COMBINING  # theirs leave a ~ or ^ behind, ours drop the accent
    assert {ours[char] for char in differ - spaces} == {""}


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("José", "José"),
        ("Jose\u0301", "José"),
        ("Álvarez", "Alvarez"),
        ("¿Cuándo volverá? Mañana", "¿Cuándo volverá? Mañana".replace("á", "a")),
        ("l’été à l’œuvre… ça va", "l'été à l'oeuvre... ca va"),
        ("Çà et là", "Çà et là"),
        ("“quoted” — 6:30\u202fp.m.", '"quoted" - 6:30 p.m.'),
        ("łódź, Dvořák, Þór", "lodz, Dvorak, Thór".replace("ó", "o")),
        ("αβγ", "ABΓ"),
        ("back soon \U0001f600\ufe0f!", "back soon !"),
        ("漢字", "??"),
        ("₹500", "?500"),
        ("№ 5, ﬁx, 1º, 2ª, x²", "No 5, fix, 1o, 2a, x2"),
        ("\ufefftext\u200b", "text"),
    ],
)
def test_text_is_written_with_what_gsm7_has(text: str, written: str) -> None:
    assert to_gsm7(text) == written


@given(st.text(max_size=60))
def test_whatever_is_written_is_gsm7_and_stays_as_it_is(text: str) -> None:
    written = to_gsm7(text)
    assert set(written) <= BASIC | EXTENSION
    assert to_gsm7(written) == written


@given(st.text(alphabet="ab€[é\U0001f600\u4e00", max_size=400))
def test_the_parts_are_the_text_and_each_fits(text: str) -> None:
    found, parts = segments(text), split(text)
    assert "".join(parts) == text
    assert found.count == len(parts)
    most = found.alphabet.alone if len(parts) == 1 else found.alphabet.in_part
    assert all(_units(part, found.alphabet) <= most for part in parts)


@given(st.text(alphabet="ab€[", max_size=400))
def test_an_extension_character_is_never_split(text: str) -> None:
    parts = split(text)
    room = 153
    for part, following in pairwise(parts):  # a part ends short only for what needs two
        short = room - _units(part, Alphabet.GSM7)
        assert short == 0 or (short == 1 and following[0] in EXTENSION)


def test_a_part_ends_one_short_rather_than_split_an_extension_character() -> None:
    text = "a" * 152 + "€" + "b" * 20
    assert split(text) == ["a" * 152, "€" + "b" * 20]


def test_a_part_ends_one_short_rather_than_split_a_surrogate_pair() -> None:
    text = "\u4e00" * 66 + "\U0001f600" + "a" * 10
    assert split(text) == ["\u4e00" * 66, "\U0001f600" + "a" * 10]


def test_an_empty_text_is_one_segment() -> None:
    assert segments("").count == 1
    assert split("") == [""]


@pytest.mark.parametrize("char", list("“—\u00a0\t`çáíóúâα😀\u200b\ufeff"))
def test_one_character_outside_of_the_alphabet_turns_the_whole_text(char: str) -> None:
    assert alphabet_of("a" * 100 + char) is Alphabet.UCS2
    assert segments("a" * 100 + char).count == 2


@pytest.mark.parametrize("char", list("éñüÄΔΩ@#$%\n\r€[^"))
def test_these_stay_in_the_alphabet(char: str) -> None:
    assert alphabet_of("a" + char) is Alphabet.GSM7


@pytest.mark.parametrize(
    ("sender", "kind", "rate"),
    [
        ("+14155550100", SenderKind.LONG_CODE, 1.0),
        ("+18005550100", SenderKind.TOLL_FREE, 3.0),
        ("+18885550100", SenderKind.TOLL_FREE, 3.0),
        ("72345", SenderKind.SHORT_CODE, 100.0),
        ("", SenderKind.SERVICE, 1.0),
    ],
)
def test_a_sender_is_as_fast_as_carriers_take_it(sender: str, kind: SenderKind, rate: float) -> None:
    assert sender_kind(sender) is kind
    assert segments_per_second(sender) == rate
    assert segments_per_second(sender, 40.0) == 40.0


def _units(text: str, alphabet: Alphabet) -> int:
    if alphabet is Alphabet.GSM7:
        return sum(2 if char in EXTENSION else 1 for char in text)
    return len(text.encode("utf-16-le")) // 2
