"""`notifier brief 42 --for WHOM`: the texts alone on standard output, the warning beside them."""

import json

import pytest

from notifier.storage.views import BriefView
from tests.cli.conftest import Run
from tests.fake_daemon import NOON, FakeDaemon, problem


def view(**changes: object) -> BriefView:
    given = {"reader": "ivr", "is_pending": False, "told": 166, "texts": {"en": "We are sorry.\n\n- " + "word " * 30}}
    return BriefView(incident_id=42, made_at=NOON, **{**given, **changes})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _brief(daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42/brief", view())


def test_the_text_stands_alone_72_columns_wide(notifier: Run, daemon: FakeDaemon) -> None:
    result = notifier("brief", "42", "--for", "ivr")
    assert daemon.asked[-1].query == {"for": "ivr"}
    assert result.stderr == ""
    assert result.stdout.startswith("We are sorry.\n\n- word")
    assert max(map(len, result.stdout.splitlines())) <= 72


@pytest.mark.parametrize(
    ("reader", "said"),
    [
        ("ivr", "NOT TOLD YET. Customers have not heard this: publish it when the first message leaves."),
        ("agent", "NOT TOLD YET. Customers have not heard this."),
    ],
)
def test_what_is_not_told_yet_is_said_beside_it(notifier: Run, daemon: FakeDaemon, reader: str, said: str) -> None:
    daemon.on("GET", "/v1/incidents/42/brief", view(is_pending=True, told=0, reader=reader))
    result = notifier("brief", "42", "--for", reader)
    assert " ".join(result.stderr.split()) == said
    assert "NOT TOLD" not in result.stdout


def test_each_locale_stands_under_its_name_or_alone(notifier: Run, daemon: FakeDaemon) -> None:
    daemon.on("GET", "/v1/incidents/42/brief", view(texts={"en": "Sorry.", "es": "Lo sentimos."}))
    assert notifier("brief", "42", "--for", "web").stdout == "en\nSorry.\n\nes\nLo sentimos.\n"
    assert notifier("brief", "42", "--for", "web", "--locale", "es").stdout == "Lo sentimos.\n"
    wrong = notifier("brief", "42", "--for", "web", "--locale", "de")
    assert wrong.exit_code == 2
    assert "there is no brief for web in 'de'; there is en, es" in " ".join(wrong.stderr.split())


def test_json_and_wrong_usage(notifier: Run, daemon: FakeDaemon) -> None:
    assert json.loads(notifier("brief", "42", "--for", "ivr", "--json").stdout)["told"] == 166
    for wrong in (["42"], ["42", "--for", "everybody"], ["x", "--for", "ivr"]):
        assert notifier("brief", *wrong).exit_code == 2
    daemon.on("GET", "/v1/incidents/9/brief", problem(404, "there is no incident 9"))
    assert notifier("brief", "9", "--for", "ivr").exit_code == 1
