"""The bar of an import: on a terminal only, and nothing of it stays."""

from pathlib import Path

from tests.cli.conftest import At
from tests.cli.test_imports import Bulk
from tests.fake_daemon import FakeDaemon


def test_an_import_at_a_terminal_shows_a_bar(at: At, daemon: FakeDaemon, tmp_path: Path) -> None:
    Bulk(daemon, "/v1/complaints/bulk")
    file = tmp_path / "file.csv"
    file.write_text("service\n" + "power\n" * 20_000)
    with at("complaints", "import", str(file)) as person:
        person.sees("complaints")
        person.sees("%")
        assert person.ends() == 0
        person.sees("20,000 complaints loaded.")
