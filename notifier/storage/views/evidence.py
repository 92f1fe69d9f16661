"""Where and why: regions, scores, evidence, and doubts about a place."""

from datetime import datetime

from notifier.storage.views.view import View


class RegionView(View, frozen=True, kw_only=True):
    """A region of an incident."""

    kind: str
    code: str
    name: str
    role: str  # place | attached


class EvidenceView(View, frozen=True, kw_only=True):
    """Why a cell is anomalous."""

    region: str  # "postal_code 94110"
    at: datetime
    window_from: datetime
    observed: int
    expected: float
    score: float
    grade: str
    distinct_customers: int
    verified: int


class CellScore(View, frozen=True, kw_only=True):
    """A cell as the detector sees it now."""

    region: str  # "postal_code 94110"
    service: str
    observed: int
    expected: float
    score: float
    grade: str  # likely | certain | "" below
    window_from: datetime
    verified: int


class DoubtView(View, frozen=True, kw_only=True):
    """A region of which one cannot tell well whether it is out."""

    region: str  # "postal_code 94110"
    named: bool  # in the place: it would be told, though few callers show that it is out
    callers: int
    expected: float  # callers, if nothing were wrong
    sites: int
    chance: float  # that it is out
