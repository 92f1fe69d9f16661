"""Builders for tests of configuration: a text and an environment in, settings or the list of problems out."""

from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from notifier.config import Config
from notifier.domain.errors import ConfigError
from notifier.settings import load

NAME = "notifier.yaml"


def written(folder: Path, text: str, name: str = NAME) -> Path:
    """Write a configuration file, indented as the test is, and return its path."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(dedent(text), encoding="utf-8")
    return file


def settings(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Config:
    """Load a configuration from a text."""
    return load(written(folder, text), environ or {})


def problems(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """Return the problems of a configuration, without the folder; an empty list when it is good."""
    try:
        settings(folder, text, environ)
    except ConfigError as error:
        return [problem.replace(f"{folder}/", "") for problem in error.problems]
    return []
