"""Cells of any service: what is kept from complaint to complaint changes no decision."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from random import Random

import pytest

from notifier.backtest.tallies import Reporters, Tallies, whereabouts
from notifier.domain.any_service import ANY, AnyService, Part, together
from notifier.domain.cell import SPAN_US
from notifier.domain.complaint import Region
from notifier.domain.detection import CountedComplaint, Finding, Thresholds
from notifier.domain.local_time import US_PER_DAY, US_PER_HOUR, LocalTime
from notifier.domain.surveillance import Surveillance

SERVICES = {"internet": 3, "power": 3, "water": 4}
CITY = Region(1, "city", "San Francisco")
PLACES = tuple((Region(n, "postal_code", f"9411{n}"), CITY) for n in (2, 3, 4))
REGIONS = {region.id: region for place in PLACES for region in place}
LOCAL = LocalTime("America/Los_Angeles")
FEBRUARY = 20_485 * US_PER_DAY
MINUTE = 60_000_000


class Plain(AnyService):
    """The definition: who counted is kept in a list, and every complaint makes its cells anew."""

    def __init__(self, surveillance: Surveillance, thresholds: Thresholds) -> None:
        super().__init__(surveillance.detector, thresholds, SERVICES)
        self.counted: defaultdict[int, list[int]] = defaultdict(list)

    def take_in(self, complaint: CountedComplaint) -> list[int]:
        super().take_in(complaint)
        if not complaint.verified:
            return []
        new = [region_id for region_id in complaint.regions if region_id not in complaint.named_before]
        for region_id in new:
            self.counted[region_id].append(complaint.at_us)
        return new

    def look(self, region_id: int, parts: Callable[[int], Sequence[Part]], day: int, position: int) -> Finding | None:
        cells = self._cells(region_id).values()
        newest_us = max(cell.times[-1] for cell in cells)
        since_us = newest_us - SPAN_US
        if sum(cell.times[-1] > since_us for cell in cells) < 2 or any(cell.recorded_us > since_us for cell in cells):
            return None
        counted = self.counted[region_id]
        wanted = self._tells_from(region_id, newest_us)
        if wanted is None or sum(at_us >= since_us for at_us in counted) < self._fewest or max(counted) <= since_us:
            return None  # asked here, too, because a level that is made on another day may differ in the fifth digit
        cell = together(counted, parts(region_id), LOCAL, day)
        return self._find(region_id, cell, newest_us, wanted, position)


def stream(seed: int, every: int = 40) -> Iterator[CountedComplaint]:
    """Yield five weeks: a background, bursts of one service and of several, late calls, strangers, silences."""
    random, reporters = Random(seed), Reporters()  # noqa: S311  # the same stream every time
    at_us = FEBRUARY
    calls = [  # one service is named later than others on the first day
        (at_us + n * MINUTE, "water" if n > 6 else random.choice(("internet", "power")), place)
        for place in range(3)
        for n in range(10)
    ]
    while at_us < FEBRUARY + 38 * US_PER_DAY:
        at_us += int(random.expovariate(1 / every) * MINUTE)
        if random.random() < every / 10_000:
            at_us += 9 * US_PER_HOUR  # nothing is heard: a feed is broken
        calls.append((at_us, random.choice(tuple(SERVICES)), random.randrange(3)))
        if random.random() < 0.05:
            place, only = random.randrange(3), random.choice((*SERVICES, "", "", "", ""))
            for _ in range(random.randrange(2, 9)):
                then_us = at_us + random.randrange(50 * MINUTE)
                calls.append((then_us, only or random.choice(tuple(SERVICES)), place))
    for position, (then_us, service, place) in enumerate(sorted(calls)):
        late_us = random.randrange(15 * MINUTE) if random.random() < 0.1 else 0
        where, verified = PLACES[place], random.random() < 0.9
        regions, named_before = [region.id for region in where], ()
        if verified:
            counting = reporters.count(random.randrange(900), service, then_us, whereabouts(where), several=True)
            regions, named_before = list(counting.regions), tuple(counting.named_before)
        if regions:
            yield CountedComplaint(
                position=position,
                service=service,
                at_us=then_us - late_us,
                verified=verified,
                regions=regions,
                named_before=named_before,
            )


def found(complaints: Sequence[CountedComplaint], thresholds: Thresholds, *, plain: bool) -> list[Finding]:
    surveillance = Surveillance(LOCAL, thresholds, SERVICES, {"postal_code": 0, "city": 1})
    if plain:
        surveillance._any = Plain(surveillance, thresholds)
    tallies, findings = Tallies(LOCAL, REGIONS), []
    for complaint in complaints:
        day = surveillance.baseline.day
        findings += surveillance.observe(tallies, complaint)
        if surveillance.baseline.day != day:
            tallies.keep(surveillance.take_changes())
        tallies.add(complaint.service, complaint.at_us, complaint.regions)
    return findings


@pytest.mark.parametrize("thresholds", [Thresholds(likely=8.5, certain=15.5), Thresholds(likely=1.5, certain=6.0)])
@pytest.mark.parametrize("seed", range(4))
def test_it_decides_as_if_every_cell_were_made_anew(seed: int, thresholds: Thresholds) -> None:
    complaints = list(stream(seed))
    findings = found(complaints, thresholds, plain=False)
    assert findings == found(complaints, thresholds, plain=True)
    assert len([finding for finding in findings if finding.cell.service == ANY]) >= 5


def test_it_hears_that_a_feed_was_broken() -> None:
    """A shape changes in the middle of a day, and with it what is expected in cells that were made before."""
    thresholds = Thresholds(likely=1.5, certain=6.0)
    complaints = list(stream(5, every=10))
    assert found(complaints, thresholds, plain=False) == found(complaints, thresholds, plain=True)


def test_where_one_service_is_named_nothing_is_kept_but_its_name() -> None:
    thresholds = Thresholds(likely=8.5, certain=15.5)
    surveillance = Surveillance(LOCAL, thresholds, SERVICES, {"postal_code": 0, "city": 1})
    tallies = Tallies(LOCAL, REGIONS)
    for n, service in enumerate(("power", "power", "power", "water")):
        complaint = CountedComplaint(
            position=n, service=service, at_us=FEBRUARY + n * MINUTE, verified=True, regions=[2 + (service == "water")]
        )
        surveillance.observe(tallies, complaint)
    assert surveillance._any is not None
    assert set(surveillance._any._named.values()) == {"power", "water"}
