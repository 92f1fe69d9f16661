"""The dialogue of a round: look, type the one number, take all of it back, see what happened.

In: the preview of a round. The steps are those of everything that sends (`cli.dialogue`), for several incidents at
once: either all of them are sent, or none, and what stands in the way is said. A dialogue that ends without sending
leaves its drafts cancelled; what waited before it is left as it is.
"""

import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import click

from notifier.cli import countdown, printing
from notifier.cli.broadcast_card import show_pause
from notifier.cli.client import Client, Problem
from notifier.cli.dialogue import NotAsked, Sending, typed, why_woken
from notifier.cli.keyboard import is_terminal
from notifier.cli.preview import show_hours, show_texts
from notifier.cli.printing import GOOD, WARN, number, plural, safe
from notifier.cli.round_page import is_finished, show_done, show_round, show_stopped
from notifier.cli.take_back import NotSent
from notifier.storage.views import RoundPreview, RoundView, StatusView

_TRIES = 3
_CONFLICT = 409
_FOLLOW_SECONDS = 10.0


def send(client: Client, seen: RoundPreview, how: Sending, *, action: str = "send", is_new: bool = False) -> None:
    """Run the dialogue for a round that was just drafted (`is_new`), or for one that waits (alone, or `approve`)."""
    if not how.as_json:
        show_round(client, seen, client.moment())
    if how.asks and (how.as_json or not is_terminal()):
        raise _not_asked(client, seen, how, action, is_new=is_new)
    if how.asks:
        asking = _Asking(client, seen, action, how, is_new=is_new)
        view, seen = asking.sent(), asking.seen
    else:
        view = _send(client, seen, how, action, is_new=is_new)
    if how.as_json:
        printing.answer(client.get(f"/v1/rounds/{view.id}").body)
    elif view.state == "awaiting_approval":
        _tell_who_approves(client, view, seen)
    else:
        _tell_and_wait(client, view, watched=not how.no_wait and is_terminal())


def _not_asked(client: Client, seen: RoundPreview, how: Sending, action: str, *, is_new: bool) -> NotAsked:
    """Cancel the drafts of this command, which nobody knows of, and say how they are sent."""
    said, count = "not sent: the count must be typed at a terminal", f"--count {seen.customers}"
    if is_new:
        with suppress(NotSent):
            _cancel_drafts(client, seen.round_id)
            return NotAsked(
                f"{said}. Nobody was told, the drafts are cancelled; send them with the same command and {count}"
            )
    command = "approve" if action == "approve" else "tell"
    why = "" if how.alone is None else " --alone REASON"
    return NotAsked(
        f"{said}. Round {seen.round_id} waits; send it with: notifier event {command} {seen.event_id} {count}{why}"
    )


def _send(client: Client, seen: RoundPreview, how: Sending, action: str, *, is_new: bool) -> RoundView:
    """Send with the count that was given; drafts of this command that are refused are cancelled with it."""
    if how.count is None and not seen.customers:
        if is_new:
            _cancel_drafts(client, seen.round_id)
        raise click.ClickException("not sent: it is for 0 customers; look at the incidents again")
    count = seen.customers if how.count is None else how.count
    try:
        return _post(client, seen, action, count, how)
    except Problem as problem:
        if not is_new or problem.status != _CONFLICT:
            raise
        _cancel_drafts(client, seen.round_id)
        raise click.ClickException(f"{problem.format_message()}. Not sent; the drafts are cancelled") from problem


def _post(client: Client, seen: RoundPreview, action: str, count: int, how: Sending) -> RoundView:
    body: dict[str, object] = {"count": count, "incidents": [line.incident_id for line in seen.lines]}
    if action == "send":
        body |= {"wake_reason": how.wake} if how.wake else {}
        body |= {} if how.alone is None else {"alone": how.alone}
    return client.post(f"/v1/rounds/{seen.round_id}/{action}", body).read(RoundView)


@dataclass(slots=True)
class _Asking:
    """The question for the count, and the keys beside it; `seen` is what was shown last."""

    client: Client
    seen: RoundPreview
    action: str
    how: Sending
    is_new: bool
    left: int = _TRIES
    wake: str = ""

    def __post_init__(self) -> None:
        self.wake = self.how.wake

    def sent(self) -> RoundView:
        """Ask for the count until it is right, and send.

        `q`, the end of input, Ctrl-C and a third wrong number leave. `w` wakes everyone and asks why, `p` shows all
        texts, `x ID` leaves an incident out.
        """
        verb = "approve" if self.action == "approve" else "send"
        while self.left:
            wakes = " w to wake all," if self._may_wake() else ""
            answer = typed(f"Type {self.seen.customers} to {verb},{wakes} q to leave: ")
            if answer == "q":
                break
            if not answer or self._does(answer):
                continue
            if answer.replace(",", "") != str(self.seen.customers):
                self.left -= 1
                printing.line(f"That is not the count: it is {self.seen.customers}, you typed {answer}.", style=WARN)
                continue
            try:
                how = Sending(wake=self.wake, alone=self.how.alone)
                return _post(self.client, self.seen, self.action, self.seen.customers, how)
            except Problem as problem:
                if problem.status != _CONFLICT:
                    raise
                self.left -= 1
                printing.line(f"Not sent. {problem.format_message()}", hang=4, style=WARN)
                self._look_again()
        raise self._left()

    def _left(self) -> NotSent:
        which = self.seen.round_id
        if self.action == "approve":
            return NotSent(f"Not approved. Round {which} still waits; nobody was told.")
        if not self.is_new:
            return NotSent(f"Not sent. Round {which} still waits for a second person.")
        _cancel_drafts(self.client, which)
        return NotSent("Not sent, nobody was told. The drafts are cancelled.")

    def _may_wake(self) -> bool:
        return bool(self.seen.waits) and self.action == "send" and not self.wake

    def _does(self, answer: str) -> bool:
        """Do what a key beside the count is for; return whether it was one."""
        path = f"/v1/rounds/{self.seen.round_id}/preview"
        key, _, rest = answer.partition(" ")
        if answer == "w" and self._may_wake():
            self.wake = why_woken()
            if self.wake:
                self._look_again(hours_only=True)
        elif answer == "p":
            show_texts(self.client.get(path, every_text=1, wake_reason=self.wake or None).read(RoundPreview))
        elif key == "x":
            self._leave_out(rest.strip().removeprefix("#"))
        else:
            return False
        return True

    def _leave_out(self, typed_id: str) -> None:
        line = next((each for each in self.seen.lines if str(each.incident_id) == typed_id), None)
        if line is None:
            printing.line(f"x takes the id of an incident in the list, such as x {self.seen.lines[0].incident_id}.")
            return
        self.client.post(f"/v1/broadcasts/{line.broadcast_id}/cancel")
        self._look_again()

    def _look_again(self, *, hours_only: bool = False) -> None:
        """Show what it would do now; leave when nothing of it is left."""
        path = f"/v1/rounds/{self.seen.round_id}/preview"
        try:
            before, self.seen = self.seen, self.client.get(path, wake_reason=self.wake or None).read(RoundPreview)
        except Problem as problem:
            if problem.status == _CONFLICT:
                raise NotSent(f"Not sent: {problem.format_message()}.") from problem
            raise
        if hours_only and self.seen.customers == before.customers:
            show_hours(self.seen, self.client.moment())
        else:
            show_round(self.client, self.seen, self.client.moment())


def _tell_who_approves(client: Client, view: RoundView, seen: RoundPreview) -> None:
    printing.line(
        f"WAITS FOR APPROVAL: {plural(seen.customers, 'customer')} of {plural(len(seen.lines), 'incident')} are more"
        f" than the {number(seen.audience_limit)} that one commander may have told alone. Nobody is told yet.",
        style=WARN,
    )
    printing.line(f"Who: anyone else with a key of role commander or manager, not {view.sent_by or 'who sent it'}.")
    printing.line(f"How: notifier event approve {view.event_id}", hang=5)
    printing.line(f"     notifier event reject {view.event_id} --reason TEXT", hang=5)
    if view.sent_at is None or not seen.second_person_wait_seconds:
        return
    asked = f"{safe(seen.second_person)} is asked at once" if seen.second_person else "nobody is on call"
    alone_from = view.sent_at + timedelta(seconds=seen.second_person_wait_seconds)
    printing.line(f"Then: {asked}; without an answer you may send it alone from {client.moment().clock(alone_from)}:")
    printing.line(f"     notifier event tell {view.event_id} --alone REASON", hang=5)


# --- from `send` to what happened -----------------------------------------------------------------------------------


def _tell_and_wait(client: Client, view: RoundView, *, watched: bool) -> None:
    """Count down the time in which all of it can be taken back, or say until when and how."""
    moment = client.moment()
    wait = view.not_before_at - moment.now if view.not_before_at else timedelta()
    if view.state != "sending" or wait <= timedelta():
        show_done(view, moment)
    elif not watched:
        printing.line(f"Sending begins {moment.short(moment.now + wait)}.", style=GOOD)
        printing.line(
            f"Take all of it back until then: notifier event take-back {view.event_id} --round {view.id}", hang=4
        )
        printing.line(f"See how it goes:                notifier event show {view.event_id}", hang=4)
    else:
        _count_down(client, view)


def _count_down(client: Client, view: RoundView) -> None:
    if countdown.is_stopped(client, view, lambda: _shown(client, view.id), key_does="takes all of it back"):
        show_stopped(take_back(client, view.id))
        raise click.exceptions.Exit(1)
    is_paused = client.get("/v1/status").read(StatusView).paused
    view = _shown(client, view.id) if is_paused else _followed(client, view.id)
    show_done(view, client.moment())
    if is_paused and not is_finished(view):
        show_pause()


def take_back(client: Client, round_id: int) -> RoundView:
    """Cancel all of a round, and insist."""
    return countdown.cancelled(client, f"/v1/rounds/{round_id}", RoundView)


def _followed(client: Client, round_id: int) -> RoundView:
    """Watch the messages leave for a few seconds; Ctrl-C stops watching only."""
    until = time.monotonic() + _FOLLOW_SECONDS
    view = _shown(client, round_id)
    with suppress(KeyboardInterrupt):
        while not is_finished(view) and time.monotonic() < until:
            time.sleep(countdown.POLL_SECONDS / 2)
            view = _shown(client, round_id)
    return view


def _shown(client: Client, round_id: int) -> RoundView:
    return client.get(f"/v1/rounds/{round_id}").read(RoundView)


def _cancel_drafts(client: Client, round_id: int) -> None:
    try:
        client.post(f"/v1/rounds/{round_id}/cancel")
    except Problem as problem:
        if problem.status != _CONFLICT:  # else nothing of it is left
            raise NotSent(
                f"Not sent, nobody was told; but the drafts of round {round_id} could not be cancelled:"
                f" {problem.format_message()}"
            ) from problem
