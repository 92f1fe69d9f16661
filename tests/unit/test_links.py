"""Signed tokens."""

from hypothesis import given
from hypothesis import strategies as st

from notifier.domain import consent
from notifier.messages.links import (
    TOKEN_LENGTH,
    UNSUBSCRIBES,
    Purpose,
    address_hash,
    is_form,
    read_token,
    read_unsubscribe,
    read_versioned,
    sign_form,
    sign_token,
    sign_versioned,
)

SECRET = "a secret"
IDS = st.integers(0, 2**63 - 1)


@given(IDS, st.sampled_from(Purpose))
def test_a_token_gives_its_number_back_in_any_case_of_letters(number: int, purpose: Purpose) -> None:
    token = sign_token(SECRET, purpose, number)
    assert len(token) == TOKEN_LENGTH
    assert token.isalnum()
    assert read_token(SECRET, purpose, token) == number
    assert read_token(SECRET, purpose, token.upper()) == number


@given(IDS)
def test_a_token_is_good_for_one_purpose_and_one_secret(number: int) -> None:
    token = sign_token(SECRET, Purpose.BOUNCE, number)
    assert read_token(SECRET, Purpose.UNSUBSCRIBE, token) is None
    assert read_token("another", Purpose.BOUNCE, token) is None


@given(IDS, st.integers(0, TOKEN_LENGTH - 1))
def test_a_token_with_one_character_changed_is_refused(number: int, place: int) -> None:
    token = sign_token(SECRET, Purpose.BOUNCE, number)
    other = "0" if token[place] != "0" else "1"
    assert read_token(SECRET, Purpose.BOUNCE, token[:place] + other + token[place + 1 :]) is None


@given(st.text(max_size=60))
def test_anything_else_is_refused(text: str) -> None:
    assert read_token(SECRET, Purpose.BOUNCE, text) is None


def test_neighbours_have_tokens_that_do_not_look_alike() -> None:
    one, two = (sign_token(SECRET, Purpose.BOUNCE, number) for number in (1, 2))
    assert sum(a == b for a, b in zip(one, two, strict=True)) < TOKEN_LENGTH // 2


def test_an_address_hash_depends_on_the_secret() -> None:
    assert address_hash(SECRET, "a@b.c") == address_hash(SECRET, "a@b.c") != address_hash("x", "a@b.c")


@given(IDS)
def test_a_versioned_token_is_read_after_its_key_was_replaced_and_not_after_it_was_thrown_away(number: int) -> None:
    token = sign_versioned(SECRET, Purpose.PREFERENCES, number)
    assert read_versioned((SECRET,), Purpose.PREFERENCES, token) == number
    assert read_versioned(("the new one", SECRET), Purpose.PREFERENCES, token) == number
    assert read_versioned(("the new one",), Purpose.PREFERENCES, token) is None
    assert read_versioned((SECRET,), Purpose.FORM, token) is None
    assert read_versioned((SECRET,), Purpose.PREFERENCES, token[4:]) is None


@given(st.text(max_size=60))
def test_anything_else_is_no_versioned_token_no_form_and_no_unsubscribe_link(text: str) -> None:
    assert read_versioned((SECRET,), Purpose.PREFERENCES, text) is None
    assert read_unsubscribe((SECRET,), text) is None
    assert not is_form(SECRET, 1, "shown", text)


@given(IDS, st.sampled_from(consent.Purpose))
def test_a_link_to_opt_out_knows_what_of_whichever_key_made_it(number: int, purpose: consent.Purpose) -> None:
    token = sign_token(SECRET, UNSUBSCRIBES[purpose], number)
    assert read_unsubscribe(("the new one", SECRET), token) == (number, purpose)


def test_a_form_is_bound_to_its_contact_point_and_to_what_was_shown() -> None:
    token = sign_form(SECRET, 1, "shown")
    assert is_form(SECRET, 1, "shown", token)
    assert not is_form(SECRET, 2, "shown", token)
    assert not is_form(SECRET, 1, "something else", token)
    assert not is_form("another", 1, "shown", token)
