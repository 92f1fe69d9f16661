"""Where the daemon is and which key opens it.

`NOTIFIER_URL` and `NOTIFIER_TOKEN` win; else `server.listen` and `server.token_file` of the configuration (that of
`NOTIFIER_CONFIG`, else config/notifier.yaml here, as `serve` finds it); else http://127.0.0.1:8080 and `var/token`.
Only these two keys are read: an operator may use the daemon without being allowed to read its secrets. The API key
itself is never printed.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import click

DEFAULT_LISTEN = "127.0.0.1:8080"
DEFAULT_TOKEN_FILE = "var/token"  # noqa: S105 - a path
DEFAULT_CONFIG = Path("config/notifier.yaml")
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}  # noqa: S104 - where such a daemon is reached


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The address of a daemon and a key for it; `origin` says where the key came from."""

    url: str
    token: str = field(repr=False)
    origin: str
    warning: str = ""  # what could not be read on the way, and what was taken instead


def find(environ: Mapping[str, str] = os.environ) -> Access:
    """Return how to reach the daemon; raise `click.ClickException` that says what is missing or not readable."""
    url, token = environ.get("NOTIFIER_URL", "").strip(), environ.get("NOTIFIER_TOKEN", "").strip()
    server, warning = ({}, "") if url and token else _server(environ, is_url_known=bool(url))
    url = _checked(url or _address(server.get("listen", DEFAULT_LISTEN)))
    if token:
        return Access(url=url, token=_sendable(token, "NOTIFIER_TOKEN"), origin="NOTIFIER_TOKEN")
    file = server.get("token_file", DEFAULT_TOKEN_FILE)
    return Access(url=url, token=_sendable(_read(Path(file)), file), origin=file, warning=warning)


def _server(environ: Mapping[str, str], *, is_url_known: bool) -> tuple[dict[str, str], str]:
    """Return the section `server` of the configuration, as far as it is said, and a warning.

    A file that cannot be read says nothing to somebody who knows where the daemon is. Nobody else is led to an address
    that it may not have meant: another daemon may listen there.
    """
    named = environ.get("NOTIFIER_CONFIG")
    path = Path(named) if named else DEFAULT_CONFIG
    said: dict[str, str] = {}
    warning = ""
    if named or path.is_file():
        import yaml

        document: object = None
        try:
            document = yaml.safe_load(path.read_text("utf-8"))
        except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
            why = f"cannot read the configuration {path}{_why(error)}; see `notifier check`"
            if not is_url_known:
                raise click.ClickException(
                    f"{why}. A daemon that runs goes on with what it has read; to reach it, say where it listens:"
                    f" NOTIFIER_URL=http://{DEFAULT_LISTEN} notifier ..."
                ) from error
            warning = f"{why}. The key is looked for in {DEFAULT_TOKEN_FILE}"
        section = document.get("server") if isinstance(document, dict) else None
        if isinstance(section, dict):
            said = {name: str(value) for name, value in section.items() if value}
    for name in ("listen", "token_file"):
        if value := environ.get(f"NOTIFIER__SERVER__{name.upper()}"):
            said[name] = value
    return said, warning


def _why(error: Exception) -> str:
    """Return where a file cannot be read and why, as far as it is known."""
    if (mark := getattr(error, "problem_mark", None)) is not None:
        return f", line {mark.line + 1}, column {mark.column + 1}: {getattr(error, 'problem', None) or 'no YAML'}"
    said = getattr(error, "strerror", None)
    return f": {said}" if said else ""


def _address(listen: str) -> str:
    host, _, port = listen.rpartition(":")
    return f"http://{_EVERYWHERE.get(host, host)}:{port}"


def _checked(url: str) -> str:
    try:
        parts = urlsplit(url)
        ok = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        ok = ok and not (parts.username or parts.query or parts.fragment)
    except ValueError:
        ok = False
    if not ok:
        raise click.UsageError("NOTIFIER_URL is not an address of a daemon; expected for example http://127.0.0.1:8080")
    return url.rstrip("/")


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace").strip()
    except FileNotFoundError as error:
        raise click.ClickException(
            f"no key: {path} does not exist here. The daemon writes it at its first start (notifier serve);"
            " run this in the daemon's working directory, or set NOTIFIER_TOKEN"
        ) from error
    except PermissionError as error:
        raise click.ClickException(
            f"no key: {path} may be read only by its owner{_owner(path)}; run this as that user,"
            " or set NOTIFIER_TOKEN to a key of your own (notifier keys create)"
        ) from error
    except OSError as error:
        raise click.ClickException(f"no key: cannot read {path}: {error.strerror}") from error


def _owner(path: Path) -> str:
    try:
        return f" ({path.owner()})"
    except (OSError, KeyError):
        return ""


def _sendable(token: str, origin: str) -> str:
    if not token:
        raise click.ClickException(f"no key: {origin} is empty")
    if not token.isascii() or not token.isprintable() or " " in token:
        raise click.ClickException(f"{origin} holds no key: a key is one word of letters, digits, '-' and '_'")
    return token
