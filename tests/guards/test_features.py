"""Guards of docs/FEATURES.md: its commands can be typed, its tests are there, and no command is left out."""

import re
import shlex
from pathlib import Path

import click
import pytest

from notifier.cli import main
from notifier.cli.reference import leaves

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/FEATURES.md").read_text("utf-8")
ROWS = re.findall(r"^\| (?!feature|---)(.+?) \| `notifier ?(.*?)` \| (.+?) \|$", PAGE, re.MULTILINE)
LEAVES = {tuple(path.split()): command for path, command in leaves()}
GROUPS = {path[0] for path in LEAVES if len(path) > 1}
BESIDE = {
    "close",
    "reopen",
    "open",
    "confirm",
    "dismiss",
    "note",
    "assign",
    "extend",
    "merge",
    "watch",
}  # in others' rows
REHEARSAL = {"simulate", "sandbox", "keys", "status", "notifications", "resume-all"}  # no feature by themselves


def command_of(words: list[str]) -> tuple[str, ...]:
    """Return the path of the command that is typed."""
    return tuple(words[:2]) if words and words[0] in GROUPS and tuple(words[:2]) in LEAVES else tuple(words[:1])


def test_there_are_rows() -> None:
    assert len(ROWS) > 40


@pytest.mark.parametrize("typed", sorted({typed for _, typed, _ in ROWS if typed}))
def test_every_command_is_there_with_its_options(typed: str) -> None:
    words = shlex.split(typed)
    path = command_of(words)
    if path not in LEAVES:
        assert path[0] in GROUPS, f"there is no notifier {typed}"
        return
    options = {name for each in LEAVES[path].params if isinstance(each, click.Option) for name in each.opts}
    assert {word for word in words if word.startswith("--")} <= options


@pytest.mark.parametrize("feature", [feature for feature, _, _ in ROWS])
def test_every_test_is_there(feature: str) -> None:
    (named,) = [tests for each, _, tests in ROWS if each == feature]
    files = re.findall(r"`(tests/[^`]+\.py)`", named)
    assert files
    assert [file for file in files if not (ROOT / file).is_file()] == []


def test_every_group_of_commands_is_in_a_row() -> None:
    shown = {shlex.split(typed)[0] for _, typed, _ in ROWS if typed}
    assert set(main.list_commands(click.Context(main))) - shown - BESIDE - REHEARSAL == set()
