"""The talk of `tell`: the questions about one incident, its draft, the check page, and what was promised.

In: an incident, what may be said about it, and the options that answer some questions already. Out: a draft that was
sent, or was cancelled when somebody left; nothing has happened before the number was typed.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import click

from notifier.cli import check_page, dialogue, drafting, parts, printing, questions, times
from notifier.cli.broadcast_card import told
from notifier.cli.client import Client, Problem
from notifier.cli.printing import WARN
from notifier.cli.take_back import NotSent
from notifier.cli.times import Moment, instant
from notifier.cli.unreached import save_unreached
from notifier.domain.errors import InvalidInput
from notifier.storage.views import BroadcastView, ChoicesView, Draft, IncidentView, Preview

_REFUSED = (409, 422)
_ASKED_BY = {
    "regions": "4",
    "impact": "1",
    "cause": "2",
    "eta_at": "3",
    "next_update_by": "3",
}  # which question a field belongs to


@dataclass(slots=True)
class Talk:
    """The questions about one incident, and its draft."""

    client: Client
    view: IncidentView
    choices: ChoicesView
    options: dict[str, Any]
    said: questions.Said = field(init=False)
    draft: Draft | None = None

    def __post_init__(self) -> None:
        self.said = questions.first(self.view, self.options["part"])

    def run(self, how: dialogue.Sending) -> None:
        """Ask, show the check page, send, and say what was promised and who is called when."""
        _heading(self.view)
        if part_state(self.view, self.options["part"]) == "believed_back":
            self._out_again()
        self._take_options()
        wake = how.wake
        for question in "123":
            self._ask(question)
        preview = self._drafted(wake)
        page = dialogue.Page(show=self._show, change=self._change)
        try:
            sent = dialogue.send(self.client, preview, how, is_new=True, page=page)
        except (NotSent, dialogue.NotAsked) as stopped:
            raise type(stopped)(stopped.message + drafting.still_suspected(stopped.message, self.view)) from stopped
        if sent is not None:
            self._say_who_is_called(sent)

    # --- the questions ----------------------------------------------------------------------------------------------

    def _out_again(self) -> None:
        """Ask about what is believed back: it is told by itself, unless it is out again."""
        moment, ident = self.client.moment(), self.view.card.id
        held = [each for each in self.view.broadcasts if each.kind == "restored" and each.state == "sending"]
        when = f" Customers hear it {moment.short(held[-1].not_before_at)}." if held and held[-1].not_before_at else ""
        printing.line(f"Believed back.{when}")
        answer = dialogue.typed("b it is back (nothing to do)  o it is out again [b]: ")
        if answer != "o":
            raise click.exceptions.Exit(0)
        parts.ask(self.client, f"/v1/incidents/{ident}/reopen", parts.named(self.options["part"]))
        printing.line("Out again. That it is back is not told.", style=WARN)
        self.view = self.client.get(f"/v1/incidents/{ident}").read(IncidentView)
        self.said = questions.first(self.view, self.options["part"])

    def _take_options(self) -> None:
        """Take the facts that were given as options."""
        options, said, moment = self.options, self.said, self.client.moment()
        said.impact = options["impact"] or said.impact
        said.cause = said.cause if options["cause"] is None else options["cause"]
        said.crew, said.may_delay = options["crew"], not options["no_delay"]
        said.regions = tuple(drafting.split_codes(options["regions"]))
        if options["eta"] is not None:
            said.eta_at = None if options["eta"].strip().lower() == "none" else _time(options["eta"], moment, "--eta")
        if options["next_update"] is not None:
            said.next_update_by = _time(options["next_update"], moment, "--next-update")
        for at, label in ((said.eta_at, "ETA"), (said.next_update_by, "Next update by")):
            if at is not None and (options["eta"] or options["next_update"]):
                printing.line(f"{label} {moment.in_full(at)}.", hang=4)

    def _ask(self, question: str, *, again: bool = False, nothing_new: bool = False) -> None:
        """Ask one question, unless an option has answered it."""
        given = {"1": ("impact",), "2": ("cause",), "3": ("eta", "next_update"), "4": ("regions",), "5": ("crew",)}[
            question
        ]
        if not again and any(self.options[name] is not None for name in given):
            return
        match question:
            case "1":
                questions.ask_what(self.said)
            case "2":
                questions.ask_cause(self.said, self.choices)
            case "4":
                questions.ask_where(self.said)
            case "5":
                questions.ask_crew(self.said, self.choices)
            case _:
                questions.ask_back(self.said, self.choices, self.client.moment(), nothing_new=nothing_new)

    # --- the draft --------------------------------------------------------------------------------------------------

    def _drafted(self, wake: str) -> Preview:
        """Make the draft of what was said; when the daemon refuses a fact, ask for it again."""
        while True:
            try:
                return self._make(wake)
            except Problem as problem:
                nothing_new = problem.status == 409 and not problem.field and self._is_told()
                question = _ASKED_BY.get(problem.field, "3" if nothing_new else "")
                if problem.status not in _REFUSED or not question:
                    raise
                printing.line(problem.format_message(), style=WARN)
                self._ask(question, again=True, nothing_new=nothing_new)

    def _make(self, wake: str) -> Preview:
        card, body = self.view.card, self.said.body()
        if card.state == "suspected":
            path = f"/v1/incidents/{card.id}/confirm"
            body |= {"eta_at": self.said.eta_at} if self.said.eta_at else {}
        else:
            path = f"/v1/incidents/{card.id}/eta"
            body |= {"eta_at": self.said.eta_at, **parts.named(self.options["part"])}
        draft = parts.ask(self.client, path, body | ({"wake_reason": wake} if wake else {})).read(Draft)
        if draft.preview is None:
            raise click.ClickException(f"incident {card.id} has nothing to send")
        self.draft = draft
        return draft.preview

    def _is_told(self) -> bool:
        return self.view.card.state == "confirmed"

    def _change(self, wake: str) -> Preview | None:
        """Ask which fact is changed, and make the draft anew; what is refused leaves the old one as it is."""
        before = replace(self.said)
        question = questions.ask_which(may_move=not self._is_told(), has_crews=bool(self.choices.crews))
        if not question:
            return None
        try:
            self._ask(question, again=True)
            return self._make(wake)
        except questions.Left:
            self.said = before
            return None
        except Problem as problem:
            if problem.status not in _REFUSED:
                raise
            self.said = before
            printing.line(f"{problem.format_message()}. The draft is as it was.", style=WARN)
            return None

    # --- what is shown ----------------------------------------------------------------------------------------------

    def _show(self, preview: Preview, moment: Moment) -> None:
        checked = check_page.Checked(
            take_back=timedelta(seconds=self.choices.take_back_seconds),
            promise=_promised(self.draft.broadcast if self.draft else None),
            save=partial(_save, self.client, self.view.card.id),
        )
        check_page.show_check(preview, moment, checked)

    def _say_who_is_called(self, sent: BroadcastView) -> None:
        """Say who is called before the promise falls due; nothing when nobody has been promised anything."""
        due_at, moment = _promised(sent), self.client.moment()
        is_read_by_nobody = sent.started_at is not None and told(sent.progress) == "0"
        if due_at is None or sent.state not in ("sending", "completed") or is_read_by_nobody:
            return
        if not self.choices.on_call:
            printing.line("Nobody is on call: nobody is called before it falls due.", style=WARN)
            return
        takes = self.draft.preview.finishes_in_seconds if self.draft and self.draft.preview else 0.0
        ahead = timedelta(seconds=self.choices.warn_before_seconds + takes)
        printing.line(f"{printing.safe(self.choices.on_call[0])} is called at {moment.clock(due_at - ahead)}.")


def _heading(view: IncidentView) -> None:
    card = view.card
    priority = f", {printing.number(view.priority_sites)} priority" if view.priority_sites else ""
    customers = printing.plural(card.customers, "customer")
    printing.heading(f"#{card.id} {card.service}, {card.place}: {customers}{priority}", card.state)


def _promised(view: BroadcastView | None) -> datetime | None:
    """Return the earliest time that a broadcast gives."""
    facts = {} if view is None else view.facts
    given = (instant(facts.get(name)) for name in ("eta_at", "next_update_by"))
    return min((at for at in given if at is not None), default=None)


def _time(text: str, moment: Moment, option: str) -> datetime:
    try:
        return times.future(text, moment)
    except InvalidInput as error:
        raise click.UsageError(f"{option}: {error}") from error


def _save(client: Client, incident_id: int, preview: Preview) -> str:
    """Keep the list of those with no way to be reached in a file that only its owner may read; return its name."""
    path = Path(f"unreachable-{incident_id}.csv")
    try:
        save_unreached(client.lines(f"/v1/broadcasts/{preview.broadcast_id}/unreached"), path)
    except (OSError, click.ClickException) as error:
        reason = error.format_message() if isinstance(error, click.ClickException) else error.strerror or str(error)
        see = f"notifier broadcasts unreached {preview.broadcast_id}"
        printing.note(f"who cannot be reached is not saved: {reason}; see it with: {see}")
        return ""
    return str(path)


def part_state(view: IncidentView, part: str) -> str:
    """Return how the part stands that was named, or the one that owes a word first."""
    named = [each.state for each in view.parts if each.name == part]
    return named[0] if named else view.card.part_state
