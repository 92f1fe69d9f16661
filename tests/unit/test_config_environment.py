"""Overrides from the environment: every key has a name, and a name that fits nothing is a mistake."""

from pathlib import Path

import pytest

from notifier.config import Config, ProviderKind
from tests.config_file import problems, settings, written

RELAYS = """\
providers:
  - {name: first, kind: smtp, host: a.example.net}
  - {name: second, kind: smtp, host: b.example.net}
"""


def test_a_variable_wins_over_the_file(tmp_path: Path) -> None:
    config = settings(tmp_path, "log: {level: debug}", {"NOTIFIER__LOG__LEVEL": "error", "NOTIFIER_URL": "x"})
    assert config.log.level == "error"


def test_an_item_of_a_list_is_reached_by_its_number(tmp_path: Path) -> None:
    config = settings(tmp_path, RELAYS, {"NOTIFIER__PROVIDERS__1__HOST": "c.example.net"})
    assert [provider.host for provider in config.providers] == ["a.example.net", "c.example.net"]


def test_an_item_of_a_default_list_is_reached_too(tmp_path: Path) -> None:
    environ = {"NOTIFIER__PROVIDERS__0__KIND": "smtp", "NOTIFIER__PROVIDERS__0__HOST": "a.example.net"}
    provider, *_ = settings(tmp_path, "# empty\n", environ).providers
    assert (provider.name, provider.kind, provider.host) == ("outbox", ProviderKind.SMTP, "a.example.net")


def test_the_number_after_the_last_adds_an_item(tmp_path: Path) -> None:
    environ = {"NOTIFIER__SOURCES__4__NAME": "crm", "NOTIFIER__SOURCES__4__TRUSTED": "true"}
    assert settings(tmp_path, "# empty\n", environ).sources[4].name == "crm"


def test_a_list_or_a_section_is_given_as_yaml_in_one_line(tmp_path: Path) -> None:
    environ = {
        "NOTIFIER__LOCALES": "{default: es, available: [en, es]}",
        "NOTIFIER__SERVICES__0__WORDS": "{en: broadband}",
    }
    config = settings(tmp_path, "# empty\n", environ)
    assert config.locales.available == ("en", "es")
    assert config.services[0].words == {"en": "broadband"}


def test_a_text_is_taken_as_it_is(tmp_path: Path) -> None:
    environ = {"NOTIFIER__SENDER__COMPANY": "Joe's: [Power] # 1"}
    assert settings(tmp_path, "# empty\n", environ).sender.company == "Joe's: [Power] # 1"


@pytest.mark.parametrize("given", ["link_secret: from-the-file-itself", "link_secret_file: missing"])
@pytest.mark.parametrize("variable", ["NOTIFIER__SENDER__LINK_SECRET", "NOTIFIER__SENDER__LINK_SECRET_FILE"])
def test_a_secret_or_its_file_takes_the_place_of_either_in_the_file(tmp_path: Path, given: str, variable: str) -> None:
    written(tmp_path, "from-the-environment", "from-the-environment")
    config = settings(tmp_path, f"sender: {{{given}}}", {variable: "from-the-environment"})
    assert config.sender.link_secret == "from-the-environment"


def test_a_password_file_for_a_default_provider_can_be_given(tmp_path: Path) -> None:
    written(tmp_path, "hunter2", "password")
    environ = {
        "NOTIFIER__PROVIDERS__0__KIND": "smtp",
        "NOTIFIER__PROVIDERS__0__USERNAME": "me",
        "NOTIFIER__PROVIDERS__0__PASSWORD_FILE": "password",
    }
    assert settings(tmp_path, "# empty\n", environ).providers[0].password == "hunter2"


def test_a_secret_and_its_file_both_from_the_environment_are_refused(tmp_path: Path) -> None:
    environ = {"NOTIFIER__SENDER__LINK_SECRET": "x" * 20, "NOTIFIER__SENDER__LINK_SECRET_FILE": "x"}
    (found,) = problems(tmp_path, "# empty\n", environ)
    assert "is given together with link_secret" in found


@pytest.mark.parametrize(
    ("variable", "value", "wrong"),
    [
        ("NOTIFIER__SERVER__LISTN", "x", "unknown key; did you mean 'NOTIFIER__SERVER__LISTEN'?"),
        ("NOTIFIER__PROVIDER__0__HOST", "x", "unknown key; did you mean 'NOTIFIER__PROVIDERS__0__HOST'?"),
        ("NOTIFIER__DELIVERY__IN_DOUBT__MAIL", "x", "unknown key; did you mean 'NOTIFIER__DELIVERY__IN_DOUBT__EMAIL'?"),
        ("NOTIFIER__QUEUE__ZEBRA", "x", "unknown key; known here: NOTIFIER__QUEUE__URL"),
        ("NOTIFIER__", "x", "unknown key; known here: NOTIFIER__SERVER, NOTIFIER__STORAGE"),
        ("NOTIFIER__PROVIDERS__7__HOST", "x", "'7' is no item of the list; expected a number from 0 to 2"),
        ("NOTIFIER__PROVIDERS__FIRST__HOST", "x", "'FIRST' is no item of the list; expected a number from 0 to 2"),
        ("NOTIFIER__LOG__LEVEL__X", "x", "NOTIFIER__LOG__LEVEL has no keys of its own"),
        ("NOTIFIER__SERVICES__0__WORDS__EN", "x", "is a map: give it whole, as in {en: internet}"),
        ("NOTIFIER__LOCALES__AVAILABLE", "[en", "is no YAML"),
        ("NOTIFIER__LOCALES__AVAILABLE", "", "is empty; expected a list or map in one line, such as [a, b]"),
        ("NOTIFIER__LOCALES__AVAILABLE", "en", "locales.available: is a text; expected a list"),
        ("NOTIFIER__PROVIDERS__0__PORT", "smtp", "providers[0].port: 'smtp' is no whole number; expected a whole"),
        ("NOTIFIER__SERVER__LISTEN", ":80", "server.listen: ':80' names no host"),
    ],
)
def test_a_variable_that_cannot_be_used_is_named(tmp_path: Path, variable: str, value: str, wrong: str) -> None:
    (found,) = problems(tmp_path, "# empty\n", {variable: value})
    assert found.startswith(f"{variable}: ")
    assert wrong in found


def test_variables_of_other_programs_are_left_alone(tmp_path: Path) -> None:
    assert settings(tmp_path, "# empty\n", {"PATH": "/bin", "NOTIFIER_TOKEN": "x"}) == Config()
