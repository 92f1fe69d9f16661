"""Whether a text that a carrier lists is the one we may have sent, told by its words.

A carrier may put its own sentence in front (a trial account), write a letter as its look-alike (Smart Encoding) or
collapse spaces, so only letters, digits and signs are compared, as the plain alphabet of texts writes them. One that
keeps no bodies lists them empty: then the words say nothing.
"""

from notifier.domain.segments import to_gsm7

TRIAL = "Sent from your Twilio trial account -"


def same_words(sent: str, listed: str) -> bool | None:
    """Tell whether both say the same; None where one of them has no words to compare."""
    if not sent.strip() or not listed.strip():
        return None
    return _plain(sent) == _plain(listed.strip().removeprefix(TRIAL))


def _plain(text: str) -> str:
    return "".join(to_gsm7(text).split())
