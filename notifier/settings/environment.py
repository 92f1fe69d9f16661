"""Overrides from the environment: `NOTIFIER__SECTION__KEY` on top of the nodes of the file.

A variable gives one text, read by the type of its key; a list, a map or a whole section is given as YAML in one line
(`NOTIFIER__LOCALES__AVAILABLE=[en, es]`); an item of a list is reached by its number
(`NOTIFIER__PROVIDERS__0__HOST`), the number after the last one adds an item.
A secret or its `_FILE` twin given here takes the place of either in the file.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, get_args, get_origin

from msgspec import Struct
from msgspec.structs import fields

from notifier.config import secrets
from notifier.domain.errors import nearest
from notifier.settings.descriptions import default_of, hints, unwrap
from notifier.settings.durations import format_duration
from notifier.settings.tree import Items, Node, Place, Problem, Table, Text, parse

PREFIX = "NOTIFIER__"
DEFAULTS = Place("defaults")


def overlay(root: Table, struct: type[Struct], environ: Mapping[str, str]) -> tuple[Table, list[Problem]]:
    """Return the tree with every override applied, and a problem for each that fits nowhere."""
    problems: list[Problem] = []
    names = sorted(name for name in environ if name.startswith(PREFIX))
    for name in names:
        steps = name.removeprefix(PREFIX).lower().split("__")
        try:
            root = _table(root, struct, steps, _Override(name, environ[name], frozenset(names)))
        except _Misfit as misfit:
            problems.extend(misfit.problems)
    return root, problems


def tree_of(value: Any, place: Place) -> Node:
    """Return the nodes that would be read as a value."""
    if isinstance(value, Struct):
        return Table(
            place=place, nodes={name: tree_of(getattr(value, name), place) for name in value.__struct_fields__}
        )
    if isinstance(value, tuple):
        return Items(place=place, nodes=[tree_of(item, place) for item in value])
    if isinstance(value, dict):
        return Table(place=place, nodes={key: tree_of(item, place) for key, item in value.items()})
    if isinstance(value, timedelta):
        return Text(place=place, value=format_duration(value))
    return Text(place=place, value=str(value).lower() if isinstance(value, bool) else str(value))


class _Misfit(Exception):
    """An override fits nowhere."""

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems


class _Override:
    """One variable on its way down."""

    def __init__(self, name: str, value: str, others: frozenset[str]) -> None:
        self.name, self.value, self.others = name, value, others
        self.place = Place(name)

    def misfit(self, reason: str) -> _Misfit:
        """Return the error for this variable."""
        return _Misfit(Problem(place=self.place, reason=reason))

    def unknown(self, step: str, known: list[str], rest: list[str]) -> _Misfit:
        """Return the error for a step that no key is named by, with the whole name of the nearest."""
        head = self.name.removesuffix("__".join([step, *rest]).upper())
        near = nearest(step, known)
        if near:
            word = near.split("'")[1]
            return self.misfit(f"unknown key; did you mean '{head}{'__'.join([word, *rest]).upper()}'?")
        choices = ", ".join(f"{head}{key.upper()}" for key in known)
        return self.misfit(f"unknown key; known here: {choices}")


def _table(table: Table, struct: type[Struct], steps: list[str], override: _Override) -> Table:
    """Return the table of a struct with one key replaced."""
    step, *rest = steps
    known = {info.name: info for info in fields(struct)}
    twins = {f"{name}_file": name for name in secrets(struct)}
    if step not in known and step not in twins:
        raise override.unknown(step, [*known, *twins], rest)
    nodes = dict(table.nodes)
    if step in twins or step in twins.values():
        pair = step if step in twins else f"{step}_file", twins.get(step, step)
        for name in pair:  # what the file says gives way to the environment; two from there are a mistake
            if name in nodes and nodes[name].place.source not in override.others:
                del nodes[name]
    if step in twins:
        annotation: Any = str
    else:
        annotation = hints(struct)[step]
        if step not in nodes and not known[step].required and rest:
            nodes[step] = tree_of(default_of(known[step]), DEFAULTS)
    nodes[step] = _node(nodes.get(step), annotation, rest, override)
    return Table(place=table.place, nodes=nodes)


def _node(node: Node | None, annotation: Any, steps: list[str], override: _Override) -> Node:
    """Return the node at the end of the steps replaced by the override."""
    kind, _ = unwrap(annotation)
    is_struct = isinstance(kind, type) and issubclass(kind, Struct)
    if not steps:
        if is_struct or get_origin(kind) in (tuple, dict):
            return _yaml(override)
        return Text(place=override.place, value=override.value)
    if is_struct:
        return _table(node if isinstance(node, Table) else Table(place=override.place), kind, steps, override)
    if get_origin(kind) is tuple:
        return _item(node, get_args(kind)[0], steps, override)
    what = "is a map: give it whole, as in {en: internet}" if get_origin(kind) is dict else "has no keys of its own"
    raise override.misfit(f"{override.name.removesuffix('__' + '__'.join(steps).upper())} {what}")


def _item(node: Node | None, annotation: Any, steps: list[str], override: _Override) -> Items:
    """Return a list with one item replaced or added."""
    step, *rest = steps
    nodes = list(node.nodes) if isinstance(node, Items) else []
    if not (step.isascii() and step.isdecimal() and len(step) <= 6 and int(step) <= len(nodes)):
        raise override.misfit(f"'{step.upper()}' is no item of the list; expected a number from 0 to {len(nodes)}")
    index = int(step)
    if index == len(nodes):
        nodes.append(_node(None, annotation, rest, override))
    else:
        nodes[index] = _node(nodes[index], annotation, rest, override)
    return Items(place=node.place if node is not None else override.place, nodes=nodes)


def _yaml(override: _Override) -> Node:
    node, problems = parse(override.value, override.name, lines=False)
    if node is None and not problems:
        raise override.misfit("is empty; expected a list or map in one line, such as [a, b]")
    if node is None or problems:
        raise _Misfit(*problems)
    return node
