"""`notifier read ID`: what customers say of an incident in their own words, the same words once, the newest first."""

import click

from notifier.cli import printing
from notifier.cli.options import connect, incident_argument, json_option
from notifier.cli.printing import DIM, number, plural, words
from notifier.cli.times import Moment
from notifier.storage.views import WordsGroup, WordsView

_MOST_CELLS = 280  # of one text; longer ones are cut, but with --all


@click.command()
@incident_argument
@click.option("--all", "every", is_flag=True, help="Every group and every word, not only what was said last.")
@json_option
def read(incident_id: int, every: bool, as_json: bool) -> None:
    """Read what customers say of an incident, in their own words.

    Complaints and what they wrote back, the same words once with how
    many people said them, the newest first. Addresses, links and long
    numbers in them are taken out.

    Example: notifier read 42
    """
    client = connect()
    reply = client.get(f"/v1/incidents/{incident_id}/words", all=1 if every else None)
    if as_json:
        printing.answer(reply.body)
        return
    view, moment = reply.read(WordsView), client.moment()
    if not view.groups:
        printing.line(f"Nobody has said anything of #{incident_id}.")
        return
    said = f"#{view.incident_id}: {plural(view.people, 'person', 'people')}, {plural(view.complaints, 'complaint')}"
    printing.line(said + (f", {plural(view.replies, 'reply', 'replies')}" if view.replies else ""), style="bold")
    for group in view.groups:
        _show(group, moment, whole=every)
    if view.left_out:
        printing.line(f"{plural(view.left_out, 'older group')}: notifier read {incident_id} --all", style=DIM)


def _show(group: WordsGroup, moment: Moment, *, whole: bool) -> None:
    text = printing.safe(group.text)
    if not whole and len(text) > _MOST_CELLS:
        text = f"{text[:_MOST_CELLS].rstrip()} ..."
    times = f"{number(group.times)} x" if group.times > 1 else ""
    head = f"{moment.clock(group.newest_at):<6}{times:>7}  "
    first, *rest = printing.wrap(f'"{text}"' if text else "(no words)", width=printing.columns() - len(head))
    click.echo(printing.paint(head, DIM) + first)
    for each in rest:
        click.echo(" " * len(head) + each)
    if beside := _beside(group):
        printing.line(beside, indent=len(head), style=DIM)


def _beside(group: WordsGroup) -> str:
    """Say how it was said, where that is no plain complaint, and by how many when some said it again."""
    said = []
    if 1 < group.people < group.times or (group.people == 1 and group.times > 1):
        said.append(plural(group.people, "person", "people"))
    replies = {how: times for how, times in group.how.items() if how != "complaint"}
    if replies:
        said.append("written back: " + ", ".join(f"{words(how).upper()} {number(n)}" for how, n in replies.items()))
    return "; ".join(said)
