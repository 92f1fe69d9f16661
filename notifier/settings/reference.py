"""The reference of all keys, made from the structs that declare them.

`python -m notifier.settings.reference` writes docs/CONFIGURATION.md and, by `notifier.settings.sample`,
config/notifier.yaml of a checkout; a test fails while they are not current.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, get_origin

from msgspec import Struct
from msgspec.structs import fields

from notifier.config import Config, marked, secrets
from notifier.domain.playbook import Playbook
from notifier.domain.tariff import Tariff
from notifier.settings.descriptions import default_of, describe, description, hints, struct_of, unwrap
from notifier.settings.environment import PREFIX
from notifier.settings.sample import in_one_line, sample

_DOCS_HEAD = """\
# Configuration

One YAML file: the one that `--config FILE` names, else the one that `NOTIFIER_CONFIG` names, else
`config/notifier.yaml` in the working directory; without any, the defaults hold. As shipped nothing leaves the machine:
messages go to files. [`config/notifier.yaml`](../config/notifier.yaml) shows every key with its default; keep only what
you change.

`notifier check` reads everything a daemon would read (configuration, playbooks, tariffs, phrases, every template)
without asking any server, and lists all mistakes at once, each with its file, line and key:

```
config/notifier.yaml:12: server.lissten: unknown key; did you mean 'listen'?
config/notifier.yaml:40: delivery.take_back: '30' has no unit; write '30 s', '30 min', '30 h' or '30 days'; expected ...
```

## How values are read

- The type of a key decides how its text is read: `country: NO` is Norway and `code: 02134` keeps its zero, both without
  quotes.
- `true` and `false` are the only truth values; `yes`, `no`, `on` and `off` are refused.
- A **duration** has a unit: `30 s`, `15 min`, `2 h`, `400 days`, also `1 h 30 min`. A bare number is refused.
- A **list** is written `[a, b]` or one `- item` a line. A list in the file replaces the default list as a whole.
- A **path** starts at the working directory, unless its description says that it starts at the configuration file.
- An unknown key, a key given twice, a key without a value, and text that is not UTF-8 are mistakes.

## From the environment

- `NOTIFIER__SECTION__KEY` overrides any key of the file: `NOTIFIER__SERVER__LISTEN=0.0.0.0:8080`.
- An item of a list is reached by its number: `NOTIFIER__PROVIDERS__0__HOST`; the number after the last adds an item.
- A list or a section as a whole is YAML in one line: `NOTIFIER__LOCALES__AVAILABLE='[en, es]'`.
- A variable that fits no key is a mistake, with the nearest name.

## Secrets

Every secret has a twin `KEY_file` that names a file which holds it and nothing else (a trailing line break is
dropped), such as `password_file` or `NOTIFIER__SENDER__LINK_SECRET_FILE`. Giving both is a mistake; one from the
environment takes the place of either in the file. A relative path starts at the folder of the configuration file.
Secrets are never shown: not in messages, logs or dumps.

## Reload

`notifier reload`, `POST /-/reload`, `systemctl reload notifier` and SIGHUP do the same: the configuration, playbooks,
tariffs, phrases and templates are read anew and checked as `notifier check` does. With one mistake anywhere nothing
changes, and every mistake is said with its file, line and key. Otherwise everything takes effect at once: what is being
handed over is finished first (for `server.drain` at most), requests are answered all the while, and no message is lost
or doubled.
A service is not taken out while an incident of it is confirmed or planned: nobody could tell its customers
anything more.
Keys that say *Takes a restart* keep the values the daemon started with; the answer names those that changed.
Secrets in files are read anew too. The environment is the one the daemon was started with.
"""

_PLAYBOOKS_HEAD = """\
## Playbooks

The recovery plan for one or more services, one YAML file each. Those shipped are in `config/playbooks/`; files in the
folder `playbooks.directory` take the place of shipped ones of the same name, and of the services they are for. Every
service has exactly one playbook, and every channel of a playbook has a provider. When `mode: automatic` takes effect is
said in [detection-data.md](detection-data.md). Playbooks have no variables in the environment.
"""


_TARIFFS_HEAD = """\
## Tariffs

Dated rules that turn outage time into credit, one YAML file each ([CREDITS](CREDITS.md)). Those shipped in
`config/tariffs/` are examples and switched off; files in the folder `credits.tariffs` take the place of shipped ones of
the same name. `notifier check` computes the `tests` of every file. Tariffs have no variables in the environment.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One row of the reference."""

    path: str
    expects: str
    default: str
    description: str
    variable: str


def reference() -> str:
    """Return docs/CONFIGURATION.md."""
    parts = [_DOCS_HEAD.rstrip(), "## Keys"]
    for name, annotation in hints(Config).items():
        parts += [f"### {name}", description(annotation), _table(list(keys(name, annotation)))]
    rows = [key for name, annotation in hints(Playbook).items() for key in keys(name, annotation, Playbook)]
    parts += [_PLAYBOOKS_HEAD.rstrip(), _table(rows, has_variables=False)]
    rows = [key for name, annotation in hints(Tariff).items() for key in keys(name, annotation, Tariff)]
    parts += [_TARIFFS_HEAD.rstrip(), _table(rows, has_variables=False)]
    return "\n\n".join(parts) + "\n"


def keys(name: str, annotation: Any, owner: type[Struct] = Config, path: str = "") -> Iterator[Key]:
    """Yield a key, or those of the section or of the items of the list that it is."""
    at = f"{path}.{name}" if path else name
    kind, _ = unwrap(annotation)
    struct = struct_of(annotation)
    info = next(info for info in fields(owner) if info.name == name)
    if struct is None or get_origin(kind) is tuple:
        default = "**required**" if info.required else _shown(default_of(info))
        expects = "a list; its items have the keys below" if struct is not None else _expects(annotation)
        variable = _variable(at)
        said = description(annotation) + (" *Takes a restart.*" if name in marked(owner, "restart") else "")
        yield Key(path=at, expects=expects, default=default, description=said, variable=variable)
    if struct is not None:
        inner = f"{at}[]" if get_origin(kind) is tuple else at
        for child, hint in hints(struct).items():
            yield from keys(child, hint, struct, inner)
            if child in secrets(struct):
                yield _twin(f"{inner}.{child}")


def write(root: Path) -> None:
    """Write both files into a checkout."""
    (root / "config" / "notifier.yaml").write_text(sample(), encoding="utf-8")
    (root / "docs" / "CONFIGURATION.md").write_text(reference(), encoding="utf-8")


def _table(rows: list[Key], *, has_variables: bool = True) -> str:
    head = "| key | expects | default | description |" + (" environment |" if has_variables else "")
    lines = [head, "|---|---|---|---|" + ("---|" if has_variables else "")]
    for row in rows:
        line = f"| `{row.path}` | {_cell(row.expects)} | {_cell(row.default)} | {_cell(row.description)} |"
        lines.append(line + (f" `{row.variable}` |" if has_variables else ""))
    return "\n".join(lines)


def _expects(annotation: Any) -> str:
    """Return what a key expects; what a duration looks like is said once above the tables."""
    return "a duration" if unwrap(annotation)[0] is timedelta else describe(annotation)


def _twin(path: str) -> Key:
    """Return the row of the file that may hold a secret."""
    what = f"A file that holds `{path.rpartition('.')[2]}`; relative to the configuration file."
    at = f"{path}_file"
    return Key(path=at, expects="the path of a file", default="", description=what, variable=_variable(at))


def _shown(value: Any) -> str:
    if isinstance(value, tuple) and value and isinstance(value[0], Struct):
        return ", ".join(str(getattr(item, "name", "")) for item in value)
    return f"`{in_one_line(value)}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _variable(path: str) -> str:
    return PREFIX + path.replace("[]", ".0").replace(".", "__").upper()


if __name__ == "__main__":
    write(Path())
