"""Looks over: when complaints, replies and time together say that service is probably back. A suggestion, no more.

In come the complaints of an incident's place, what is expected there on an ordinary day, and what people answered. Out
comes the odds that it is over, with what speaks for it. A person decides; nothing here ever tells a customer anything.

It is a change of rate at an unknown moment. For every moment at which it may have ended, three things are multiplied:
- time: how likely an outage that lasted until then ends just then. Half of 16,984 real ones (Entergy, Louisiana, 2022
  to 2024, 50 customers and more) were over after 2.4 hours: log-logistic with that median and shape 1.5;
- complaints: the likelihood of what came since at the ordinary rate, against the incident's own. While an outage lasts
  its complaints fall off as 1 / (age + 10 min), after PG&E's tickets (2019 to 2021), so that few are due after an hour:
  an incident that drew three complaints is not over merely because no fourth one came;
- replies: each person who says ON since, and against it each who says that it is still out.
- alarms: machines that say it is over, from a little before they do; and against it one that still sounds.
The sum over all moments, against that it is not over yet, are the odds.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, log

NOT_BEFORE = timedelta(minutes=30)  # after its beginning: restoring takes longer, and complaints come in waves
QUIET_AT_LEAST = timedelta(minutes=15)  # since the last complaint or "still out"
HALF_OVER_AFTER_HOURS = 2.4
SHAPE = 1.5
FALL_OFF_HOURS = 1 / 6
ORDINARY_AT_LEAST = 0.01  # complaints an hour
IMPOSSIBLE = -50.0  # the logarithm of odds that need not be known better
MOMENTS = 120  # at which it may have ended, between its beginning and now
ON_WEIGHT = log(4)  # someone may be back, and others not
ON_AT_MOST = 4  # who count: people who live next to each other are back together
OUT_WEIGHT = log(20)
ALARM_WEIGHT = log(100)  # a machine knows its own link, if not every home behind it
ALARM_NOTICES = timedelta(minutes=15)  # the end, so much later at most
SUGGESTED_FROM = 0.9  # the chance that it is over
WITHDRAWN_BELOW = 0.6  # lower, so that a single complaint does not make a suggestion flicker
HOUR = timedelta(hours=1)

Ordinary = Callable[[datetime, datetime], float]
"""Gives the complaints to be expected between two instants when nothing is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What was heard of an incident, oldest first."""

    started_at: datetime
    complaints: Sequence[datetime]  # of verified customers in its place; one per customer and hour
    said_on: Sequence[datetime] = ()  # people who answered that they are back, each once
    said_out: Sequence[datetime] = ()  # people who answered that they are still out, each once
    alarm_over_at: datetime | None = None  # since when no alarm of it is open; None: there was none, or one still is
    is_alarm_open: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """How likely it is over, and what says so."""

    chance: float  # from 0 to 1
    since: datetime  # when it ended, most likely
    complaints: int  # since then
    ordinary: float  # to be expected since then on an ordinary day
    if_still_out: float  # to be expected since then if the outage went on
    said_on: int  # since then
    said_out: int


def outlook(heard: Heard, ordinary: Ordinary, *, now: datetime) -> Outlook | None:
    """Return how likely an incident is over, or None when it is too early to say anything."""
    troubles = sorted([*heard.complaints, *heard.said_out])
    if now - heard.started_at < NOT_BEFORE or not (troubles or heard.alarm_over_at):
        return None
    if troubles and now - troubles[-1] < QUIET_AT_LEAST:
        return None
    hours = (now - heard.started_at) / HOUR
    step = hours / MOMENTS
    found = []
    for number in range(MOMENTS):
        age = (number + 0.5) * step
        ended_at = heard.started_at + age * HOUR
        ends = log(_lasts(age - step / 2) - _lasts(age + step / 2)) - log(_lasts(hours))
        found.append((ends + _speaks(heard, ordinary, ended_at, now), ended_at))
    highest, since = max(found)
    odds = highest + log(sum(exp(each - highest) for each, _ in found))
    before = bisect_right(heard.complaints, since)
    usual = ordinary(since, now)
    drawn, until, more = _drawn(heard, ordinary, since, now)
    return Outlook(
        chance=1 / (1 + exp(-max(odds, IMPOSSIBLE))),
        since=since,
        complaints=len(heard.complaints) - before,
        ordinary=usual,
        if_still_out=usual + drawn * more / until,
        said_on=sum(at > since for at in heard.said_on),
        said_out=sum(at > since for at in heard.said_out),
    )


def is_suggested(found: Outlook | None, *, before: bool) -> bool:
    """Tell whether it is suggested that an incident is over; `before` tells whether it was until now."""
    return found is not None and found.chance >= (WITHDRAWN_BELOW if before else SUGGESTED_FROM)


def _speaks(heard: Heard, ordinary: Ordinary, ended_at: datetime, now: datetime) -> float:
    """Return the logarithm of the likelihood of what was heard if it ended then, over that if it is not over.

    How many complaints an outage draws is known only from those it drew, hence Gamma-Poisson: that none of the
    `more` / `until` times as many came has the likelihood (1 + more / until) ** -drawn.
    """
    drawn, until, more = _drawn(heard, ordinary, ended_at, now)
    speaks = drawn * log(1 + more / until)
    for at in heard.complaints[bisect_right(heard.complaints, ended_at) :]:
        usual = max(ordinary(at - HOUR / 2, at + HOUR / 2), ORDINARY_AT_LEAST)
        own = drawn / until / ((at - heard.started_at) / HOUR + FALL_OFF_HOURS)
        speaks -= log(1 + own / usual)
        if speaks < IMPOSSIBLE:
            break
    said_on = sum(at > ended_at for at in heard.said_on)
    said_out = sum(at > ended_at for at in heard.said_out)
    speaks += min(said_on, ON_AT_MOST) * ON_WEIGHT - said_out * OUT_WEIGHT
    if heard.is_alarm_open:
        return speaks - ALARM_WEIGHT
    if heard.alarm_over_at is not None and ended_at >= heard.alarm_over_at - ALARM_NOTICES:
        speaks += ALARM_WEIGHT
    return speaks


def _drawn(heard: Heard, ordinary: Ordinary, ended_at: datetime, now: datetime) -> tuple[float, float, float]:
    """Return the complaints that the outage drew until then, beside the first, by which it was noticed.

    With them the integral of 1 / (age + 10 min) until then, of half an hour at least, and from then until now.
    """
    drawn = bisect_right(heard.complaints, ended_at) - 1 - ordinary(heard.started_at, ended_at)
    begin, end = ((at - heard.started_at) / HOUR + FALL_OFF_HOURS for at in (ended_at, now))
    until = log(max(begin, NOT_BEFORE / HOUR + FALL_OFF_HOURS) / FALL_OFF_HOURS)
    return max(drawn, 0.0), until, log(end / begin)


def _lasts(hours: float) -> float:
    """Return the share of outages that last longer."""
    return 1 / (1 + exp(SHAPE * log(max(hours, 1e-9) / HALF_OVER_AFTER_HOURS)))
