"""What a text from a customer means: an opt-out, a word we asked for, a question, a report, or anything else.

In: the text and the words of every locale (`replies:` of the phrases files). Out: one `Reply`. Nothing here knows who
wrote or what is out.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from msgspec import Struct, field


class ServiceReplies(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words about one service, beside those for any."""

    out: tuple[str, ...] = ()  # "sin luz"
    on: tuple[str, ...] = ()  # "luz"


class ReplyWords(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The words of one locale that customers may answer with; the first of each is the one that messages name.

    They are read without case, accents and punctuation, and those of every locale are understood in every message.
    """

    out: tuple[str, ...]  # it is out here
    on: tuple[str, ...]  # it is back here
    pause: tuple[str, ...]  # nothing more about this incident
    status: tuple[str, ...]
    help: tuple[str, ...]
    start: tuple[str, ...]  # messages again
    stop: tuple[str, ...] = ("STOP",)  # no more messages; STOP itself is understood in any case
    language: tuple[str, ...] = ()  # names of this language, in whatever language: "español", "spanish"; and its code
    services: dict[str, ServiceReplies] = field(default_factory=dict)

    def on_word(self, service: str) -> str:
        """Return the word that a message about this service asks for when it is back."""
        own = self.services.get(service)
        return own.on[0] if own and own.on else self.on[0]

    def out_word(self, service: str) -> str:
        """Return the word that a message about this service asks for when it is out."""
        own = self.services.get(service)
        return own.out[0] if own and own.out else self.out[0]


class Meaning(StrEnum):
    """What a text means; stored with the reply."""

    STOP = "stop"  # no more messages
    START = "start"  # messages again
    PAUSE = "pause"  # nothing more about this incident
    OUT = "out"  # it is out here: the word, or as good as it
    ON = "on"  # it is back here
    STATUS = "status"  # when will it be back?
    HELP = "help"
    LANGUAGE = "language"
    CHOICE = "choice"  # a number, of the sites that were offered
    ON_CALL = "on_call"  # CODE SEND|WAIT|NO: of the company's own people
    YES = "yes"  # to a question we never ask; for Twilio it means START
    NO = "no"
    REACTION = "reaction"  # a thumb on one of our messages
    COMPLAINT = "complaint"  # reports trouble in its own words
    NOTE = "note"  # anything else


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A text that has been read."""

    meaning: Meaning
    service: str = ""  # that a word belongs to; "" = any
    locale: str = ""  # language: the one asked for
    number: int = 0  # choice: from 1
    about: str = ""  # out, on: what else it says: "12 oak st"
    code: str = ""  # on_call
    decision: str = ""  # on_call: "send", "wait" or "no"


Vocabulary = Mapping[str, ReplyWords]  # by locale
