"""What the incidents repository promises on every database."""

from dataclasses import replace
from datetime import timedelta

import msgspec
import pytest

from notifier.domain.detection import Thresholds
from notifier.domain.errors import NotFound, TransitionRefused
from notifier.domain.incident import DismissReason, IncidentState, PartState
from notifier.domain.local_time import LocalTime
from notifier.domain.surveillance import Surveillance
from notifier.stages.detection.counts import Regions
from notifier.stages.detection.placing import RESOLVED_LATELY, Placing
from notifier.stages.detection.surroundings import Surroundings, Suspicion
from notifier.storage.database import Database
from notifier.storage.instants import to_micros
from notifier.storage.repositories import incidents
from notifier.storage.repositories.evidence import attach_evidence
from tests.incident_town import MORNING, Town, evidence

HOUR = timedelta(hours=1)


def opened(
    database: Database,
    *regions: int,
    state: IncidentState = IncidentState.SUSPECTED,
    sites: tuple[int, ...] = (),
    service: str = "power",
) -> int:
    return database.write_now(
        lambda tx: incidents.open_incident(
            tx,
            service=service,
            impact="down",
            playbook="standard",
            state=state,
            region_ids=regions,
            site_ids=sites,
            started_at=MORNING,
            now=MORNING,
            by="daemon",
            correlation_id="c-1",
        )
    )


def standing(database: Database, region: int, *, service: str = "power") -> int | None:
    """Return the incident that evidence from a region belongs to."""
    kinds = {"postal_code": 0, "city": 1}
    around = Surroundings(Regions(), kinds)
    surveillance = Surveillance(LocalTime("UTC"), Thresholds(likely=8.5, certain=17.5), {service: 3}, kinds)
    suspicion = Suspicion(service=service, since_us=to_micros(MORNING), until_us=to_micros(MORNING), position=0)
    return database.read_now(
        lambda tx: Placing(tx, around, surveillance, suspicion, quiet_after=timedelta(hours=2), now=MORNING).standing(
            region
        )
    )


def events(database: Database, incident_id: int) -> list[str]:
    return database.read_now(
        lambda tx: [row["event"] for row in tx.rows("SELECT event FROM timeline WHERE incident_id = :i", i=incident_id)]
    )


def test_an_opened_incident_has_one_part_its_place_and_a_timeline(database: Database) -> None:
    town = Town(database)
    incident_id = opened(database, town.region("94112"), town.region("94110"))
    found = database.read_now(lambda tx: incidents.load(tx, incident_id))
    assert (found.state, found.part.state) == (IncidentState.SUSPECTED, PartState.OUT)
    assert (found.place, found.started_at, found.correlation_id) == ("94110, 94112", MORNING, "c-1")
    assert events(database, incident_id) == ["opened"]


def test_a_place_of_many_regions_or_sites_is_counted(database: Database) -> None:
    town = Town(database)
    six = [town.region(str(code)) for code in range(94110, 94116)]
    customer = town.customer("a")
    sites = tuple(town.site(customer, reference=str(n)) for n in range(3))
    many, listed = opened(database, *six), opened(database, sites=sites)
    place = {i: database.read_now(lambda tx, i=i: incidents.load(tx, i).place) for i in (many, listed)}
    assert place == {many: "94110, 94111, 94112, 94113 and 2 more", listed: "3 sites"}


def test_an_unknown_incident_is_not_found(database: Database) -> None:
    with pytest.raises(NotFound, match="there is no incident 99"):
        database.read_now(lambda tx: incidents.load(tx, 99))


def test_incidents_of_the_same_region_or_with_a_common_active_site_overlap(database: Database) -> None:
    town = Town(database)
    postal, other, city, empty_city = (
        town.region("94110"),
        town.region("94199"),
        town.region("Riverside", kind="city"),
        town.region("Elsewhere", kind="city"),
    )
    town.household("a", postal, city)
    town.household("b", other, empty_city, status="ended")
    incident_id = opened(database, postal)
    assert standing(database, postal) == incident_id
    assert standing(database, city) == incident_id
    assert standing(database, other) is None
    assert standing(database, empty_city) is None
    assert standing(database, postal, service="internet") is None
    opened(database, other)
    assert standing(database, empty_city) is None


def test_a_list_of_sites_overlaps_the_regions_of_its_sites(database: Database) -> None:
    town = Town(database)
    postal = town.region("94110")
    site = town.site(town.customer("a"), postal)
    incident_id = opened(database, sites=(site,))
    assert standing(database, postal) == incident_id


def test_a_resolved_incident_overlaps_only_for_a_while(database: Database) -> None:
    town = Town(database)
    postal = town.region("94110")
    recent, old, closed = (opened(database, postal, state=IncidentState.RESOLVED) for _ in range(3))

    def resolve(incident_id: int, ago: timedelta, state: str = "resolved") -> None:
        database.write_now(
            lambda tx: tx.run(
                "UPDATE incidents SET resolved_at = :at, state = :state WHERE id = :id",
                at=to_micros(MORNING - ago),
                state=state,
                id=incident_id,
            )
        )

    resolve(recent, RESOLVED_LATELY / 2)
    resolve(old, 2 * RESOLVED_LATELY)
    resolve(closed, RESOLVED_LATELY / 2, "closed")
    assert standing(database, postal) == recent


def test_evidence_attaches_wider_regions_and_is_told_once_per_region_and_grade(database: Database) -> None:
    town = Town(database)
    postal, city = town.region("94110"), town.region("Riverside", kind="city")
    incident_id = opened(database, postal)
    for region, grade in ((postal, "likely"), (postal, "likely"), (postal, "certain"), (city, "likely")):
        database.write_now(
            lambda tx, region=region, grade=grade: attach_evidence(
                tx, incident_id, evidence(region, grade=grade), now=MORNING
            )
        )
    assert events(database, incident_id) == ["opened", "evidence", "evidence", "evidence"]
    assert database.read_now(lambda tx: tx.scalar("SELECT count(*) FROM evidence")) == 4
    roles = database.read_now(lambda tx: dict(tx.tuples("SELECT region_id, role FROM incident_regions")))
    assert roles == {postal: "place", city: "attached"}
    seen = database.read_now(lambda tx: tx.scalar("SELECT last_evidence_at FROM incidents"))
    assert seen == to_micros(MORNING)


def test_evidence_in_the_timeline_names_the_region_and_the_figures(database: Database) -> None:
    town = Town(database)
    postal = town.region("94110")
    incident_id = opened(database, postal)
    database.write_now(lambda tx: attach_evidence(tx, incident_id, evidence(postal), now=MORNING))
    detail = database.read_now(lambda tx: tx.scalar("SELECT detail FROM timeline WHERE event = 'evidence'"))
    assert msgspec.json.decode(detail) == {
        "region": "postal_code 94110",
        "grade": "likely",
        "score": 9.5,
        "observed": 20,
        "expected": 1.3,
        "seconds": 0,
        "customers": 20,
    }


def test_a_small_expectation_is_recorded_with_the_digits_that_say_something(database: Database) -> None:
    postal = Town(database).region("94110")
    incident_id = opened(database, postal)
    rare = replace(evidence(postal), expected=0.00421)
    database.write_now(lambda tx: attach_evidence(tx, incident_id, rare, now=MORNING))
    detail = database.read_now(lambda tx: tx.scalar("SELECT detail FROM timeline WHERE event = 'evidence'"))
    assert msgspec.json.decode(detail)["expected"] == 0.0042


def test_a_dismissed_incident_keeps_why_and_cannot_be_dismissed_again(database: Database) -> None:
    incident_id = opened(database, Town(database).region("94110"))

    def dismiss() -> None:
        database.write_now(
            lambda tx: incidents.dismiss(tx, incident_id, now=MORNING, reason=DismissReason.SUBSIDED, actor="daemon")
        )

    dismiss()
    row = database.read_now(lambda tx: tx.row("SELECT state, dismiss_reason, dismissed_at FROM incidents"))
    assert row == {"state": "dismissed", "dismiss_reason": "subsided", "dismissed_at": to_micros(MORNING)}
    with pytest.raises(TransitionRefused, match="is dismissed and cannot become dismissed"):
        dismiss()
    assert events(database, incident_id) == ["opened", "dismissed"]


def test_merging_moves_the_evidence_and_attaches_the_regions(database: Database) -> None:
    town = Town(database)
    postal, city = town.region("94110"), town.region("Riverside", kind="city")
    small, large = opened(database, postal), opened(database, city, state=IncidentState.CONFIRMED)
    database.write_now(lambda tx: attach_evidence(tx, small, evidence(postal), now=MORNING))
    database.write_now(lambda tx: incidents.merge(tx, small, into=large, now=MORNING, actor="ann"))
    assert database.read_now(lambda tx: tx.scalar("SELECT incident_id FROM evidence")) == large
    merged = database.read_now(lambda tx: tx.row("SELECT state, merged_into FROM incidents WHERE id = :i", i=small))
    assert merged == {"state": "merged", "merged_into": large}
    assert events(database, large)[-1] == "merged_in"


def test_a_corrected_place_keeps_the_old_regions_as_attached(database: Database) -> None:
    town = Town(database)
    first, second = town.region("94110"), town.region("94112")
    incident_id = opened(database, first)
    database.write_now(lambda tx: incidents.set_place(tx, incident_id, [second]))
    assert database.read_now(lambda tx: incidents.place_regions(tx, incident_id)) == [second]
    assert database.read_now(lambda tx: incidents.load(tx, incident_id).place) == "94112"
