"""docs/SIGNALS.md: its receiver is one that Alertmanager reads, at an endpoint that there is, and its settings load."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from notifier.config import Config, Signals
from notifier.web.server import ROUTES

TEXT = Path("docs/SIGNALS.md").read_text()
ALERTMANAGER, SETTINGS = (yaml.safe_load(block) for block in re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL))


def test_the_receiver_is_whole_and_named_by_the_route() -> None:
    (receiver,) = ALERTMANAGER["receivers"]
    assert ALERTMANAGER["route"]["receiver"] == receiver["name"]
    assert set(receiver) == {"name", "webhook_configs"}
    (webhook,) = receiver["webhook_configs"]
    assert set(webhook) == {"url", "send_resolved", "max_alerts", "http_config"}
    assert webhook["send_resolved"] is True
    assert set(webhook["http_config"]["authorization"]) == {"type", "credentials_file"}


def test_it_posts_to_an_endpoint_that_takes_its_key() -> None:
    url = urlsplit(ALERTMANAGER["receivers"][0]["webhook_configs"][0]["url"])
    (route,) = [each for each in ROUTES if (each.method, each.path) == ("POST", url.path)]
    assert url.netloc == Config().server.listen
    assert route.or_system
    assert route.basic
    assert "keys create alertmanager --role system" in TEXT


def test_an_alarm_is_repeated_before_it_lapses() -> None:
    hours = re.fullmatch(r"(\d+)h", ALERTMANAGER["route"]["repeat_interval"])
    assert hours is not None
    assert int(hours[1]) * 3600 < Config().signals.lapses_after.total_seconds()


def test_the_settings_shown_are_the_defaults() -> None:
    defaults, shown = Signals(), SETTINGS["signals"]
    said: dict[str, Any] = {name: getattr(defaults, name) for name in shown}
    assert shown == {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}
