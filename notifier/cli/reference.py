"""The reference part of docs/CLI.md, made from the commands themselves: `python -m notifier.cli.reference` renews it.

In: the command tree. Out: Markdown with every command, its options, an example and what its exit codes mean. A test
compares the page with it, so that neither can be forgotten.
"""

import re
from collections.abc import Iterator
from inspect import cleandoc
from pathlib import Path

import click

from notifier.cli import COMMANDS, main

BEGIN, END = "<!-- made by python -m notifier.cli.reference: begin -->", "<!-- end -->"
PAGE = Path("docs/CLI.md")

_EXAMPLE = re.compile(r"^Examples?:\s*(.+)$", re.MULTILINE | re.DOTALL)
_EXAMPLES = {
    "serve": "notifier serve --config /etc/notifier/notifier.yaml",
    "check": "notifier check",
    "db upgrade": "notifier db upgrade",
    "demo": "notifier demo --keep",
    "sandbox text": 'notifier sandbox text +14155550142 "please stop texting me"',
    "simulate play": "notifier simulate play live.ndjson",
}
_SENDS = (
    "0 sent, or waits for approval; 1 not sent (left, taken back, or refused);"
    " 2 wrong usage, or nobody there to type the count"
)
_LOADS = "0 every line loaded; 1 some were refused, or the daemon did not answer; 2 wrong usage"
_READS = "0 done; 1 done, and some rows were refused; 2 wrong usage, or a file that cannot be read or written"
_ASKS = "0 done; 1 refused, not found, or no daemon answers; 2 wrong usage"
_CHECKS = "0 no problem; 1 problems, each listed; 2 wrong usage"
_RENDERS = "0 done; 1 a problem in the configuration or a template; 2 wrong usage, or no such message"
_OFFLINE = {"check": _CHECKS, "templates lint": _CHECKS, "templates render": _RENDERS}
_RUNS = "0 done; 1 failed; 2 wrong usage"


def reference() -> str:
    """Return the reference in Markdown."""
    parts = [_described("", main, "")]
    for section, commands in COMMANDS.items():
        parts.append(f"## {section}\n")
        for name in commands:
            command = main.get_command(click.Context(main), name)
            assert command is not None  # noqa: S101 - the table is tested
            parts += [_described(path, each, section) for path, each in _leaves(name, command)]
    return "\n".join(parts)


def leaves() -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with its words: `incidents show`; without words `notifier` itself."""
    yield "", main
    for section in COMMANDS.values():
        for name in section:
            command = main.get_command(click.Context(main), name)
            if command is not None:
                yield from _leaves(name, command)


def renewed(page: str) -> str:
    """Return a page with the reference between its marks made anew."""
    before, rest = page.split(BEGIN, 1)
    return f"{before}{BEGIN}\n\n{reference()}\n{END}{rest.split(END, 1)[1]}"


def _leaves(path: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group) or command.invoke_without_command:
        yield path, command
    if isinstance(command, click.Group):
        for name, each in command.commands.items():
            yield from _leaves(f"{path} {name}", each)


def _described(path: str, command: click.Command, section: str) -> str:
    name = f"notifier {path}".strip()
    context = click.Context(command, info_name=name, terminal_width=72)
    text = cleandoc(command.help or "").replace("\b\n", "").strip()
    example = _EXAMPLE.search(text)
    said = text[: example.start()].rstrip() if example else text
    shown = " ".join(example[1].split()) if example else _EXAMPLES.get(path, name)
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"### {name}", "", f"`{name} {usage}`", "", said, ""]
    options = [_option(option) for option in command.params if isinstance(option, click.Option)]
    lines += ["| option | |", "|---|---|", *options, ""] if options else []
    lines += ["```sh", shown, "```", "", f"Exit codes: {_exit_codes(path, command, section)}.", ""]
    return "\n".join(lines)


def _option(option: click.Option) -> str:
    names = ", ".join(f"`{name}`" for name in (*option.opts, *option.secondary_opts))
    value = "" if option.is_flag else f" {option.make_metavar(click.Context(main))}"
    help_ = (option.help or "").replace("|", "\\|")
    more = " Required." if option.required else ""
    return f"| {names}{value.replace('|', chr(92) + '|')} | {help_}{more} |"


def _exit_codes(path: str, command: click.Command, section: str) -> str:
    if path in _OFFLINE:
        return _OFFLINE[path]
    names = {option.name for option in command.params}
    if "no_wait" in names:
        return _SENDS
    if command.name == "import":
        return _LOADS
    if command.name in ("backtest", "calibrate"):
        return _READS
    return _ASKS if "as_json" in names else _RUNS if section in ("Run", "Rehearse") else _ASKS


if __name__ == "__main__":
    PAGE.write_text(renewed(PAGE.read_text("utf-8")), "utf-8")
