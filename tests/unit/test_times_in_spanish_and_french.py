"""What is about a time in English is about it in Spanish and French, and subjects read as people write them."""

from datetime import UTC, datetime, timedelta

import pytest

from notifier.config import Config
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.notification import Channel, NotificationFacts, SiteName
from notifier.messages import Messages

AT = datetime(2026, 11, 21, 11, 20, tzinfo=UTC)  # 3:20 in Los Angeles


def rendered(locale: str, channel: Channel, kind: BroadcastKind, facts: Facts) -> tuple[str, str]:
    reader = NotificationFacts(
        sites=(SiteName(street="12 Oak St"),), locale=locale, time_zone="America/Los_Angeles", at=AT
    )
    made = Messages(Config(), {}).render(channel, kind, facts, reader)
    return made.subject, " ".join(made.text.split())


@pytest.mark.parametrize("channel", [Channel.SMS, Channel.EMAIL])
@pytest.mark.parametrize(
    ("locale", "about"),
    [
        ("en", ("at about 3:10 am",)),
        ("es", ("hacia las 3:10", "Alrededor de las 3:10")),
        ("fr", ("à 03:10 environ", "à 3 h 10 environ")),
    ],
)
def test_a_correction_says_about_when_in_every_language(locale: str, about: tuple[str, ...], channel: Channel) -> None:
    facts = Facts(service="power", told_at=AT - timedelta(minutes=7))
    _, text = rendered(locale, channel, BroadcastKind.CORRECTION, facts)
    assert any(words.lower() in text.lower() for words in about), text


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (BroadcastKind.ETA, "solución prevista antes de las 6:30"),
        (BroadcastKind.ETA_CHANGED, "la solución sigue prevista antes de las 6:30"),
        (BroadcastKind.REOPENED, "solución prevista antes de las 6:30"),
    ],
)
def test_a_spanish_subject_says_what_is_expected_by_then(kind: BroadcastKind, says: str) -> None:
    eta = AT + timedelta(hours=3, minutes=10)
    subject, _ = rendered("es", Channel.EMAIL, kind, Facts(service="power", eta_at=eta, previous_eta_at=eta))
    assert says in subject
    assert "hora estimada" not in subject
