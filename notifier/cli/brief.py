"""`notifier brief ID --for WHOM`: the facts of an incident for others, in their words, ready to be passed on."""

import click

from notifier.cli import printing
from notifier.cli.options import connect, incident_argument, json_option
from notifier.cli.printing import DIM, STRONG
from notifier.domain.brief import PUBLIC, BriefFor
from notifier.storage.views import BriefView


@click.command()
@incident_argument
@click.option(
    "--for",
    "reader",
    type=click.Choice([str(each) for each in BriefFor]),
    required=True,
    help="Whom it is for.",
)
@click.option("--locale", help="Only this locale; a brief for customers has one text for each.")
@json_option
def brief(incident_id: int, reader: str, locale: str | None, as_json: bool) -> None:
    """Brief others about an incident: the facts that customers are told.

    agent: who answers the telephone. ivr: what callers hear first.
    social: one short post. web: a notice on your pages. stakeholders:
    your own people, authorities, partners. Of an update that has not
    begun it is made before the first customer hears, and says so on
    standard error. Nothing that colleagues note is in it.

    Example: notifier brief 42 --for agent
    """
    client = connect()
    reply = client.get(f"/v1/incidents/{incident_id}/brief", **{"for": reader})
    view = reply.read(BriefView)
    if locale is not None and locale not in view.texts:
        raise click.UsageError(
            f"--locale: there is no brief for {reader} in '{locale}'; there is {', '.join(view.texts)}"
        )
    if as_json:
        printing.answer(reply.body)
        return
    texts = {locale: view.texts[locale]} if locale else view.texts
    if view.is_pending:
        public = ": publish it when the first message leaves" if reader in PUBLIC else ""
        printing.note(f"NOT TOLD YET. Customers have not heard this{public}.")
    elif not view.told:
        printing.note("Nobody has been told of this incident.")
    for n, (language, text) in enumerate(texts.items()):
        if len(texts) > 1:
            if n:
                click.echo()
            click.echo(printing.paint(language, STRONG))
        for line in text.splitlines():
            for each in printing.wrap(line, hang=2 if line.startswith("- ") else 0):
                click.echo(each)
    if len(texts) > 1:
        click.echo(printing.paint("One of them alone: --locale", DIM), err=True)
