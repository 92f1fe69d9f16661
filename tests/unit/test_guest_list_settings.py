"""Settings of trying out and of mail that comes back: guests as people type them, a selector, a door for mail."""

from pathlib import Path

from notifier.settings import warnings
from tests.config_file import problems, settings


def test_guests_are_kept_as_the_directory_writes_addresses(tmp_path: Path) -> None:
    config = settings(tmp_path, "delivery: {only_to: ['Ann@Valley.NET', '(415) 555-0123']}")
    assert config.delivery.only_to == ("ann@valley.net", "+14155550123")


def test_a_guest_that_is_no_address_is_named_with_its_place(tmp_path: Path) -> None:
    (problem,) = problems(tmp_path, "delivery: {only_to: ['ann@valley.net', 'nobody']}")
    assert "delivery.only_to[1]: 'nobody' has letters in it" in problem


def test_a_guest_list_in_force_is_a_warning(tmp_path: Path) -> None:
    said = warnings(settings(tmp_path, "delivery: {only_to: [a@valley.net]}"))
    assert any("customers are written to at 1 address only" in each for each in said)
    assert not any("only_to" in each for each in warnings(settings(tmp_path, "delivery: {only_to: []}")))


def test_a_door_for_mail_that_others_reach_is_a_warning(tmp_path: Path) -> None:
    said = warnings(settings(tmp_path, "inbound: {lmtp_listen: '0.0.0.0:2424'}"))
    assert any(each.startswith("inbound.lmtp_listen: is not this machine alone") for each in said)
    assert not any("lmtp" in each for each in warnings(settings(tmp_path, "inbound: {lmtp_listen: '[::1]:2424'}")))


def test_a_dkim_selector_is_a_name_in_the_dns(tmp_path: Path) -> None:
    assert settings(tmp_path, "sender: {dkim_selector: mail2026}").sender.dkim_selector == "mail2026"
    (problem,) = problems(tmp_path, "sender: {dkim_selector: 'a b'}")
    assert "'a b' is no selector" in problem
