"""The dialogue of everything that sends: look, type the count, take it back, see what happened.

In: the preview of a broadcast. The steps are the same for every kind of update: the preview is shown; the number of
customers must be typed (or given with `--yes` or `--count`); the daemon waits the take-back time, during which any key
takes it back; then it is shown what happened. A dialogue that ends without sending leaves its draft cancelled, also
where nobody can be asked, because there is no terminal; what was there before it is left as it is.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import click

from notifier.cli import printing
from notifier.cli.client import Client, Problem
from notifier.cli.keyboard import is_terminal
from notifier.cli.preview import show_hours, show_preview, show_texts
from notifier.cli.printing import WARN, number, plural
from notifier.cli.take_back import NotSent, tell_and_wait
from notifier.cli.times import Moment
from notifier.storage.views import BroadcastView, Preview

_TRIES = 3
_CONFLICT = 409
_MAY_TELL_NOBODY = ("restored", "correction")  # they end an incident, also one that nobody heard of


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What was said about sending on the command line."""

    yes: bool = False
    count: int | None = None
    no_wait: bool = False
    wake: str = ""  # why everyone is woken
    alone: str | None = None  # why it goes without a second person
    as_json: bool = False

    @property
    def asks(self) -> bool:
        """Tell whether the count is still to be typed."""
        return not self.yes and self.count is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """How a draft is shown before its count is typed, and how its facts are changed there."""

    show: Callable[[Preview, Moment], None] = show_preview
    change: Callable[[str], Preview | None] | None = None  # with the reason of a wake; None = nothing was changed


def send(
    client: Client,
    preview: Preview,
    how: Sending,
    *,
    action: str = "send",
    is_new: bool = False,
    page: Page = Page(),
) -> BroadcastView | None:
    """Run the dialogue for a draft that was just made (`is_new`), or for one that waits (`action` send or approve).

    Return the broadcast as it was left, when it has been sent and somebody looks on.
    """
    if not how.as_json:
        page.show(preview, client.moment())
    if how.asks and (how.as_json or not is_terminal()):
        raise _not_asked(client, preview, action, is_new=is_new, is_alone=how.alone is not None)
    if how.asks:
        asking = _Asking(client, preview, action, how.wake, page, alone=how.alone)
        view, preview = asking.sent(), asking.preview
    else:
        view = _send(client, preview, how, action, is_new=is_new)
    if how.as_json:
        printing.answer(client.get(f"/v1/broadcasts/{view.id}").body)
        return None
    if view.state == "awaiting_approval":
        _tell_who_approves(client, view, preview)
        return None
    return tell_and_wait(client, view, watched=not how.no_wait and is_terminal())


class NotAsked(click.ClickException):
    """Nobody was there to type the count."""

    exit_code = 2


def _not_asked(client: Client, preview: Preview, action: str, *, is_new: bool, is_alone: bool) -> NotAsked:
    """Cancel the draft of this command, which nobody knows of, and say how it is sent."""
    said, count, ident = (
        "not sent: the count must be typed at a terminal",
        f"--count {preview.customers}",
        preview.broadcast_id,
    )
    if is_new:
        with suppress(NotSent):
            _cancel_draft(client, ident)
            return NotAsked(
                f"{said}. Nobody was told, the draft is cancelled; send it with the same command and {count}"
            )
    why = " --alone REASON" if is_alone else ""
    return NotAsked(f"{said}. Broadcast {ident} waits; send it with: notifier broadcasts {action} {ident} {count}{why}")


def _send(client: Client, preview: Preview, how: Sending, action: str, *, is_new: bool) -> BroadcastView:
    """Send with the count that was given; a draft of this command that is refused is cancelled with it."""
    ident = preview.broadcast_id
    if how.count is None and not preview.customers and preview.kind not in _MAY_TELL_NOBODY:
        if is_new:
            _cancel_draft(client, ident)
        raise click.ClickException(
            f"not sent: it is for 0 customers; look at the place again."
            f" When it is meant: --count 0{'. The draft is cancelled' if is_new else ''}"
        )
    count = preview.customers if how.count is None else how.count
    try:
        return client.post(f"/v1/broadcasts/{ident}/{action}", _body(count, how.wake, how.alone)).read(BroadcastView)
    except Problem as problem:
        if not is_new or problem.status != _CONFLICT:
            raise
        _cancel_draft(client, ident)
        raise click.ClickException(f"{problem.format_message()}. Not sent; the draft is cancelled") from problem


@dataclass(slots=True)
class _Asking:
    """The question for the count, and the keys beside it; `preview` is what was shown last."""

    client: Client
    preview: Preview
    action: str
    wake: str
    page: Page
    left: int = _TRIES
    alone: str | None = None

    def sent(self) -> BroadcastView:
        """Ask for the count until it is right, and send.

        `q`, the end of input, Ctrl-C and a third wrong number leave. While messages would wait for the morning, `w`
        wakes everyone, asks why, and shows who hears now. `p` shows a sample of each kind of message. Where the page
        can, `e` changes a fact.
        """
        verb = "approve" if self.action == "approve" else "send"
        while self.left:
            wakes = " w to wake all," if self._may_wake() else ""
            answer = typed(f"Type {self.preview.customers} to {verb},{wakes} q to leave: ")
            if answer == "q":
                break
            if not answer or self._does(answer):
                continue
            if answer.replace(",", "") != str(self.preview.customers):
                self.left -= 1
                right = f"That is not the count: it is {self.preview.customers}, you typed {answer}."
                printing.line(right, style=WARN)
                continue
            try:
                path = f"/v1/broadcasts/{self.preview.broadcast_id}/{self.action}"
                return self.client.post(path, _body(self.preview.customers, self.wake, self.alone)).read(BroadcastView)
            except Problem as problem:
                self.preview = _changed(self.client, self.preview, problem, self.page)
                self.left -= 1
        if self.action == "approve":
            raise NotSent(f"Not approved. Broadcast {self.preview.broadcast_id} still waits; nobody was told.")
        if self.alone is not None:
            raise NotSent(f"Not sent. Broadcast {self.preview.broadcast_id} still waits for a second person.")
        _cancel_draft(self.client, self.preview.broadcast_id)
        raise NotSent("Not sent, nobody was told. The draft is cancelled.")

    def _may_wake(self) -> bool:
        return bool(self.preview.waits) and self.action == "send" and not self.wake

    def _does(self, answer: str) -> bool:
        """Do what a key beside the count is for; return whether it was one."""
        if answer == "w" and self._may_wake():
            self.wake = why_woken()
            if self.wake:
                self.preview = _woken(self.client, self.preview, self.wake, self.page)
        elif answer == "p":
            _texts(self.client, self.preview, self.wake)
        elif answer == "e" and self.page.change is not None:
            changed = self.page.change(self.wake)
            if changed is not None:
                self.preview, self.left = changed, _TRIES
                self.page.show(changed, self.client.moment())
        else:
            return False
        return True


def _body(count: int, wake: str, alone: str | None) -> dict[str, object]:
    body: dict[str, object] = {"count": count}
    return body | ({"wake_reason": wake} if wake else {}) | ({} if alone is None else {"alone": alone})


def _texts(client: Client, preview: Preview, wake: str) -> None:
    """Show a sample of each kind of message."""
    asked = client.get(f"/v1/broadcasts/{preview.broadcast_id}/preview", every_text=1, wake_reason=wake or None)
    show_texts(asked.read(Preview))


def _woken(client: Client, before: Preview, reason: str, page: Page) -> Preview:
    """Show who hears now and who waits all the same when everyone is woken; all of it where the number has changed."""
    path = f"/v1/broadcasts/{before.broadcast_id}/preview"
    preview = client.get(path, wake_reason=reason).read(Preview)
    if preview.customers == before.customers:
        show_hours(preview, client.moment())
    else:
        _show_changed(client, before, preview, page)
    return preview


def why_woken() -> str:
    """Ask why everyone is woken; an empty answer wakes nobody."""
    try:
        reason = input("Why is everyone woken? (Enter: nobody is) ").strip()
    except (EOFError, KeyboardInterrupt):
        click.echo()
        reason = ""
    if reason:
        printing.line("Everyone is woken, but those with quiet hours of their own.", style=WARN)
    return reason


def typed(question: str, *, as_is: bool = False) -> str:
    """Return what was typed, in small letters unless it is wanted as it is; the end of input and Ctrl-C mean `q`."""
    try:
        answer = input(question).strip()
        return answer if as_is else answer.lower()
    except (EOFError, KeyboardInterrupt):
        click.echo()
        return "q"


def _changed(client: Client, before: Preview, problem: Problem, page: Page) -> Preview:
    """Show the new preview when the count is another by now; raise the problem when it is something else."""
    if problem.status != _CONFLICT:
        raise problem
    with suppress(Problem):
        preview = client.get(f"/v1/broadcasts/{before.broadcast_id}/preview").read(Preview)
        if preview.customers != before.customers:
            _show_changed(client, before, preview, page)
            return preview
    raise problem


def _show_changed(client: Client, before: Preview, now: Preview, page: Page) -> None:
    printing.line(
        f"The number has changed meanwhile: {number(before.customers)} then, {number(now.customers)} now.",
        style=WARN,
    )
    page.show(now, client.moment())


def _cancel_draft(client: Client, ident: int) -> None:
    try:
        client.post(f"/v1/broadcasts/{ident}/cancel")
    except Problem as problem:
        raise NotSent(
            f"Not sent, nobody was told; but draft {ident} could not be cancelled: {problem.format_message()}"
        ) from problem


def _tell_who_approves(client: Client, view: BroadcastView, preview: Preview) -> None:
    printing.line(
        f"WAITS FOR APPROVAL: {plural(preview.customers, 'customer')} are more than the"
        f" {number(preview.audience_limit)} that one commander may have told alone. Nobody is told yet.",
        style=WARN,
    )
    printing.line(
        f"Who: anyone else with a key of role commander or manager, not {view.sent_by or 'the key that sent it'}."
    )
    printing.line(f"How: notifier broadcasts approve {view.id}", hang=5)
    printing.line(f"     notifier broadcasts reject {view.id} --reason TEXT", hang=5)
    if view.sent_at is None or not preview.second_person_wait_seconds:
        return
    asked = f"{printing.safe(preview.second_person)} is asked at once" if preview.second_person else "nobody is on call"
    alone_from = view.sent_at + timedelta(seconds=preview.second_person_wait_seconds)
    printing.line(f"Then: {asked}; without an answer you may send it alone from {client.moment().clock(alone_from)}:")
    printing.line(f"     notifier broadcasts send {view.id} --alone REASON", hang=5)
