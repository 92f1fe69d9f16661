"""Alerts fire when they should, each has a page in the runbook, and every query names a metric there is."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from notifier.cli import main
from notifier.metrics import Metrics

RULES = Path("deploy/prometheus/rules.yaml")
RUNBOOK = Path("docs/RUNBOOK.md")
DASHBOARD = Path("deploy/grafana/notifier.json")
NAME = re.compile(r"\bnotifier[_:][a-z0-9_:]+")
OTHER_PAGES = {"Service level"}


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def known() -> set[str]:
    """Return every name that a query may use."""
    names = {rule["record"] for rule in rules() if "record" in rule}
    for family in Metrics().registry.collect():
        match family.type:
            case "counter":
                names.add(f"{family.name}_total")
            case "histogram":
                names |= {f"{family.name}_{suffix}" for suffix in ("bucket", "count", "sum")}
            case _:
                names.add(family.name)
    return names


def labels() -> dict[str, set[str]]:
    """Return the labels of every metric, by the beginning of its name."""
    found = Metrics().registry
    return {family.name: set(found._names_to_collectors[family.name]._labelnames) for family in found.collect()}


def queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in rules())
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        reason = "promtool is not on PATH (Debian: prometheus)"
        if os.environ.get("NOTIFIER_TESTS_SKIP_NOTHING"):
            pytest.fail(reason)
        pytest.skip(reason)
    return found


def test_every_query_names_metrics_that_there_are() -> None:
    names = known()
    for query in queries():
        assert set(NAME.findall(query)) <= names, query


def test_every_query_asks_for_labels_that_there_are() -> None:
    has = labels() | {"up": {"job"}}
    for query in queries():
        for name, wanted in re.findall(r"(\b(?:notifier_|up)\w*)\{([^}]*)\}", query):
            base = next(each for each in has if name == each or name.startswith(f"{each}_"))
            assert set(re.findall(r"(\w+)(?:=~|!=|=)", wanted)) <= has[base] | {"le"}, query


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    alerts = {rule["alert"] for rule in rules() if "alert" in rule}
    pages = set(re.findall(r"^## (.+)$", RUNBOOK.read_text(), re.MULTILINE)) - OTHER_PAGES
    assert pages == alerts


def test_every_alert_leads_to_its_page_and_says_whom_it_wakes() -> None:
    text = RUNBOOK.read_text()
    for rule in rules():
        if "alert" in rule:
            name = rule["alert"]
            assert rule["annotations"]["runbook"] == f"docs/RUNBOOK.md#{name.lower()}"
            page = text.split(f"\n## {name}\n")[1].split("\n## ")[0]
            assert ("*Page.*" in page) == (rule["labels"]["severity"] == "page"), name


def test_every_alert_is_tried_out_both_ways() -> None:
    tried = [each["name"] for each in yaml.safe_load((RULES.parent / "rules_test.yaml").read_text())["tests"]]
    for rule in rules():
        if "alert" in rule:
            assert f"{rule['alert']} fires" in tried
            assert f"{rule['alert']} stays silent" in tried


def test_promtool_finds_the_rules_right_and_their_tests_pass() -> None:
    for command in (
        ["check", "config", "scrape.yaml"],
        ["check", "rules", "rules.yaml"],
        ["test", "rules", "rules_test.yaml"],
    ):
        done = subprocess.run(
            [promtool(), *command], cwd=RULES.parent, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_runbook_names_only_commands_there_are() -> None:
    for words in re.findall(r"`notifier ([a-z][^`]*)`", RUNBOOK.read_text()):
        command: click.Command = main
        for word in words.split():
            if not isinstance(command, click.Group):
                break
            found = command.get_command(click.Context(command), word)
            if found is None and word[:1] not in "-ABCDEFGHIJKLMNOPQRSTUVWXYZ":
                pytest.fail(f"there is no command `notifier {words}`")
            command = found or command


def test_panels_do_not_lie_on_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
