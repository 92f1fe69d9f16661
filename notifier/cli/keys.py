"""`notifier keys create|list|revoke`: who may use the daemon, and as what."""

import click

from notifier.cli import printing
from notifier.cli.options import Id, connect, json_option
from notifier.cli.printing import BAD, GOOD, Column
from notifier.storage.views import KeyView, NewKeyView

_ROLES = {
    "viewer": "read",
    "agent": "look up customers, enter complaints",
    "commander": "decide on incidents and broadcasts",
    "manager": "keys, import, and all of the above",
    "system": "feed complaints and the directory; decides nothing",
}


@click.group(short_help="Create, list or revoke API keys.")
def keys() -> None:
    """Create, list or revoke API keys.

    \b
    viewer     read
    agent      look up customers, enter complaints
    commander  decide on incidents and broadcasts
    manager    keys, import, and all of the above
    system     feed complaints and the directory; decides nothing
    """


@keys.command()
@click.argument("name")
@click.option("--role", type=click.Choice(list(_ROLES)), required=True, help="What the key may do.")
@json_option
def create(name: str, role: str, as_json: bool) -> None:
    """Create a key and print it once; it is stored only as a hash.

    Example: notifier keys create anna --role commander
    """
    client = connect()
    reply = client.post("/v1/keys", {"name": name, "role": role})
    if as_json:
        printing.answer(reply.body)
        return
    made = reply.read(NewKeyView)
    printing.note(f"Key {made.id} '{made.name}' may {_ROLES.get(made.role, made.role)}. This is shown once:")
    click.echo(printing.safe(made.key))
    printing.note("Use it: export NOTIFIER_TOKEN=..., in the environment of its owner alone.")


@keys.command("list")
@json_option
def list_(as_json: bool) -> None:
    """List the keys, revoked ones included.

    Example: notifier keys list
    """
    client = connect()
    reply = client.get("/v1/keys")
    if as_json:
        printing.answer(reply.body)
        return
    moment = client.moment()
    printing.table(
        [
            Column("ID", right=True),
            Column("NAME", gives=True),
            Column("ROLE"),
            Column("BEGINS"),
            Column("CREATED"),
            Column("REVOKED"),
        ],
        [
            [
                str(key.id),
                key.name,
                key.role,
                f"{key.prefix}...",
                moment.clock(key.created_at),
                moment.clock(key.revoked_at) if key.revoked_at else "",
            ]
            for key in reply.read(list[KeyView])
        ],
    )


@keys.command()
@click.argument("key_id", metavar="ID", type=Id)
@json_option
def revoke(key_id: int, as_json: bool) -> None:
    """Revoke a key; it is refused from now on.

    Example: notifier keys revoke 3
    """
    client = connect()
    reply = client.request("DELETE", f"/v1/keys/{key_id}")
    if as_json:
        printing.answer(reply.body)
        return
    key = reply.read(KeyView)
    printing.line(f"Key {key.id} '{key.name}' ({key.role}) is revoked.", style=BAD if key.revoked_at is None else GOOD)
