"""The generated town and its streams: the same for the same seed, made of reserved addresses, and true."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from notifier.domain.errors import InvalidInput
from notifier.sandbox import simulate
from notifier.sandbox.play import moved
from notifier.sandbox.simulate import StreamPlan, parse_outage
from notifier.sandbox.town import COLUMNS, TownPlan, sites_of, write_town

LIVE_FROM = datetime(2026, 3, 4, 2, tzinfo=UTC)
SMALL = TownPlan(customers=2_000, seed=7)


def plan(**changes):
    return StreamPlan(live_from=LIVE_FROM, weeks=1, seed=7, **changes)


def test_the_town_of_the_demo_has_the_size_that_was_asked_for():
    town = list(sites_of(TownPlan()))
    assert len(town) == 21_500
    assert len({site.customer_id for site in town}) == 20_000
    assert len({site.region("postal_code") for site in town}) == 40
    assert {site.region("area_code") for site in town} == {"415", "628", "650", "661", "831", "925"}


def test_the_same_seed_gives_the_same_town_and_another_seed_another():
    assert list(sites_of(SMALL)) == list(sites_of(SMALL))
    assert list(sites_of(SMALL)) != list(sites_of(TownPlan(customers=2_000, seed=8)))


def test_every_address_is_reserved_and_every_number_belongs_to_one_customer():
    town = list(sites_of(SMALL))
    assert all(site.email.endswith("@example.com") for site in town if site.email)
    assert all(site.phone[5:10] == "55501" and len(site.phone) == 12 for site in town if site.phone)
    owners = Counter(phone for phone, _ in {(site.phone, site.customer_id) for site in town if site.phone})
    assert set(owners.values()) == {1}


def test_the_town_has_the_cases_that_matter():
    town = list(sites_of(SMALL))
    readers = {(site.email, site.customer_id) for site in town if site.email}
    assert max(Counter(email for email, _ in readers).values()) > 1, "a mailbox shared by customers"
    assert max(Counter(site.customer_id for site in town).values()) > 3, "a customer with many sites"
    assert any(not site.email and not site.phone for site in town), "nobody can be reached"
    assert any(site.phone2_role == "carer" for site in town)
    assert {site.status for site in town} == {"active", "paused", "ended"}
    assert {site.locale for site in town} == {"en", "es", "fr"}
    assert 0.4 < sum(1 for site in town if site.phone) / len(town) < 0.55


def test_postal_codes_lie_in_one_city_each_and_nodes_in_one_postal_code_each():
    town = list(sites_of(SMALL))
    for narrow, wide in (("postal_code", "city"), ("node", "postal_code")):
        pairs = {(site.region(narrow), site.region(wide)) for site in town}
        assert len(pairs) == len({code for code, _ in pairs})


def test_the_directory_file_has_one_row_per_site_under_the_columns_of_the_import(tmp_path):
    assert write_town(tmp_path / "town.csv", sites_of(SMALL)) == 2_150
    head, first, *_ = (tmp_path / "town.csv").read_text().splitlines()
    assert head == ",".join(COLUMNS)
    assert first.startswith("C000001,1,")


def test_the_same_seed_gives_the_same_streams():
    town = list(sites_of(SMALL))
    outage = parse_outage("94112,+10min,20%,5min", LIVE_FROM)
    assert simulate.live(plan(outages=(outage,)), town) == simulate.live(plan(outages=(outage,)), town)
    assert list(simulate.history(plan(), town)) == list(simulate.history(plan(), town))


def test_history_ends_where_the_live_stream_begins_and_both_are_in_order():
    town = list(sites_of(SMALL))
    times = [one.occurred_at for one in [*simulate.history(plan(), town), *simulate.live(plan(), town)]]
    assert times == sorted(times)
    assert min(times) >= LIVE_FROM - timedelta(weeks=1)


def test_the_background_follows_the_day_and_has_the_asked_for_volume():
    town = list(sites_of(SMALL))
    past = list(simulate.history(StreamPlan(live_from=LIVE_FROM, weeks=8, background=8, seed=1), town))
    assert len(past) == pytest.approx(8 * 2 * 7 * 8, rel=0.15)
    by_hour = Counter(one.occurred_at.astimezone(simulate.ZoneInfo("America/Los_Angeles")).hour for one in past)
    assert sum(by_hour[hour] for hour in (18, 19)) > 3 * sum(by_hour[hour] for hour in (2, 3))


def test_callers_of_an_outage_are_affected_and_call_once_after_it_began():
    town = list(sites_of(SMALL))
    outage = parse_outage("94112+94113,+10min,30,5min,internet", LIVE_FROM)
    stream = simulate.live(plan(outages=(outage,), background=0, abusers=0), town)
    sites = {site.customer_id: site for site in town if outage.affects(site)}
    assert 20 < len(stream) <= 30
    assert all(one.occurred_at > outage.started_at for one in stream)
    emails = {site.email for site in sites.values()} | {site.phone for site in sites.values()}
    assert all(one.customer_id in sites or one.reporter in emails for one in stream)


def test_the_truth_names_exactly_the_active_sites_with_the_service_in_the_place():
    town = list(sites_of(SMALL))
    outage = parse_outage("94112,+10min,20%,5min,internet", LIVE_FROM)
    named = {(one.customer_id, one.site_id) for one in simulate.truth(plan(outages=(outage,)), town)}
    assert named == {
        (site.customer_id, site.site_id)
        for site in town
        if site.region("postal_code") == "94112" and site.status == "active" and "internet" in site.services
    }


def test_abusers_stay_away_from_the_outages_and_strangers_are_on_nobodys_file():
    town = list(sites_of(SMALL))
    outage = parse_outage("94112,+10min,20%,5min", LIVE_FROM)
    stream = simulate.live(plan(outages=(outage,), background=0, abusers=2), town)
    strangers = [one for one in stream if one.reporter.startswith("stranger.")]
    assert len(strangers) == 80
    assert {one.source for one in strangers} == {"web"}
    assert "postal_code:94112" not in {one.region for one in strangers}


def test_a_stream_survives_being_written_and_read(tmp_path):
    stream = simulate.live(plan(), list(sites_of(SMALL)))
    simulate.write_complaints(tmp_path / "live.csv", stream)
    read = simulate.read_complaints(tmp_path / "live.csv")
    assert [one.external_id for one in read] == [one.external_id for one in stream]
    assert all(abs(a.occurred_at - b.occurred_at) < timedelta(seconds=1) for a, b in zip(read, stream, strict=True))


@pytest.mark.parametrize(
    "text",
    [
        "94112,+10min,20%",
        "94112,+10min,0,5min",
        "94112,+10min,120%,5min",
        "94112,noon,20%,5min",
        "94112,2026-03-04T02:00:00,20%,5min",
        "94112,+10min,20%,soon",
        "street:94112,+10min,20%,5min",
    ],
)
def test_a_wrong_outage_is_refused_with_what_would_be_right(text):
    with pytest.raises(InvalidInput, match="expected"):
        parse_outage(text, LIVE_FROM)


@pytest.mark.parametrize("text", ["99999,+10min,20%,5min", "94112,+10min,20%,5min,water"])
def test_an_outage_that_nobody_would_notice_is_refused(text):
    with pytest.raises(InvalidInput, match=r"nobody in the town has \w+ in postal_code:\d+"):
        simulate.check_outages(plan(outages=(parse_outage(text, LIVE_FROM),)), list(sites_of(SMALL)))


def test_a_stream_that_is_played_again_is_new_to_the_daemon():
    stream = simulate.live(plan(), list(sites_of(SMALL)))
    again = moved(stream, timedelta(hours=1))
    assert again[0].occurred_at - stream[0].occurred_at == timedelta(hours=1)
    assert not {one.external_id for one in again} & {one.external_id for one in stream}
