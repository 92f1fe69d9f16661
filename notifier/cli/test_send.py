"""`notifier test-send`: every kind of message in every locale to one address, by the configured provider."""

from collections import Counter

import click
import msgspec

from notifier.cli import printing
from notifier.cli.options import connect, json_option
from notifier.cli.printing import BAD, GOOD, WARN, plural, words


class _Tried(msgspec.Struct, kw_only=True):
    """One line of the answer of POST /v1/test-sends; the last one has `done`."""

    number: int = 0
    of: int = 0
    kind: str = ""
    locale: str = ""
    channel: str = ""
    result: str = ""
    code: str = ""
    answer: str = ""
    segments: int = 0
    done: bool = False


_STYLES = {"accepted": GOOD, "temporary": WARN, "unknown": WARN}


@click.command("test-send")
@click.option("--to", "address", required=True, metavar="ADDRESS", help="A mail address or a mobile number.")
@click.option("--kind", default="", help="Only this kind, such as eta.")
@click.option("--locale", default="", help="Only this locale, such as es.")
@click.option("--yes", is_flag=True, help="Also to an address on no list: neither a guest's nor of anyone on call.")
@json_option
def test_send(address: str, kind: str, locale: str, yes: bool, as_json: bool) -> None:
    """Send every kind of message in every locale to one ADDRESS.

    By the provider that customers are written to with, made of sample
    facts, with TEST as the first word. Nothing of it is in any
    incident; the audit log has it. The exit code is 1 when one was not
    accepted.

    Example: notifier test-send --to ann@example.com --locale es
    """
    body = {"to": address, "kind": kind, "locale": locale, "anybody": yes}
    results: Counter[str] = Counter()
    finished = _Tried()
    for line in connect().lines("/v1/test-sends", body=body):
        tried = msgspec.json.decode(line, type=_Tried)
        if as_json:
            printing.answer(line)
        elif not tried.done:
            _show(tried)
        if tried.done:
            finished = tried
        else:
            results[tried.result] += 1
    _end(results, finished, as_json=as_json)


def _show(tried: _Tried) -> None:
    count = len(str(tried.of))
    said = f"{tried.code} {tried.answer}".strip() if tried.result != "accepted" else tried.answer
    size = f", {plural(tried.segments, 'segment')}" if tried.segments else ""
    printing.line(
        f"{tried.number:>{count}}/{tried.of} {words(tried.kind)} ({tried.locale}{size}): {words(tried.result)}"
        + (f", {said}" if said else ""),
        hang=2 * count + 2,
        style=_STYLES.get(tried.result, BAD) if tried.result != "accepted" else None,
    )


def _end(results: Counter[str], finished: _Tried, *, as_json: bool) -> None:
    accepted, of = results["accepted"], finished.of
    if not as_json:
        printing.line(f"{accepted} of {plural(of, 'message')} accepted.", style=GOOD if accepted == of else BAD)
        if sum(results.values()) < of:
            printing.line("The others were not tried: the provider takes nothing. See `notifier check --online`.")
    if accepted < of or not finished.done:
        raise SystemExit(1)
