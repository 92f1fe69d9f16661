"""docs/ARCHITECTURE.md names files and folders that are there, and every folder of the package."""

import re
from pathlib import Path

PAGE = Path("docs/ARCHITECTURE.md").read_text()
BASES = [Path(), Path("notifier"), Path("notifier/storage"), Path("notifier/app"), Path("docs")]
NAMED = re.compile(r"(?<![\w./(])((?:[a-z_]+/)+(?:[a-z_]+\.py)?|[a-z_]+\.py)")


def test_what_it_names_is_there() -> None:
    named = set(NAMED.findall(PAGE))
    assert len(named) > 40
    assert [name for name in sorted(named) if not any((base / name).exists() for base in BASES)] == []


def test_it_names_every_folder_of_the_package() -> None:
    folders = {file.parent.name for file in Path("notifier").glob("*/__init__.py")}
    assert [name for name in sorted(folders) if f"{name}/" not in PAGE] == []
