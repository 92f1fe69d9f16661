"""`--alone REASON`: send what waits for a second person, once that person had their time.

In: an update that waits, by its id or by its incident. Out: the dialogue of everything that sends. That it is too early
is said before anybody reads a preview and types its count.
"""

from collections.abc import Mapping
from typing import Any

import click

from notifier.cli import dialogue
from notifier.cli.broadcast_card import require_by_itself
from notifier.cli.client import Client
from notifier.domain.broadcast import BroadcastState, not_possible
from notifier.storage.views import BroadcastView, IncidentView, Preview

_SENDING = ("yes", "count", "no_wait", "wake", "as_json")
_WAITS = "awaiting_approval"


def of_incident(
    client: Client, incident_id: int, reason: str, options: Mapping[str, Any], more: Mapping[str, Any] | None = None
) -> None:
    """Send the update of an incident that waits for a second person, as it is."""
    facts = {name: value for name, value in {**options, **(more or {})}.items() if name not in _SENDING and value}
    if facts:
        given = ", ".join(f"--{name.replace('_', '-')}" for name in facts)
        raise click.UsageError(
            f"--alone sends what waits as it is; leave out {given}, or draft it anew without --alone"
        )
    view = client.get(f"/v1/incidents/{incident_id}").read(IncidentView)
    waiting = [each.id for each in view.broadcasts if each.state == _WAITS]
    if not waiting:
        raise click.ClickException(
            f"no update of incident {incident_id} waits for a second person: leave --alone out. Above the limit"
            " somebody is asked at once, and it may go alone when they had their time"
        )
    if len(waiting) > 1:
        which = " or ".join(f"notifier broadcasts send {each} --alone REASON" for each in waiting)
        raise click.ClickException(f"{len(waiting)} updates wait for a second person: {which}")
    how = dialogue.Sending(**{name: options[name] for name in _SENDING}, alone=reason)
    send(client, waiting[0], how)


def send(client: Client, broadcast_id: int, how: dialogue.Sending) -> None:
    """Send one update that waits for a second person."""
    if not (how.alone or "").strip():
        raise click.UsageError("--alone takes a reason: why nobody else is waited for")
    view = client.get(f"/v1/broadcasts/{broadcast_id}").read(BroadcastView)
    if view.state == BroadcastState.DRAFT:
        raise click.ClickException(
            f"broadcast {view.id} is a draft, and nobody was asked yet: notifier broadcasts send {view.id}"
        )
    if view.state != _WAITS:
        raise click.ClickException(not_possible(view.id, BroadcastState(view.state), "sent alone"))
    require_by_itself(view)
    preview = client.get(f"/v1/broadcasts/{broadcast_id}/preview").read(Preview)
    moment = client.moment()
    if preview.alone_from_at is not None and moment.now < preview.alone_from_at:
        who = f"{preview.second_person} was asked first" if preview.second_person else "a second person is asked"
        raise click.ClickException(
            f"{who} and may still answer: it can be sent alone from {moment.short(preview.alone_from_at)}"
        )
    dialogue.send(client, preview, how, action="send")
