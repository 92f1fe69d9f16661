"""Before customers hear from us: what must have been tried or said, and what of it is still missing.

Every line is judged from facts that something left behind when it was really done: an answered call, a STOP that was
taken in, a test that a provider took, a copy that was made. Nobody ticks a box. What cannot be seen from the facts is
said to be unknown, which is not the same as well.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct

from notifier.domain.automatic import Backtested, backtest_lacks, finds_too_many
from notifier.domain.notification import Channel
from notifier.domain.playbook import Mode, Playbook

TRIED_WITHIN = timedelta(days=90)  # people change, telephones too
BACKUP_WITHIN = timedelta(days=7)
REACH_AT_LEAST = 0.8  # of the customers with an active site


class Standing(StrEnum):
    """How a line of the checklist stands."""

    OK = "ok"
    MISSING = "missing"
    UNKNOWN = "unknown"  # it cannot be told from here: a person has to look


class GoLiveCheck(Struct, frozen=True, kw_only=True):
    """One line of the checklist."""

    name: str
    state: Standing
    why: str
    do: str = ""  # the command that mends it; "" where there is nothing to do


class GoLiveView(Struct, frozen=True, kw_only=True):
    """The checklist, as far as the daemon can know it."""

    now: datetime
    ready: bool  # nothing is missing
    checks: list[GoLiveCheck]


class Whither(StrEnum):
    """Where a provider hands over to."""

    FILES = "files"
    HERE = "here"  # a relay or a receiver on this machine
    AWAY = "away"


@dataclass(frozen=True, slots=True, kw_only=True)
class Carrier:
    """A provider."""

    name: str
    channel: Channel
    whither: Whither
    is_stand_in: bool = False  # on this machine, and no carrier is
    state: str = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class TestSent:
    """The newest test to a guest on one channel."""

    __test__ = False

    at: datetime
    provider: str
    accepted: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is judged."""

    people: Sequence[str]  # on call
    answered: Mapping[str, datetime]  # by person, the newest answered test
    stopped: Mapping[str, datetime]  # by source (sms, email): the newest STOP that took effect
    started: Mapping[str, datetime]  # and the START after it
    tests: Mapping[Channel, TestSent]
    guests: int
    carriers: Sequence[Carrier]
    registration: str
    backtest: Backtested | None
    backup: tuple[datetime, str] | None  # when, and the name of the file
    plans: Sequence[Playbook]
    closed: Mapping[str, Sequence[str]]  # why a playbook does not confirm by itself
    public_url: str
    public_url_is_here: bool
    customers: int
    reached: int  # by a channel that is configured
    keys: int  # people who may send or approve
    paused: bool

    def carried(self) -> list[Channel]:
        """Return the channels that a provider carries, mail first."""
        return sorted({each.channel for each in self.carriers})


def checklist(facts: Facts, now: datetime) -> list[GoLiveCheck]:
    """Return every line, in the order in which they are done."""
    return [
        _providers(facts),
        _public_url(facts),
        _registration(facts),
        _directory(facts),
        _on_call(facts, now),
        _stop(facts),
        _tried(facts, now),
        _guest_list(facts),
        _mode(facts),
        _backtest(facts, now),
        _limits(facts),
        _backup(facts, now),
        _pause(facts),
    ]


def _ok(name: str, why: str) -> GoLiveCheck:
    return GoLiveCheck(name=name, state=Standing.OK, why=why)


def _missing(name: str, why: str, do: str) -> GoLiveCheck:
    return GoLiveCheck(name=name, state=Standing.MISSING, why=why, do=do)


def _unknown(name: str, why: str, do: str = "") -> GoLiveCheck:
    return GoLiveCheck(name=name, state=Standing.UNKNOWN, why=why, do=do)


def _and(names: Iterable[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last


def _ago(at: datetime, now: datetime) -> str:
    days = max(0, (now - at).days)
    return "today" if days == 0 else "1 day ago" if days == 1 else f"{days} days ago"


# --- the way out -----------------------------------------------------------------------------------------------------


def _providers(facts: Facts) -> GoLiveCheck:
    name, check = "providers", "notifier check --online"
    if not facts.carriers:
        return _missing(name, "no provider is configured: nobody can be reached", check)
    if files := [each.name for each in facts.carriers if each.whither is Whither.FILES or each.is_stand_in]:
        what = "writes files or is a stand-in on this machine" if len(files) == 1 else "reach nobody: files, stand-ins"
        return _missing(name, f"{_and(files)} {what}; name a real relay or carrier under providers", check)
    if stopped := [f"{each.name} is {each.state}" for each in facts.carriers if each.state != "up"]:
        return _missing(name, "; ".join(stopped), check)
    if here := [each.name for each in facts.carriers if each.whither is Whither.HERE]:
        why = f"{_and(here)} is a relay on this machine; whether it passes mails on is its own matter"
        return _unknown(name, why, "notifier test-send --to ADDRESS")
    return _ok(name, f"{_and(f'{each.name} ({each.channel})' for each in facts.carriers)} leave this machine")


def _public_url(facts: Facts) -> GoLiveCheck:
    name, url = "public_url", facts.public_url
    if facts.public_url_is_here:
        why = f"{url} is this machine: customers cannot follow its links; set sender.public_url"
        return _missing(name, why, "notifier check --online")
    if not url.startswith("https://"):
        return _missing(name, f"{url} is not https; set sender.public_url", "notifier check --online")
    return _ok(name, f"links lead to {url}")


def _registration(facts: Facts) -> GoLiveCheck:
    name = "number_registered"
    if Channel.SMS not in facts.carried():
        return _ok(name, "no texts are sent")
    if not facts.registration:
        why = "carriers drop texts of numbers they do not know; put the campaign's id, or exempt, in sms.registration"
        return _missing(name, why, "notifier reload")
    if facts.registration == "exempt":
        return _ok(name, "you say that your number needs no registration")
    return _ok(name, f"you say that it is registered as {facts.registration}")


# --- whom ------------------------------------------------------------------------------------------------------------


def _directory(facts: Facts) -> GoLiveCheck:
    name, do = "directory", "notifier customers import FILE"
    if facts.customers == 0:
        return _missing(name, "no customer with an active site is on file", do)
    share = facts.reached / facts.customers
    why = f"{facts.reached:,} of {facts.customers:,} customers can be reached ({int(share * 100)} %)"
    if share < REACH_AT_LEAST:
        return _missing(name, f"{why}, and {int(REACH_AT_LEAST * 100)} % are wanted", do)
    return _ok(name, why)


def _on_call(facts: Facts, now: datetime) -> GoLiveCheck:
    name = "on_call"
    if not facts.people:
        return _missing(name, "nobody is on call; name people in on_call.people", "notifier reload")
    silent = [each for each in facts.people if not _fresh(facts.answered.get(each), now)]
    if not silent:
        oldest = min(facts.answered[each] for each in facts.people)
        return _ok(name, f"{_and(facts.people)} answered a test, the longest ago {_ago(oldest, now)}")
    only = f" --person {_quoted(silent[0])}" if len(silent) == 1 < len(facts.people) else ""
    why = f"{_and(silent)} answered no test within {TRIED_WITHIN.days} days"
    return _missing(name, why, f"notifier on-call test{only}")


def _stop(facts: Facts) -> GoLiveCheck:
    """Judge by texts where texts are sent, else by mail: it is where STOP is asked for by law."""
    name = "stop_works"
    carried = facts.carried()
    source, what = ("sms", "text") if Channel.SMS in carried or not carried else ("email", "mail")
    if source not in facts.stopped:
        why = f"no STOP by {what} of an address on file was taken in yet; answer a {what} with STOP, then with START"
    elif source not in facts.started:
        why = f"a STOP by {what} was taken in, and no START after it; answer with START"
    else:
        return _ok(name, f"STOP and START by {what} were taken in, on {facts.stopped[source]:%Y-%m-%d}")
    return _missing(name, why, "notifier test-send --to ADDRESS")


def _tried(facts: Facts, now: datetime) -> GoLiveCheck:
    name, wrong = "guest_list_tried", []
    if not facts.carried():
        return _missing(name, "no provider is configured", "notifier check --online")
    for channel in facts.carried():
        sent, current = facts.tests.get(channel), {each.name for each in facts.carriers if each.channel is channel}
        if sent is None or not _fresh(sent.at, now) or sent.provider not in current:
            wrong.append(f"no test to a guest by {channel}")
        elif sent.accepted < sent.of or not sent.of:
            wrong.append(f"of the last test by {channel} only {sent.accepted} of {sent.of} were taken")
    if wrong:
        return _missing(name, f"{'; '.join(wrong)}; the list is delivery.only_to", "notifier test-send --to GUEST")
    channels = _and(str(each) for each in facts.carried())
    oldest = min(facts.tests[each].at for each in facts.carried())
    return _ok(name, f"tests by {channels} were taken, {_ago(oldest, now)}; that they arrived, only the guest can say")


def _guest_list(facts: Facts) -> GoLiveCheck:
    name = "guest_list_over"
    if facts.guests:
        count = "1 address is" if facts.guests == 1 else f"{facts.guests} addresses are"
        why = f"{count} still on it, and everybody else hears nothing; empty delivery.only_to"
        return _missing(name, why, "notifier reload")
    return _ok(name, "it is empty: customers are written to")


# --- how far, and what is kept ---------------------------------------------------------------------------------------


def _mode(facts: Facts) -> GoLiveCheck:
    name = "mode"
    if idle := [each.name for each in facts.plans if each.mode is Mode.OBSERVE]:
        return _missing(
            name, f"{_and(idle)} only observes: no incident is opened; set mode: propose", "notifier reload"
        )
    for plan in facts.plans:
        if plan.mode is Mode.AUTOMATIC and (reasons := facts.closed.get(plan.name, ())):
            why = f"{plan.name} asks for automatic and proposes until then: {'; '.join(reasons)}"
            return _unknown(name, why, "notifier status")
    return _ok(name, "; ".join(f"{each.name}: {each.mode}" for each in facts.plans))


def _backtest(facts: Facts, now: datetime) -> GoLiveCheck:
    """Judge the nightly backtest: mode `automatic` needs one that says enough; mode `propose` is told what it says."""
    name, rehearse, found = "backtest", "notifier rehearse TICKETS.csv", facts.backtest
    needs = any(plan.mode is Mode.AUTOMATIC for plan in facts.plans)
    if lacks := backtest_lacks(found, now):
        if needs:
            return _missing(name, lacks, "notifier complaints import FILE")
        if found is not None and finds_too_many(found):
            return _missing(name, lacks, rehearse)
        return _unknown(name, f"{lacks}; a person confirms everything, so it only shows what would be found", rehearse)
    assert found is not None  # noqa: S101 - what lacks nothing is there
    would = f"it would have {'confirmed' if needs else 'proposed as certain'} {found.would_confirm:,}"
    return _ok(name, f"over {found.days} days of your complaints, {_ago(found.ran_at, now)}; {would}")


def _limits(facts: Facts) -> GoLiveCheck:
    name = "limits"
    if not facts.plans:
        return _missing(name, "no service has a playbook", "notifier check")
    lowest = min(facts.plans, key=lambda plan: plan.audience_limit)
    above = f"above {lowest.audience_limit:,} customers"
    if facts.customers > lowest.audience_limit and facts.keys < 2:
        why = f"{above} ({lowest.name}) a second person must say yes, and there are keys for {facts.keys}"
        return _missing(name, why, "notifier keys create NAME --role commander")
    if facts.customers and facts.customers <= lowest.audience_limit:
        return _ok(name, f"a second person is asked {above}: you have {facts.customers:,}, so never")
    return _ok(name, f"a second person is asked {above}; keys that may say yes: {facts.keys}")


def _backup(facts: Facts, now: datetime) -> GoLiveCheck:
    name, do = "backup", "notifier db backup FILE"
    if facts.backup is None:
        return _missing(name, "no backup was made yet", do)
    at, file = facts.backup
    if now - at > BACKUP_WITHIN:
        return _missing(name, f"the last one, {file}, was made {_ago(at, now)}; {BACKUP_WITHIN.days} days at most", do)
    return _ok(name, f"{file}, made {_ago(at, now)}; that it is kept elsewhere, only you know")


def _pause(facts: Facts) -> GoLiveCheck:
    if facts.paused:
        return _missing("nothing_paused", "everything is paused", "notifier resume-all")
    return _ok("nothing_paused", "messages may leave")


def _fresh(at: datetime | None, now: datetime) -> bool:
    return at is not None and now - at <= TRIED_WITHIN


def _quoted(name: str) -> str:
    return name if name.isalnum() else f"'{name}'"
