"""`notifier on-call`: who is woken and for what; calling them for nothing to try it; taking a call."""

import time

import click
import msgspec

from notifier.cli import printing
from notifier.cli.client import Client
from notifier.cli.options import Id, connect, json_option
from notifier.cli.printing import BAD, DIM, GOOD, STRONG, WARN, paint, plural
from notifier.cli.times import Moment
from notifier.storage.views import AlarmView, CallRouteView, CallView, OnCallView

LOOKS_EVERY_SECONDS = 1.0
_REASONS = {
    "promise_in_danger": "promise in danger",
    "approval_waiting": "approval waiting",
    "provider_stopped": "provider stopped",
    "source_silent": "source silent",
}
_OUTCOMES = {
    "ringing": ("no answer yet", WARN),
    "answered": ("answered", GOOD),
    "elsewhere": ("somebody else has it", GOOD),
    "over": ("over by itself", GOOD),
    "unanswered": ("no answer", BAD),
    "unreachable": ("OUT OF REACH", BAD),
}


@click.group("on-call", invoke_without_command=True, short_help="Who is woken; test it, or take a call.")
@json_option
@click.pass_context
def on_call(ctx: click.Context, as_json: bool) -> None:
    """Show who is woken, in which order, and the newest calls.

    Example: notifier on-call
    """
    if ctx.invoked_subcommand is not None:
        return
    client = connect()
    reply = client.get("/v1/on-call")
    if as_json:
        printing.answer(reply.body)
        return
    _show(reply.read(OnCallView), client.moment())


@on_call.command()
@click.option("--person", metavar="NAME", default="", help="Call this person only; else everybody at once.")
@click.option(
    "--wait",
    "seconds",
    type=click.IntRange(0, 3600),
    default=120,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for answers.",
)
@json_option
def test(person: str, seconds: int, as_json: bool) -> None:
    """Call people for nothing, and show by which routes they were reached.

    They are really called; each answers with the code in the text, or
    at a keyboard. The exit code is 1 when a route failed or somebody
    did not answer.

    Example: notifier on-call test --person Anna
    """
    client = connect()
    calls = client.post("/v1/on-call/test", {"person": person}).read(list[CallView])
    if not as_json:
        names = ", ".join(call.person for call in calls)
        printing.line(f"Calling {names}. Waiting {seconds} s at most for answers (Ctrl-C stops waiting).")
    calls = _wait(client, calls, seconds)
    if as_json:
        printing.answer(msgspec.json.encode(calls))
    else:
        for call in calls:
            _show_test(call)
    if not all(call.answered_at is not None and all(map(_is_reached, call.routes)) for call in calls):
        raise SystemExit(1)


@on_call.command()
@click.argument("call_id", metavar="CALL", type=Id)
@json_option
def ack(call_id: int, as_json: bool) -> None:
    """Take a call: you have it, and nobody else is woken for half an hour.

    Customers are told nothing by this. What it is about is in
    `notifier`; its number is in the mail and in `notifier on-call`.

    Example: notifier on-call ack 17
    """
    client = connect()
    reply = client.post(f"/v1/on-call/calls/{call_id}/ack")
    if as_json:
        printing.answer(reply.body)
        return
    call = reply.read(CallView)
    printing.line(f"You have it: {call.text}.", style=GOOD)
    printing.line("If it is still open in half an hour, you are asked again. What to do: notifier")


def _wait(client: Client, calls: list[CallView], seconds: int) -> list[CallView]:
    """Look again until everybody has answered or every route of who has not has failed, at most so long."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(_may_still_change(call) for call in calls):
        time.sleep(LOOKS_EVERY_SECONDS)
        calls = [client.get(f"/v1/on-call/calls/{call.id}").read(CallView) for call in calls]
    return calls


def _may_still_change(call: CallView) -> bool:
    return call.answered_at is None and any(route.state != "failed" for route in call.routes)


def _is_reached(route: CallRouteView) -> bool:
    return route.state == "handed_over"


def _show(view: OnCallView, moment: Moment) -> None:
    if not view.people:
        printing.line("Nobody is on call: name people in on_call.people of the configuration.", style=BAD)
        return
    minutes = printing.number(view.answer_within_seconds / 60)
    printing.line(f"On call, in this order; each has {minutes} min to answer", style=STRONG)
    for place, person in enumerate(view.people, start=1):
        routes = ", ".join(f"{route} {where}" for route, where in person.routes.items())
        printing.line(f"{place}  {person.name}: {routes}", indent=2, hang=5)
    printing.line(f"sources that are listened to: {', '.join(view.sources) or 'none yet (two weeks of complaints)'}")
    if view.alarms:
        click.echo()
        printing.line(f"{plural(len(view.alarms), 'thing wakes', 'things wake')} people", style=STRONG)
        for alarm in view.alarms:
            printing.line(_alarm(alarm, moment), indent=2, hang=4)
    if view.calls:
        click.echo()
        printing.line("Calls, newest first", style=STRONG)
        for call in view.calls:
            _show_call(call, moment)


def _alarm(alarm: AlarmView, moment: Moment) -> str:
    about = f"#{alarm.incident_id}" if alarm.incident_id is not None else alarm.about.partition(" ")[2]
    said = f"{_reason(alarm.reason)} {about} since {moment.clock(alarm.opened_at)}"
    said += f", assigned to {alarm.assigned_to}" if alarm.assigned_to else ""
    if alarm.answered_at is None:
        return f"{said}: nobody has answered"
    if alarm.rests_until is not None and alarm.rests_until <= moment.now:
        return f"{said}: {alarm.answered_by} had it until {moment.clock(alarm.rests_until)}; asked again since"
    again = f", asked again at {moment.clock(alarm.rests_until)}" if alarm.rests_until else ""
    return f"{said}: {alarm.answered_by} has it{again}"


def _show_call(call: CallView, moment: Moment) -> None:
    label, style = _OUTCOMES.get(call.outcome, (printing.words(call.outcome), None))
    answer = f" {call.answer.upper()} by {call.answered_by}" if call.answered_at else ""
    head = f"{call.id:>4}  {moment.clock(call.called_at)}  {call.person}, {_reason(call.reason)}: "
    click.echo(printing.safe(head) + paint(label, style) + printing.safe(answer))
    printing.line(moment.localised(call.text), indent=6, style=DIM)
    for route in call.routes:
        printing.line(_route(route), indent=6, hang=8)


def _show_test(call: CallView) -> None:
    has_answered = call.answered_at is not None
    mark = paint("answered", GOOD) if has_answered else paint("NO ANSWER", BAD)
    click.echo(f"{printing.safe(call.person)}: {mark}")
    for route in call.routes:
        printing.line(_route(route), indent=2, hang=4)


def _route(route: CallRouteView) -> str:
    tries = f" after {plural(route.attempts, 'try', 'tries')}" if route.attempts > 1 else ""
    match route.state:
        case "handed_over":
            said = f"handed over{tries}{f', {route.receipt}' if route.receipt else ''}"
        case "waiting":
            said = f"tried again{tries}: {route.problem}" if route.problem else "on its way"
        case _:
            said = f"FAILED{tries}: {route.problem or route.receipt}"
    return f"{route.route:<8}{said}"


def _reason(code: str) -> str:
    return _REASONS.get(code, printing.words(code))
