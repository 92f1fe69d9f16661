"""Briefs in words: every reader, locale, service and impact; the same facts as customers, and nothing else."""

from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

import pytest

from notifier.config import Config, Sender, Templates
from notifier.domain.brief import PUBLIC, BriefFor, Figures, PartFacts, Standing, standing_of
from notifier.domain.broadcast import BroadcastKind, Facts
from notifier.domain.errors import ConfigError
from notifier.messages import Messages
from notifier.messages.briefs import POST_AT_MOST, Briefs
from notifier.settings import load_playbooks

NOW = datetime(2026, 6, 27, 10, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIGURES = Figures(incident=42, affected=1214, told=0, priority=9)
SERVICES = ("internet", "power", "water")
IMPACTS = ("down", "degraded", "intermittent")


@pytest.fixture(scope="module")
def briefs() -> Briefs:
    config = Config(sender=Sender(company="Valley Electric", phone="555-0100"))
    return Briefs(Messages(config, load_playbooks(config)))


def part(**changes: object) -> PartFacts:
    facts = {
        "service": "power",
        "impact": "down",
        "started_at": NOW - HOUR,
        "next_update_by": NOW + HOUR,
        "customers": 1214,
        **{name: changes.pop(name) for name in list(changes) if name in Facts.__struct_fields__},
    }
    given = {"where": "94110, 94112", "standing": Standing.OUT, **changes}
    return PartFacts(facts=Facts(**facts), **given)  # type: ignore[arg-type]


def written(briefs: Briefs, reader: BriefFor, *parts: PartFacts) -> dict[str, str]:
    return briefs.write(reader, parts or (part(),), FIGURES, now=NOW)


@pytest.mark.parametrize(("reader", "service", "impact"), list(product(BriefFor, SERVICES, IMPACTS)))
def test_every_brief_reads_well_whatever_is_known(briefs: Briefs, reader: BriefFor, service: str, impact: str) -> None:
    known = {"service": service, "impact": impact}
    work = {"window_from_at": NOW + 24 * HOUR, "window_until_at": NOW + 28 * HOUR}
    lapsed = {"window_from_at": NOW - 2 * HOUR, "window_until_at": NOW - HOUR}
    begun = {"window_from_at": NOW - HOUR, "window_until_at": NOW + HOUR}
    for shown in (
        part(**known),
        part(**known, eta_at=NOW + 3 * HOUR, next_update_by=None, cause="storm", crew="on-site", is_pending=True),
        part(**known, where="", started_at=None, next_update_by=None, customers=0),
        part(**known, standing=Standing.BACK, restored_at=NOW),
        part(**known, standing=Standing.NOTHING),
        part(**known, **work, standing=Standing.PLANNED, cause="maintenance", crew="on-site"),
        part(**known, **work, standing=Standing.PLANNED, where="", next_update_by=None),
        part(**known, **begun, standing=Standing.PLANNED, next_update_by=None, eta_at=NOW + 3 * HOUR),
        part(**known, **begun, standing=Standing.PLANNED),
        part(**known, **lapsed, standing=Standing.PLANNED, next_update_by=None),
        part(**known, **begun, standing=Standing.PLANNED, where="", next_update_by=None),
        part(**known, **work, standing=Standing.CALLED_OFF),
        part(**known, standing=Standing.CALLED_OFF, where=""),
    ):
        for locale, text in written(briefs, reader, shown).items():
            assert text.strip()
            assert "  " not in text, (locale, text)
            assert not any(odd in text for odd in (" .", "..", ",,", "None", "{", "( ", " ,")), (locale, text)
            if reader is BriefFor.SOCIAL:
                assert len(text) <= POST_AT_MOST, (locale, text)


def test_everybody_reads_it_in_every_locale(briefs: Briefs) -> None:
    for reader in BriefFor:
        assert set(written(briefs, reader)) == {"en", "es", "fr"}


def test_colleagues_read_figures_as_their_language_writes_them(briefs: Briefs) -> None:
    figures = Figures(incident=42, affected=1214, told=166, priority=9, assigned_to="Ann")
    for reader in set(BriefFor) - set(PUBLIC):
        texts = briefs.write(reader, [part()], figures, now=NOW)
        assert all(text.startswith("#42 ") and "166" in text for text in texts.values())
        assert "1,214" in texts["en"]
        assert "1 214" in texts["fr"]
        assert tuple(
            word
            for word, text in zip(("nobody", "ninguno", "aucun"), written(briefs, reader).values(), strict=True)
            if word in text
        ) == ("nobody", "ninguno", "aucun")
    stakeholders = briefs.write(BriefFor.STAKEHOLDERS, [part()], figures, now=NOW)
    assert "27 de junio de 2026" in stakeholders["es"]
    assert "27 juin 2026" in stakeholders["fr"]
    assert "Ann" in stakeholders["fr"]


def test_a_time_that_customers_are_given_is_the_one_that_is_said(briefs: Briefs) -> None:
    shown = part(eta_at=NOW + 3 * HOUR, next_update_by=None, cause="cable-cut")
    for reader in BriefFor:
        assert "6:09 am" in written(briefs, reader, shown)["en"]
    assert "A cable was cut." in written(briefs, BriefFor.WEB, shown)["en"]
    assert "Give no time." in written(briefs, BriefFor.AGENT)["en"]
    assert "We do not have a time yet." in written(briefs, BriefFor.IVR)["en"]


def test_what_is_not_told_yet_says_so_to_colleagues(briefs: Briefs) -> None:
    assert "NOT TOLD YET" in written(briefs, BriefFor.AGENT, part(is_pending=True))["en"]
    assert "NOT TOLD YET" not in written(briefs, BriefFor.AGENT)["en"]
    assert "AÚN SIN AVISO" in written(briefs, BriefFor.AGENT, part(is_pending=True))["es"]
    assert "PAS ENCORE ANNONCÉ" in written(briefs, BriefFor.AGENT, part(is_pending=True))["fr"]
    assert "have not been told this yet" in written(briefs, BriefFor.STAKEHOLDERS, part(is_pending=True))["en"]


def test_those_that_ship_have_no_problem(briefs: Briefs) -> None:
    assert briefs.problems() == []


def test_each_part_is_said_by_its_name(briefs: Briefs) -> None:
    back = part(where="94112", standing=Standing.BACK, restored_at=NOW)
    for reader in BriefFor:
        for text in written(briefs, reader, part(where="94110"), back).values():
            assert text.index("94110") < text.index("94112")


def test_the_operators_own_template_takes_the_place_of_ours(tmp_path: Path) -> None:
    own = tmp_path / "briefs" / "en"
    own.mkdir(parents=True)
    (own / "ivr.j2").write_text("Ours: {{ first.service }}.")
    config = Config(templates=Templates(directory=str(tmp_path)))
    made = Briefs(Messages(config, load_playbooks(config)))
    assert written(made, BriefFor.IVR)["en"] == "Ours: power."
    (own / "ivr.j2").write_text("{{ first.name }}")
    assert "briefs/en/ivr.j2" in Briefs(Messages(config, load_playbooks(config))).problems()[0]
    (own / "ivr.j2").write_text("{% if %}")
    with pytest.raises(ConfigError, match=r"briefs/en/ivr\.j2, line 1"):
        Briefs(Messages(config, load_playbooks(config)))


@pytest.mark.parametrize(
    ("kind", "is_restored", "is_dismissed", "standing"),
    [
        (None, False, False, Standing.OUT),
        (BroadcastKind.ETA, False, False, Standing.OUT),
        (BroadcastKind.RESTORED, False, False, Standing.BACK),
        (BroadcastKind.OVERNIGHT, True, False, Standing.BACK),
        (BroadcastKind.REOPENED, False, False, Standing.OUT),
        (BroadcastKind.CORRECTION, False, False, Standing.NOTHING),
        (BroadcastKind.RESTORED, True, True, Standing.NOTHING),
    ],
)
def test_how_it_stands_follows_from_the_newest_update(
    kind: BroadcastKind | None, is_restored: bool, is_dismissed: bool, standing: Standing
) -> None:
    assert standing_of(kind, is_restored=is_restored, is_dismissed=is_dismissed) is standing


@pytest.mark.parametrize(
    ("kind", "is_restored", "is_dismissed", "standing"),
    [
        (None, False, False, Standing.PLANNED),
        (BroadcastKind.PLANNED_REMINDER, False, False, Standing.PLANNED),
        (BroadcastKind.PLANNED_OVERRUN, False, False, Standing.PLANNED),
        (BroadcastKind.PLANNED_CANCELLED, False, False, Standing.CALLED_OFF),
        (BroadcastKind.PLANNED_NOTICE, False, True, Standing.CALLED_OFF),
        (BroadcastKind.PLANNED_RESTORED, False, False, Standing.BACK),
        (BroadcastKind.REOPENED, False, False, Standing.OUT),
    ],
)
def test_how_planned_work_stands(
    kind: BroadcastKind | None, is_restored: bool, is_dismissed: bool, standing: Standing
) -> None:
    found = standing_of(kind, is_restored=is_restored, is_dismissed=is_dismissed, is_planned=True)
    assert found is standing


def test_work_is_said_with_its_time_in_every_language(briefs: Briefs) -> None:
    work = part(
        standing=Standing.PLANNED,
        window_from_at=NOW + 24 * HOUR,
        window_until_at=NOW + 28 * HOUR,
        next_update_by=None,
    )
    for reader in BriefFor:
        for locale, text in written(briefs, reader, work).items():
            assert {"en": "tomorrow from", "es": "mañana", "fr": "demain"}[locale] in text
    assert "call 555-0100 before it begins" in written(briefs, BriefFor.WEB, work)["en"]


def test_nobody_is_given_a_time_of_work_that_has_passed(briefs: Briefs) -> None:
    lapsed = {"window_from_at": NOW - 3 * HOUR, "window_until_at": NOW - HOUR, "next_update_by": None}
    for reader in BriefFor:
        text = written(briefs, reader, part(standing=Standing.PLANNED, **lapsed))["en"]
        assert "It takes longer" in text
        assert "None" not in text
    assert "Give no time." in written(briefs, BriefFor.AGENT, part(standing=Standing.PLANNED, **lapsed))["en"]
