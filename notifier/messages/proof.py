"""Proof-reading of the files that messages are made of, as they lie on disk: each mistake with its file and line.

Rendering with samples shows whether messages can be made; this shows what rendering cannot: a key nobody reads, a
phrase given twice, a placeholder that would reach customers as it is, a file that takes nobody's place.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from notifier.config import Config
from notifier.domain.errors import nearest
from notifier.messages.edition import SHARED
from notifier.messages.phrases import Phrases, problems_of
from notifier.resources import resources, shipped
from notifier.settings.conversion import Reader
from notifier.settings.files import Unreadable, read_text
from notifier.settings.load import read_table
from notifier.settings.tree import Items, Node, Problem, Table, below, lines_of

BYTES_AT_MOST = 1 << 18

_PHRASES = "config/phrases"
PAGE_WORDS = "pages/words/"
_IN_EDITION = re.compile(
    r"(?:phrases/(?P<phrases>[^/:]+\.yaml)|templates/(?P<template>[^\s:,]+))(?:, line (?P<line>[0-9]+))?(?=:)"
)
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}|[{}]")
_EVERYWHERE = ("phone", "company")
_BY_PATH = {
    "words.today": ("time",),
    "words.tomorrow": ("time",),
    "words.yesterday": ("time",),
    "words.other_day": ("time", "date"),
    "words.day_other": ("date",),
    "words.window": ("day", "from", "until"),
    "words.window_of_days": ("from", "until"),
    "words.at": ("moment",),
    "words.at_other_day": ("moment",),
    "words.hour": ("time",),
    "words.hour_one": ("time",),
    "words.street": ("place",),
    "words.label": ("place",),
    "words.some_sites": ("affected", "all"),
    "words.all_sites": ("affected", "all"),
}
_OF_A_SERVICE = "services."


def wording_files(config: Config) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return the phrases and the templates in force, by name below their folder."""
    phrases, templates = _own(config)
    locales = dict.fromkeys((config.locales.default, *config.locales.available))
    return (
        {name: path for each in locales for name, path in resources(_PHRASES, f"{each}.yaml", phrases).items()},
        {
            name: path
            for each in (SHARED, *locales)
            for name, path in resources("templates", f"{each}/**/*", templates).items()
        },
    )


def proofread(config: Config) -> list[str]:
    """Return what is wrong with the files of phrases and templates, one line each."""
    phrases, templates = wording_files(config)
    problems = [problem for path in phrases.values() for problem in _phrases(path)]
    for path in templates.values():
        try:
            read_text(path, BYTES_AT_MOST)
        except Unreadable as error:
            problems.append(f"{path}: {error}")
    return problems


def located(config: Config, problems: Sequence[str]) -> list[str]:
    """Return problems that name a file by its name in an edition with the place on disk: PATH:LINE: REASON."""
    phrases, templates = wording_files(config)
    return [_located(problem, phrases, templates) for problem in problems]


def idle_files(config: Config) -> list[str]:
    """Return a warning for each file of the operator's own that takes the place of nothing."""
    phrases, templates = _own(config)
    known = [path.relative_to(shipped("templates")).as_posix() for path in shipped("templates").rglob("*")]
    of_default = [name.removeprefix("en/") for name in known if name.startswith("en/")]
    known += [f"{locale}/{name}" for locale in config.locales.available for name in of_default]
    warnings: list[str] = []
    for path in sorted(templates.rglob("*")) if templates is not None else ():
        name = path.relative_to(templates or path).as_posix()
        is_language = name.startswith(PAGE_WORDS)  # of the pages: one more than are shipped
        if path.is_file() and name not in known and not is_language:
            warnings.append(f"{path}: takes the place of no shipped template{nearest(name, known)}")
    used = [f"{locale}.yaml" for locale in (config.locales.default, *config.locales.available)]
    unread = [path for path in sorted(phrases.iterdir()) if path.name not in used] if phrases is not None else []
    warnings += [f"{path}: is not read: no available locale has its name{nearest(path.name, used)}" for path in unread]
    return warnings


def _located(problem: str, phrases: dict[str, Path], templates: dict[str, Path]) -> str:
    match = _IN_EDITION.match(problem)
    if match is None:
        return problem
    if match["phrases"]:
        path = phrases.get(match["phrases"])
    else:
        path = templates.get(match["template"]) or templates.get(f"{SHARED}/{match['template'].split('/', 1)[-1]}")
    if path is None:
        return problem
    line = f":{match['line']}" if match["line"] else ""
    return f"{path}{line}{problem[match.end() :]}"


def _own(config: Config) -> tuple[Path | None, Path | None]:
    phrases, templates = config.templates.phrases, config.templates.directory
    return Path(phrases) if phrases else None, Path(templates) if templates else None


def _phrases(path: Path) -> Iterator[str]:
    table, problems = read_table(path, BYTES_AT_MOST)
    reader = Reader(folder=path.parent, problems=problems)
    if table is not None:
        phrases = reader.read(table, Phrases)
        problems += _placeholders(table, "")
        if phrases is not None:
            for key, reason in problems_of(phrases):
                problems.append(Problem(place=reader.place_of(key, table.place), path=key, reason=reason))
    yield from lines_of(problems)


def _placeholders(node: Node, path: str) -> Iterator[Problem]:
    """Yield a problem for each `{name}` that nothing is put in place of."""
    if isinstance(node, Table):
        for key, child in node.nodes.items():
            yield from _placeholders(child, below(path, key))
    elif isinstance(node, Items):
        for index, child in enumerate(node.nodes):
            yield from _placeholders(child, below(path, index))
    else:
        known = ("service",) if path.startswith(_OF_A_SERVICE) else _BY_PATH.get(path, _EVERYWHERE)
        for match in _PLACEHOLDER.finditer(node.value):
            if match[1] not in known:
                expected = " or ".join(f"{{{name}}}" for name in known)
                hint = nearest(match[1] or "", known)
                yield Problem(
                    place=node.place, path=path, reason=f"'{match[0]}' stands for nothing; expected {expected}{hint}"
                )
