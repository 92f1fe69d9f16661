"""`notifier sandbox`: receivers on this machine that stand in for the world while rehearsing."""

import sys
from pathlib import Path

import click

FOLDER = Path("var/sandbox")


@click.group()
def sandbox() -> None:
    """Receivers to rehearse with; nothing leaves this machine."""


@sandbox.command()
@click.option(
    "--listen", default="127.0.0.1:2525", show_default=True, help="Loopback address and port; port 0 = a free one."
)
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=FOLDER,
    show_default=True,
    help="Where mails (mail/*.eml) and the list of receipts (receipts.csv) are kept.",
)
@click.option("--no-mail", is_flag=True, help="Keep only the receipts, not the mails.")
def smtp(listen: str, folder: Path, no_mail: bool) -> None:
    """Receive mail over real SMTP and keep it as files.

    Point a provider at it (`kind: smtp, host: 127.0.0.1, port: 2525`) and rehearse. It delivers nothing. Make it fail
    with `notifier sandbox fault`.
    """
    from notifier.sandbox.smtp_receiver import run

    host, _, port = listen.rpartition(":")
    if host not in ("127.0.0.1", "localhost", "[::1]", "::1") or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter("the sandbox listens on loopback only, as in 127.0.0.1:2525", param_hint="--listen")
    try:
        run(folder, host.strip("[]"), int(port), keep_mail=not no_mail)
    except OSError as error:
        click.echo(f"cannot listen on {listen}: {error.strerror or error}", err=True)
        sys.exit(1)


@sandbox.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=FOLDER,
    show_default=True,
    help="The folder of the running receiver.",
)
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
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=FOLDER,
    show_default=True,
    help="The folder of the receiver.",
)
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


def _require_receiver(folder: Path) -> None:
    if not folder.is_dir():
        raise click.UsageError(f"no receiver has kept mails in {folder}; expected the --dir of `notifier sandbox smtp`")
