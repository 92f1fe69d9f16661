"""Shipped files are found in a checkout and in a wheel, and the operator's own take their place file by file."""

from pathlib import Path

import pytest

import notifier.resources
from notifier.resources import resources, shipped


def put(root: Path, *names: str) -> None:
    for name in names:
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("", encoding="utf-8")


def test_a_checkout_has_its_templates_and_configuration() -> None:
    assert (shipped("config/playbooks") / "power.yaml").is_file()
    assert (shipped("templates") / "en").is_dir()


def test_an_installed_wheel_carries_them_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path / "notifier/_shipped/config/playbooks", "power.yaml")
    monkeypatch.setattr(notifier.resources, "_PACKAGE", tmp_path / "notifier")
    assert shipped("config/playbooks") == tmp_path / "notifier/_shipped/config/playbooks"


def test_a_damaged_installation_says_where_it_looked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier.resources, "_PACKAGE", tmp_path / "notifier")
    with pytest.raises(FileNotFoundError, match=r"the shipped folder templates is missing; looked in .*_shipped and "):
        shipped("templates")


def test_own_files_win_and_may_add_but_hide_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier.resources, "_PACKAGE", tmp_path / "notifier")
    put(tmp_path / "templates", "en/a.txt", "en/b.txt")
    put(tmp_path / "own", "en/b.txt", "en/c.txt")
    found = resources("templates", "**/*.txt", tmp_path / "own")
    assert found == {
        "en/a.txt": tmp_path / "templates/en/a.txt",
        "en/b.txt": tmp_path / "own/en/b.txt",
        "en/c.txt": tmp_path / "own/en/c.txt",
    }
