"""YAML text as a tree of nodes that know their place.

In: text of a file or of an environment variable. Out: `Table`, `Items` and `Text` nodes, and problems. Texts stay as
they were written: `no`, `02134` and `1:30` are not turned into false, 1116 and 90, because only the key knows its type.
A text of any kind ends in a tree or in problems, in bounded time and memory; no message shows a value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from unicodedata import category

import yaml

BYTES_AT_MOST = 1 << 20
NODES_AT_MOST = 100_000  # counted with every alias written out, so that a "billion laughs" stays a small joke
PROBLEMS_SHOWN = 200  # the wrong file altogether has one per line
DEPTH_AT_MOST = 12  # the deepest key of ours is at 5

_LOADER: type[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # only its parser is used: events, no objects
_UNSEEN = {"Cc", "Cf", "Cs", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"  # letters of some scripts need them
_NULLS = {"", "~", "null", "Null", "NULL"}


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a node was written: a file and its line, or the name of an environment variable."""

    source: str
    line: int = 0  # from 1; 0 where there are no lines
    column: int = 0  # from 1, in characters; only of a text that is no YAML

    def __str__(self) -> str:
        return ":".join([self.source, *(str(number) for number in (self.line, self.column) if number)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake: its place, the path of the key (empty for the file as a whole), and what is wrong and right."""

    place: Place
    path: str = ""
    reason: str

    def __str__(self) -> str:
        line = f"{self.place}: {self.path}: {self.reason}" if self.path else f"{self.place}: {self.reason}"
        return (
            line if is_line(line) else "".join(c if is_line(c) else c.encode("unicode_escape").decode() for c in line)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A scalar, exactly as it was written."""

    place: Place
    value: str
    quoted: bool = True

    @property
    def is_nothing(self) -> bool:
        """Say whether nothing stands after the key (or a YAML null)."""
        return not self.quoted and self.value in _NULLS


@dataclass(frozen=True, slots=True, kw_only=True)
class Items:
    """A list."""

    place: Place
    nodes: Sequence["Node"] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A map of keys to nodes."""

    place: Place
    nodes: Mapping[str, "Node"] = field(default_factory=dict)


Node = Text | Items | Table


def lines_of(problems: Sequence[Problem]) -> list[str]:
    """Return problems as lines, by place; of very many only the first, with the number of the rest."""
    ordered = [str(problem) for problem in sorted(problems, key=lambda problem: problem.place)]
    rest = len(ordered) - PROBLEMS_SHOWN
    return [*ordered[:PROBLEMS_SHOWN], f"... and {rest} more like these"] if rest > 0 else ordered


def is_line(text: str) -> bool:
    """Say whether a text is one line of what people can see: no control, no direction mark, no half character."""
    if text.isascii():
        return text.isprintable()
    return not any(category(character) in _UNSEEN and character not in _JOINERS for character in text)


def below(path: str, key: str | int) -> str:
    """Return the path of a key or list item under a path: `server.listen`, `providers[0]`."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path else key


def parse(text: str, source: str, *, path: str = "", lines: bool = True) -> tuple[Node | None, list[Problem]]:
    """Return the tree of a YAML text, or None when it is empty or broken, and every problem found on the way.

    `path` is where the tree hangs; `lines` is False for an environment variable.
    """
    builder = _Builder(source, lines=lines)
    try:
        builder.use(yaml.parse(text, Loader=_LOADER))
        root = builder.document(path)
    except _Stop as stop:
        return None, [*builder.problems, stop.problem]
    except yaml.YAMLError as error:
        place = Place(source, *(_where(error, text) if lines else ()))
        return None, [
            *builder.problems,
            Problem(place=place, path=path, reason=_explain(error, text, lines=lines)),
        ]
    return root, builder.problems


class _Stop(Exception):
    """The text cannot be read any further."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Builder:
    """Builds nodes from parser events, keeping count."""

    def __init__(self, source: str, *, lines: bool) -> None:
        self.problems: list[Problem] = []
        self._source, self._lines = source, lines
        self._events: Iterator[Any] = iter(())
        self._anchors: dict[str, tuple[Node, int, int]] = {}  # node, nodes in it, depth of it
        self._count = 0

    def use(self, events: Iterator[Any]) -> None:
        """Read from these parser events."""
        self._events = events

    def document(self, path: str) -> Node | None:
        """Return the only document of the stream."""
        root: Node | None = None
        seen = False
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if seen:
                    raise self._stop(event, "", "a second document begins here; expected one document, without '---'")
                seen = True
                root, _ = self._node(next(self._events), path, None, 1)
        return root

    def _node(self, event: Any, path: str, place: Place | None, depth: int) -> tuple[Node, int]:
        """Return the node that begins with an event, and how many levels it has."""
        place = place or self._place(event)
        before = self._count
        self._more(event, 1)
        if depth > DEPTH_AT_MOST:
            raise self._stop(event, path, f"is nested deeper than {DEPTH_AT_MOST} levels")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, path, depth)
        if event.tag is not None:
            self._problem(place, path, "has a tag; a text that begins with ! must stand in quotes")
        levels = 1
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = Text(
                place=place, value=event.value, quoted=bool(event.style)
            )  # a plain style is None or '', by parser
        elif isinstance(event, yaml.SequenceStartEvent):
            node, levels = self._items(place, path, depth)
        else:
            node, levels = self._table(place, path, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = node, self._count - before, levels
        return node, levels

    def _items(self, place: Place, path: str, depth: int) -> tuple[Items, int]:
        nodes: list[Node] = []
        levels = 0
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            node, inner = self._node(event, below(path, len(nodes)), None, depth + 1)
            nodes.append(node)
            levels = max(levels, inner)
        return Items(place=place, nodes=nodes), levels + 1

    def _table(self, place: Place, path: str, depth: int) -> tuple[Table, int]:
        nodes: dict[str, Node] = {}
        levels = 0
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            at = self._place(event)
            if not isinstance(event, yaml.ScalarEvent):
                raise self._stop(event, path, "has a key that is a list, a map or an alias; expected a name")
            key = event.value
            node, inner = self._node(next(self._events), below(path, key), at, depth + 1)
            levels = max(levels, inner)
            if key in nodes:
                first = nodes[key].place
                self._problem(
                    at,
                    below(path, key),
                    f"is given twice, first in line {first.line}" if first.line else "is given twice",
                )
            else:
                nodes[key] = node
        return Table(place=place, nodes=nodes), levels + 1

    def _alias(self, event: Any, path: str, depth: int) -> tuple[Node, int]:
        if event.anchor not in self._anchors:
            raise self._stop(event, path, "refers to nothing; a text that begins with * must stand in quotes")
        node, count, levels = self._anchors[event.anchor]
        self._more(event, count)
        if depth + levels - 1 > DEPTH_AT_MOST:
            raise self._stop(event, path, f"is nested deeper than {DEPTH_AT_MOST} levels")
        return node, levels

    def _more(self, event: Any, count: int) -> None:
        self._count += count
        if self._count > NODES_AT_MOST:
            raise self._stop(event, "", f"holds more than {NODES_AT_MOST} values, aliases written out")

    def _place(self, event: Any) -> Place:
        return Place(self._source, event.start_mark.line + 1 if self._lines else 0)

    def _problem(self, place: Place, path: str, reason: str) -> None:
        self.problems.append(Problem(place=place, path=path, reason=reason))

    def _stop(self, event: Any, path: str, reason: str) -> _Stop:
        place = self._place(event)
        column = event.start_mark.column + 1 if place.line else 0
        return _Stop(Problem(place=Place(place.source, place.line, column), path=path, reason=reason))


def _where(error: yaml.YAMLError, text: str) -> tuple[int, int]:
    """Return the line and the column at which reading stopped; 0 where it is not known."""
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        return int(error.problem_mark.line) + 1, int(error.problem_mark.column) + 1
    position = getattr(error, "position", None)
    if not isinstance(position, int):
        return 0, 0
    return text.count("\n", 0, position) + 1, position - text.rfind("\n", 0, position)


def _explain(error: yaml.YAMLError, text: str, *, lines: bool) -> str:
    """Say what is wrong in words of an operator; the parser's own words follow where they add something."""
    if not isinstance(error, yaml.MarkedYAMLError):
        return "is no text: it holds a control character"
    problem = error.problem or "cannot be read"
    rows = text.splitlines()
    number = error.problem_mark.line if error.problem_mark is not None else 0
    line = rows[number] if number < len(rows) else ""
    indent = line[: len(line) - len(line.lstrip())]
    begun = ""
    if lines and error.context and error.context_mark is not None and error.context_mark.line != number:
        begun = f", begun in line {error.context_mark.line + 1}"
    if "\t" in indent:
        return "is indented with a tab; expected spaces"
    if "tag" in problem or "tag" in (error.context or ""):
        return "has a tag; a text that begins with ! must stand in quotes"
    if "cannot start any token" in problem:
        return "has a text that begins with a special character (% @ `) or a tab; expected it in quotes"
    if "mapping values are not allowed" in problem:
        return "has a ':' where none may be: the line is indented wrongly, or a text with ': ' must stand in quotes"
    return f"is no YAML: {problem}{begun}"
