"""Guards of docs/CLI.md: every command and option is in it, its reference is current, its examples can be typed."""

import re
import shlex
from pathlib import Path

import click
import pytest

from notifier.cli.reference import leaves, renewed

PAGE = (Path(__file__).parents[2] / "docs/CLI.md").read_text("utf-8")
LEAVES = dict(leaves())


def part(path: str) -> str:
    """Return what the page says of a command."""
    name = re.escape(f"notifier {path}".strip())
    found = re.search(rf"^### {name}\n(.*?)(?=^##|^<!-- end)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, f"docs/CLI.md has no part on `notifier {path}`"
    return found[1]


def test_the_reference_is_current() -> None:
    assert renewed(PAGE) == PAGE, "renew it: python -m notifier.cli.reference"


@pytest.mark.parametrize("path", LEAVES)
def test_every_command_has_its_options_an_example_and_exit_codes(path: str) -> None:
    text = part(path)
    for option in LEAVES[path].params:
        if isinstance(option, click.Option):
            assert all(f"`{name}`" in text for name in option.opts)
    assert "```sh\nnotifier" in text
    assert "Exit codes: 0 " in text


@pytest.mark.parametrize("path", LEAVES)
def test_every_example_can_be_typed(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    example = part(path).split("```sh\n")[1].split("\n```")[0]
    words = shlex.split(example)
    command = ["notifier", *path.split()]
    assert words[: len(command)] == command
    for word in words:
        if re.fullmatch(r"\w+\.\w+", word):
            Path(word).touch()
    LEAVES[path].make_context(" ".join(command), words[len(command) :])


def test_every_command_stands_once() -> None:
    headings = re.findall(r"^### (notifier.*)$", PAGE, re.MULTILINE)
    assert len(headings) == len(set(headings)) == len(LEAVES)


@pytest.mark.parametrize(
    "path", ["check", "templates render", "templates lint", "detection backtest", "detection calibrate"]
)
def test_commands_that_ask_no_daemon_do_not_say_that_none_answers(path: str) -> None:
    assert "daemon" not in part(path).split("Exit codes:")[1]
