"""Every kind of entry that the daemon can write into a timeline has a sentence, whatever way its name goes there."""

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from notifier.cli import happenings
from notifier.domain.incident import Action
from notifier.storage.repositories import incidents

TELLS_NOBODY = (Action.CLOSE, Action.SPLIT, Action.MERGE)
SENT = {f"{action}_sent" for action in Action if action not in TELLS_NOBODY}
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Source:
    """A module with the functions around each of its calls."""

    def __init__(self, path: Path) -> None:
        self.tree = ast.parse(path.read_text("utf-8"))
        self.name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        self.calls = list(_calls(self.tree, None))

    @property
    def module(self) -> ModuleType:
        return importlib.import_module(self.name)


def _calls(node: ast.AST, around: Function | None) -> Iterator[tuple[ast.Call, Function | None]]:
    if isinstance(node, ast.Call):
        yield node, around
    for child in ast.iter_child_nodes(node):
        yield from _calls(child, node if isinstance(node, Function) else around)


SOURCES = [Source(path) for part in ("stages", "storage") for path in sorted(Path("notifier", part).rglob("*.py"))]


def is_call_of(call: ast.Call, source: Source, name: str, module: str) -> bool:
    """Tell whether a function of a module is what is called."""
    if not (isinstance(call.func, ast.Attribute | ast.Name) and ast.unparse(call.func).endswith(name)):
        return False
    try:
        found = eval(ast.unparse(call.func), vars(source.module))  # noqa: S307 - our own code
    except (NameError, AttributeError):  # of a value that only exists while it runs
        return False
    return (getattr(found, "__name__", ""), getattr(found, "__module__", "")) == (name, module)


def names(value: ast.expr, source: Source, around: Function | None) -> set[str]:
    """Return every name of an event that an expression may be."""
    if isinstance(value, ast.IfExp):
        return names(value.body, source, around) | names(value.orelse, source, around)
    if isinstance(value, ast.JoinedStr):
        assert ast.unparse(value) == "f'{changes.action}_sent'", ast.unparse(value)
        return SENT
    parameters = [each.arg for each in (*around.args.args, *around.args.kwonlyargs)] if around else []
    if isinstance(value, ast.Name) and around is not None and value.id in parameters:
        found = [
            names(given, other, about)
            for other in SOURCES
            for call, about in other.calls
            if is_call_of(call, other, around.name, source.name)
            if (given := _given(call, value.id, parameters)) is not None
        ]
        assert found, f"nobody calls {around.name} of {source.name}"
        return set().union(*found)
    if isinstance(value, ast.Subscript):
        return set(eval(ast.unparse(value.value), vars(source.module)).values())  # noqa: S307 - our own code
    said = eval(ast.unparse(value), vars(source.module))  # noqa: S307 - our own code
    assert isinstance(said, str), ast.unparse(value)
    return {said}


def _given(call: ast.Call, name: str, parameters: list[str]) -> ast.expr | None:
    by_name = {each.arg: each.value for each in call.keywords}
    at = parameters.index(name) - (parameters[0] == "self")
    return by_name.get(name) or (call.args[at] if at < len(call.args) else None)


def written() -> dict[str, str]:
    """Return every event that is written, with a module that does."""
    found: dict[str, str] = {}
    for source in SOURCES:
        for call, around in source.calls:
            event = next((each.value for each in call.keywords if each.arg == "event"), None)
            if event is not None and is_call_of(call, source, "record", incidents.__name__):
                found |= dict.fromkeys(names(event, source, around), source.name)
    return found


def test_every_entry_that_is_written_has_a_sentence() -> None:
    every = written()
    assert {"opened", "eta_sent", "promise_missed", "service", "looks_over", "still_out", "sent_alone"} <= set(every)
    assert {name: by for name, by in every.items() if name not in happenings.SENTENCES} == {}


def test_no_sentence_is_of_an_entry_that_nobody_writes() -> None:
    assert set(happenings.SENTENCES) - set(written()) == set()
