"""docs/METRICS.md and the code say the same, and what is served is what Prometheus understands."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from notifier.app import build_metrics
from notifier.config import Config
from notifier.metrics import Metrics

ROW = re.compile(r"^\| `(notifier_\w+)` \| (\w+) \| (.*?) \| (.*?) \|$", re.MULTILINE)
PERSONAL = ("incident_id", "customer", "address", "contact_point", "notification", "broadcast_id", "key", "name")


def declared(metrics: Metrics) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
    for family in metrics.registry.collect():
        name = family.name + ("_total" if family.type == "counter" else "")
        collector = metrics.registry._names_to_collectors[family.name]
        yield name, family.type, tuple(collector._labelnames), family.documentation


def test_every_metric_is_documented_as_it_is_declared() -> None:
    documented = {
        (name, kind, tuple(re.findall(r"`(\w+)`", labels)), text)
        for name, kind, labels, text in ROW.findall(Path("docs/METRICS.md").read_text())
    }
    assert documented == set(declared(Metrics()))


def test_no_label_says_who_or_which() -> None:
    for name, _, labels, _ in declared(Metrics()):
        assert not set(labels) & set(PERSONAL), name


def test_every_name_ends_in_its_unit_or_is_a_count() -> None:
    for name, kind, _, _ in declared(Metrics()):
        assert (kind == "counter") == name.endswith("_total"), name


@pytest.fixture
def exposition(request: pytest.FixtureRequest) -> str:
    return generate_latest(build_metrics(Config()).registry).decode()


def test_every_series_exists_at_zero_from_the_start(exposition: str) -> None:
    families = {family.name: family for family in text_string_to_metric_families(exposition)}
    built_later = {"notifier_http_requests", "notifier_job_runs"}  # by the routes and by the jobs; tested with them
    for metric in Metrics().registry.collect():
        if metric.name in built_later:
            continue
        samples = [sample for sample in families[metric.name].samples if not sample.name.endswith("_created")]
        assert samples, metric.name
        if metric.type == "counter":
            assert {sample.value for sample in samples} == {0}, metric.name


def test_promtool_finds_nothing_to_complain_about(exposition: str) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        reason = "promtool is not on PATH (Debian: prometheus)"
        if os.environ.get("NOTIFIER_TESTS_SKIP_NOTHING"):
            pytest.fail(reason)
        pytest.skip(reason)
    done = subprocess.run(
        [promtool, "check", "metrics"], input=exposition, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
