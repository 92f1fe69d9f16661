"""What a complaint may say, where its reporter is, and whether it counts."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from notifier.domain.complaint import (
    TEXT_AT_MOST,
    CandidateSite,
    ComplaintRequest,
    Counting,
    KnownCustomer,
    NotCounted,
    Region,
    Strangers,
    Whereabouts,
    baseline_only,
    check,
    clean_text,
    count,
    effective,
    locate,
    may_feed,
)
from notifier.domain.errors import InvalidInput

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
KINDS = ("node", "postal_code", "city")
NODE = Region(id=9, kind="node", code="N1")
OTHER_NODE = Region(id=8, kind="node", code="N2")
ZIP = Region(id=1, kind="postal_code", code="94110")
OTHER_ZIP = Region(id=2, kind="postal_code", code="94112")
CITY = Region(id=3, kind="city", code="San Francisco")
ANN = KnownCustomer(id=10, reference="C-10")
BOB = KnownCustomer(id=11, reference="C-11")


def site(site_id: int, customer: KnownCustomer, *regions: Region) -> CandidateSite:
    return CandidateSite(id=site_id, customer=customer, regions=regions)


def ids(where: Whereabouts) -> list[int]:
    return [region.id for region in where.regions]


# --- what it may say ------------------------------------------------------------------------------------------------


def test_somebody_must_complain() -> None:
    with pytest.raises(InvalidInput) as caught:
        check(ComplaintRequest(service="power", reporter="  "))
    assert caught.value.field == "reporter"


def test_identifiers_are_stripped() -> None:
    assert check(ComplaintRequest(service=" power ", customer_id=" 7 ")).customer_id == "7"


@pytest.mark.parametrize("wrong", ["a\0b", "a\ud800b", "a\nb", "x" * 201])
def test_identifiers_that_one_database_could_not_hold_are_refused(wrong: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check(ComplaintRequest(service="power", customer_id="7", external_id=wrong))
    assert caught.value.field == "external_id"
    str(caught.value.value).encode()


def test_text_is_cleaned_and_cut_but_never_refused() -> None:
    assert clean_text("no\0 power\ud800 señor 🕯") == "no\ufffd power? señor 🕯"
    assert len(clean_text("x" * 50_000)) == TEXT_AT_MOST
    clean_text("\ud83d" * 20).encode()


def test_a_time_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no time zone") as caught:
        check(ComplaintRequest(service="power", customer_id="7", occurred_at=NOW.replace(tzinfo=None)))
    assert caught.value.field == "occurred_at"


# --- when it happened -----------------------------------------------------------------------------------------------


def test_without_a_time_it_happened_now() -> None:
    assert effective(None, NOW, history=False) == (NOW, NOW)


def test_a_clock_that_is_ahead_does_not_move_a_complaint_into_the_future() -> None:
    ahead = NOW + timedelta(hours=2)
    assert effective(ahead, NOW, history=False) == (ahead, NOW)


@pytest.mark.parametrize("wrong", [NOW + timedelta(hours=25), datetime(1999, 12, 31, tzinfo=UTC)])
def test_times_that_cannot_be_meant_are_refused(wrong: datetime) -> None:
    with pytest.raises(InvalidInput) as caught:
        effective(wrong, NOW, history=False)
    assert caught.value.field == "occurred_at"


def test_history_lies_in_the_past() -> None:
    with pytest.raises(InvalidInput):
        effective(NOW + timedelta(minutes=6), NOW, history=True)


def test_a_local_time_is_kept_as_utc() -> None:
    local = datetime(2026, 3, 2, 3, 59, tzinfo=timezone(timedelta(hours=-8)))
    assert effective(local, NOW, history=False)[1].isoformat() == "2026-03-02T11:59:00+00:00"


@pytest.mark.parametrize(
    ("minutes", "history", "reason"),
    [(15, False, None), (16, False, NotCounted.LATE), (0, True, NotCounted.HISTORY), (16, True, NotCounted.HISTORY)],
)
def test_late_rows_and_history_feed_the_baseline_only(minutes: int, history: bool, reason: NotCounted | None) -> None:
    at = NOW - timedelta(minutes=minutes)
    assert baseline_only(at, NOW, history=history, late_after=timedelta(minutes=15)) is reason


# --- who and where --------------------------------------------------------------------------------------------------


def test_a_customer_is_where_its_site_is_narrow_before_wide() -> None:
    where = locate([site(1, ANN, CITY, ZIP, NODE)], None, KINDS, known=ANN)
    assert (ids(where), where.customer, where.on_file, where.site_ids) == ([9, 1, 3], ANN, True, (1,))


def test_a_customer_with_several_sites_counts_where_all_of_them_are() -> None:
    where = locate([site(1, ANN, ZIP, NODE, CITY), site(2, ANN, ZIP, OTHER_NODE, CITY)], None, KINDS, known=ANN)
    assert ids(where) == [1, 3]


def test_a_customer_whose_sites_share_nothing_counts_nowhere_without_a_hint() -> None:
    sites = [site(1, ANN, ZIP), site(2, ANN, OTHER_ZIP)]
    assert locate(sites, None, KINDS, known=ANN).unknown is NotCounted.NO_REGION
    assert ids(locate(sites, OTHER_ZIP, KINDS, known=ANN)) == [2]


def test_several_customers_behind_one_address_count_where_all_their_regions_are_the_same() -> None:
    where = locate([site(1, BOB, ZIP, CITY), site(2, ANN, ZIP, CITY)], None, KINDS)
    assert (ids(where), where.customer) == ([1, 3], ANN)


def test_several_customers_in_different_regions_are_ambiguous_unless_a_region_is_named() -> None:
    sites = [site(1, ANN, ZIP, CITY), site(2, BOB, OTHER_ZIP, CITY)]
    assert locate(sites, None, KINDS).unknown is NotCounted.AMBIGUOUS_CUSTOMER
    named = locate(sites, OTHER_ZIP, KINDS)
    assert (ids(named), named.customer) == ([2, 3], BOB)


def test_a_stranger_is_where_the_request_says_or_nowhere() -> None:
    assert ids(locate([], ZIP, KINDS)) == [1]
    assert locate([], ZIP, KINDS).on_file is False
    assert locate([], None, KINDS).unknown is NotCounted.NO_REGION


def test_a_customer_without_the_service_is_not_served_unless_a_region_is_named() -> None:
    assert locate([], None, KINDS, known=ANN).unknown is NotCounted.NOT_SERVED
    assert locate([], ZIP, KINDS, known=ANN).unknown is None


def test_a_customer_is_a_stranger_where_it_has_no_site() -> None:
    where = locate([site(1, ANN, ZIP)], OTHER_ZIP, KINDS, known=ANN)
    assert (ids(where), where.on_file, where.customer) == ([2], False, ANN)


def test_a_named_region_fills_what_is_not_on_file() -> None:
    where = locate([site(1, ANN, CITY)], ZIP, KINDS, known=ANN)
    assert (ids(where), where.on_file) == ([1, 3], True)


# --- whether it counts ----------------------------------------------------------------------------------------------


def counted(
    *,
    verified: bool = True,
    feeds_only: NotCounted | None = None,
    before: tuple[int, ...] = (),
    strangers: int = 0,
    where: Whereabouts | None = None,
    feeds: bool = True,
) -> Counting:
    return count(
        where or Whereabouts(customer=ANN, on_file=True, regions=(ZIP, CITY)),
        verified=verified,
        feeds_only=feeds_only,
        counted_before=before,
        strangers=Strangers(in_place=strangers),
        strangers_at_most=2,
        per_address_at_most=3,
        feeds=feeds,
    )


def test_a_complaint_counts_in_every_region() -> None:
    assert counted() == Counting(regions=(1, 3), not_counted=None)


def test_a_reporter_counts_once_per_cell() -> None:
    assert counted(before=(1,)) == Counting(regions=(3,), not_counted=None)
    assert counted(before=(1, 3)).not_counted is NotCounted.REPEAT


def test_strangers_count_up_to_the_cap() -> None:
    assert counted(verified=False, strangers=1).not_counted is None
    assert counted(verified=False, strangers=2) == Counting(regions=(), not_counted=NotCounted.UNVERIFIED_CAP)
    assert counted(verified=True, strangers=2).not_counted is None


def test_history_keeps_its_regions_for_the_baseline() -> None:
    assert counted(feeds_only=NotCounted.HISTORY) == Counting(regions=(1, 3), not_counted=NotCounted.HISTORY)
    assert counted(feeds_only=NotCounted.HISTORY, before=(1, 3)).not_counted is NotCounted.REPEAT


def test_one_address_counts_up_to_its_cap_wherever_it_says_it_is() -> None:
    many = Strangers(from_address=3)
    answer = count(
        Whereabouts(customer=None, on_file=False, regions=(ZIP,)),
        verified=False,
        feeds_only=None,
        counted_before=(),
        strangers=many,
        strangers_at_most=2,
        per_address_at_most=3,
    )
    assert answer == Counting(regions=(), not_counted=NotCounted.UNVERIFIED_CAP)


def test_one_stranger_a_day_and_place_feeds_the_baseline() -> None:
    first, second = (
        count(
            Whereabouts(customer=None, on_file=False, regions=(ZIP,)),
            verified=False,
            feeds_only=None,
            counted_before=(),
            strangers=Strangers(in_place_today=before),
            strangers_at_most=2,
            per_address_at_most=3,
        )
        for before in (0, 1)
    )
    assert (first.regions, first.feeds, second.regions, second.feeds) == ((1,), True, (1,), False)


@pytest.mark.parametrize(
    ("feeds_only", "days", "verified", "feeds"),
    [
        (None, 0, False, True),
        (NotCounted.LATE, 1, True, True),
        (NotCounted.LATE, 1, False, False),
        (NotCounted.LATE, 2, True, False),
        (NotCounted.HISTORY, 800, True, True),
    ],
)
def test_the_past_feeds_the_baseline_within_a_day_unless_it_is_imported(
    feeds_only: NotCounted | None, days: int, verified: bool, feeds: bool
) -> None:
    assert may_feed(NOW - timedelta(days=days), NOW, verified=verified, feeds_only=feeds_only) is feeds


def test_what_may_not_feed_is_counted_nowhere() -> None:
    assert counted(feeds_only=NotCounted.LATE, feeds=False) == Counting(regions=(), not_counted=NotCounted.LATE)


def test_without_a_region_nothing_counts() -> None:
    nowhere = Whereabouts(customer=None, on_file=False, unknown=NotCounted.NO_REGION)
    assert counted(where=nowhere, feeds_only=NotCounted.HISTORY).not_counted is NotCounted.NO_REGION
