"""`notifier sandbox`: receivers on this machine that stand in for the world while rehearsing."""

import sys
from pathlib import Path
from typing import NoReturn

import click

from notifier.cli.receiver_folder import folder_option
from notifier.cli.twilio_fault import twilio_fault


@click.group()
def sandbox() -> None:
    """Receivers to rehearse with; nothing leaves this machine."""


@sandbox.command()
@click.option(
    "--listen", default="127.0.0.1:2525", show_default=True, help="Loopback address and port; port 0 = a free one."
)
@folder_option("Where mails (mail/*.eml) and the list of receipts (receipts.csv) are kept.")
@click.option("--no-mail", is_flag=True, help="Keep only the receipts, not the mails.")
def smtp(listen: str, folder: Path, no_mail: bool) -> None:
    """Receive mail over real SMTP and keep it as files.

    Point a provider at it (`kind: smtp, host: 127.0.0.1, port: 2525`) and rehearse. It delivers nothing. Make it fail
    with `notifier sandbox fault`.
    """
    from notifier.sandbox.smtp_receiver import run

    host, port = _loopback(listen)
    try:
        run(folder, host, port, keep_mail=not no_mail)
    except OSError as error:
        _cannot_listen(listen, error)


@sandbox.command()
@click.option(
    "--listen", default="127.0.0.1:2526", show_default=True, help="Loopback address and port; port 0 = a free one."
)
@folder_option("Where the list of texts (texts.csv) is kept.")
def twilio(listen: str, folder: Path) -> None:
    """Receive texts as Twilio's API does, report their statuses, and list them.

    Point a provider at it (`kind: twilio, base_url: http://127.0.0.1:2526`, the account and token that it prints) and
    rehearse. It sends no text to anyone.
    """
    from notifier.sandbox.twilio_receiver import ACCOUNT, TOKEN, run

    host, port = _loopback(listen)
    click.echo(f"account_sid: {ACCOUNT}  auth_token: {TOKEN}")
    try:
        run(folder, host, port)
    except OSError as error:
        _cannot_listen(listen, error)


@sandbox.command()
@click.argument("number")
@click.argument("words")
@click.option(
    "--url",
    envvar="NOTIFIER_URL",
    default="http://127.0.0.1:8080",
    show_default=True,
    help="Public address of the daemon (sender.public_url).",
)
@click.option("--to", default="55501", show_default=True, help="The number that the customer texts to.")
def text(number: str, words: str, url: str, to: str) -> None:
    """Text the daemon as a customer would: NUMBER says WORDS.

    The request is signed as the receiver of `notifier sandbox twilio` signs; a daemon with a real account refuses it.
    """
    import asyncio

    import aiohttp

    from notifier.sandbox.texting import text_us

    try:
        status, answer = asyncio.run(text_us(url, sender=number, to=to, body=words))
    except (aiohttp.ClientError, TimeoutError) as error:
        click.echo(f"nobody answers at {url}: {type(error).__name__}", err=True)
        sys.exit(1)
    click.echo(f"delivered to {url}" if status < 300 else f"the daemon refused it with {status}")
    if answer:
        click.echo(f"answer: {answer}")
    sys.exit(0 if status < 300 else 1)


@sandbox.command()
@folder_option("The folder of the running receiver.")
@click.option("--slow", default=0.0, metavar="SECONDS", help="Wait this long before each mail is answered.")
@click.option("--refuse", default=0.0, metavar="SHARE", help="Refuse this share of the mails (1 = all).")
@click.option("--code", default=451, show_default=True, help="Reply code of a refusal: 4xx temporary, 5xx for good.")
@click.option("--text", default="4.7.1 greylisted, please try again later", show_default=True, help="And its words.")
@click.option(
    "--drop", default=0.0, metavar="SHARE", help="Keep this share of the mails, but hang up without answering."
)
def fault(folder: Path, slow: float, refuse: float, code: int, text: str, drop: float) -> None:
    """Tell a running receiver to be slow or to refuse; without options it is well again."""
    from notifier.domain.errors import InvalidInput
    from notifier.sandbox.smtp_receiver import Faults, write_faults

    try:
        faults = Faults(slow=slow, refuse=refuse, code=code, text=text, drop=drop)
    except InvalidInput as error:
        raise click.UsageError(str(error)) from error
    _require_receiver(folder)
    write_faults(folder, faults)
    said = [
        f"waits {slow:g} s" if slow else "",
        f"refuses {refuse:.0%} with {code} {text}" if refuse else "",
        f"hangs up without answering {drop:.0%}" if drop else "",
    ]
    said = list(filter(None, said))
    click.echo("from now on the receiver " + " and ".join(said) if said else "the receiver is well again")


@sandbox.command()
@folder_option("The folder of the receiver.")
def receipts(folder: Path) -> None:
    """Count what a receiver has accepted: mails, recipients, and any mail that came twice."""
    from collections import Counter

    from notifier.sandbox.smtp_receiver import read_receipts

    _require_receiver(folder)
    taken = read_receipts(folder)
    twice = [key for key, count in Counter((one.recipient, one.message_id) for one in taken).items() if count > 1]
    click.echo(f"mails       {len(taken):>8,}")
    click.echo(f"recipients  {len({one.recipient for one in taken}):>8,}")
    click.echo(f"twice       {len(twice):>8,}")
    for recipient, message_id in sorted(twice)[:20]:
        click.echo(f"  {recipient} {message_id}")
    sys.exit(1 if twice else 0)


sandbox.add_command(twilio_fault)


def _require_receiver(folder: Path) -> None:
    if not folder.is_dir():
        raise click.UsageError(f"no receiver has kept mails in {folder}; expected the --dir of `notifier sandbox smtp`")


def _loopback(listen: str) -> tuple[str, int]:
    """Return host and port; refuse any that others could reach."""
    host, _, port = listen.rpartition(":")
    if host not in ("127.0.0.1", "localhost", "[::1]", "::1") or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter("the sandbox listens on loopback only, as in 127.0.0.1:2525", param_hint="--listen")
    return host.strip("[]"), int(port)


def _cannot_listen(listen: str, error: OSError) -> NoReturn:
    click.echo(f"cannot listen on {listen}: {error.strerror or error}", err=True)
    sys.exit(1)
