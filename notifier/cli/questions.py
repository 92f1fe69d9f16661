"""The first three questions of `tell`: what, cause, back by. Enter takes what stands in brackets.

In: what may be said about an incident, and what is known of it. Out: the facts for the draft. A wrong answer says why
and asks again; `q`, the end of input and Ctrl-C leave, and nothing has happened.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import click

from notifier.cli import parts, printing, times
from notifier.cli.dialogue import typed
from notifier.cli.printing import WARN, phrase
from notifier.cli.times import Moment
from notifier.domain.errors import InvalidInput, nearest
from notifier.storage.views import ChoicesView, IncidentView

_IMPACTS = {"d": ("down", "down"), "s": ("degraded", "slow or weak"), "i": ("intermittent", "on and off")}
_UNKNOWN = "not known yet"
_LABEL_CELLS = 11
_LEAVE = "q"


class Left(Exception):
    """A person left the questions."""


@dataclass(slots=True, kw_only=True)
class Said:
    """What is said about an incident; `None` leaves a fact as it is."""

    impact: str
    cause: str  # "" = not known yet
    crew: str | None = None
    eta_at: datetime | None = None  # None = not known
    next_update_by: datetime | None = None  # None = the playbook's time
    may_delay: bool = True
    regions: tuple[str, ...] = ()  # of a suspected one: where, in place of what is proposed

    def body(self) -> dict[str, object]:
        """Return the facts as the API takes them, but for the ETA."""
        found: dict[str, object] = {"impact": self.impact, "cause": self.cause}
        if self.crew is not None:
            found["crew"] = self.crew
        if self.next_update_by is not None:
            found["next_update_by"] = self.next_update_by
        if not self.may_delay:
            found["may_delay"] = False
        if self.regions:
            found["regions"] = list(self.regions)
        return found


def first(view: IncidentView, part: str = "") -> Said:
    """Return what is said of an incident, or of a part of it, when every question is answered with Enter."""
    cause = next((each.cause for each in view.parts if each.name == part), view.cause)
    return Said(impact=view.card.impact, cause=cause, eta_at=parts.told_eta(view, part))


def ask_what(said: Said) -> None:
    """Ask how bad it is."""
    default = next((key for key, (impact, _) in _IMPACTS.items() if impact == said.impact), "d")
    choices = "  ".join(f"{key} {words}" for key, (_, words) in _IMPACTS.items())
    while True:
        answer = _answer("1 What?", choices, default)
        if answer in _IMPACTS:
            said.impact = _IMPACTS[answer][0]
            return
        _wrong(f"'{answer}' is none of {', '.join(_IMPACTS)}")


def ask_cause(said: Said, choices: ChoicesView) -> None:
    """Ask for the cause, from those that fit the service: by its number or its name."""
    codes = [each.code for each in choices.causes]
    texts = {each.code: each.text for each in choices.causes}
    unknown = str(len(codes) + 1)
    default = str(codes.index(said.cause) + 1) if said.cause in codes else unknown
    listed = "  ".join(f"{n}\u00a0{phrase(code).replace(' ', chr(0xA0))}" for n, code in enumerate(codes, start=1))
    while True:
        answer = _answer("2 Cause?", f"{listed}  {unknown}\u00a0{_UNKNOWN.replace(' ', chr(0xA0))}", default)
        if answer == unknown:
            said.cause = ""
            return
        found = _found(answer, codes)
        if found is not None:
            said.cause = found
            if texts[found]:
                printing.line(f'they read: "{texts[found]}"', indent=_LABEL_CELLS, style=printing.DIM)
            return
        hint = "" if answer.isdigit() else nearest(answer, codes)
        _wrong(f"'{answer}' is no cause{hint}; expected a number from 1 to {unknown}, or a name")


def ask_back(said: Said, choices: ChoicesView, moment: Moment, *, nothing_new: bool = False) -> None:
    """Ask when service is back; while nobody knows, when customers hear next.

    With `nothing_new` customers have what was said last already: to say it once more leaves.
    """
    told = said.eta_at is not None and said.eta_at > moment.now
    enter = (
        f"Enter = {moment.clock(said.eta_at)} as told, none = not known"
        if told and said.eta_at
        else "Enter = not known"
    )
    if nothing_new:
        enter = "Enter = leave it at that, none = not known"
    while True:
        answer = _answer("3 Back by?", f"6:30, +3h, {enter}", "")
        if not answer and nothing_new:
            raise Left
        if not answer and told:
            said.next_update_by = None
            return
        if answer in ("", "none"):
            said.eta_at = None
            break
        try:
            said.eta_at = times.future(answer, moment)
        except InvalidInput as error:
            _wrong(str(error))
            continue
        printing.line(f"ETA {moment.in_full(said.eta_at)}.", indent=_LABEL_CELLS)
        said.next_update_by = None
        return
    by = moment.now + timedelta(seconds=choices.next_update_within_seconds)
    while True:
        answer = _answer("", "next update by", moment.clock(by))
        if answer == moment.clock(by):
            said.next_update_by = None  # the playbook's time, counted from when it is sent
            return
        try:
            said.next_update_by = times.future(answer, moment)
        except InvalidInput as error:
            _wrong(str(error))
            continue
        printing.line(f"Next update by {moment.in_full(said.next_update_by)}.", indent=_LABEL_CELLS)
        return


def ask_where(said: Said) -> None:
    """Ask for the regions of a suspected incident, in place of those that are proposed."""
    shown = ", ".join(said.regions)
    answer = _answer("Where?", "regions, such as 94110, node:OLT-7, Enter = as it is", shown, as_is=True)
    said.regions = tuple(code.strip() for code in answer.split(",") if code.strip())


def ask_crew(said: Said, choices: ChoicesView) -> None:
    """Ask what the crew does, which customers then read: by its number or its name; `none` says nothing of it."""
    codes, texts = [each.code for each in choices.crews], {each.code: each.text for each in choices.crews}
    listed = "  ".join(f"{n}\u00a0{phrase(code).replace(' ', chr(0xA0))}" for n, code in enumerate(codes, start=1))
    while True:
        answer = _answer("Crew?", f"{listed}  none", said.crew or "")
        if answer in ("", "none"):
            said.crew = said.crew if not answer else ""
            return
        found = _found(answer, codes)
        if found is not None:
            said.crew = found
            if texts[found]:
                printing.line(f'they read: "{texts[found]}"', indent=_LABEL_CELLS, style=printing.DIM)
            return
        hint = "" if answer.isdigit() else nearest(answer, codes)
        _wrong(f"'{answer}' is nothing a crew does{hint}; expected a number from 1 to {len(codes)}, a name, or none")


def ask_which(*, may_move: bool, has_crews: bool) -> str:
    """Ask which fact is changed, of a suspected incident also where it is; Enter changes none."""
    choices = (
        *("1 what", "2 cause", "3 back by"),
        *(["4 where"] if may_move else []),
        *(["5 crew"] if has_crews else []),
    )
    numbers = [each[0] for each in choices]
    while True:
        answer = typed(f"Change which? {'  '.join(choices)}  Enter none: ")
        if answer in ("", _LEAVE):
            return ""
        if answer in numbers:
            return answer
        _wrong(f"'{answer}' is none of {', '.join(numbers)}")


def _answer(label: str, choices: str, default: str, *, as_is: bool = False) -> str:
    """Print a question, wrapped, its brackets at the end; return what was typed, or what stands in brackets."""
    bracket = f" [{default}]" if default else ""
    *before, last = printing.wrap(choices + bracket.replace(" ", "\u00a0"), width=printing.columns() - _LABEL_CELLS - 8)
    for n, each in enumerate(before):
        click.echo(f"{label if n == 0 else '':<{_LABEL_CELLS}}{each}")
    answer = typed(f"{'' if before else label:<{_LABEL_CELLS}}{last}: ", as_is=as_is)
    if answer == _LEAVE:
        raise Left
    return answer or default


def _found(answer: str, codes: Sequence[str]) -> str | None:
    if answer.isascii() and answer.isdigit():
        return codes[int(answer) - 1] if 1 <= int(answer) <= len(codes) else None
    wanted = answer.replace(" ", "-")
    if wanted in codes:
        return wanted
    beginning = [code for code in codes if code.startswith(wanted)]
    return beginning[0] if len(beginning) == 1 else None


def _wrong(why: str) -> None:
    printing.line(why, indent=_LABEL_CELLS, style=WARN)
