"""Mode `automatic`: when the daemon may confirm an incident by itself, and which one.

Two questions, both answered with reasons for people. May it at all? Only after a backtest over at least 28 days of the
company's own complaints that says enough, and when people have lately judged enough of its certain proposals and nearly
always confirmed them; what it confirmed and a person then dismissed or took back begins the count again. May it this
one? Only what is certain now in its whole place, what no person has begun on or dismissed there, small enough for one
person, and no storm. Whatever it may not, it proposes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from msgspec import Struct

BACKTEST_DAYS = 28
COMPLAINTS_AT_LEAST = 200  # counted in those days: fewer say nothing about how often it would be wrong
WOULD_CONFIRM_PER_DAY_AT_MOST = 3  # on average; more are not believed
WOULD_CONFIRM_AT_MOST = WOULD_CONFIRM_PER_DAY_AT_MOST * BACKTEST_DAYS
BACKTEST_AGE_AT_MOST = timedelta(days=8)  # it is run every night: an older one means that the job fails
JUDGED_AT_LEAST = 10
CONFIRMED_AT_LEAST = 9  # of the last ten
JUDGED_WITHIN = timedelta(days=180)  # what people judged earlier says nothing about the detector of today
DISMISSED_HOLDS = timedelta(days=1)  # where a person has dismissed something, a person decides for so long
FRESH_FOR = timedelta(minutes=30)  # what was certain longer ago is for a person


class Backtested(Struct, frozen=True, kw_only=True):
    """What a backtest over the company's own complaints found; stored."""

    ran_at: datetime
    days: int  # from the first complaint to the last
    complaints: int  # counted in the last 28 days
    would_confirm: int  # incidents that reached `certain` in the last 28 days
    likely: float  # the thresholds it was run with
    certain: float
    cut: bool = False  # 28 days hold more complaints than are replayed


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What people made of the certain proposals of a playbook since the count began."""

    confirmed: Sequence[bool]  # the newest first, the last ten
    taken_back: int | None = None  # the newest that the daemon confirmed and a person dismissed or took back


def closed_because(backtest: Backtested | None, record: Record, *, now: datetime) -> list[str]:
    """Return why the daemon may not confirm by itself yet; nothing when it may."""
    reasons = [why] if (why := backtest_lacks(backtest, now)) else []
    judged, confirmed = len(record.confirmed), sum(record.confirmed)
    since = f" since it wrongly confirmed #{record.taken_back}" if record.taken_back is not None else ""
    if judged < JUDGED_AT_LEAST:
        reasons.append(f"{judged} of {JUDGED_AT_LEAST} proposals are judged{since}")
    elif confirmed < CONFIRMED_AT_LEAST:
        reasons.append(
            f"of the last {judged} judged proposals {confirmed} were confirmed, and {CONFIRMED_AT_LEAST} are needed"
        )
    return reasons


def backtest_lacks(backtest: Backtested | None, now: datetime) -> str:
    """Return why a backtest says too little, or "" when it says enough."""
    if backtest is None:
        return "no backtest over your own complaints has been run yet; one is run every night"
    if now - backtest.ran_at > BACKTEST_AGE_AT_MOST:
        return f"the last backtest was {(now - backtest.ran_at).days} days ago"
    if backtest.cut:
        return f"{BACKTEST_DAYS} days hold more complaints than a backtest replays, so it says too little"
    if backtest.days < BACKTEST_DAYS:
        return f"the backtest needs {BACKTEST_DAYS} days of your own complaints, and there are {backtest.days}"
    if backtest.complaints < COMPLAINTS_AT_LEAST:
        return (
            f"the backtest needs {COMPLAINTS_AT_LEAST} complaints within {BACKTEST_DAYS} days, and there are"
            f" {backtest.complaints}"
        )
    if finds_too_many(backtest):
        return (
            f"the backtest would have confirmed {backtest.would_confirm:,} incidents within {BACKTEST_DAYS} days, and"
            f" more than {WOULD_CONFIRM_AT_MOST} are not believed: raise detection.certain"
        )
    return ""


def finds_too_many(backtest: Backtested) -> bool:
    """Tell whether a backtest finds more outages than anybody believes, whatever the mode."""
    return backtest.would_confirm > WOULD_CONFIRM_AT_MOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A suspected incident, as it stands now."""

    grade: str
    verified: int  # distinct customers of its best evidence
    last_evidence_at: datetime | None
    customers: int  # who would be told
    has_draft: bool  # a person is at it, or has been, or is at another one in its place
    dismissed: int | None = None  # an incident that a person dismissed lately where this one is


def left_because(
    candidate: Candidate,
    *,
    now: datetime,
    minimum_customers: int,
    audience_limit: int,
    lately: int,
    per_hour_at_most: int,
) -> str:
    """Return why an incident is left to a person, or "" when the daemon confirms it.

    `lately` are the incidents that it confirmed within the last hour, over all services.
    """
    if candidate.grade != "certain":
        return "its evidence is not certain"
    if candidate.verified < minimum_customers:
        return f"{candidate.verified} verified customers complained, and {minimum_customers} are needed"
    if candidate.last_evidence_at is None or now - candidate.last_evidence_at > FRESH_FOR:
        return "its evidence is not of now"
    if candidate.has_draft:
        return "somebody is working on it"
    if candidate.dismissed is not None:
        return f"a person dismissed #{candidate.dismissed} there within a day"
    if candidate.customers == 0:
        return "nobody would be told"
    if candidate.customers > audience_limit:
        return f"{candidate.customers:,} customers would be told, and more than {audience_limit:,} are for a person"
    if lately >= per_hour_at_most:
        return f"{lately} were confirmed by themselves within an hour: in a storm a person decides"
    return ""
