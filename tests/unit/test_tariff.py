"""Tariffs turn outage time into steps and amounts; published cases stand in the files themselves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from notifier.config import Config, Credits
from notifier.domain.errors import ConfigError
from notifier.domain.incident import Impact, IncidentKind
from notifier.domain.tariff import (
    Counts,
    Disruption,
    Payer,
    Rounding,
    Spell,
    Tariff,
    TariffClock,
    TariffTest,
    in_force,
    is_for,
    is_for_payer,
    joined,
    step_amount,
    steps,
    without,
)
from notifier.settings.tariffs import load_tariffs

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
LONDON, LA = ZoneInfo("Europe/London"), ZoneInfo("America/Los_Angeles")
TEST = TariffTest(name="any", outages=("2026-03-02T08:00/2026-03-02T09:00",), credit="0")
PLAIN = Tariff(
    name="plain",
    valid_from="2026-01-01",
    source="a test",
    currency="USD",
    services=("power",),
    amount="25.00",
    tests=(TEST,),
    enabled=True,
)
OUT = Disruption(service="power", impact=Impact.DOWN, kind=IncidentKind.UNPLANNED, cause="storm", customers=10)
HOME = Payer(account_type="residential", plan="basic", monthly_price_minor=4990, currency="USD")


def spell(from_hour: float, until_hour: float) -> Spell:
    return Spell(from_at=NOON + from_hour * HOUR, until_at=NOON + until_hour * HOUR)


def own(tmp_path: Path, text: str, **settings: str) -> Config:
    """Return a configuration whose folder of tariffs holds one file of its own."""
    (tmp_path / "own.yaml").write_text(text)
    return Config(credits=Credits(enabled=True, tariffs=str(tmp_path), **settings))


def test_every_shipped_tariff_is_an_example_that_is_switched_off_and_names_its_source():
    tariffs = load_tariffs(Config())
    assert {tariff.name for tariff in tariffs} == {
        "courtesy",
        "new-york-psl-73",
        "ofcom-loss-of-service",
        "pge-safety-net",
    }
    assert not any(tariff.enabled for tariff in tariffs)
    assert all(tariff.source and tariff.tests for tariff in tariffs)


def test_an_example_that_comes_to_another_amount_is_a_mistake_at_its_line(tmp_path):
    shipped = Path("config/tariffs/pge-safety-net.yaml").read_text()
    wrong = shipped.replace('credit: "50.00"', 'credit: "51.00"')
    with pytest.raises(ConfigError) as refused:
        load_tariffs(own(tmp_path, wrong.replace("pge-safety-net", "mine")))
    place = f"{tmp_path / 'own.yaml'}:{wrong[: wrong.index('51.00')].count(chr(10)) + 1}"
    said = f"{place}: tests[2].credit: '72 to 96 hours' comes to 50.00, not 51.00"
    assert refused.value.problems == (said,)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: courtesy", "name: goodwill", "is what people grant by hand"),
        ("share_of_month: 1/30", 'share_of_month: 1/30\namount: "5"', "one of amount and share_of_month"),
        ("valid_from: 2026-01-01", "valid_from: 2026-13-01", "is no day"),
        ("step: 24 h", "step: 0 s", "out of bounds"),
        ("currency: USD", "currency: USX", "is not a currency"),
        ("longer_than: 4 h", "longer_than: 4", "has no unit"),
        ("step: 24 h", "grace_working_days: 2", "is for clock calendar_days"),
        ('per_month_at_most: "100.00"', 'per_month_at_most: "100.001"', "decimals"),
        ("enabled: false", "enabled: true\nsource_url: x", "unknown key"),
    ],
)
def test_a_mistake_in_a_file_is_said(tmp_path, old, new, said):
    shipped = Path("config/tariffs/courtesy.yaml").read_text()
    assert old in shipped
    with pytest.raises(ConfigError, match=said):
        load_tariffs(own(tmp_path, shipped.replace(old, new)))


def test_what_counts_must_be_in_the_currency_and_for_the_services_of_the_configuration(tmp_path):
    shipped = Path("config/tariffs/courtesy.yaml").read_text().replace("courtesy", "mine")
    config = own(
        tmp_path, shipped.replace("enabled: false", "enabled: true").replace("water]", "heat]"), currency="EUR"
    )
    with pytest.raises(ConfigError) as refused:
        load_tariffs(config)
    assert len(refused.value.problems) == 2
    load_tariffs(own(tmp_path, shipped, currency="EUR"))  # switched off it may say what it likes


def test_the_same_tariff_of_the_same_day_stands_in_one_file_only(tmp_path):
    shipped = Path("config/tariffs/courtesy.yaml").read_text()
    with pytest.raises(ConfigError, match="is the same tariff of the same day"):
        load_tariffs(own(tmp_path, shipped))


def test_the_newest_that_is_valid_on_the_day_it_began_counts():
    older, newer = PLAIN, replace(PLAIN, valid_from="2026-04-01", amount="26.00")
    off = replace(PLAIN, valid_from="2026-05-01", enabled=False)
    day = datetime(2026, 3, 31, tzinfo=UTC).date()
    assert in_force((newer, older, off), day) == (older,)
    assert in_force((newer, older, off), day + timedelta(days=1)) == (newer,)
    assert in_force((newer, older, off), day + timedelta(days=40)) == ()  # the rule was ended
    assert in_force((older,), datetime(2025, 12, 31, tzinfo=UTC).date()) == ()


@pytest.mark.parametrize(
    ("tariff", "fits"),
    [
        (PLAIN, True),
        (replace(PLAIN, services=("water",)), False),
        (replace(PLAIN, impacts=(Impact.DEGRADED,)), False),
        (replace(PLAIN, kinds=(IncidentKind.PLANNED,)), False),
        (replace(PLAIN, causes=("storm",)), True),
        (replace(PLAIN, causes=("dig-up",)), False),
        (replace(PLAIN, causes_excluded=("storm",)), False),
        (replace(PLAIN, customers_at_least=11), False),
        (replace(PLAIN, customers_at_least=10), True),
    ],
)
def test_what_failed_decides_whether_a_tariff_is_for_it(tariff, fits):
    assert is_for(tariff, OUT) is fits


def test_who_the_customer_is_decides_too():
    assert is_for_payer(replace(PLAIN, account_types=("residential",)), HOME)
    assert not is_for_payer(replace(PLAIN, account_types=("business",)), HOME)
    assert not is_for_payer(replace(PLAIN, plans=("gold",)), HOME)
    by_price = replace(PLAIN, amount="", share_of_month="1/30")
    assert is_for_payer(by_price, HOME)
    assert not is_for_payer(by_price, Payer(account_type="", plan="", monthly_price_minor=None, currency=""))
    assert not is_for_payer(by_price, Payer(account_type="", plan="", monthly_price_minor=100, currency="EUR"))


def test_time_that_several_outages_cover_is_counted_once_and_none_that_another_incident_has():
    assert joined([spell(2, 5), spell(0, 3), spell(7, 8), spell(9, 9)]) == [spell(0, 5), spell(7, 8)]
    assert without([spell(0, 10)], [spell(2, 3), spell(9, 12), spell(20, 30)]) == [spell(0, 2), spell(3, 9)]
    assert without([spell(2, 3)], [spell(0, 10)]) == []


def test_outages_add_up_unless_each_must_be_long_enough_by_itself():
    tariff = replace(PLAIN, longer_than=10 * HOUR, step=5 * HOUR)
    assert steps(tariff, [spell(0, 6), spell(10, 16)], LA) == 2
    assert steps(replace(tariff, consecutive=True), [spell(0, 6), spell(10, 16)], LA) == 0
    assert steps(replace(tariff, consecutive=True), [spell(0, 11), spell(20, 31)], LA) == 4


def test_hours_are_real_hours_when_clocks_change():
    change = datetime(2026, 3, 29, 0, 0, tzinfo=LONDON).astimezone(UTC)  # 23 hours until the next midnight
    day = Spell(from_at=change, until_at=datetime(2026, 3, 30, 0, 0, tzinfo=LONDON).astimezone(UTC))
    assert steps(PLAIN, [day], LONDON) == 0
    assert steps(replace(PLAIN, clock=TariffClock.CALENDAR_DAYS), [day], LONDON) == 1


def test_days_that_an_outage_touches_are_counted_where_begun_ones_count():
    tariff = replace(PLAIN, clock=TariffClock.CALENDAR_DAYS, counts=Counts.BEGUN)
    assert steps(tariff, [spell(0, 13)], ZoneInfo("UTC")) == 2
    assert steps(tariff, [spell(0, 12)], ZoneInfo("UTC")) == 1  # it was fixed at midnight
    assert steps(tariff, [spell(0, 1), spell(2, 3)], ZoneInfo("UTC")) == 1


@given(
    price=st.integers(0, 10**7),
    share=st.tuples(st.integers(1, 60), st.integers(1, 400)),
    rounding=st.sampled_from(Rounding),
    number=st.integers(1, 60),
)
def test_shares_lose_no_cent_between_the_steps(price, share, rounding, number):
    tariff = replace(PLAIN, amount="", share_of_month=f"{share[0]}/{share[1]}", rounding=rounding)
    payer = Payer(account_type="", plan="", monthly_price_minor=price, currency="USD")
    total = sum(step_amount(tariff, step, payer) for step in range(1, number + 1))
    exact = price * share[0] * number / share[1]
    assert abs(total - exact) < 1 + exact * 1e-12
    assert rounding is not Rounding.DOWN or total <= exact + 1e-6
    assert rounding is not Rounding.UP or total >= exact - 1e-6


@pytest.mark.parametrize(("currency", "amount", "minor"), [("JPY", "500", 500), ("KWD", "1.250", 1250)])
def test_amounts_have_the_decimals_of_their_currency(currency, amount, minor):
    assert step_amount(replace(PLAIN, currency=currency, amount=amount), 1, HOME) == minor


@given(st.lists(st.tuples(st.integers(0, 500), st.integers(1, 200)), min_size=1, max_size=5), st.integers(1, 100))
def test_more_outage_never_gives_fewer_steps(found, longer):
    for tariff in (PLAIN, replace(PLAIN, counts=Counts.BEGUN, grace=5 * HOUR, longer_than=3 * HOUR)):
        before = joined([spell(at, at + long) for at, long in found])
        after = joined([*before, spell(found[0][0], found[0][0] + found[0][1] + longer)])
        assert steps(tariff, after, LA) >= steps(tariff, before, LA)


def test_check_and_the_start_of_a_daemon_say_what_is_wrong_with_a_tariff(tmp_path):
    from notifier.cli.check import examine
    from notifier.cli.reading import read

    folder = tmp_path / "tariffs"
    folder.mkdir()
    shipped = Path("config/tariffs/courtesy.yaml").read_text()
    file = tmp_path / "notifier.yaml"
    file.write_text("credits: {enabled: true, tariffs: tariffs}\n")
    (folder / "courtesy.yaml").write_text(shipped.replace('credit: "1.66"', 'credit: "1.67"'))
    report = examine(file, {})
    assert [problem.split(": ", 1)[1] for problem in report.problems] == [
        "tests[0].credit: 'five hours are a day's share' comes to 1.66, not 1.67"
    ]
    with pytest.raises(ConfigError, match=r"comes to 1\.66"):
        read(file, {})
    (folder / "courtesy.yaml").write_text(shipped)
    report = examine(file, {})
    assert (report.ok, report.credits, len(report.tariffs)) == (True, [], 5)
    assert any("no tariff is switched on" in warning for warning in report.warnings)
    before = read(file, {})
    (folder / "courtesy.yaml").write_text(shipped.replace("enabled: false", "enabled: true"))
    assert examine(file, {}).credits == ["courtesy"]
    after = read(file, {})  # a reload takes it up, and says so
    assert after.tariffs != before.tariffs
    assert after.wording == before.wording


def test_a_rehearsal_is_not_led_to_a_biller_elsewhere():
    from notifier.cli.reading import reaching_people
    from notifier.config import Posting, PostingKind
    from notifier.settings import warnings

    def config(url: str, *, enabled: bool = True) -> Config:
        posting = Posting(kind=PostingKind.WEBHOOK, url=url, secret="x" * 16)
        return Config(credits=Credits(enabled=enabled, posting=posting))

    assert reaching_people(config("https://billing.example.com/c")) == ["the biller"]
    assert reaching_people(config("http://127.0.0.1:9/c")) == []
    assert reaching_people(config("https://billing.example.com/c", enabled=False)) == []
    assert any("credits.posting.url: is not https" in each for each in warnings(config("http://billing.example.com/c")))
    assert not any("credits.posting" in each for each in warnings(config("https://billing.example.com/c")))


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"budget": "1.001"}, "credits.budget"),
        ({"currency": "XXX"}, "credits.currency"),
        ({"posting": {"by_itself": "true"}}, "credits.posting.by_itself"),
        ({"posting": {"kind": "webhook", "url": "ftp://x", "secret": "x" * 16}}, "credits.posting.url"),
        ({"posting": {"kind": "webhook", "url": "https://x.example", "secret": "short"}}, "credits.posting.secret"),
        ({"mail_waits": "2 h"}, "credits.mail_waits"),
        ({"budget": "lots"}, "credits.budget"),
    ],
)
def test_a_wrong_setting_of_credits_is_named(tmp_path, settings, path):
    import json

    from notifier.settings import load

    file = tmp_path / "notifier.yaml"
    file.write_text(json.dumps({"credits": settings}))
    with pytest.raises(ConfigError) as refused:
        load(file, {})
    assert path in str(refused.value)
    assert "short" not in str(refused.value).replace("too short", "")  # a secret is never shown


@pytest.mark.parametrize("key", ["price_at_most: 1/1", 'per_month_at_most: "10.00"', 'per_year_at_most: "10.00"'])
def test_what_is_of_a_customer_is_no_rule_for_each_site(tmp_path: Path, key: str) -> None:
    text = Path("config/tariffs/pge-safety-net.yaml").read_text().replace("per: site", f"{key}\nper: site")
    with pytest.raises(ConfigError, match="is of a customer, not of each site"):
        load_tariffs(own(tmp_path, text))
