"""Places that commands over a file write to: none of them may be a file they read, or somebody's own.

Everything here is asked before the work begins: what is said after it costs minutes, and a file that was overwritten is
gone.
"""

import csv
import os
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path

import click

from notifier.cli.rejects import COLUMNS, rejected_path
from notifier.cli.upload import is_stdin


def refused_lines(file: Path, out: Path | None) -> Path | None:
    """Return where refused lines go: beside the file that is written, else beside the one that is read."""
    return rejected_path(out or file) if out or not is_stdin(file) else None


def of_import(file: Path) -> Path | None:
    """Return where the refused lines of an import go; refuse a place where somebody's own file is."""
    rejected = refused_lines(file, None)
    if rejected is not None and rejected.is_file() and not _is_ours(rejected):
        raise click.UsageError(_not_ours(rejected))
    return rejected


def check(read: Mapping[str, Path | None], written: Mapping[str, Path | None], rejected: Path | None) -> None:
    """Refuse places where nothing can be written, and such that would overwrite what is read or another output."""
    inputs = {what: path for what, path in read.items() if path is not None}
    if sum(is_stdin(path) for path in inputs.values()) > 1:
        raise click.UsageError(f"only one of {', '.join(inputs)} can be standard input")
    outputs = {what: path for what, path in written.items() if path is not None}
    for path in outputs.values():
        if not path.parent.is_dir():
            raise click.UsageError(f"cannot write {path}: there is no folder {path.parent}")
    if rejected is not None:
        outputs["refused lines"] = rejected
    for to, path in outputs.items():
        for of, source in inputs.items():
            if not is_stdin(source) and _same(path, source):
                raise click.UsageError(f"{_would(to, path)} overwrite {of}, which is read; name another file")
    for (one, path), (other, place) in combinations(outputs.items(), 2):
        if _same(path, place) and not path.is_char_device():
            raise click.UsageError(f"{_would(other, place)} overwrite {one}; name another file")
    if rejected is not None and not _is_ours(rejected):
        raise click.UsageError(_not_ours(rejected))


def configuration(file: Path | None) -> Path | None:
    """Return the configuration file that is read, where there is one."""
    from notifier.settings.load import find_file

    return find_file(file, os.environ)


def _would(what: str, path: Path) -> str:
    return f"{what} would go to {path} and" if what == "refused lines" else f"{what} {path} would"


def _not_ours(rejected: Path) -> str:
    return f"{_would('refused lines', rejected)} overwrite a file that is no list of such lines; move it away first"


def _same(one: Path, other: Path) -> bool:
    try:
        return one.resolve() == other.resolve() or one.samefile(other)
    except (OSError, RuntimeError):
        return False  # one of them is not there yet


def _is_ours(path: Path) -> bool:
    """Tell whether an earlier run may have written this file; one that is not there is."""
    if not path.is_file():
        return not path.exists()
    try:
        with path.open(encoding="utf-8", errors="replace", newline="") as file:
            first = file.readline(200).rstrip("\r\n")
    except OSError:
        return False
    return next(csv.reader([first]), []) in ([], list(COLUMNS))
