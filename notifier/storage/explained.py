"""Read models of explanations: why a cell is evidence, or is none, as the API sends it and the CLI prints it.

Who counted is named by the company's reference and the customer's name, and only for a key that may read customers.
Addresses are never part of it.
"""

from datetime import datetime

from notifier.storage.views import EvidenceView, View


class WindowView(View, frozen=True, kw_only=True):
    """What one window that ends at the moment in question says."""

    kind: str  # last | companion | most_surprising
    from_at: datetime
    until_at: datetime
    observed: int  # counted complaints
    expected: float
    score: float
    verified: int  # of the counted ones


class BucketView(View, frozen=True, kw_only=True):
    """A stretch of the plot: complaints that counted beside what the baseline expects."""

    from_at: datetime
    observed: int
    expected: float


class CallerView(View, frozen=True, kw_only=True):
    """One complaint of the cell, and whether it counts."""

    complaint_id: int
    at: datetime  # when it took effect
    customer: str | None  # the company's reference; None: nobody on file, or this key may not read customers
    name: str
    source: str
    verified: bool
    counted: bool
    not_counted: str | None  # why it is no evidence in this cell
    in_window: bool  # it is one of the complaints of the most surprising window


class CellExplained(View, frozen=True, kw_only=True):
    """Why a cell is evidence at a moment, or is none."""

    region: str  # "postal_code 94110"
    service: str
    at: datetime
    words: list[str]  # what it means, a sentence each
    grade: str  # likely | certain | "" below
    likely: float  # the thresholds in force
    certain: float
    customers_at_least: int  # verified ones, before anything is opened
    normal_per_day: float  # expected complaints on an average day
    windows: list[WindowView]
    nothing_normal: list[str]  # a sentence per stretch of the windows in which nothing counts as normal
    period_from: datetime  # of the counts and callers
    counted: int
    not_counted: dict[str, int]  # reason -> complaints of this cell
    without_place: dict[str, int]  # reason -> complaints of the service that nobody can place
    callers: list[CallerView]  # the newest that count, then the newest that do not
    callers_left_out: int
    buckets: list[BucketView]


class RegionExplained(View, frozen=True, kw_only=True):
    """A region of an incident: the evidence that brought it in, and how it is now."""

    region: str
    role: str  # place | attached | "" not part of it any more
    opened: EvidenceView | None  # its first evidence; None: there was none
    now: WindowView | None  # the most surprising window that ends now; None: nothing unusual
    grade: str  # of now


class IncidentExplained(View, frozen=True, kw_only=True):
    """Which incident is explained."""

    id: int
    service: str
    state: str
    place: str
    opened_at: datetime
    opened_by: str
    counted_since: int  # in the region that is explained, since the moment that is explained
    not_counted_since: dict[str, int]


class Explanation(View, frozen=True, kw_only=True):
    """The answer to "why?": of a cell now, or of an incident at the moment that opened it."""

    words: list[str]
    incident: IncidentExplained | None
    regions: list[RegionExplained]
    regions_left_out: int
    cell: CellExplained | None  # None: an incident without evidence
    customers_named: bool  # this key may read who complained
