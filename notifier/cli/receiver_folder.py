"""`--dir` of every receiver of the sandbox, and of the commands that speak of one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

FOLDER = Path("var/sandbox")

Command = TypeVar("Command", bound=Callable[..., Any])


def folder_option(what: str) -> Callable[[Command], Command]:
    """Return the option; its help says what is there."""
    return click.option(
        "--dir",
        "folder",
        type=click.Path(path_type=Path, file_okay=False),
        default=FOLDER,
        show_default=True,
        help=what,
    )
