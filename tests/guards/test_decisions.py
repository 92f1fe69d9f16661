"""Each decision has a number of its own, and docs/decisions/README.md lists it by its title."""

import re
from pathlib import Path

import pytest

FOLDER = Path("docs/decisions")
FILES = sorted(FOLDER.glob("[0-9]*.md"))
REFERENCE = re.compile(r"(?:decisions?[ /]|\()(0\d{3})\b")


def test_every_decision_has_a_number_of_its_own() -> None:
    numbers = [file.name[:4] for file in FILES]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name[:4])
def test_every_decision_is_listed_by_its_title(file: Path) -> None:
    number, title = file.read_text().splitlines()[0].removeprefix("# ").split(" ", 1)
    assert number == file.name[:4]
    assert f"- [{number}]({file.name}) {title}\n" in (FOLDER / "README.md").read_text()


def test_decisions_that_are_referred_to_exist() -> None:
    known = {file.name[:4] for file in FILES}
    for page in (*Path("docs").rglob("*.md"), *Path("notifier").rglob("*.py")):
        named = set(REFERENCE.findall(page.read_text()))
        assert named <= known, f"{page} refers to {sorted(named - known)}"
