"""What must hold between keys, and what is allowed but unwise."""

from pathlib import Path

import pytest

from notifier.config import Config
from notifier.domain.errors import ConfigError
from notifier.settings import rules, warnings
from notifier.settings.addresses import is_host, is_loopback, is_mail, is_zone, split_listen
from notifier.settings.advice import stays_here, webhooks_elsewhere
from notifier.storage.sqlite_file import sqlite_path
from tests.config_file import problems, settings

RELAY = "providers: [{name: a, kind: smtp, host: mx.valley.net, tls: starttls}]\n"
COMPANY = "sender: {company: Valley, address: outages@valley.net, public_url: 'https://outages.valley.net'}\n"
HEARD = "inbound: {lmtp_listen: '127.0.0.1:2424'}\n"


@pytest.mark.parametrize(
    ("text", "path", "wrong"),
    [
        ("server: {listen: 8080}", "server.listen", "'8080' is no address with a port"),
        ("server: {listen: ':8080'}", "server.listen", "':8080' names no host; expected 0.0.0.0:8080"),
        ("server: {listen: 'a:99999'}", "server.listen", "'a:99999' is no address with a port"),
        ("server: {listen: 'a b:80'}", "server.listen", "'a b' is no host"),
        ("server: {listen: '::1:80'}", "server.listen", "'::1:80' is no address with a port"),
        ("server: {metrics_listen: 127.0.0.1:8080}", "server.metrics_listen", "is the same as server.listen"),
        ("server: {token_file: ''}", "server.token_file", "names no file"),
        ("storage: {url: var/notifier.db}", "storage.url", "is no address of a database"),
        ("storage: {url: 'sqlite://var/notifier.db'}", "storage.url", "names no file"),
        ("storage: {url: 'sqlite:///:memory:'}", "storage.url", "names no file"),
        ("storage: {url: 'postgresql://h'}", "storage.url", "names no database of a server"),
        ("storage: {url: 'postgresql://h:x/d'}", "storage.url", "names no database of a server"),
        ("on_call: {people: [{name: Ann}]}", "on_call.people[0]", "there is no way to reach Ann"),
        ("on_call: {people: [{name: Ann, sms: '123'}]}", "on_call.people[0].sms", "'123' has too few digits"),
        ("on_call: {people: [{name: Ann, email: ann}]}", "on_call.people[0].email", "'ann' is no mail address"),
        ("on_call: {people: [{name: Ann, webhook: h}]}", "on_call.people[0].webhook", "is no http(s) address"),
        (
            "on_call: {people: [{name: Ann, webhook: 'https://h', webhook_kind: pagerduty}]}",
            "on_call.people[0].webhook_key",
            "is missing; expected the routing key",
        ),
        (
            "on_call: {people: [{name: Ann, sms: 415 555 0101}, {name: Ann, sms: 415 555 0102}]}",
            "on_call.people[1].name",
            "'Ann' is used twice",
        ),
        ("on_call: {answer_within: 0 s}", "on_call.answer_within", "is out of bounds; expected above 0 s, up to 2 h"),
        ("queue: {url: 'nats://h'}", "queue.url", "is not known; expected embedded"),
        ("regions: {kinds: [a b], watched: []}", "regions.kinds[0]", "'a b' is no kind; expected lower-case letters"),
        ("regions: {kinds: [a, a], watched: []}", "regions.kinds[1]", "'a' is listed twice"),
        ("regions: {watched: [city, city]}", "regions.watched[1]", "'city' is listed twice"),
        ("regions: {time_zone: ''}", "regions.time_zone", "'' is no IANA time zone"),
        ("regions: {time_zone: America}", "regions.time_zone", "'America' is no IANA time zone"),
        ("regions: {time_zone: ../../etc/passwd}", "regions.time_zone", "is no IANA time zone"),
        ("regions: {country: us}", "regions.country", "'us' is no country with a numbering plan; expected two letters"),
        ("regions: {named: [{kind: town, code: a}]}", "regions.named[0].kind", "'town' is no kind of region"),
        (
            "regions: {named: [{kind: city, code: a}, {kind: city, code: a}]}",
            "regions.named[1].code",
            "city 'a' is named twice",
        ),
        (
            "regions: {named: [{kind: city, code: a, time_zone: PST8}]}",
            "regions.named[0].time_zone",
            "'PST8' is no IANA time zone",
        ),
        (
            "regions: {overlays: [{name: a, codes: [212, 646]}, {name: b, codes: [646]}]}",
            "regions.overlays[1].codes[0]",
            "646 is already in overlay 'a'; expected each code in at most one overlay",
        ),
        ("regions: {overlays: [{name: a, codes: [x]}]}", "regions.overlays[0].codes[0]", "'x' is no area code"),
        (
            "regions: {kinds: [city], watched: [city], overlays: [{name: a, codes: [1]}]}",
            "regions.overlays",
            "area_code is not one of regions.kinds",
        ),
        ("services: [{name: a}, {name: a}]", "services[1].name", "'a' is used twice"),
        ("services: [{name: Power}]", "services[0].name", "'Power' is not allowed; expected a text that matches"),
        ("detection: {likely: 20}", "detection.certain", "15.5 is below likely (20)"),
        ("detection: {late_after: 0 s}", "detection.late_after", "0 s is out of bounds"),
        ("providers: [{name: a, kind: smtp, host: 'smtp://h'}]", "providers[0].host", "'smtp://h' is no host"),
        ("providers: [{name: a, kind: smtp, host: ''}]", "providers[0].host", "'' is no host"),
        ("providers: [{name: a, kind: smtp, channel: sms}]", "providers[0].channel", "a mail relay cannot carry sms"),
        ("providers: [{name: a, kind: smtp, username: b}]", "providers[0].password", "is missing though username is"),
        ("providers: [{name: a, kind: smtp, password: b}]", "providers[0].username", "is missing though password is"),
        ("providers: [{name: a, kind: file, directory: ''}]", "providers[0].directory", "is empty"),
        ("providers: [{name: a, kind: file, timeout: 0 s}]", "providers[0].timeout", "0 s is out of bounds"),
        ("delivery: {lease: 30 s}", "delivery.lease", "30 s is not longer than the longest timeout of a provider (1 m"),
        ("delivery: {take_back: 2 h}", "delivery.take_back", "2 h is out of bounds; expected up to 1 h"),
        ("retention: {complaints: 1 day}", "retention.complaints", "1 day is too short for a restarted detector"),
        ("sender: {address: Valley <a@b.net>}", "sender.address", "is no mail address"),
        ("sender: {reply_to: ''}", "sender.reply_to", "'' is no mail address"),
        ("sender: {bounce_domain: a@b.net}", "sender.bounce_domain", "'a@b.net' is no domain"),
        ("sender: {link_secret: short}", "sender.link_secret", "is too short; expected at least 16 characters"),
        ("sender: {public_url: outages.valley.net}", "sender.public_url", "is no http(s) address"),
        ("sender: {public_url: 'https://valley.net/'}", "sender.public_url", "has something after the host"),
        ("sender: {public_url: 'https://valley.net/x?y'}", "sender.public_url", "has something after the host"),
        ("sender: {public_url: 'https://valley.net:x'}", "sender.public_url", "is no address"),
        ("sender: {public_url: 'https://[::1'}", "sender.public_url", "is no address"),
        ("locales: {default: de}", "locales.default", "'de' is no available locale; expected en, es or fr"),
        ("locales: {available: [en, english]}", "locales.available[1]", "'english' is no locale"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, text: str, path: str, wrong: str) -> None:
    (found,) = problems(tmp_path, text + "\n")
    assert found.startswith(f"notifier.yaml:1: {path}: ")
    assert wrong in found


@pytest.mark.parametrize(
    "text",
    [
        "server: {listen: '[::1]:8080', metrics_listen: ''}",
        "server: {listen: '127.0.0.1:0', metrics_listen: '127.0.0.1:0'}",
        "storage: {url: 'sqlite:////var/lib/notifier/notifier.db'}",
        "regions: {kinds: [town], watched: [town], time_zone: Europe/Oslo, country: NO}",
        "retention: {complaints: 0 days, notifications: 0 days}",
        "delivery: {take_back: 0 s}",
        "sender: {public_url: 'http://[::1]:8080'}",
        "providers: []",
        "sources: []",
        "storage: {url: 'postgresql://notifier@db.example.net:5433/notifier?sslmode=verify-full'}",
        "storage: {url: 'postgresql:///notifier?host=/run/postgresql'}",
    ],
)
def test_what_is_unusual_but_possible_is_allowed(tmp_path: Path, text: str) -> None:
    assert problems(tmp_path, text) == []


@pytest.mark.parametrize("url", ["sqlite:///a.db", "sqlite:////a/b.db", "sqlite://a.db", "sqlite:///", "mysql://a/b"])
def test_an_address_of_a_database_is_judged_as_the_database_judges_it(tmp_path: Path, url: str) -> None:
    try:
        sqlite_path(url)
    except ConfigError:
        usable = False
    else:
        usable = True
    assert (problems(tmp_path, f"storage: {{url: '{url}'}}") == []) is usable


def test_the_defaults_raise_no_warning() -> None:
    assert warnings(Config()) == []


def test_a_relay_with_a_good_sender_raises_no_warning(tmp_path: Path) -> None:
    assert warnings(settings(tmp_path, RELAY + COMPANY + HEARD)) == []


def test_mails_whose_answers_nobody_hears_are_warned_about(tmp_path: Path) -> None:
    def said(text: str) -> list[str]:
        return [line for line in warnings(settings(tmp_path, text)) if "reply OUT" in line]

    assert len(said(RELAY + COMPANY)) == 1
    assert said(RELAY + COMPANY + HEARD) == []
    assert said(RELAY + COMPANY + "inbound: {helpdesk_address: help@valley.net}\n") == []
    assert said("providers: [{name: outbox, kind: file}]") == [], "files are answered by nobody"


@pytest.mark.parametrize(
    ("text", "warning"),
    [
        (RELAY, "sender.public_url: is this machine: customers of a mail relay cannot follow its links"),
        (RELAY, "sender.address: company or address are still the example"),
        (
            RELAY + COMPANY.replace("https", "http"),
            "sender.public_url: is plain http: whoever is on the way can read and use the links in mails, and",
        ),
        (
            RELAY.replace("mx.valley.net", "localhost") + COMPANY.replace("https", "http"),
            "sender.public_url: is plain http",
        ),
        (
            RELAY.replace("starttls", "none, username: a, password: b") + COMPANY,
            "providers[0].tls: password and mails travel to mx.valley.net in plain text",
        ),
        (RELAY.replace("}]", ", tls_verify: false}]") + COMPANY, "providers[0].tls_verify: whoever answers as mx.vall"),
        ("services: [{name: power, words: {de: Strom}}]", "services[0].words.de: is not one of locales.available"),
    ],
)
def test_what_is_unwise_is_warned_about(tmp_path: Path, text: str, warning: str) -> None:
    assert any(line.startswith(warning) for line in warnings(settings(tmp_path, text)))


def test_hosts_addresses_and_zones_are_told_from_what_only_looks_like_them() -> None:
    assert all(map(is_host, ["a", "mx.valley.net", "mx.valley.net.", "10.0.0.1", "::1", "[::1]", "xn--bcher-kva.de"]))
    assert not any(map(is_host, ["", "a b", "-a", "a..b", "10.0.0.300", "1.2.3", "a:25", "http://a", "a" * 64]))
    assert all(map(is_loopback, ["localhost", "LOCALHOST.", "127.0.0.9", "::1", "[::1]"]))
    assert not any(map(is_loopback, ["", "example.net", "10.0.0.1", "localhost.example.net"]))
    assert all(map(is_mail, ["a@b", "outages+x@valley.net", "o'neil@valley.net"]))
    assert not any(map(is_mail, ["", "a", "@b", "a@", "a b@c", "a..b@c", ".a@b", "a@[127.0.0.1]", "a@b\n", "a@b@c"]))
    assert all(map(is_zone, ["UTC", "America/Los_Angeles"]))
    assert not any(map(is_zone, ["", "America", "/etc/passwd", "UTC\0", "x" * 500]))
    assert split_listen("[::1]:80") == ("[::1]", 80)
    assert split_listen("a:65536") is None


def test_a_person_on_call_whom_no_provider_reaches_is_warned_about(tmp_path: Path) -> None:
    people = "on_call: {people: [{name: Ann, sms: 415 555 0101, email: a@valley.net}]}"
    config = settings(tmp_path, f"providers: [{{name: outbox, kind: file}}]\n{people}")
    assert [line for line in warnings(config) if "on_call" in line] == [
        "on_call.people[0].sms: Ann is not reached by it: no provider carries sms"
    ]


TWILIO = (
    "kind: twilio, channel: sms, account_sid: AC0123456789abcdef0123456789abcdef, auth_token: t, sender: '+14155550100'"
)


@pytest.mark.parametrize(
    ("provider", "stays"),
    [
        ("kind: file", True),
        ("kind: smtp, host: 127.0.0.1", True),
        ("kind: smtp, host: mx.valley.net", False),
        (TWILIO, False),
        (f"{TWILIO}, base_url: 'http://127.0.0.1:9'", True),
    ],
)
def test_what_stays_on_this_machine(tmp_path: Path, provider: str, stays: bool) -> None:
    config = settings(tmp_path, f"providers: [{{name: a, {provider}}}]")
    assert stays_here(config.providers[0]) is stays


def test_webhooks_of_people_on_call_may_leave_this_machine(tmp_path: Path) -> None:
    people = "{name: Ann, webhook: 'https://hooks.slack.com/x'}, {name: Bea, webhook: 'http://127.0.0.1:9/x'}"
    assert webhooks_elsewhere(settings(tmp_path, f"on_call: {{people: [{people}]}}")) == ["Ann"]


def test_without_its_driver_postgresql_is_refused_with_the_command_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rules, "find_spec", lambda name: None if name == "asyncpg" else name)
    (problem,) = problems(tmp_path, "storage: {url: 'postgresql://h/d'}")
    assert problem.endswith("PostgreSQL needs asyncpg; run: pip install 'notifier[postgresql]'")
