"""Telephone numbers and mail addresses as people type them, and what is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.contact import mask, normalise_email, normalise_phone, parse_phone
from notifier.domain.errors import InvalidInput
from notifier.domain.numbering import PUBLIC_PLAN


@pytest.mark.parametrize(
    "typed",
    [
        "415 555 0123",
        "(415) 555-0123",
        "(415)555-0123",
        "415.555.0123",
        "415/555-0123",
        "1-415-555-0123",
        "+1 (415) 555-0123",
        "+14155550123",
        "  4155550123\u00a0",
        "4155550123.0",
        "٤١٥٥٥٥٠١٢٣",
        "４１５５５５０１２３",
        "\u202a+14155550123\u202c",
        "whatsapp:+14155550123",
        "tel:+1-415-555-0123",
        "SMS: 415-555-0123",
    ],
)
def test_a_number_becomes_e164_however_it_is_typed(typed: str) -> None:
    assert normalise_phone(typed) == "+14155550123"


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "not a telephone number"),
        ("none", "letters"),
        ("1-800-FLOWERS", "letters"),
        ("555-0123", "no area code"),
        ("415555012", "too few"),
        ("41555501234", "too many"),
        ("2120550147", "begins with 0 or 1"),
        ("999 555 0123", "999 is not in service"),
        ("565-555-0123", "565 is not in service"),
        ("911", "too few"),
        ("4.15555E+09", "spreadsheet"),
        ("+999123456789", "not a telephone number"),
        ("4155550123 / 4155550124", "not a telephone number"),
        ("4155550123\r\nBcc: x", "not a telephone number"),
        ("9" * 5000, "not a telephone number"),
        ("\ud800", "not a telephone number"),
    ],
)
def test_an_impossible_number_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        normalise_phone(typed)


@pytest.mark.parametrize("code", ["357", "436", "457", "621", "624", "679", "729", "837", "861", "924"])
def test_a_number_that_the_library_calls_invalid_is_taken_when_its_area_code_is_in_service(code: str) -> None:
    assert normalise_phone(f"{code} 555 0123") == f"+1{code}5550123"


def test_a_number_is_taken_exactly_when_its_area_code_is_in_service() -> None:
    for known in PUBLIC_PLAN:
        if known.in_service:
            assert normalise_phone(f"({known.code}) 555-0123") == f"+1{known.code}5550123"
        else:
            with pytest.raises(InvalidInput, match="not in service"):
                normalise_phone(f"({known.code}) 555-0123")


@pytest.mark.parametrize("typed", ["415-555-0123 x12", "+14155550123;ext=12", "415 555 0123 ext. 12", "4155550123#12"])
def test_an_extension_is_taken_off_and_reported(typed: str) -> None:
    phone = parse_phone(typed)
    assert (phone.number, phone.extension) == ("+14155550123", "12")


def test_numbers_of_other_countries_keep_theirs() -> None:
    assert normalise_phone("+44 20 7946 0958") == "+442079460958"
    assert normalise_phone("011 44 20 7946 0958") == "+442079460958"
    assert normalise_phone("020 7946 0958", "GB") == "+442079460958"
    assert normalise_phone("415 555 0123", "CA") == "+14155550123"


def test_only_what_the_number_itself_says_makes_it_a_landline() -> None:
    assert parse_phone("800 555 0123").is_fixed
    assert parse_phone("+44 20 7946 0958").is_fixed
    assert not parse_phone("+44 7700 900123").is_fixed
    assert not parse_phone("415 555 0123").is_fixed


@given(st.text(max_size=30) | st.from_regex(r"\+?[0-9 ().x-]{7,18}", fullmatch=True))
def test_any_text_is_a_number_that_stays_itself_or_is_refused(text: str) -> None:
    try:
        number = normalise_phone(text)
    except InvalidInput:
        return
    assert number[0] == "+"
    assert number[1:].isdecimal()
    assert number.isascii()
    assert 6 <= len(number) <= 18
    assert normalise_phone(number) == number


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("jane@example.com", "jane@example.com"),
        (" Jane.Doe@EXAMPLE.Com ", "jane.doe@example.com"),
        ("mailto:jane@example.com", "jane@example.com"),
        ("jane+outage@example.com", "jane+outage@example.com"),
        ("o'hara@example.com", "o'hara@example.com"),
        ("jane@bücher.example", "jane@xn--bcher-kva.example"),
        ("jane@ｅｘａｍｐｌｅ.com", "jane@example.com"),
        ("\ufeffjane@example.com\u200b", "jane@example.com"),
        ("jane@town.test", "jane@town.test"),
        ("a!b#c@example.com", "a!b#c@example.com"),
    ],
)
def test_a_mail_address_becomes_wire_safe(typed: str, stored: str) -> None:
    assert normalise_email(typed) == stored


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("", "@-sign"),
        ("jane", "@-sign"),
        ("@example.com", "before the @"),
        ("jane@", "after the @"),
        ("jane@localhost", "not valid"),
        ("jane@[192.0.2.1]", "bracketed"),
        ('"jane doe"@example.com', "Quoting"),
        ("jane doe@example.com", "SPACE"),
        ("Jane <jane@example.com>", "name beside"),
        ("a@example.com; b@example.com", "more than one"),
        ("a@example.com,b@example.com", "more than one"),
        ("josé@example.com", "SMTPUTF8"),
        ("jane@example.com\r\nBcc: b@example.com", "line end or control"),
        ("jane\x00@example.com", "line end or control"),
        ("jane\u2028@example.com", "line end or control"),
        ("jane..doe@example.com", "two periods"),
        (".jane@example.com", "period"),
        ("x" * 65 + "@example.com", "64 characters"),
        ("jane@" + "x" * 64 + ".com", "too many"),
        ("jane@example.invalid", "special-use"),
    ],
)
def test_an_address_that_cannot_be_written_to_is_refused_with_its_reason(typed: str, reason: str) -> None:
    with pytest.raises(InvalidInput, match=reason):
        normalise_email(typed)


@given(st.text(max_size=40) | st.emails())
def test_any_text_is_an_address_that_stays_itself_or_is_refused(text: str) -> None:
    try:
        address = normalise_email(text)
    except InvalidInput:
        return
    assert address.isascii()
    assert address.isprintable()
    assert address == address.lower()
    assert not set(address) & set(' ,;<>"\\()[]')
    assert len(address) <= 254
    assert normalise_email(address) == address


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("jane.doe@example.com", "j***@example.com"),
        ("+14155550123", "+1415***23"),
        ("+4412345", "+4***"),
        ("customer:C-1001", "customer:***"),
        ("anything", "a***"),
        ("", "***"),
    ],
)
def test_a_masked_address_shows_too_little_to_use_it(address: str, shown: str) -> None:
    assert mask(address) == shown
