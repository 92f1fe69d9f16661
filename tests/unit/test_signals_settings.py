"""What the settings of signals must be beyond their types."""

from pathlib import Path

import pytest

from notifier.domain.errors import ConfigError
from notifier.settings.load import load


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("region_labels: {olt: nodes}", "'nodes' is no kind of region"),
        ("service: internat", "'internat' is no service"),
        ("lapses_after: 0s", "would lapse at once"),
        ("reports: 1", "signals.reports"),
        ("region_label: {}", "region_label"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, given: str, said: str) -> None:
    path = tmp_path / "notifier.yaml"
    path.write_text(f"signals: {{{given}}}\n")
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert any(said in problem for problem in caught.value.problems)


def test_labels_of_ones_own_load(tmp_path: Path) -> None:
    path = tmp_path / "notifier.yaml"
    path.write_text("signals: {region_labels: {olt: node, zip: postal_code}, service: internet, reports: 5}\n")
    found = load(path, {}).signals
    assert (dict(found.region_labels), found.reports) == ({"olt": "node", "zip": "postal_code"}, 5)
