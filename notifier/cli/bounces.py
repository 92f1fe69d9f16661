"""`notifier bounces ingest`: mails that came back, from a pipe, files or folders, handed to the daemon one by one.

In: `-`, files, folders of .eml files, maildirs. Out: a line per mail with what it was taken to mean and what followed.
Nothing is removed or moved, and nothing is ever answered: the same folder may be handed in as often as one likes.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from notifier.cli import printing
from notifier.cli.client import Client, Problem
from notifier.cli.options import connect, json_option
from notifier.cli.printing import BAD, GOOD, WARN, Column, plural, words

TEMPORARY_FAILURE = 75  # EX_TEMPFAIL of sysexits.h: a delivery agent keeps the mail and comes again
_TITLES = (Column("MAIL", gives=True), Column("IS"), Column("SAYS"), Column("CODE"), Column("DONE"))


class _Understood(msgspec.Struct, kw_only=True):
    """Answer of POST /v1/bounces."""

    kind: str
    effect: str
    notification: int | None = None
    verdict: str | None = None
    code: str = ""
    words: str = ""
    duplicate: bool = False


class _Refused(msgspec.Struct, kw_only=True):
    """A mail that was not taken."""

    status: int
    reason: str


@click.group(short_help="Hand in mail that came back.")
def bounces() -> None:
    """Hand in bounces, complaints and answers that came by mail."""


@bounces.command()
@click.argument("places", metavar="-|FILE|DIR...", nargs=-1, required=True)
@click.option("--recipient", metavar="ADDRESS", help="Of one mail: to whom its envelope was addressed.")
@json_option
def ingest(places: tuple[str, ...], recipient: str | None, as_json: bool) -> None:
    """Hand in mails: '-' is one from standard input, a DIR holds .eml
    files or is a maildir.

    A mail that came before changes nothing; files stay where they are.
    Exit code 1 when a mail could not be taken; with '-' it is then 75,
    so that a delivery agent keeps the mail.

    Example: notifier bounces ingest /var/mail/bounces
    """
    client = connect()
    results: list[tuple[str, _Understood | _Refused]] = []
    for name, raw in _mails(places):
        result, body = _hand_in(client, raw, recipient)
        if as_json:
            said = body if isinstance(result, _Understood) else msgspec.json.encode(result)
            printing.answer(b'{"mail":%b,%b' % (msgspec.json.encode(name), said[1:]))
        results.append((name, result))
    if not as_json:
        _show(results)
    refused = [result for _, result in results if isinstance(result, _Refused)]
    if refused:
        if as_json:
            printing.note(_why(refused))
        is_for_now = places == ("-",) and refused[0].status not in (413, 415, 422)
        raise SystemExit(TEMPORARY_FAILURE if is_for_now else 1)


def _hand_in(client: Client, raw: bytes, recipient: str | None) -> tuple[_Understood | _Refused, bytes]:
    try:
        reply = client.request(
            "POST",
            "/v1/bounces",
            content=raw,
            query={"recipient": recipient},
            headers={"Content-Type": "message/rfc822"},
        )
    except Problem as error:
        if error.status in (401, 403, 404, 405):
            raise
        return _Refused(status=error.status, reason=error.format_message()), b""
    return reply.read(_Understood), reply.body


def _mails(places: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for place in places:
        if place == "-":
            yield "-", sys.stdin.buffer.read()
            continue
        path = Path(place)
        try:
            for file in _files(path):
                yield str(file), file.read_bytes()
        except OSError as error:
            raise click.UsageError(f"cannot read {path}: {error.strerror}") from error


def _files(path: Path) -> list[Path]:
    """Return the mails of a place in the order of their names; those of a maildir are in `new` and `cur`."""
    if not path.is_dir():
        return [path]
    if (path / "new").is_dir() or (path / "cur").is_dir():
        return sorted(file for part in ("new", "cur") for file in (path / part).glob("[!.]*") if file.is_file())
    return sorted(path.glob("*.eml"))


def _show(results: list[tuple[str, _Understood | _Refused]]) -> None:
    """Print a row per mail, then how many of each."""
    if not results:
        printing.line("There is no mail.", style=WARN)
        return
    understood = [(name, result) for name, result in results if isinstance(result, _Understood)]
    if understood:
        printing.table(_TITLES, [_row(name, result) for name, result in understood])
    new = Counter(words(result.effect) for _, result in understood if not result.duplicate)
    known = sum(result.duplicate for _, result in understood)
    printing.line(f"{plural(len(understood), 'mail')} taken.", style=GOOD)
    printing.fields([*sorted((effect, str(count)) for effect, count in new.items()), ("known already", _some(known))])
    refused = [result for _, result in results if isinstance(result, _Refused)]
    if refused:
        printing.line(_why(refused), hang=2, style=BAD)


def _row(name: str, result: _Understood) -> tuple[str, ...]:
    about = f" #{result.notification}" if result.notification else ""
    done = "known already" if result.duplicate else words(result.effect)
    return Path(name).name, words(result.kind) + about, words(result.verdict or ""), result.code, done


def _why(refused: list[_Refused]) -> str:
    return f"{plural(len(refused), 'mail was', 'mails were')} not taken: {refused[0].reason}"


def _some(count: int) -> str:
    return str(count) if count else ""
