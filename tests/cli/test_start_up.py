"""The command itself: quick, lazy, the same words in its table as in its commands, exit codes 0, 1 and 2."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from notifier import __version__
from notifier.cli import COMMANDS, main
from tests.cli.conftest import Run

HEAVY = ("aiohttp", "sqlalchemy", "jinja2", "msgspec", "rich", "phonenumbers", "yaml", "asyncio", "babel", "structlog")
CPU_SECONDS = 0.25


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from click.testing import CliRunner; before = set(sys.modules)\n"
        "from notifier.cli import main\n"
        "assert CliRunner().invoke(main, ['--help']).exit_code == 0\n"
        "print(' '.join(set(sys.modules) - before))"
    )
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "notifier.cli" in shown
    assert not {name.split(".")[0] for name in shown} & set(HEAVY)
    assert not [name for name in shown if name.startswith("notifier.") and name != "notifier.cli"]


def test_help_takes_little_time() -> None:
    best = CPU_SECONDS * 2
    for _ in range(5):  # the machine may be busy; CPU time hardly minds, caches do
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "notifier", "--help"], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best = min(best, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert best <= CPU_SECONDS


def test_help_names_every_command_within_72_columns(notifier: Run) -> None:
    text = notifier("--help").stdout
    assert all(len(line) <= 72 for line in text.splitlines())
    for section, commands in COMMANDS.items():
        assert f"{section}:" in text
        for name, (_, help_) in commands.items():
            assert f"  {name.ljust(13)}  {help_}" in text


@pytest.mark.parametrize("name", [name for section in COMMANDS.values() for name in section])
def test_every_command_of_the_table_exists_and_explains_itself(name: str, notifier: Run) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    assert command.name == name
    result = notifier(name, "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: notifier {name} ")


def test_version(notifier: Run) -> None:
    assert notifier("--version").stdout == f"notifier {__version__}\n"


def test_an_unknown_command_names_the_nearest_one(notifier: Run) -> None:
    result = notifier("incidnts")
    assert result.exit_code == 2
    assert "there is no command 'incidnts'; did you mean 'incidents'?" in result.stderr


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("reject", "'broadcasts reject' or 'event reject' or 'credits reject'"),
        ("import", "'customers import' or 'complaints import'"),
    ],
)
def test_a_command_of_a_group_is_named_with_its_group(notifier: Run, typed: str, meant: str) -> None:
    assert f"there is no command '{typed}'; did you mean {meant}?" in notifier(typed).stderr


def test_a_terminal_that_cannot_show_a_letter_shows_a_question_mark(notifier: Run, tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-m", "notifier", "customers", "find", "ü"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii", "NOTIFIER_URL": "http://127.0.0.1:9", "NOTIFIER_TOKEN": "x"},
        cwd=tmp_path,
        check=False,
    )
    assert result.returncode == 1
    assert b"Traceback" not in result.stderr
