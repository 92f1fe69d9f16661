"""docs/MESSAGES.md names every kind of message and every word that a template may use, and no others."""

import re
from pathlib import Path

from notifier.config import Config
from notifier.domain.notification import Channel
from notifier.messages import Messages
from notifier.messages.phrases import Words
from notifier.messages.places import place_of
from notifier.messages.samples import samples
from notifier.messages.vocabulary import Vocabulary
from notifier.messages.wording import MESSAGE_KINDS
from notifier.settings import load_playbooks

DOCUMENT = (Path(__file__).parents[2] / "docs" / "MESSAGES.md").read_text(encoding="utf-8")
MESSAGES = Messages(Config(), load_playbooks(Config()))
OF_LINKS = {"unsubscribe_url", "preferences_url"}


def first_column(heading: str) -> set[str]:
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    cells = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`([a-z_]+)`", cell)}


def test_every_kind_is_explained() -> None:
    assert first_column("Kinds") == {str(kind) for kind in MESSAGE_KINDS}


def test_every_word_is_explained() -> None:
    wording = MESSAGES.wording("en")
    pieces = wording.phrases.services["default"].down.keys()
    sample = next(samples("power"))
    times = wording.times(sample.personal)
    place = place_of(sample.personal, wording.phrases.words, times)
    vocabulary = Vocabulary(wording.edition, wording.phrases)
    known = vocabulary.words(Channel.EMAIL, sample.kind, sample.facts, sample.personal, times, place)
    assert first_column("What a template may say") == known.keys() - pieces | OF_LINKS


def test_the_document_names_only_what_there_is() -> None:
    for name in ("street", "label", "clock", "clock_sms"):
        assert name in Words.__struct_fields__
        assert f"`{name}`" in DOCUMENT
    filters = {"sentence", "inner", "clause", "key", "call"}
    assert filters == set(re.findall(r"`([a-z]+)` \(", DOCUMENT.split("Filters:")[1].split("\n\n")[0]))
