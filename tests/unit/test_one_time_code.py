"""One-time codes can be typed at three in the morning, and tell nothing about each other."""

import re
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from notifier.domain.one_time_code import code_of, codes_in, is_code
from notifier.domain.reply import Meaning


@given(st.text(max_size=40))
def test_a_code_has_a_letter_and_a_digit_and_nothing_that_looks_like_another(salt: str) -> None:
    code = code_of("secret", salt)
    assert re.fullmatch(r"[ACDEFGHJKLMNPQRTUVWXY2-9]{3}", code)
    assert re.search(r"[A-Z]", code)
    assert re.search(r"[0-9]", code)


def test_the_same_salt_gives_the_same_code_and_another_secret_another() -> None:
    assert code_of("secret", "salt") == code_of("secret", "salt")
    assert len({code_of(f"secret {n}", "salt") for n in range(200)}) > 190


def test_a_code_is_read_in_either_case() -> None:
    code = code_of("secret", "salt")
    assert is_code("secret", "salt", f" {code.lower()} ")
    assert not is_code("secret", "other", code)
    assert not is_code("secret", "salt", code[:2])
    assert not is_code("secret", "salt", "")
    assert not is_code("secret", "salt", "\ud800")


def test_codes_are_spread_evenly() -> None:
    codes = [code_of("secret", str(n)) for n in range(3000)]
    assert len(set(codes)) > 2600
    assert max(Counter(codes).values()) < 8


def test_no_code_is_a_word_that_means_something_to_customers() -> None:
    assert not {str(meaning).upper() for meaning in Meaning} & {code_of("secret", str(n)) for n in range(3000)}


def test_what_may_be_a_code_is_found_in_a_text() -> None:
    assert codes_in("k7q ok, SEND-A2C now") == ["K7Q", "A2C"]
    assert codes_in("ok the 123 and K7QX are none") == []
    assert len(codes_in("A2 A3C " * 100)) == 5
