"""Whether a listed text is the one that was sent."""

import pytest

from notifier.domain.same_words import same_words

SENT = "We're sorry, your power is out at 10 Oak St. Back by 6:30 pm."


@pytest.mark.parametrize(
    "listed",
    [
        SENT,
        f"  {SENT}\n",
        SENT.replace("'", "\u2019"),
        SENT.replace(" is ", "\u00a0is  "),
        f"Sent from your Twilio trial account - {SENT}",
    ],
)
def test_what_a_carrier_does_to_a_text_leaves_its_words(listed: str) -> None:
    assert same_words(SENT, listed) is True
    assert same_words(listed, SENT) is (not listed.startswith("Sent from"))


@pytest.mark.parametrize("listed", [f"TEST {SENT}", SENT.replace("10", "12"), SENT[:-1], "Your power is back."])
def test_other_words_are_another_text(listed: str) -> None:
    assert same_words(SENT, listed) is False


@pytest.mark.parametrize(("sent", "listed"), [("", SENT), (SENT, ""), (SENT, " ")])
def test_without_words_nothing_is_said(sent: str, listed: str) -> None:
    assert same_words(sent, listed) is None
